package nn

import (
	"fmt"

	"github.com/sluice-stream/sluice/learn"
	"github.com/sluice-stream/sluice/tensorcore/autograd"
)

// TransformerConfig is the shape of a transformer layer.
type TransformerConfig struct {
	Width      int        // E, values of a position
	Heads      int        // of attention; divides Width
	Hidden     int        // width of the two-layer network between attentions
	Dropout    float64    // share that is dropped of attention weights, hidden values and results, in training
	NormFirst  bool       // normalise what goes into attention and network, instead of the sum that comes out
	Activation Activation // nil: Relu
	Eps        float64    // of the layer norms; 0: DefaultEps
	FinalNorm  bool       // a stack ends with a layer norm, as NormFirst wants it
}

func (c TransformerConfig) eps() float64 {
	if c.Eps == 0 {
		return DefaultEps
	}
	return c.Eps
}

// feedForward is the two-layer network of a transformer layer.
type feedForward struct {
	in, out *Linear
	act     Activation
	drop    *Dropout
}

func newFeedForward(name string, c TransformerConfig, seed uint64) *feedForward {
	return &feedForward{
		in:   NewLinear(name+".linear1", c.Width, c.Hidden, seed),
		out:  NewLinear(name+".linear2", c.Hidden, c.Width, seed),
		act:  c.Activation,
		drop: NewDropout(name+".dropout", c.Dropout, seed),
	}
}

func (f *feedForward) forward(tp *autograd.Tape, x *autograd.Var, pass Pass) *autograd.Var {
	if f.act == nil {
		return f.out.Forward(tp, f.drop.Forward(tp, f.in.forwardRelu(tp, x), pass))
	}
	return f.out.Forward(tp, f.drop.Forward(tp, f.act(tp, f.in.Forward(tp, x)), pass))
}

// residual is one branch of a layer with its norm and dropout.
type residual struct {
	norm  *LayerNorm
	drop  *Dropout
	first bool
}

func newResidual(name string, n int, c TransformerConfig, seed uint64) *residual {
	return &residual{
		norm:  NewLayerNorm(fmt.Sprintf("%s.norm%d", name, n), c.Width, c.eps()),
		drop:  NewDropout(fmt.Sprintf("%s.dropout%d", name, n), c.Dropout, seed),
		first: c.NormFirst,
	}
}

// add returns x + f(norm(x)) or norm(x + f(x)).
func (r *residual) add(tp *autograd.Tape, x *autograd.Var, pass Pass, f func(x *autograd.Var) *autograd.Var) *autograd.Var {
	if r.first {
		return tp.Add(x, r.drop.Forward(tp, f(r.norm.Forward(tp, x)), pass))
	}
	return r.norm.Forward(tp, tp.Add(x, r.drop.Forward(tp, f(x), pass)))
}

// TransformerEncoderLayer is self-attention and a network, each with a residual connection
// (torch.nn.TransformerEncoderLayer with batch_first).
type TransformerEncoderLayer struct {
	attention    *MultiHeadAttention
	network      *feedForward
	first, after *residual
}

// NewTransformerEncoderLayer makes the layer; parameters are name.self_attn.in.weight, name.linear1.weight,
// name.norm1.weight and so on, with PyTorch's default first values.
func NewTransformerEncoderLayer(name string, c TransformerConfig, seed uint64) *TransformerEncoderLayer {
	return &TransformerEncoderLayer{
		attention: NewMultiHeadAttention(name+".self_attn", c.Width, c.Heads, c.Dropout, seed),
		network:   newFeedForward(name, c, seed),
		first:     newResidual(name, 1, c, seed),
		after:     newResidual(name, 2, c, seed),
	}
}

// Params returns the parameters of attention, network and norms.
func (l *TransformerEncoderLayer) Params() []*learn.Param {
	return paramsOf(l.attention, l.network.in, l.network.out, l.first.norm, l.after.norm)
}

// Forward maps x [B, T, E] to the same shape; mask is that of MultiHeadAttention.Self.
func (l *TransformerEncoderLayer) Forward(tp *autograd.Tape, x, mask *autograd.Var, pass Pass) *autograd.Var {
	x = l.first.add(tp, x, pass, func(x *autograd.Var) *autograd.Var { return l.attention.Self(tp, x, mask, pass) })
	return l.after.add(tp, x, pass, func(x *autograd.Var) *autograd.Var { return l.network.forward(tp, x, pass) })
}

// TransformerEncoder is a stack of encoder layers.
type TransformerEncoder struct {
	layers []*TransformerEncoderLayer
	norm   *LayerNorm // nil without
}

// NewTransformerEncoder makes `layers` layers, name.layers.0 and so on, and name.norm where the end is normalised.
func NewTransformerEncoder(name string, layers int, c TransformerConfig, seed uint64) *TransformerEncoder {
	e := &TransformerEncoder{}
	for i := range layers {
		e.layers = append(e.layers, NewTransformerEncoderLayer(fmt.Sprintf("%s.layers.%d", name, i), c, seed))
	}
	if c.FinalNorm {
		e.norm = NewLayerNorm(name+".norm", c.Width, c.eps())
	}
	return e
}

// Params returns the layers' parameters in order.
func (e *TransformerEncoder) Params() []*learn.Param {
	var out []*learn.Param
	for _, l := range e.layers {
		out = append(out, l.Params()...)
	}
	if e.norm != nil {
		out = append(out, e.norm.Params()...)
	}
	return out
}

// Forward maps x [B, T, E] to the same shape; mask is that of MultiHeadAttention.Self, in every layer.
func (e *TransformerEncoder) Forward(tp *autograd.Tape, x, mask *autograd.Var, pass Pass) *autograd.Var {
	for _, l := range e.layers {
		x = l.Forward(tp, x, mask, pass)
	}
	if e.norm != nil {
		x = e.norm.Forward(tp, x)
	}
	return x
}
