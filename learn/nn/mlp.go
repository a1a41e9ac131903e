package nn

import (
	"fmt"

	"github.com/sluice-stream/sluice/learn"
	"github.com/sluice-stream/sluice/tensorcore/autograd"
)

// MLP is a row of linear layers, each followed by ReLU.
type MLP struct {
	layers []*Linear
	width  int
}

// NewMLP makes layers of the given widths over `in` inputs; parameters are name.0.weight and so on. No widths
// make the identity.
func NewMLP(name string, in int, widths []int, seed uint64) *MLP {
	m := &MLP{width: in}
	for i, w := range widths {
		m.layers = append(m.layers, NewLinear(fmt.Sprintf("%s.%d", name, i), m.width, w, seed))
		m.width = w
	}
	return m
}

// Width returns the number of outputs.
func (m *MLP) Width() int { return m.width }

// Params returns the layers' parameters in order.
func (m *MLP) Params() []*learn.Param {
	var out []*learn.Param
	for _, l := range m.layers {
		out = append(out, l.Params()...)
	}
	return out
}

// Forward maps x [..., in] to [..., Width()].
func (m *MLP) Forward(tp *autograd.Tape, x *autograd.Var) *autograd.Var {
	for _, l := range m.layers {
		x = l.forwardRelu(tp, x)
	}
	return x
}
