package autograd

import (
	"gorgonia.org/tensor"

	tc "github.com/sluice-stream/sluice/tensorcore"
)

// MatMul returns a b for a [I, K], b [K, J].
func (t *Tape) MatMul(a, b *Var) *Var { return t.matmul("MatMul", a, b, false, false) }

// MatMulT returns a b^T for a [I, K], b [J, K].
func (t *Tape) MatMulT(a, b *Var) *Var { return t.matmul("MatMulT", a, b, false, true) }

// MatMulTA returns a^T b for a [K, I], b [K, J].
func (t *Tape) MatMulTA(a, b *Var) *Var { return t.matmul("MatMulTA", a, b, true, false) }

func (t *Tape) matmul(name string, a, b *Var, ta, tb bool) *Var {
	if t.bad(name, a, b) {
		return t.deadVar(nil)
	}
	if len(a.shape) != 2 || len(b.shape) != 2 {
		return t.fail(name, "want two matrices, got shapes %v and %v", a.shape, b.shape)
	}
	return t.product(name, a, b, ta, tb)
}

// BatchMatMul returns opA(a[n]) opB(b[n]) for every n of a [N, I, K], b [N, K, J]; with ta, a is [N, K, I], with tb,
// b is [N, J, K].
func (t *Tape) BatchMatMul(a, b *Var, ta, tb bool) *Var {
	if t.bad("BatchMatMul", a, b) {
		return t.deadVar(nil)
	}
	if len(a.shape) != 3 || len(b.shape) != 3 || a.shape[0] != b.shape[0] {
		return t.fail("BatchMatMul", "want [N, I, K] and [N, K, J], got shapes %v and %v", a.shape, b.shape)
	}
	return t.product("BatchMatMul", a, b, ta, tb)
}

// product multiplies matrices or batches of them, of checked rank.
func (t *Tape) product(name string, a, b *Var, ta, tb bool) *Var {
	s, ok := gemmSpec(a.shape, b.shape, ta, tb)
	if !ok {
		return t.fail(name, "inner sizes differ: shapes %v and %v", a.shape, b.shape)
	}
	var room [tc.MaxRank]int
	y := t.alloc(append(append(room[:0], a.shape[:len(a.shape)-2]...), s.I, s.J))
	y.at.ta, y.at.tb = ta, tb
	t.eng.Gemm(y.val, a.val, b.val, nil, s)
	return t.record(y, name, productGrad, a, b)
}

func productGrad(t *Tape, y, g *Var, i int) *Var {
	a, b, ta, tb := y.in[0], y.in[1], y.at.ta, y.at.tb
	switch {
	case i == 0 && !ta:
		return t.product("MatMul", g, b, false, !tb)
	case i == 0:
		return t.product("MatMul", b, g, tb, true)
	case !tb:
		return t.product("MatMul", a, g, !ta, false)
	default:
		return t.product("MatMul", g, a, true, ta)
	}
}

func gemmSpec(a, b []int, ta, tb bool) (s tc.GemmSpec, ok bool) {
	n := len(a)
	s = tc.GemmSpec{Batch: tc.Size(a[:n-2]), I: a[n-2], K: a[n-1], J: b[n-1], TransA: ta, TransB: tb}
	k := b[n-2]
	if ta {
		s.I, s.K = s.K, s.I
	}
	if tb {
		s.J, k = k, s.J
	}
	return s, k == s.K
}

// Linear returns x w + b.
//
//	x  [B, I]
//	w  [I, O]
//	b  [O], or nil for none
func (t *Tape) Linear(x, w, b *Var) *Var { return t.linear("Linear", x, w, b, false) }

// LinearRelu returns max(x w + b, 0), for the shapes of Linear.
func (t *Tape) LinearRelu(x, w, b *Var) *Var { return t.linear("LinearRelu", x, w, b, true) }

func (t *Tape) linear(name string, x, w, b *Var, relu bool) *Var {
	if t.bad(name, x, w) || b != nil && t.bad(name, b) {
		return t.deadVar(nil)
	}
	if len(x.shape) != 2 || len(w.shape) != 2 || x.shape[1] != w.shape[0] || b != nil && !tc.SameShape(b.shape, w.shape[1:]) {
		return t.fail(name, "want x [B, I], w [I, O], b [O], got %v, %v, %v", x.shape, w.shape, shapeOf(b))
	}
	y := t.alloc([]int{x.shape[0], w.shape[1]})
	s := tc.GemmSpec{Batch: 1, I: x.shape[0], K: x.shape[1], J: w.shape[1], Relu: relu}
	y.at.ta = relu
	if b == nil {
		t.eng.Gemm(y.val, x.val, w.val, nil, s)
		return t.record(y, name, linearGrad, x, w)
	}
	t.eng.Gemm(y.val, x.val, w.val, b.val, s)
	return t.record(y, name, linearGrad, x, w, b)
}

func linearGrad(t *Tape, y, g *Var, i int) *Var {
	if y.at.ta {
		g = t.once(y, g, func(t *Tape, y, g *Var, _ int) *Var { return t.reluGrad(g, y) })
	}
	switch i {
	case 0:
		return t.MatMulT(g, y.in[1])
	case 1:
		return t.MatMulTA(y.in[0], g)
	}
	return t.Sum(g, 0)
}

// once computes once what the gradients of several inputs of y need.
func (t *Tape) once(y, g *Var, f gradFunc) *Var {
	if y.at.memoFor != g {
		y.at.one, y.at.memoFor = f(t, y, g, 0), g
	}
	return y.at.one
}

// Custom puts a value computed outside on the tape, with a gradient of its own.
//
//	inputs  what gradients flow to
//	forward the value; kept until Reset
//	vjp     given the gradient of the value, returns one gradient an input, nil for zeros, in tape operations
func (t *Tape) Custom(name string, inputs []*Var, forward *tensor.Dense, vjp func(t *Tape, grad *Var) []*Var) *Var {
	if t.bad(name, inputs...) {
		return t.deadVar(nil)
	}
	y := t.input(name, forward)
	if y.dead {
		return y
	}
	y.at.custom = vjp
	return t.record(y, name, customGrad, inputs...)
}

func customGrad(t *Tape, y, g *Var, i int) *Var {
	if y.at.memoFor != g {
		y.at.memo, y.at.memoFor = y.at.custom(t, g), g
	}
	dx := y.at.memo
	if len(dx) != len(y.in) {
		return t.fail(y.name, "want %d gradients of its vjp, got %d", len(y.in), len(dx))
	}
	if dx[i] != nil && !dx[i].dead && !tc.SameShape(dx[i].shape, y.in[i].shape) {
		return t.fail(y.name, "want gradient %d of shape %v of its vjp, got %v", i, y.in[i].shape, dx[i].shape)
	}
	return dx[i]
}
