package nn

import (
	"fmt"

	"github.com/sluice-stream/sluice/learn"
	"github.com/sluice-stream/sluice/tensorcore/autograd"
)

// TransformerDecoderLayer is self-attention, attention to a memory and a network, each with a residual connection
// (torch.nn.TransformerDecoderLayer with batch_first).
type TransformerDecoderLayer struct {
	self, cross          *MultiHeadAttention
	network              *feedForward
	first, second, after *residual
}

// NewTransformerDecoderLayer makes the layer; parameters are name.self_attn.in.weight, name.cross_attn.in.weight,
// name.linear1.weight, name.norm1.weight and so on, with PyTorch's default first values.
func NewTransformerDecoderLayer(name string, c TransformerConfig, seed uint64) *TransformerDecoderLayer {
	return &TransformerDecoderLayer{
		self:    NewMultiHeadAttention(name+".self_attn", c.Width, c.Heads, c.Dropout, seed),
		cross:   NewMultiHeadAttention(name+".cross_attn", c.Width, c.Heads, c.Dropout, seed),
		network: newFeedForward(name, c, seed),
		first:   newResidual(name, 1, c, seed),
		second:  newResidual(name, 2, c, seed),
		after:   newResidual(name, 3, c, seed),
	}
}

// Params returns the parameters of attentions, network and norms.
func (l *TransformerDecoderLayer) Params() []*learn.Param {
	return paramsOf(l.self, l.cross, l.network.in, l.network.out, l.first.norm, l.second.norm, l.after.norm)
}

// Masks are what the positions of a decoder may see; nil for everything.
type Masks struct {
	Self  *autograd.Var // as that of MultiHeadAttention.Self; the tape's Lower is the usual one
	Cross *autograd.Var // as that of MultiHeadAttention.Cross
}

// Forward maps x [B, T, E] to the same shape, given memory [B, S, E].
func (l *TransformerDecoderLayer) Forward(tp *autograd.Tape, x, memory *autograd.Var, m Masks, pass Pass) *autograd.Var {
	x = l.first.add(tp, x, pass, func(x *autograd.Var) *autograd.Var { return l.self.Self(tp, x, m.Self, pass) })
	x = l.second.add(tp, x, pass, func(x *autograd.Var) *autograd.Var { return l.cross.Cross(tp, x, memory, m.Cross, pass) })
	return l.after.add(tp, x, pass, func(x *autograd.Var) *autograd.Var { return l.network.forward(tp, x, pass) })
}

// TransformerDecoder is a stack of decoder layers.
type TransformerDecoder struct {
	layers []*TransformerDecoderLayer
	norm   *LayerNorm // nil without
}

// NewTransformerDecoder makes `layers` layers, name.layers.0 and so on, and name.norm where the end is normalised.
func NewTransformerDecoder(name string, layers int, c TransformerConfig, seed uint64) *TransformerDecoder {
	d := &TransformerDecoder{}
	for i := range layers {
		d.layers = append(d.layers, NewTransformerDecoderLayer(fmt.Sprintf("%s.layers.%d", name, i), c, seed))
	}
	if c.FinalNorm {
		d.norm = NewLayerNorm(name+".norm", c.Width, c.eps())
	}
	return d
}

// Params returns the layers' parameters in order.
func (d *TransformerDecoder) Params() []*learn.Param {
	var out []*learn.Param
	for _, l := range d.layers {
		out = append(out, l.Params()...)
	}
	if d.norm != nil {
		out = append(out, d.norm.Params()...)
	}
	return out
}

// Forward maps x [B, T, E] to the same shape, given memory [B, S, E], which every layer sees.
func (d *TransformerDecoder) Forward(tp *autograd.Tape, x, memory *autograd.Var, m Masks, pass Pass) *autograd.Var {
	for _, l := range d.layers {
		x = l.Forward(tp, x, memory, m, pass)
	}
	if d.norm != nil {
		x = d.norm.Forward(tp, x)
	}
	return x
}
