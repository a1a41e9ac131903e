package nn

import (
	"github.com/sluice-stream/sluice/learn"
	"github.com/sluice-stream/sluice/tensorcore/autograd"
)

// DefaultEps is what PyTorch's normalising layers add to a variance.
const DefaultEps = 1e-5

// LayerNorm normalises each row over its last axis, then scales and shifts each position. Without scale and shift
// it is the tape's operation of the same name.
type LayerNorm struct {
	weight, bias *learn.Param
	eps          float64
}

// NewLayerNorm makes the layer for rows of `width` values; scales start at 1 and shifts at 0. The parameters are
// name.weight and name.bias.
func NewLayerNorm(name string, width int, eps float64) *LayerNorm {
	return &LayerNorm{
		weight: newParam(learn.NormGroup, name+".weight", learn.Constant(1), width),
		bias:   newParam(learn.NormGroup, name+".bias", learn.Constant(0), width),
		eps:    eps,
	}
}

// Params returns scales and shifts.
func (l *LayerNorm) Params() []*learn.Param { return []*learn.Param{l.weight, l.bias} }

// Forward maps x [..., width] to the same shape.
func (l *LayerNorm) Forward(tp *autograd.Tape, x *autograd.Var) *autograd.Var {
	if !wide(tp, l.weight.Name, x, l.weight.Shape()[0]) {
		return x
	}
	return tp.Add(tp.Mul(tp.LayerNorm(x, l.eps), l.weight.Var(tp)), l.bias.Var(tp))
}
