package autograd

import (
	"math"

	tc "github.com/sluice-stream/sluice/tensorcore"
)

// unary runs an elementwise function of x.
func (t *Tape) unary(name string, f tc.UnaryOp, x *Var, p, q float64, grad gradFunc) *Var {
	if t.bad(name, x) {
		return t.deadVar(shapeOf(x))
	}
	y := t.alloc(x.shape)
	y.at.p, y.at.q = p, q
	t.eng.Unary(f, y.val, x.val, p, q)
	return t.record(y, name, grad, x)
}

func shapeOf(v *Var) []int {
	if v == nil {
		return nil
	}
	return v.shape
}

func (t *Tape) affine(name string, x *Var, p, q float64) *Var {
	return t.unary(name, tc.Affine, x, p, q, func(t *Tape, y, g *Var, _ int) *Var {
		if y.at.p == 1 {
			return g
		}
		return t.Scale(g, y.at.p)
	})
}

// Neg returns -x.
func (t *Tape) Neg(x *Var) *Var { return t.affine("Neg", x, -1, 0) }

// Scale returns c*x.
func (t *Tape) Scale(x *Var, c float64) *Var { return t.affine("Scale", x, c, 0) }

// AddScalar returns x + c.
func (t *Tape) AddScalar(x *Var, c float64) *Var { return t.affine("AddScalar", x, 1, c) }

// Exp returns e^x.
func (t *Tape) Exp(x *Var) *Var {
	return t.unary("Exp", tc.Exp, x, 0, 0, func(t *Tape, y, g *Var, _ int) *Var { return t.Mul(g, y) })
}

// Log returns the natural logarithm.
func (t *Tape) Log(x *Var) *Var {
	return t.unary("Log", tc.Log, x, 0, 0, func(t *Tape, y, g *Var, _ int) *Var { return t.Div(g, y.in[0]) })
}

// Sqrt returns the square root.
func (t *Tape) Sqrt(x *Var) *Var {
	return t.unary("Sqrt", tc.Sqrt, x, 0, 0, func(t *Tape, y, g *Var, _ int) *Var { return t.Scale(t.Div(g, y), 0.5) })
}

// Square returns x*x.
func (t *Tape) Square(x *Var) *Var {
	return t.unary("Square", tc.Square, x, 0, 0, func(t *Tape, y, g *Var, _ int) *Var { return t.Scale(t.Mul(g, y.in[0]), 2) })
}

// Pow returns x^p.
func (t *Tape) Pow(x *Var, p float64) *Var {
	return t.unary("Pow", tc.Pow, x, p, 0, func(t *Tape, y, g *Var, _ int) *Var {
		if y.at.p == 0 {
			return nil
		}
		return t.Mul(g, t.Scale(t.Pow(y.in[0], y.at.p-1), y.at.p))
	})
}

// Abs returns |x|; its gradient at 0 is 0.
func (t *Tape) Abs(x *Var) *Var {
	return t.unary("Abs", tc.Abs, x, 0, 0, func(t *Tape, y, g *Var, _ int) *Var { return t.Mul(g, t.Sign(y.in[0])) })
}

// Sign returns -1, 0 or 1; no gradient flows through it.
func (t *Tape) Sign(x *Var) *Var { return t.unary("Sign", tc.Sign, x, 0, 0, noGrad) }

// Relu returns max(x, 0); its gradient at 0 is 0.
func (t *Tape) Relu(x *Var) *Var {
	return t.unary("Relu", tc.Relu, x, 0, 0, func(t *Tape, y, g *Var, _ int) *Var { return t.reluGrad(g, y) })
}

// reluGrad returns g where y > 0, else 0.
func (t *Tape) reluGrad(g, y *Var) *Var {
	return t.binary("ReluGrad", tc.ReluGrad, g, y, func(t *Tape, o, h *Var, i int) *Var {
		if i == 1 {
			return nil
		}
		return t.reluGrad(h, o.in[1])
	})
}

// Clip returns min(max(x, lo), hi); the gradient is 1 from lo to hi inclusive, else 0.
func (t *Tape) Clip(x *Var, lo, hi float64) *Var {
	if !t.bad("Clip", x) && !(lo <= hi) {
		return t.fail("Clip", "want lo <= hi, got %g and %g", lo, hi)
	}
	return t.unary("Clip", tc.Clip, x, lo, hi, func(t *Tape, y, g *Var, _ int) *Var {
		inside := t.unary("InRange", tc.InRange, y.in[0], y.at.p, y.at.q, noGrad)
		return t.Mul(g, inside)
	})
}

// Erf returns the error function.
func (t *Tape) Erf(x *Var) *Var {
	return t.unary("Erf", tc.Erf, x, 0, 0, func(t *Tape, y, g *Var, _ int) *Var {
		return t.Mul(g, t.Scale(t.Exp(t.Neg(t.Square(y.in[0]))), 2/math.SqrtPi))
	})
}

// Atan returns the arctangent.
func (t *Tape) Atan(x *Var) *Var {
	return t.unary("Atan", tc.Atan, x, 0, 0, func(t *Tape, y, g *Var, _ int) *Var {
		return t.Div(g, t.AddScalar(t.Square(y.in[0]), 1))
	})
}

// LeakyRelu returns x where x > 0, else slope*x.
func (t *Tape) LeakyRelu(x *Var, slope float64) *Var {
	return t.Where(t.Greater(x, t.Fill(0)), x, t.Scale(x, slope))
}
