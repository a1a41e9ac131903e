package nn

import "github.com/sluice-stream/sluice/tensorcore/autograd"

// Activation is an elementwise function between two layers.
type Activation func(tp *autograd.Tape, x *autograd.Var) *autograd.Var

// Relu is max(x, 0).
func Relu(tp *autograd.Tape, x *autograd.Var) *autograd.Var { return tp.Relu(x) }

// Gelu is x times the normal distribution function of x, the exact form.
func Gelu(tp *autograd.Tape, x *autograd.Var) *autograd.Var { return tp.Gelu(x) }

// Silu is x*sigmoid(x).
func Silu(tp *autograd.Tape, x *autograd.Var) *autograd.Var { return tp.Mul(x, tp.Sigmoid(x)) }

// QuickGelu is x*sigmoid(1.702*x), CLIP's stand-in for Gelu.
func QuickGelu(tp *autograd.Tape, x *autograd.Var) *autograd.Var {
	return tp.Mul(x, tp.Sigmoid(tp.Scale(x, 1.702)))
}

// LeakyRelu is x above 0 and slope*x below, for a slope from 0 to 1.
func LeakyRelu(slope float64) Activation {
	return func(tp *autograd.Tape, x *autograd.Var) *autograd.Var { return tp.Maximum(x, tp.Scale(x, slope)) }
}
