package nn

import (
	"github.com/sluice-stream/sluice/learn"
	"github.com/sluice-stream/sluice/tensorcore/autograd"
)

// GroupNorm normalises groups of channels of each row over their channels and places, then scales and shifts each
// channel (arXiv:1803.08494; torch.nn.GroupNorm). Groups of one channel are an instance norm.
type GroupNorm struct {
	weight, bias *learn.Param
	groups       int
	eps          float64
}

// NewGroupNorm makes the layer; groups divides channels, the last axis. Scales start at 1 and shifts at 0. The
// parameters are name.weight and name.bias.
func NewGroupNorm(name string, groups, channels int, eps float64) *GroupNorm {
	return &GroupNorm{
		weight: newParam(learn.NormGroup, name+".weight", learn.Constant(1), channels),
		bias:   newParam(learn.NormGroup, name+".bias", learn.Constant(0), channels),
		groups: groups, eps: eps,
	}
}

// Params returns scales and shifts.
func (g *GroupNorm) Params() []*learn.Param { return []*learn.Param{g.weight, g.bias} }

// Forward maps x [N, ..., C] to the same shape.
func (g *GroupNorm) Forward(tp *autograd.Tape, x *autograd.Var) *autograd.Var {
	if !wide(tp, g.weight.Name, x, g.weight.Shape()[0]) {
		return x
	}
	return tp.Add(tp.Mul(tp.GroupNorm(x, g.groups, g.eps), g.weight.Var(tp)), g.bias.Var(tp))
}
