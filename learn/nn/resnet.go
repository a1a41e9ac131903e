package nn

import (
	"fmt"

	"github.com/sluice-stream/sluice/learn"
	"github.com/sluice-stream/sluice/tensorcore/autograd"
)

// convNorm is a convolution without bias and a batch norm.
type convNorm struct {
	conv *Conv2d
	norm *BatchNorm
}

func newConvNorm(conv, norm string, in, out, size, stride int, seed uint64) *convNorm {
	return &convNorm{
		conv: NewConv2dNoBias(conv, in, out, autograd.Square(size, stride, size/2), seed),
		norm: NewBatchNorm(norm, out, DefaultEps, DefaultMomentum),
	}
}

func (c *convNorm) forward(tp *autograd.Tape, x *autograd.Var, pass Pass) *autograd.Var {
	return c.norm.Forward(tp, c.conv.Forward(tp, x), pass)
}

func (c *convNorm) params() []*learn.Param { return paramsOf(c.conv, c.norm) }

// BasicBlock is two 3x3 convolutions with batch norm, around which the input is added (arXiv:1512.03385, figure 5
// left).
type BasicBlock struct {
	first, second *convNorm
	short         *convNorm // nil where the input is added as it is
}

// NewBasicBlock makes the block from `in` to `out` channels; a stride above 1 makes the image smaller. The shortcut
// is a 1x1 convolution with batch norm where the shapes differ. Parameters are name.conv1.weight, name.bn1.weight and
// so on, and name.short.conv.weight, name.short.bn.weight.
func NewBasicBlock(name string, in, out, stride int, seed uint64) *BasicBlock {
	b := &BasicBlock{
		first:  newConvNorm(name+".conv1", name+".bn1", in, out, 3, stride, seed),
		second: newConvNorm(name+".conv2", name+".bn2", out, out, 3, 1, seed),
	}
	if in != out || stride != 1 {
		b.short = newConvNorm(name+".short.conv", name+".short.bn", in, out, 1, stride, seed)
	}
	return b
}

func (b *BasicBlock) parts() []*convNorm {
	if b.short == nil {
		return []*convNorm{b.first, b.second}
	}
	return []*convNorm{b.first, b.second, b.short}
}

// Params returns the parameters of convolutions and norms.
func (b *BasicBlock) Params() []*learn.Param {
	var out []*learn.Param
	for _, p := range b.parts() {
		out = append(out, p.params()...)
	}
	return out
}

// Walk saves and restores the running statistics.
func (b *BasicBlock) Walk(v learn.Visitor) {
	for _, p := range b.parts() {
		p.norm.Walk(v)
	}
}

// Forward maps images [N, H, W, in] to [N, H', W', out].
func (b *BasicBlock) Forward(tp *autograd.Tape, x *autograd.Var, pass Pass) *autograd.Var {
	y := tp.Relu(b.first.forward(tp, x, pass))
	y = b.second.forward(tp, y, pass)
	if b.short != nil {
		x = b.short.forward(tp, x, pass)
	}
	return tp.Relu(tp.Add(y, x))
}

// ResNetConfig is the shape of a residual network.
type ResNetConfig struct {
	In     int   // channels of the images
	Widths []int // channels of each stage; every stage but the first halves height and width
	Blocks []int // basic blocks of each stage, as many as Widths
}

// ResNet is a residual network for small images: a 3x3 convolution, stages of basic blocks and a mean over all
// places. First values are PyTorch's default ones of a convolution.
type ResNet struct {
	stem   *convNorm
	stages [][]*BasicBlock
	width  int
}

// NewResNet makes the network. Parameters are name.conv1.weight, name.bn1.weight and name.layer1.0.conv1.weight, the
// first block of the first stage, and so on.
func NewResNet(name string, c ResNetConfig, seed uint64) (*ResNet, error) {
	if len(c.Widths) == 0 || len(c.Blocks) != len(c.Widths) {
		return nil, fmt.Errorf("resnet %s: want widths and as many numbers of blocks, got %v and %v", name, c.Widths, c.Blocks)
	}
	r := &ResNet{stem: newConvNorm(name+".conv1", name+".bn1", c.In, c.Widths[0], 3, 1, seed), width: c.Widths[0]}
	for i, w := range c.Widths {
		var stage []*BasicBlock
		for j := range c.Blocks[i] {
			stride := 1
			if i > 0 && j == 0 {
				stride = 2
			}
			stage = append(stage, NewBasicBlock(fmt.Sprintf("%s.layer%d.%d", name, i+1, j), r.width, w, stride, seed))
			r.width = w
		}
		r.stages = append(r.stages, stage)
	}
	return r, nil
}

// Width returns the number of values that Forward gives a row.
func (r *ResNet) Width() int { return r.width }

// Stages returns the number of stages.
func (r *ResNet) Stages() int { return len(r.stages) }

// Params returns the parameters of all convolutions and norms.
func (r *ResNet) Params() []*learn.Param {
	out := r.stem.params()
	for _, stage := range r.stages {
		for _, b := range stage {
			out = append(out, b.Params()...)
		}
	}
	return out
}

// Walk saves and restores the running statistics.
func (r *ResNet) Walk(v learn.Visitor) {
	r.stem.norm.Walk(v)
	for _, stage := range r.stages {
		for _, b := range stage {
			b.Walk(v)
		}
	}
}

// Stem maps images [N, H, W, in] to what the first stage takes.
func (r *ResNet) Stem(tp *autograd.Tape, x *autograd.Var, pass Pass) *autograd.Var {
	return tp.Relu(r.stem.forward(tp, x, pass))
}

// Stage passes x through stage i, from 0; between stages a method may change x.
func (r *ResNet) Stage(tp *autograd.Tape, i int, x *autograd.Var, pass Pass) *autograd.Var {
	for _, b := range r.stages[i] {
		x = b.Forward(tp, x, pass)
	}
	return x
}

// Forward maps images [N, H, W, in] to [N, Width()].
func (r *ResNet) Forward(tp *autograd.Tape, x *autograd.Var, pass Pass) *autograd.Var {
	x = r.Stem(tp, x, pass)
	for i := range r.stages {
		x = r.Stage(tp, i, x, pass)
	}
	return tp.Mean(x, 1, 2)
}
