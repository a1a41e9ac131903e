package nn

import (
	"math"

	"gorgonia.org/tensor"

	"github.com/sluice-stream/sluice/learn"
	"github.com/sluice-stream/sluice/tensorcore"
	"github.com/sluice-stream/sluice/tensorcore/autograd"
)

// MultiHeadAttention lets every position of one sequence take a weighted mean of the positions of another, once
// for each head (arXiv:1706.03762; torch.nn.MultiheadAttention with batch_first).
type MultiHeadAttention struct {
	inWeight, inBias *learn.Param // [E, 3E] and [3E]: query, key, value
	out              *Linear
	drop             *Dropout
	width, heads     int
}

// NewMultiHeadAttention makes the layer for vectors of `width` values; heads divides width. dropout is the share
// of attention weights that are dropped in training. First values are PyTorch's: the input projection Xavier-even,
// the output projection as a linear layer, biases 0. The parameters are name.in.weight, name.in.bias,
// name.out.weight and name.out.bias.
func NewMultiHeadAttention(name string, width, heads int, dropout float64, seed uint64) *MultiHeadAttention {
	xavier := math.Sqrt(6 / float64(width+3*width))
	m := &MultiHeadAttention{
		inWeight: learn.NewParam(name+".in.weight", learn.Uniform(seed, name+".in.weight", xavier), width, 3*width),
		inBias:   newParam(learn.BiasGroup, name+".in.bias", learn.Constant(0), 3*width),
		out:      NewLinear(name+".out", width, width, seed),
		drop:     NewDropout(name+".dropout", dropout, seed),
		width:    width, heads: heads,
	}
	clear(m.out.bias.Data())
	return m
}

// Params returns the projections.
func (m *MultiHeadAttention) Params() []*learn.Param {
	return append([]*learn.Param{m.inWeight, m.inBias}, m.out.Params()...)
}

// Self lets the positions of x attend to each other.
//
//	x       [B, T, E]
//	mask    0 where a position (row) may not see another (column): [T, T], or [B, T or 1, T] for each sequence its
//	        own; nil for none. The tape's Lower is the causal one. Who may see nobody gets zeros
//	result  [B, T, E]
func (m *MultiHeadAttention) Self(tp *autograd.Tape, x, mask *autograd.Var, pass Pass) *autograd.Var {
	if !m.fits(tp, x) {
		return x
	}
	qkv := m.project(tp, x, m.inWeight.Var(tp), m.inBias.Var(tp))
	part := func(i int) *autograd.Var {
		return tp.Heads(tp.Slice(qkv, 2, i*m.width, (i+1)*m.width), m.heads)
	}
	return m.attend(tp, part(0), part(1), part(2), x.Shape()[0], mask, pass)
}

// Cross lets the positions of x attend to those of memory.
//
//	x       [B, T, E]
//	memory  [B, S, E]
//	mask    as for Self, [T, S] or [B, T or 1, S]; LengthMask hides the ends of short sequences
//	result  [B, T, E]
func (m *MultiHeadAttention) Cross(tp *autograd.Tape, x, memory, mask *autograd.Var, pass Pass) *autograd.Var {
	if !m.fits(tp, x) || !m.fits(tp, memory) {
		return x
	}
	if memory.Shape()[0] != x.Shape()[0] {
		return refuse(tp, "%s: want as many sequences in memory as in x %v, got %v", m.inWeight.Name, x.Shape(), memory.Shape())
	}
	w, bias := m.inWeight.Var(tp), m.inBias.Var(tp)
	part := func(x *autograd.Var, i int) *autograd.Var {
		from, to := i*m.width, (i+1)*m.width
		return tp.Heads(m.project(tp, x, tp.Slice(w, 1, from, to), tp.Slice(bias, 0, from, to)), m.heads)
	}
	return m.attend(tp, part(x, 0), part(memory, 1), part(memory, 2), x.Shape()[0], mask, pass)
}

// project maps x [B, T, E] by part of the input projection.
func (m *MultiHeadAttention) project(tp *autograd.Tape, x, w, bias *autograd.Var) *autograd.Var {
	return rows(tp, x, m.width, func(x *autograd.Var) *autograd.Var { return tp.Linear(x, w, bias) })
}

// attend is the scaled dot-product attention of b sequences and the output projection. q, k and v are [B*H, ., D].
func (m *MultiHeadAttention) attend(tp *autograd.Tape, q, k, v *autograd.Var, b int, mask *autograd.Var, pass Pass) *autograd.Var {
	mask = m.perHead(tp, mask, b)
	if !m.drop.drops(pass) {
		return m.out.Forward(tp, tp.MergeHeads(tp.Attention(q, k, v, mask), m.heads))
	}
	scores := tp.BatchMatMul(tp.Scale(q, 1/math.Sqrt(float64(m.width/m.heads))), k, false, true) // [B*H, T, S]
	if mask == nil {
		scores = tp.Softmax(scores, -1)
	} else {
		scores = tp.MaskedSoftmax(scores, mask, -1)
	}
	y := tp.BatchMatMul(m.drop.Forward(tp, scores, pass), v, false, false)
	return m.out.Forward(tp, tp.MergeHeads(y, m.heads))
}

// perHead repeats a mask [B, T, S] for the heads of each sequence: [B*H, T, S].
func (m *MultiHeadAttention) perHead(tp *autograd.Tape, mask *autograd.Var, b int) *autograd.Var {
	if mask == nil || tp.Err() != nil || len(mask.Shape()) != 3 || mask.Shape()[0] == 1 {
		return mask
	}
	t, s := mask.Shape()[1], mask.Shape()[2]
	if mask.Shape()[0] != b {
		return refuse(tp, "%s: want a mask for each of %d sequences, got %v", m.inWeight.Name, b, mask.Shape())
	}
	wide := tp.BroadcastTo(tp.Reshape(mask, b, 1, t, s), b, m.heads, t, s)
	return tp.Reshape(wide, b*m.heads, t, s)
}

func (m *MultiHeadAttention) fits(tp *autograd.Tape, x *autograd.Var) bool {
	if m.heads < 1 || m.width%m.heads != 0 {
		refuse(tp, "%s: want heads that divide the width %d, got %d", m.inWeight.Name, m.width, m.heads)
		return false
	}
	return fits(tp, m.inWeight.Name, x, anySize, anySize, m.width)
}

// LengthMask hides positions behind the end of each sequence: [B, 1, t], 1 for what may be seen.
func LengthMask(lengths []int, t int) *tensor.Dense {
	m := tensorcore.Zeros(tensor.Float32, len(lengths), 1, t)
	for i, n := range lengths {
		for j := range min(n, t) {
			tensorcore.Host32(m)[i*t+j] = 1
		}
	}
	return m
}
