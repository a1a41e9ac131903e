package autograd

import (
	"math"

	tc "github.com/sluice-stream/sluice/tensorcore"
)

// Sigmoid returns 1/(1+e^-x).
func (t *Tape) Sigmoid(x *Var) *Var {
	return t.unary("Sigmoid", tc.Sigmoid, x, 0, 0, func(t *Tape, y, g *Var, _ int) *Var { return t.sigmoidGrad(g, y) })
}

// sigmoidGrad returns g*y*(1-y).
func (t *Tape) sigmoidGrad(g, y *Var) *Var {
	return t.binary("SigmoidGrad", tc.SigmoidGrad, g, y, func(t *Tape, o, h *Var, i int) *Var {
		g, y := o.in[0], o.in[1]
		if i == 0 {
			return t.sigmoidGrad(h, y)
		}
		return t.Mul(t.Mul(h, g), t.AddScalar(t.Scale(y, -2), 1))
	})
}

// LogSigmoid returns log(1/(1+e^-x)), without overflow.
func (t *Tape) LogSigmoid(x *Var) *Var {
	return t.unary("LogSigmoid", tc.LogSigmoid, x, 0, 0, func(t *Tape, y, g *Var, _ int) *Var {
		return t.Mul(g, t.Sigmoid(t.Neg(y.in[0])))
	})
}

// Softplus returns log(1+e^x), without overflow.
func (t *Tape) Softplus(x *Var) *Var {
	return t.unary("Softplus", tc.Softplus, x, 0, 0, func(t *Tape, y, g *Var, _ int) *Var {
		return t.Mul(g, t.Sigmoid(y.in[0]))
	})
}

// Tanh returns the hyperbolic tangent.
func (t *Tape) Tanh(x *Var) *Var {
	return t.unary("Tanh", tc.Tanh, x, 0, 0, func(t *Tape, y, g *Var, _ int) *Var { return t.tanhGrad(g, y) })
}

// tanhGrad returns g*(1-y*y).
func (t *Tape) tanhGrad(g, y *Var) *Var {
	return t.binary("TanhGrad", tc.TanhGrad, g, y, func(t *Tape, o, h *Var, i int) *Var {
		g, y := o.in[0], o.in[1]
		if i == 0 {
			return t.tanhGrad(h, y)
		}
		return t.Scale(t.Mul(t.Mul(h, g), y), -2)
	})
}

// Gelu returns x times the normal distribution function of x (the exact form, by erf).
func (t *Tape) Gelu(x *Var) *Var {
	return t.unary("Gelu", tc.Gelu, x, 0, 0, func(t *Tape, y, g *Var, _ int) *Var { return t.Mul(g, t.geluSlope(y.in[0])) })
}

// geluSlope returns the derivative of Gelu; its own is phi(x) (2 - x^2), phi the normal density.
func (t *Tape) geluSlope(x *Var) *Var {
	return t.unary("GeluSlope", tc.GeluSlope, x, 0, 0, func(t *Tape, y, g *Var, _ int) *Var {
		sq := t.Square(y.in[0])
		density := t.Scale(t.Exp(t.Scale(sq, -0.5)), 1/math.Sqrt(2*math.Pi))
		return t.Mul(g, t.Mul(density, t.AddScalar(t.Neg(sq), 2)))
	})
}

// Silu returns x times the sigmoid of x.
func (t *Tape) Silu(x *Var) *Var { return t.Mul(x, t.Sigmoid(x)) }

// QuickGelu returns x times the sigmoid of 1.702 x: the Gelu of CLIP.
func (t *Tape) QuickGelu(x *Var) *Var { return t.Mul(x, t.Sigmoid(t.Scale(x, 1.702))) }
