package autograd

import (
	tc "github.com/sluice-stream/sluice/tensorcore"
)

// binary runs an elementwise function of a and b, broadcast to one shape.
func (t *Tape) binary(name string, f tc.BinaryOp, a, b *Var, grad gradFunc) *Var {
	if t.bad(name, a, b) {
		return t.deadVar(shapeOf(a))
	}
	var room [tc.MaxRank]int
	shape, ok := tc.Broadcast(room[:], a.shape, b.shape)
	if !ok {
		return t.fail(name, "shapes %v and %v do not broadcast", a.shape, b.shape)
	}
	y := t.alloc(shape)
	t.eng.Binary(f, y.val, a.val, b.val)
	return t.record(y, name, grad, a, b)
}

// Add returns a + b, broadcast.
func (t *Tape) Add(a, b *Var) *Var {
	return t.binary("Add", tc.Add, a, b, func(_ *Tape, _, g *Var, _ int) *Var { return g })
}

// Sub returns a - b, broadcast.
func (t *Tape) Sub(a, b *Var) *Var {
	return t.binary("Sub", tc.Sub, a, b, func(t *Tape, y, g *Var, i int) *Var {
		if i == 0 {
			return g
		}
		return t.Neg(t.sumTo(g, y.in[1].shape))
	})
}

// Mul returns a*b, broadcast.
func (t *Tape) Mul(a, b *Var) *Var {
	return t.binary("Mul", tc.Mul, a, b, func(t *Tape, y, g *Var, i int) *Var { return t.Mul(g, y.in[1-i]) })
}

// Div returns a/b, broadcast.
func (t *Tape) Div(a, b *Var) *Var {
	return t.binary("Div", tc.Div, a, b, func(t *Tape, y, g *Var, i int) *Var {
		if i == 0 {
			return t.Div(g, y.in[1])
		}
		return t.Neg(t.Div(t.Mul(g, y), y.in[1]))
	})
}

// Maximum returns the larger of a and b, broadcast; equal values share the gradient.
func (t *Tape) Maximum(a, b *Var) *Var {
	return t.binary("Maximum", tc.Max, a, b, func(t *Tape, y, g *Var, i int) *Var {
		return t.Mul(g, t.compare("MaxShare", tc.MaxShare, y.in[i], y.in[1-i]))
	})
}

// Minimum returns the smaller of a and b, broadcast; equal values share the gradient.
func (t *Tape) Minimum(a, b *Var) *Var {
	return t.binary("Minimum", tc.Min, a, b, func(t *Tape, y, g *Var, i int) *Var {
		return t.Mul(g, t.compare("MaxShare", tc.MaxShare, y.in[1-i], y.in[i]))
	})
}

func (t *Tape) compare(name string, f tc.BinaryOp, a, b *Var) *Var {
	return t.binary(name, f, a, b, noGrad)
}

// Greater returns 1 where a > b, else 0, broadcast; no gradient flows through it.
func (t *Tape) Greater(a, b *Var) *Var { return t.compare("Greater", tc.Greater, a, b) }

// GreaterEq returns 1 where a >= b, else 0, broadcast; no gradient flows through it.
func (t *Tape) GreaterEq(a, b *Var) *Var { return t.compare("GreaterEq", tc.GreaterEq, a, b) }

// Equal returns 1 where a = b, else 0, broadcast; no gradient flows through it.
func (t *Tape) Equal(a, b *Var) *Var { return t.compare("Equal", tc.Equal, a, b) }

// Where returns a where cond != 0, else b, all broadcast; no gradient flows to cond.
func (t *Tape) Where(cond, a, b *Var) *Var {
	if t.bad("Where", cond, a, b) {
		return t.deadVar(shapeOf(a))
	}
	var r1, r2 [tc.MaxRank]int
	shape, ok := tc.Broadcast(r1[:], a.shape, b.shape)
	if ok {
		shape, ok = tc.Broadcast(r2[:], shape, cond.shape)
	}
	if !ok {
		return t.fail("Where", "shapes %v, %v and %v do not broadcast", cond.shape, a.shape, b.shape)
	}
	y := t.alloc(shape)
	t.eng.Where(y.val, cond.val, a.val, b.val)
	return t.record(y, "Where", func(t *Tape, y, g *Var, i int) *Var {
		switch i {
		case 1:
			return t.Where(y.in[0], g, t.Fill(0))
		case 2:
			return t.Where(y.in[0], t.Fill(0), g)
		}
		return nil
	}, cond, a, b)
}

// BroadcastTo returns x repeated to the given shape, as numpy does.
func (t *Tape) BroadcastTo(x *Var, shape ...int) *Var {
	if t.bad("BroadcastTo", x) {
		return t.deadVar(shape)
	}
	if tc.SameShape(x.shape, shape) {
		return x
	}
	var room [tc.MaxRank]int
	if validShape(shape) {
		if s, ok := tc.Broadcast(room[:], x.shape, shape); ok && tc.SameShape(s, shape) {
			return t.expand(x, shape)
		}
	}
	return t.fail("BroadcastTo", "shape %v does not broadcast to %s", x.shape, text(shape))
}

func (t *Tape) expand(x *Var, shape []int) *Var {
	y := t.alloc(shape)
	t.eng.Expand(y.val, x.val)
	return t.record(y, "BroadcastTo", func(_ *Tape, _, g *Var, _ int) *Var { return g }, x)
}

// sumTo sums x over the axes along which shape was broadcast to x's shape.
func (t *Tape) sumTo(x *Var, shape []int) *Var {
	if x.dead || tc.SameShape(x.shape, shape) {
		return x
	}
	lead := len(x.shape) - len(shape)
	var room [tc.MaxRank]int
	axes := room[:0]
	for i, d := range x.shape {
		if i < lead || shape[i-lead] == 1 && d != 1 {
			axes = append(axes, i)
		}
	}
	return t.Reshape(t.Sum(x, axes...), shape...)
}
