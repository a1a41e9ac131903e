package nn

import (
	"github.com/sluice-stream/sluice/learn"
	"github.com/sluice-stream/sluice/tensorcore"
	"github.com/sluice-stream/sluice/tensorcore/autograd"
)

// Conv2d slides kernels over images whose channels are the last axis (torch.nn.Conv2d, but for the axes). The weight
// is stored [height, width, in, out].
type Conv2d struct {
	weight, bias *learn.Param
	window       tensorcore.Window
}

// NewConv2d makes the layer from `in` to `out` channels with PyTorch's default first values: weight and bias even in
// +-1/sqrt(in * kernel height * kernel width). Window tells size, stride, dilation and zeros at the edges;
// autograd.Square makes the usual one. The parameters are name.weight and name.bias.
func NewConv2d(name string, in, out int, window tensorcore.Window, seed uint64) *Conv2d {
	c := NewConv2dNoBias(name, in, out, window, seed)
	c.bias = newParam(learn.BiasGroup, name+".bias", learn.Uniform(seed, name+".bias", bound(in*area(window))), out)
	return c
}

// NewConv2dNoBias makes the layer without a bias.
func NewConv2dNoBias(name string, in, out int, window tensorcore.Window, seed uint64) *Conv2d {
	init := learn.Uniform(seed, name+".weight", bound(in*area(window)))
	return &Conv2d{weight: learn.NewParam(name+".weight", init, window.Size[0], window.Size[1], in, out), window: window}
}

func area(w tensorcore.Window) int { return w.Size[0] * w.Size[1] }

// Params returns the weight and, where there is one, the bias.
func (c *Conv2d) Params() []*learn.Param {
	if c.bias == nil {
		return []*learn.Param{c.weight}
	}
	return []*learn.Param{c.weight, c.bias}
}

// Forward maps images [N, H, W, in] to [N, H', W', out].
func (c *Conv2d) Forward(tp *autograd.Tape, x *autograd.Var) *autograd.Var {
	if c.bias == nil {
		return tp.Conv2D(x, c.weight.Var(tp), nil, c.window)
	}
	return tp.Conv2D(x, c.weight.Var(tp), c.bias.Var(tp), c.window)
}
