package expr

import (
	"fmt"
	"strings"

	"github.com/expr-lang/expr/ast"
)

func (c *compiler) unary(n *ast.UnaryNode) value {
	a := c.compile(n.Node)
	switch n.Operator {
	case "not", "!":
		if !a.typ.is(truth) {
			return c.fail(n, "a bool after "+n.Operator, a.typ.String(), "put what is negated in parentheses")
		}
		return c.not(c.to(a, typ{kind: truth}), n)
	case "-", "+":
		if !a.typ.number() {
			return c.fail(n, "a number after "+n.Operator, a.typ.String(), convertHint)
		}
		if n.Operator == "+" {
			return a
		}
		return c.negate(a, n)
	}
	return c.fail(n, "an operator of this language", n.Operator, "")
}

func (c *compiler) negate(a value, n ast.Node) value {
	if a.typ.kind == null {
		a = c.to(a, typ{kind: float})
	}
	if a.typ.kind == float {
		return c.strict(a.typ, n, func(o *vec, n int) {
			for i, x := range a.v.f[:n] {
				o.f[i] = -x
			}
		}, a)
	}
	zero := literal(typ{kind: whole}, n, func(v *vec) { fill(v.i, 0) })
	return c.arith("-", zero, a, n)
}

func (c *compiler) binary(n *ast.BinaryNode) value {
	switch n.Operator {
	case "in":
		return c.in(n)
	case "matches":
		return c.matches(n)
	case "^":
		return c.fail(n, "an operator of this language", "^", "write ** for a power")
	case "..":
		return c.fail(n, "an operator of this language", "..", "write x >= 1 and x <= 9 for a range")
	}
	a, b := c.compile(n.Left), c.compile(n.Right)
	switch n.Operator {
	case "and", "&&", "or", "||":
		if !a.typ.is(truth) || !b.typ.is(truth) {
			return c.mismatch(n, "two bools", a, b, "compare each side with something")
		}
		return c.logic(n, c.to(a, typ{kind: truth}), c.to(b, typ{kind: truth}))
	case "==", "!=", "<", "<=", ">", ">=":
		return c.compare(n, a, b)
	case "contains", "startsWith", "endsWith":
		if !a.typ.is(text) || !b.typ.is(text) {
			return c.mismatch(n, "two strings", a, b, convertHint)
		}
		return c.textTest(n, c.to(a, typ{kind: text}), c.to(b, typ{kind: text}))
	case "+", "-", "*", "/", "%", "**":
		return c.calculate(n, a, b)
	case "??":
		return c.coalesce(n, "??", []value{a, b})
	}
	return c.fail(n, "an operator of this language", n.Operator, "")
}

func (c *compiler) mismatch(n *ast.BinaryNode, want string, a, b value, hint string) value {
	if a.typ.kind == bad || b.typ.kind == bad {
		return value{typ: typ{kind: bad}, v: &vec{}, at: n}
	}
	return c.fail(n, want+" around "+n.Operator, fmt.Sprintf("%s and %s", a.typ, b.typ), hint)
}

// calculate chooses what an arithmetic operator means for its arguments.
func (c *compiler) calculate(n *ast.BinaryNode, a, b value) value {
	t, ok := unify(a, b)
	switch {
	case n.Operator == "+" && ok && t.kind == text:
		return c.concat(n, []value{c.to(a, t), c.to(b, t)})
	case n.Operator == "-" && ok && t.kind == moment:
		return c.elapsed(n, c.to(a, t), c.to(b, t))
	case !ok || !t.number():
		want := "two numbers"
		switch n.Operator {
		case "+":
			want = "two numbers or two strings"
		case "-":
			want = "two numbers or two timestamps"
		}
		return c.mismatch(n, want, a, b, convertHint)
	case t.kind == null:
		t.kind = float
	}
	if n.Operator == "**" {
		t = typ{kind: float}
	}
	return c.arith(n.Operator, c.to(a, t), c.to(b, t), n)
}

// elapsed returns the seconds from b to a.
func (c *compiler) elapsed(n ast.Node, a, b value) value {
	per := float64(ticks(a.typ.unit))
	return c.strict(typ{kind: float}, n, func(o *vec, n int) {
		var out bitset
		for i, x := range a.v.i[:n] {
			y := b.v.i[i]
			d := x - y
			o.f[i] = float64(d) / per
			out[i>>6] |= uint64((x^y)&(x^d)) >> 63 << (i & 63)
		}
		o.drop(&out)
	}, a, b)
}

func (c *compiler) textTest(n *ast.BinaryNode, a, b value) value {
	test := map[string]func(s, part string) bool{
		"contains": strings.Contains, "startsWith": strings.HasPrefix, "endsWith": strings.HasSuffix,
	}[n.Operator]
	return c.strict(typ{kind: truth}, n, func(o *vec, n int) {
		*o.b = bitset{}
		for i, s := range a.v.s[:n] {
			o.b[i>>6] |= bit(test(s, b.v.s[i])) << (i & 63)
		}
	}, a, b)
}

// compare compares numbers, strings (byte by byte), timestamps, and bools for equality.
func (c *compiler) compare(n *ast.BinaryNode, a, b value) value {
	for _, side := range []ast.Node{n.Left, n.Right} {
		if _, isNil := side.(*ast.NilNode); isNil {
			return c.fail(side, "a value beside "+n.Operator, "nil", "a comparison with nil is always null; use is_null(x) or not is_null(x)")
		}
	}
	t, ok := unify(a, b)
	equality := n.Operator == "==" || n.Operator == "!="
	if !ok || t.kind == truth && !equality {
		want, hint := "two values of one ordered type", convertHint
		if a.typ.kind == moment && b.typ.kind == text || a.typ.kind == text && b.typ.kind == moment {
			hint = `write ts("2026-01-31") for a time`
		}
		return c.mismatch(n, want, a, b, hint)
	}
	if t.kind == null {
		t.kind = float
	}
	a, b = c.to(a, t), c.to(b, t)
	if n.Operator == ">" || n.Operator == ">=" {
		a, b = b, a
	}
	step := comparison(n.Operator, t.kind, a.v, b.v)
	return c.strict(typ{kind: truth}, n, step, a, b)
}
