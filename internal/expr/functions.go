package expr

import (
	"fmt"
	"maps"
	"slices"

	"github.com/expr-lang/expr/ast"

	"github.com/sluice-stream/sluice/check"
)

// function is one entry of the language's library.
type function struct {
	args        string // as written in messages, such as "x, width"
	least, most int    // arguments; most < 0: any number
	build       func(c *compiler, call call) value
}

// call is a function call whose arguments are compiled and whose number is right.
type call struct {
	name string
	node ast.Node
	args []value
}

// functions is filled by init, because the functions' constructors look into it for suggestions.
var functions = map[string]function{}

func init() {
	for _, group := range []map[string]function{nullFunctions(), mathFunctions(), convertFunctions(), timeFunctions(), textFunctions()} {
		maps.Copy(functions, group)
	}
}

func (c *compiler) call(name string, n ast.Node, nodes []ast.Node) value {
	if name == "col" {
		return c.columnByName(n, nodes)
	}
	f, ok := functions[name]
	if !ok {
		names := slices.Sorted(maps.Keys(functions))
		return c.fail(n, "a function of this language", name, check.DidYouMean(name, names))
	}
	if len(nodes) < f.least || f.most >= 0 && len(nodes) > f.most {
		return c.fail(n, fmt.Sprintf("%s(%s)", name, f.args), fmt.Sprintf("%d arguments", len(nodes)), "")
	}
	args := make([]value, len(nodes))
	broken := false
	for i, node := range nodes {
		args[i] = c.compile(node)
		broken = broken || args[i].typ.kind == bad
	}
	if broken {
		return value{typ: typ{kind: bad}, v: &vec{}, at: n}
	}
	return f.build(c, call{name, n, args})
}

// columnByName is col("any name").
func (c *compiler) columnByName(n ast.Node, nodes []ast.Node) value {
	if len(nodes) == 1 {
		if s, ok := nodes[0].(*ast.StringNode); ok {
			return c.column(s.Value, n)
		}
	}
	return c.fail(n, `col("name")`, "something else", "")
}

// arg returns argument i as a k.
func (c *compiler) arg(call call, i int, k kind) (value, bool) {
	a := call.args[i]
	if !a.typ.is(k) {
		hint := convertHint
		if k == moment {
			hint = "parse it with ts(x)"
		}
		return c.fail(a.at, fmt.Sprintf("%s as argument %d of %s", typ{kind: k}, i+1, call.name), a.typ.String(), hint), false
	}
	t := typ{kind: k}
	if a.typ.kind == k {
		t = a.typ
	}
	return c.to(a, t), true
}

// wrongArg reports argument i.
func (c *compiler) wrongArg(call call, i int, want string) value {
	a := call.args[i]
	return c.fail(a.at, fmt.Sprintf("%s as argument %d of %s", want, i+1, call.name), a.typ.String(), convertHint)
}

func nullFunctions() map[string]function {
	return map[string]function{
		"coalesce": {"x, y, ...", 1, -1, func(c *compiler, call call) value { return c.coalesce(call.node, "coalesce", call.args) }},
		"is_null":  {"x", 1, 1, isNull},
		"is_nan":   {"x", 1, 1, isNaN},
	}
}

func isNull(c *compiler, call call) value {
	a := call.args[0]
	return c.free(typ{kind: truth}, call.node, func(o *vec, _ int) {
		for w := range o.b {
			o.b[w] = ^a.v.validWord(w)
		}
	}, a)
}

func isNaN(c *compiler, call call) value {
	a, ok := c.arg(call, 0, float)
	if !ok {
		return a
	}
	return c.strict(typ{kind: truth}, call.node, func(o *vec, n int) {
		equal(o.b, a.v.f[:n], a.v.f[:n])
		for w := range o.b {
			o.b[w] = ^o.b[w]
		}
	}, a)
}

// coalesce takes the first argument that is not null.
func (c *compiler) coalesce(n ast.Node, name string, args []value) value {
	t, ok := unify(args...)
	if !ok {
		return c.fail(n, "values of one type in "+name, typeList(args), convertHint)
	}
	if t.kind == null {
		return c.null(t, n)
	}
	for i := range args {
		args[i] = c.to(args[i], t)
	}
	return c.free(t, n, func(o *vec, n int) { firstValid(o, args, n) }, args...)
}

func firstValid(o *vec, args []value, n int) {
	last := args[len(args)-1].v
	copyValues(o, last, n)
	o.valid = nil
	if last.valid != nil {
		o.mask = *last.valid
		o.valid = &o.mask
	}
	for k := len(args) - 2; k >= 0; k-- {
		a := args[k].v
		if a.valid == nil {
			copyValues(o, a, n)
			o.valid = nil
			continue
		}
		pickValues(o, a, a.valid, n)
		if o.valid != nil {
			for w, x := range a.valid {
				o.mask[w] |= x
			}
		}
	}
}

func typeList(args []value) string {
	s := ""
	for i, a := range args {
		if i > 0 {
			s += ", "
		}
		s += a.typ.String()
	}
	return s
}
