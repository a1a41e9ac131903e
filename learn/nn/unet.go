package nn

import (
	"fmt"

	"github.com/sluice-stream/sluice/learn"
	"github.com/sluice-stream/sluice/tensorcore/autograd"
)

// doubleConv is two 3x3 convolutions, each with batch norm and ReLU.
type doubleConv struct{ first, second *convNorm }

func newDoubleConv(name string, in, out int, seed uint64) *doubleConv {
	return &doubleConv{
		first:  newConvNorm(name+".conv1", name+".bn1", in, out, 3, 1, seed),
		second: newConvNorm(name+".conv2", name+".bn2", out, out, 3, 1, seed),
	}
}

func (d *doubleConv) forward(tp *autograd.Tape, x *autograd.Var, pass Pass) *autograd.Var {
	x = tp.Relu(d.first.forward(tp, x, pass))
	return tp.Relu(d.second.forward(tp, x, pass))
}

func (d *doubleConv) params() []*learn.Param { return append(d.first.params(), d.second.params()...) }

func (d *doubleConv) walk(v learn.Visitor) {
	d.first.norm.Walk(v)
	d.second.norm.Walk(v)
}

// UNetConfig is the shape of a U-Net.
type UNetConfig struct {
	In, Out int   // channels of the images that go in and come out
	Widths  []int // channels of each level, the finest first; each level has half the height and width of the last
}

// UNet makes images smaller, level by level, and larger again; on the way up each level also sees what the way down
// had there (arXiv:1505.04597, with batch norm and zeros at the edges, so that sizes stay).
type UNet struct {
	down []*doubleConv
	grow []*ConvTranspose2d // grow[i] goes from level i+1 to level i
	up   []*doubleConv
	out  *Conv2d
}

// NewUNet makes the network. Parameters are name.down0.conv1.weight, name.grow0.weight, name.up0.conv1.weight,
// name.out.weight and so on; level 0 is the finest.
func NewUNet(name string, c UNetConfig, seed uint64) (*UNet, error) {
	if len(c.Widths) == 0 {
		return nil, fmt.Errorf("unet %s: want the width of at least one level, got none", name)
	}
	u := &UNet{out: NewConv2d(name+".out", c.Widths[0], c.Out, autograd.Square(1, 1, 0), seed)}
	in := c.In
	for i, w := range c.Widths {
		u.down = append(u.down, newDoubleConv(fmt.Sprintf("%s.down%d", name, i), in, w, seed))
		if i > 0 {
			u.grow = append(u.grow, NewConvTranspose2d(fmt.Sprintf("%s.grow%d", name, i-1), w, in, autograd.Square(2, 2, 0), seed))
			u.up = append(u.up, newDoubleConv(fmt.Sprintf("%s.up%d", name, i-1), 2*in, in, seed))
		}
		in = w
	}
	return u, nil
}

// Params returns the parameters of all convolutions and norms.
func (u *UNet) Params() []*learn.Param {
	var out []*learn.Param
	for _, d := range u.down {
		out = append(out, d.params()...)
	}
	for i, d := range u.up {
		out = append(append(out, u.grow[i].Params()...), d.params()...)
	}
	return append(out, u.out.Params()...)
}

// Walk saves and restores the running statistics.
func (u *UNet) Walk(v learn.Visitor) {
	for _, d := range u.down {
		d.walk(v)
	}
	for _, d := range u.up {
		d.walk(v)
	}
}

// Down returns what each level makes of images [N, H, W, in], the finest first: [N, H/2^i, W/2^i, Widths[i]],
// rounded down. A method may change them before Up.
func (u *UNet) Down(tp *autograd.Tape, x *autograd.Var, pass Pass) []*autograd.Var {
	levels := make([]*autograd.Var, len(u.down))
	for i, d := range u.down {
		if i > 0 {
			x = tp.MaxPool(x, autograd.Square(2, 2, 0))
		}
		x = d.forward(tp, x, pass)
		levels[i] = x
	}
	return levels
}

// Up joins what Down returned into images [N, H, W, out].
func (u *UNet) Up(tp *autograd.Tape, levels []*autograd.Var, pass Pass) *autograd.Var {
	if len(levels) != len(u.down) {
		return refuse(tp, "unet: want %d levels, got %d", len(u.down), len(levels))
	}
	x := levels[len(levels)-1]
	for i := len(u.up) - 1; i >= 0; i-- {
		if tp.Err() != nil {
			return x
		}
		s := levels[i].Shape()
		x = u.grow[i].ForwardTo(tp, x, s[1], s[2])
		x = u.up[i].forward(tp, tp.Concat(3, levels[i], x), pass)
	}
	return u.out.Forward(tp, x)
}

// Forward maps images [N, H, W, in] to [N, H, W, out]; height and width are at least 2^(levels-1).
func (u *UNet) Forward(tp *autograd.Tape, x *autograd.Var, pass Pass) *autograd.Var {
	return u.Up(tp, u.Down(tp, x, pass), pass)
}
