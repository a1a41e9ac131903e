package expr

import (
	"slices"

	"github.com/apache/arrow/go/v17/arrow"
	"github.com/expr-lang/expr/ast"
)

// value is a part of an expression, compiled.
type value struct {
	typ typ
	v   *vec
	lit bool     // the same for all rows; v holds a whole block of it already
	col *column  // set for a column itself
	at  ast.Node // where it stands
}

type compiler struct {
	schema  *arrow.Schema
	program *Program
	columns map[string]*column
	done    map[ast.Node]value // 1 < x < 9 holds x twice
	errs    Errors
}

// Compile checks the expression against schema and makes its kernels. Its error is of type Errors and holds
// every fault.
func (x *Expr) Compile(schema *arrow.Schema) (*Program, error) {
	c := &compiler{schema: schema, program: &Program{}, columns: map[string]*column{}, done: map[ast.Node]value{}}
	out := c.compile(x.node)
	if len(c.errs) == 0 {
		c.finish(out)
	}
	if len(c.errs) > 0 {
		slices.SortStableFunc(c.errs, func(a, b Error) int { return a.Pos - b.Pos })
		return nil, c.errs
	}
	return c.program, nil
}

func (c *compiler) finish(out value) {
	p := c.program
	p.root, p.typ = out.v, out.typ
	switch {
	case out.col != nil && len(out.col.path) == 0:
		p.bare = out.col
	case out.typ.kind == null:
		c.fail(out.at, "a value of a known type", "nil", "")
	case out.typ.kind == other:
		c.fail(out.at, "a member of a simple type", out.typ.String(), "")
	}
}

// fail records a fault at n. The value it returns silences faults that would follow from it.
func (c *compiler) fail(n ast.Node, want, got, hint string) value {
	pos := 1
	if n != nil {
		pos = n.Location().From + 1
	}
	c.errs = append(c.errs, Error{Pos: pos, Want: want, Got: got, Hint: hint})
	return value{typ: typ{kind: bad}, v: &vec{}, at: n}
}

func (c *compiler) compile(node ast.Node) value {
	v, ok := c.done[node]
	if !ok {
		v = c.compileNew(node)
		c.done[node] = v
	}
	return v
}

func (c *compiler) compileNew(node ast.Node) value {
	switch n := node.(type) {
	case *ast.NilNode:
		return c.null(typ{kind: null}, n)
	case *ast.IntegerNode:
		return literal(typ{kind: whole}, n, func(v *vec) { fill(v.i, int64(n.Value)) })
	case *ast.FloatNode:
		return literal(typ{kind: float}, n, func(v *vec) { fill(v.f, n.Value) })
	case *ast.StringNode:
		return literal(typ{kind: text}, n, func(v *vec) { fill(v.s, n.Value) })
	case *ast.BoolNode:
		return literal(typ{kind: truth}, n, func(v *vec) { fill(v.b[:], -bit(n.Value)) })
	case *ast.IdentifierNode:
		return c.column(n.Value, n)
	case *ast.MemberNode:
		return c.member(n)
	case *ast.ChainNode:
		return c.compile(n.Node)
	case *ast.UnaryNode:
		return c.unary(n)
	case *ast.BinaryNode:
		return c.binary(n)
	case *ast.ConditionalNode:
		return c.conditional(n)
	case *ast.BuiltinNode:
		return c.call(n.Name, n, n.Arguments)
	case *ast.CallNode:
		if f, ok := n.Callee.(*ast.IdentifierNode); ok {
			return c.call(f.Value, n, n.Arguments)
		}
		return c.fail(n, "a function", "a method", "write lower(x), not x.lower()")
	case *ast.ArrayNode:
		return c.fail(n, "a value", "a list", "a list stands only on the right of in")
	case *ast.VariableDeclaratorNode:
		return c.fail(n, "one expression", "let", "derive a column first and use its name")
	case *ast.SequenceNode:
		return c.fail(n, "one expression", "several with ;", "")
	case *ast.SliceNode:
		return c.fail(n, "a value", "a slice", "use substr(x, start, count)")
	}
	return c.fail(node, "an expression of this language", node.String(), "")
}

