package nn

import (
	"github.com/sluice-stream/sluice/learn"
	"github.com/sluice-stream/sluice/tensorcore/autograd"
)

// Dropout sets a share of the values to 0 in training and divides the others by what is left of 1. Which values
// depends on the seed, the name and the step of the pass alone, so a restored run and a forward pass that is made
// again drop the same. Two calls within one step drop the same places.
type Dropout struct {
	name  string
	seed  uint64
	share float64
}

// NewDropout makes the layer; share is the chance of a value to be dropped, from 0 to below 1.
func NewDropout(name string, share float64, seed uint64) *Dropout { return &Dropout{name, seed, share} }

// Params returns none.
func (d *Dropout) Params() []*learn.Param { return nil }

// Forward returns x with values dropped, x itself outside training.
func (d *Dropout) Forward(tp *autograd.Tape, x *autograd.Var, pass Pass) *autograd.Var {
	if !d.drops(pass) {
		return x
	}
	r := learn.NewRand(d.seed, d.name, pass.step)
	return tp.Dropout(x, d.share, r.Uint64())
}

// drops says whether Forward changes anything.
func (d *Dropout) drops(pass Pass) bool { return pass.training && d.share != 0 }
