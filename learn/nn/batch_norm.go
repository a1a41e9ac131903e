package nn

import (
	"fmt"

	"github.com/sluice-stream/sluice/learn"
	"github.com/sluice-stream/sluice/tensorcore"
	"github.com/sluice-stream/sluice/tensorcore/autograd"
)

// BatchNorm normalises each channel over all rows and places of a batch, then scales and shifts it
// (arXiv:1502.03167; torch.nn.BatchNorm1d and BatchNorm2d). In training it uses the statistics of the batch and moves
// running ones towards them; otherwise it uses the running ones.
type BatchNorm struct {
	weight, bias   *learn.Param
	mean, variance []float32 // running
	eps, momentum  float64
}

// NewBatchNorm makes the layer for `channels` channels, the last axis. Scales start at 1, shifts at 0; a batch moves
// the running statistics by momentum, 0.1 in PyTorch, of the way. The parameters are name.weight and name.bias.
func NewBatchNorm(name string, channels int, eps, momentum float64) *BatchNorm {
	b := &BatchNorm{
		weight: newParam(learn.NormGroup, name+".weight", learn.Constant(1), channels),
		bias:   newParam(learn.NormGroup, name+".bias", learn.Constant(0), channels),
		mean:   make([]float32, channels), variance: make([]float32, channels),
		eps: eps, momentum: momentum,
	}
	for i := range b.variance {
		b.variance[i] = 1
	}
	return b
}

// DefaultMomentum is PyTorch's share of a batch in running statistics.
const DefaultMomentum = 0.1

// Params returns scales and shifts.
func (b *BatchNorm) Params() []*learn.Param { return []*learn.Param{b.weight, b.bias} }

// Running returns the running mean and variance of each channel; they are the layer's.
func (b *BatchNorm) Running() (mean, variance []float32) { return b.mean, b.variance }

// Forward maps x [..., C] to the same shape. A training batch of a single value a channel has no variance: it is
// normalised by the running statistics and does not change them (PyTorch refuses it). Running statistics move once
// for every training pass, not when a Recompute passes again.
func (b *BatchNorm) Forward(tp *autograd.Tape, x *autograd.Var, pass Pass) *autograd.Var {
	c := len(b.mean)
	if !wide(tp, b.weight.Name, x, c) {
		return x
	}
	var y *autograd.Var
	if n := x.Size() / max(c, 1); pass.training && n > 1 {
		var mean, variance *autograd.Var
		y, mean, variance = tp.BatchNorm(x, b.eps)
		if tp.Err() == nil && !tp.Replaying() {
			b.move(b.mean, mean.Float32s(), 1)
			b.move(b.variance, variance.Float32s(), float64(n)/float64(n-1)) // over n-1, as in PyTorch
		}
	} else {
		y = tp.Normalized(x, constant(tp, b.mean), constant(tp, b.variance), b.eps)
	}
	return tp.Add(tp.Mul(y, b.weight.Var(tp)), b.bias.Var(tp))
}

func (b *BatchNorm) move(running, batch []float32, scale float64) {
	fresh := float32(b.momentum * scale)
	keep := float32(1 - b.momentum)
	for i := range running { // conversions keep the compiler from fusing
		running[i] = float32(keep*running[i]) + float32(fresh*batch[i])
	}
}

// Walk saves and restores the running statistics.
func (b *BatchNorm) Walk(v learn.Visitor) {
	v = v.Scope(b.weight.Name)
	c := len(b.mean)
	v.Visit("running_mean", &b.mean)
	v.Visit("running_variance", &b.variance)
	if len(b.mean) != c || len(b.variance) != c {
		v.Fail(fmt.Errorf("%s: want running statistics of %d channels, got %d and %d", b.weight.Name, c, len(b.mean), len(b.variance)))
	}
}

// constant puts a copy of values on the tape: they may change before the tape's Reset.
func constant(tp *autograd.Tape, values []float32) *autograd.Var {
	return tp.Const(tensorcore.NewFloat32([]int{len(values)}, append([]float32(nil), values...)))
}
