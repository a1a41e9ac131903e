package nn

import (
	"github.com/sluice-stream/sluice/learn"
	"github.com/sluice-stream/sluice/tensorcore/autograd"
)

// Embedding is one row of numbers for each of a fixed number of ids: positions, classes, tokens. Its gradient and
// its update are of the whole table, so it is for small ones; tables of feature values, which grow and are updated
// by touched rows, are learn.NewTable.
type Embedding struct{ weight *learn.Param }

// NewEmbedding makes the layer with PyTorch's default first values, standard normal. The parameter is name.weight.
func NewEmbedding(name string, ids, dim int, seed uint64) *Embedding {
	return &Embedding{learn.NewParam(name+".weight", learn.Normal(seed, name+".weight", 1), ids, dim)}
}

// Params returns the table.
func (e *Embedding) Params() []*learn.Param { return []*learn.Param{e.weight} }

// Forward returns the rows of ids [N], each within the table: [N, dim]. It may be called several times a pass. ids
// is kept until the tape's Reset.
func (e *Embedding) Forward(tp *autograd.Tape, ids []int32) *autograd.Var {
	return tp.Gather(e.weight.Var(tp), ids)
}
