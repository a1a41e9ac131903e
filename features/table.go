package features

import (
	"math"

	"github.com/sluice-stream/sluice/learn"
	"github.com/sluice-stream/sluice/tensorcore"
	"github.com/sluice-stream/sluice/tensorcore/autograd"
)

// tables are the growing parameters of a model, one row a table row of the vocabulary.
type tables struct {
	emb    *learn.Param // [rows, D], nil when the model needs none
	linear *learn.Param // [rows, 1], nil when the model needs none
	// vocab is the size of the whole vocabulary where it is known before training (batch mode), else 0.
	vocab int64
}

func newTables(n learn.Needs, seed uint64) *tables {
	t := &tables{}
	if n.Dim > 0 {
		init := learn.Normal(seed, "emb", 0.01)
		if n.Xavier {
			init = t.xavier(n.Dim, seed)
		}
		t.emb = learn.NewTable("emb", n.Dim, init)
	}
	if n.Linear {
		t.linear = learn.NewTable("linear", 1, learn.Constant(0))
	}
	return t
}

// xavier starts a row even in +-sqrt(6/(m+D)). A stream never knows m: there row r takes the table up to itself,
// m = r+1, so that its values do not depend on when it came.
func (t *tables) xavier(dim int, seed uint64) learn.Init {
	return func(row int, dst []float32) {
		m := max(int64(row)+1, t.vocab)
		learn.Uniform(seed, "emb", math.Sqrt(6/float64(m+int64(dim))))(row, dst)
	}
}

// main is the table of embeddings, or of first-order weights in a model without any.
func (t *tables) main() *learn.Param {
	if t.emb != nil {
		return t.emb
	}
	return t.linear
}

func (t *tables) params() []*learn.Param { return present(t.emb, t.linear) }

// pool joins the values of each (row, field) into one.
//
//	x       [N, D], one row a value
//	result  [B*F, D]; a field without values is zeros
func pool(tp *autograd.Tape, x *autograd.Var, b *learn.Batch) *autograd.Var {
	if len(b.Offsets) == 0 {
		return x
	}
	sums := tp.SegmentSum(x, b.Offsets)
	if scale := meanScale(b); scale != nil {
		sums = tp.Mul(sums, tp.Const(tensorcore.NewFloat32([]int{len(scale), 1}, scale)))
	}
	return sums
}

// meanScale is 1/values for pairs of averaged fields and 1 for others; nil when no field is averaged. The number
// is that of the values before any gate, so that a gate of 0 means absent and weighs the others no more.
func meanScale(b *learn.Batch) []float32 {
	any := false
	for _, m := range b.Mean {
		any = any || m
	}
	if !any {
		return nil
	}
	scale := make([]float32, b.Rows*b.Fields)
	for k := range scale {
		scale[k] = 1
		if n := b.Offsets[k+1] - b.Offsets[k]; b.Mean[k%b.Fields] && n > 1 {
			scale[k] = 1 / float32(n)
		}
	}
	return scale
}