func literal(t typ, n ast.Node, set func(v *vec)) value {
	v := newVec(t.kind)
	set(v)
	return value{typ: t, v: v, lit: true, at: n}
}

func fill[T any](dst []T, x T) {
	for i := range dst {
		dst[i] = x
	}
}

// null returns a literal without a value.
func (c *compiler) null(t typ, n ast.Node) value {
	return literal(t, n, func(v *vec) { v.allNull() })
}

// strict adds a kernel whose result is null where an argument is. step sets the values, and may drop rows.
func (c *compiler) strict(t typ, n ast.Node, step func(o *vec, n int), args ...value) value {
	in := make([]*vec, len(args))
	for i, a := range args {
		in[i] = a.v
	}
	return c.free(t, n, func(o *vec, n int) {
		o.join(in...)
		step(o, n)
		o.clean()
	}, args...)
}

// free adds a kernel that sets values and nulls. With literal arguments it runs once, now.
func (c *compiler) free(t typ, n ast.Node, step func(o *vec, n int), args ...value) value {
	out := value{typ: t, v: newVec(t.kind), lit: true, at: n}
	for _, a := range args {
		if a.typ.kind == bad {
			return value{typ: a.typ, v: &vec{}, at: n}
		}
		out.lit = out.lit && a.lit
	}
	o := out.v
	if out.lit {
		step(o, block)
		return out
	}
	c.program.steps = append(c.program.steps, func(n int) { step(o, n) })
	if t.kind == text {
		c.program.texts = append(c.program.texts, o)
	}
	return out
}

func (c *compiler) conditional(n *ast.ConditionalNode) value {
	cond, a, b := c.compile(n.Cond), c.compile(n.Exp1), c.compile(n.Exp2)
	if !cond.typ.is(truth) {
		return c.fail(n.Cond, "a bool before ?", cond.typ.String(), "compare it with something")
	}
	t, ok := unify(a, b)
	if !ok {
		return c.fail(n.Exp1, "two values of one type around :", a.typ.String()+" and "+b.typ.String(), convertHint)
	}
	cond, a, b = c.to(cond, typ{kind: truth}), c.to(a, t), c.to(b, t)
	return c.free(t, n.Exp1, func(o *vec, n int) { choose(o, cond.v, a.v, b.v, n) }, cond, a, b)
}

// choose takes the rows of a where cond is true, and those of b elsewhere.
func choose(o, cond, a, b *vec, n int) {
	o.valid = nil
	if a.valid != nil || b.valid != nil {
		for w, m := range cond.b {
			o.mask[w] = m&a.validWord(w) | ^m&b.validWord(w)
		}
		o.valid = &o.mask
	}
	copyValues(o, b, n)
	pickValues(o, a, cond.b, n)
	o.clean()
}

func copyValues(o, a *vec, n int) {
	switch {
	case o.f != nil:
		copy(o.f[:n], a.f)
	case o.i != nil:
		copy(o.i[:n], a.i)
	case o.s != nil:
		copy(o.s[:n], a.s)
	case o.b != nil:
		*o.b = *a.b
	}
}

// pickValues copies the rows of a whose bit is set.
func pickValues(o, a *vec, m *bitset, n int) {
	switch {
	case o.f != nil:
		pick(o.f[:n], a.f, m)
	case o.i != nil:
		pick(o.i[:n], a.i, m)
	case o.s != nil:
		pick(o.s[:n], a.s, m)
	case o.b != nil:
		for w, x := range m {
			o.b[w] = a.b[w]&x | o.b[w]&^x
		}
	}
}

func pick[T any](dst, src []T, m *bitset) {
	for i := range dst {
		if m[i>>6]>>(i&63)&1 != 0 {
			dst[i] = src[i]
		}
	}
}
