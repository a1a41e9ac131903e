package autograd

import (
	tc "github.com/sluice-stream/sluice/tensorcore"
)

// along runs a function of the elements of one axis that keeps the axis.
func (t *Tape) along(name string, f tc.AlongOp, x *Var, axis int, eps float64, grad gradFunc) *Var {
	a, ok := t.axis(name, x, axis)
	if !ok {
		return t.deadVar(shapeOf(x))
	}
	y := t.alloc(x.shape)
	y.at.i, y.at.p = a, eps
	t.eng.Along(f, y.val, x.val, tc.Size(x.shape[:a]), x.shape[a], tc.Size(x.shape[a+1:]), eps)
	return t.record(y, name, grad, x)
}

// Softmax returns e^x over its sum along an axis.
func (t *Tape) Softmax(x *Var, axis int) *Var {
	return t.along("Softmax", tc.Softmax, x, axis, 0, func(t *Tape, y, g *Var, _ int) *Var {
		return t.softmaxGrad(g, y, y.at.i)
	})
}

// softmaxGrad returns y*(g - sum of g*y) along axis a. The matrix that g is multiplied with is symmetric, so the
// vjp with respect to g is the same function.
func (t *Tape) softmaxGrad(g, y *Var, a int) *Var {
	return t.alongGrad("SoftmaxGrad", tc.Softmax, a, 0, func(t *Tape, o, h *Var, i int) *Var {
		g, y := o.in[0], o.in[1]
		if i == 0 {
			return t.softmaxGrad(h, y, o.at.i)
		}
		gy, hy := t.SumKeep(t.Mul(g, y), o.at.i), t.SumKeep(t.Mul(h, y), o.at.i)
		return t.Sub(t.Mul(h, t.Sub(g, gy)), t.Mul(g, hy))
	}, g, y)
}

// alongGrad runs the vjp of an op along axis a: in is the gradient of its result, the result and, where the vjp
// needs it, what the op was given.
func (t *Tape) alongGrad(name string, f tc.AlongOp, a int, eps float64, grad gradFunc, in ...*Var) *Var {
	if t.bad(name, in...) {
		return t.deadVar(shapeOf(in[0]))
	}
	y := in[1]
	d := t.alloc(y.shape)
	d.at.i, d.at.p = a, eps
	x := in[len(in)-1]
	t.eng.AlongGrad(f, d.val, in[0].val, y.val, x.val, tc.Size(y.shape[:a]), y.shape[a], tc.Size(y.shape[a+1:]), eps)
	return t.record(d, name, grad, in...)
}

// LogSoftmax returns x less its log-sum-exp along an axis.
func (t *Tape) LogSoftmax(x *Var, axis int) *Var {
	return t.along("LogSoftmax", tc.LogSoftmax, x, axis, 0, func(t *Tape, y, g *Var, _ int) *Var {
		return t.Sub(g, t.Mul(t.Exp(y), t.SumKeep(g, y.at.i)))
	})
}

// CumSum returns the running sum along an axis.
func (t *Tape) CumSum(x *Var, axis int) *Var {
	return t.along("CumSum", tc.CumSum, x, axis, 0, func(t *Tape, y, g *Var, _ int) *Var {
		a := y.at.i // the sum from the end: total - running sum + own
		return t.Add(t.Sub(t.SumKeep(g, a), t.CumSum(g, a)), g)
	})
}

// tiny keeps a row of zeros at zero; below the square of any float32 norm that matters.
const tiny = 1e-24

// NormalizeRows returns x over its Euclidean norm along the last axis; a row of zeros stays zero, with gradient 0.
func (t *Tape) NormalizeRows(x *Var) *Var {
	if _, ok := t.axis("NormalizeRows", x, -1); !ok {
		return t.deadVar(shapeOf(x))
	}
	sq := t.SumKeep(t.Square(x), -1)
	norm := t.Sqrt(t.Maximum(sq, t.Fill(tiny)))
	return t.Where(t.Greater(sq, t.Fill(tiny)), t.Div(x, norm), t.Fill(0))
}
