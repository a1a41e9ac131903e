package nn

import (
	"github.com/sluice-stream/sluice/learn"
	"github.com/sluice-stream/sluice/tensorcore"
	"github.com/sluice-stream/sluice/tensorcore/autograd"
)

// ConvTranspose2d is the reverse of a Conv2d of the same window: it makes images larger where that makes them
// smaller (torch.nn.ConvTranspose2d, but for the axes). The weight is stored [in, height, width, out].
type ConvTranspose2d struct {
	weight, bias *learn.Param
	window       tensorcore.Window
}

// NewConvTranspose2d makes the layer from `in` to `out` channels with PyTorch's default first values: weight and
// bias even in +-1/sqrt(out * kernel height * kernel width). The parameters are name.weight and name.bias.
func NewConvTranspose2d(name string, in, out int, window tensorcore.Window, seed uint64) *ConvTranspose2d {
	b := bound(out * area(window))
	return &ConvTranspose2d{
		weight: learn.NewParam(name+".weight", learn.Uniform(seed, name+".weight", b), in, window.Size[0], window.Size[1], out),
		bias:   newParam(learn.BiasGroup, name+".bias", learn.Uniform(seed, name+".bias", b), out),
		window: window,
	}
}

// Params returns weight and bias.
func (c *ConvTranspose2d) Params() []*learn.Param { return []*learn.Param{c.weight, c.bias} }

// Forward maps images [N, H, W, in] to [N, H', W', out], the smallest that the window makes into H x W.
func (c *ConvTranspose2d) Forward(tp *autograd.Tape, x *autograd.Var) *autograd.Var {
	if !fits(tp, c.weight.Name, x, anySize, anySize, anySize, c.weight.Shape()[0]) {
		return x
	}
	return c.ForwardTo(tp, x, c.extent(0, x.Shape()[1]), c.extent(1, x.Shape()[2]))
}

// ForwardTo makes images of a given height and width, which a Conv2d of the window makes into H x W. Strides above 1
// leave a choice.
func (c *ConvTranspose2d) ForwardTo(tp *autograd.Tape, x *autograd.Var, height, width int) *autograd.Var {
	return tp.ConvTranspose2D(x, c.weight.Var(tp), c.bias.Var(tp), c.window, height, width)
}

// extent is the smallest extent along axis i in which the window has n places.
func (c *ConvTranspose2d) extent(i, n int) int {
	w := c.window
	return (n-1)*max(w.Stride[i], 1) + max(w.Dilation[i], 1)*(w.Size[i]-1) + 1 - w.Before[i] - w.After[i]
}
