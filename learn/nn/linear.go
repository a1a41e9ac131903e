package nn

import (
	"math"

	"github.com/sluice-stream/sluice/learn"
	"github.com/sluice-stream/sluice/tensorcore/autograd"
)

// Linear is x W + b. The weight is stored [in, out].
type Linear struct{ weight, bias *learn.Param }

// NewLinear makes the layer with PyTorch's default first values: weight and bias even in +-1/sqrt(in).
// The parameters are name.weight and name.bias.
func NewLinear(name string, in, out int, seed uint64) *Linear {
	l := NewLinearNoBias(name, in, out, seed)
	l.bias = newParam(learn.BiasGroup, name+".bias", learn.Uniform(seed, name+".bias", bound(in)), out)
	return l
}

// NewLinearNoBias makes the layer without b.
func NewLinearNoBias(name string, in, out int, seed uint64) *Linear {
	return &Linear{weight: learn.NewParam(name+".weight", learn.Uniform(seed, name+".weight", bound(in)), in, out)}
}

func bound(in int) float64 { return 1 / math.Sqrt(float64(max(in, 1))) }

// Params returns the weight and, where there is one, the bias.
func (l *Linear) Params() []*learn.Param {
	if l.bias == nil {
		return []*learn.Param{l.weight}
	}
	return []*learn.Param{l.weight, l.bias}
}

// Forward maps x [..., in] to [..., out].
func (l *Linear) Forward(tp *autograd.Tape, x *autograd.Var) *autograd.Var {
	return rows(tp, x, l.weight.Shape()[0], func(x *autograd.Var) *autograd.Var {
		return tp.Linear(x, l.weight.Var(tp), l.biasVar(tp))
	})
}

// forwardRelu is max(Forward, 0) in one operation.
func (l *Linear) forwardRelu(tp *autograd.Tape, x *autograd.Var) *autograd.Var {
	return rows(tp, x, l.weight.Shape()[0], func(x *autograd.Var) *autograd.Var {
		return tp.LinearRelu(x, l.weight.Var(tp), l.biasVar(tp))
	})
}

func (l *Linear) biasVar(tp *autograd.Tape) *autograd.Var {
	if l.bias == nil {
		return nil
	}
	return l.bias.Var(tp)
}
