package expr

import (
	"cmp"

	"github.com/expr-lang/expr/ast"
)

// logic is the three-valued and/or. Bools of null rows are 0, so b says "true" and valid &^ b says "false".
func (c *compiler) logic(n *ast.BinaryNode, a, b value) value {
	x, y := a.v, b.v
	and := n.Operator == "and" || n.Operator == "&&"
	return c.free(typ{kind: truth}, n, func(o *vec, _ int) {
		o.valid = nil
		if x.valid != nil || y.valid != nil {
			for w := range o.mask {
				p, q := x.validWord(w), y.validWord(w)
				decided := x.b[w] | y.b[w]
				if and {
					decided = p&^x.b[w] | q&^y.b[w]
				}
				o.mask[w] = p&q | decided
			}
			o.valid = &o.mask
		}
		for w := range o.b {
			if and {
				o.b[w] = x.b[w] & y.b[w]
			} else {
				o.b[w] = x.b[w] | y.b[w]
			}
		}
	}, a, b)
}

func (c *compiler) not(a value, n ast.Node) value {
	return c.strict(typ{kind: truth}, n, func(o *vec, _ int) {
		for w, x := range a.v.b {
			o.b[w] = ^x
		}
	}, a)
}

// comparison returns the kernel of ==, !=, < and <=; > and >= are < and <= with the arguments changed over.
func comparison(op string, k kind, a, b *vec) func(o *vec, n int) {
	switch k {
	case float:
		return func(o *vec, n int) { order(op, o.b, a.f[:n], b.f[:n]) }
	case text:
		return func(o *vec, n int) { order(op, o.b, a.s[:n], b.s[:n]) }
	case truth:
		return func(o *vec, _ int) {
			for w, x := range a.b {
				o.b[w] = x ^ b.b[w]
				if op == "==" {
					o.b[w] = ^o.b[w]
				}
			}
		}
	}
	return func(o *vec, n int) { order(op, o.b, a.i[:n], b.i[:n]) }
}

func order[T cmp.Ordered](op string, o *bitset, a, b []T) {
	switch op {
	case "==":
		equal(o, a, b)
	case "!=":
		equal(o, a, b)
		for w := range o {
			o[w] = ^o[w]
		}
	case "<", ">":
		less(o, a, b)
	default:
		lessEqual(o, a, b)
	}
}

func equal[T cmp.Ordered](o *bitset, a, b []T) {
	for lo := 0; lo < len(a); lo += 64 {
		var x uint64
		av := a[lo:min(lo+64, len(a))]
		bv := b[lo:][:len(av)]
		for i, v := range av {
			x |= bit(v == bv[i]) << (i & 63)
		}
		o[lo>>6] = x
	}
}

func less[T cmp.Ordered](o *bitset, a, b []T) {
	for lo := 0; lo < len(a); lo += 64 {
		var x uint64
		av := a[lo:min(lo+64, len(a))]
		bv := b[lo:][:len(av)]
		for i, v := range av {
			x |= bit(v < bv[i]) << (i & 63)
		}
		o[lo>>6] = x
	}
}

func lessEqual[T cmp.Ordered](o *bitset, a, b []T) {
	for lo := 0; lo < len(a); lo += 64 {
		var x uint64
		av := a[lo:min(lo+64, len(a))]
		bv := b[lo:][:len(av)]
		for i, v := range av {
			x |= bit(v <= bv[i]) << (i & 63)
		}
		o[lo>>6] = x
	}
}
