package eval

import (
	"math"

	"github.com/sluice-stream/sluice/internal/state"
)

// tally scores a stream of rows in fixed memory.
type tally struct {
	hist histogram
	loss float64 // sum
	rows int64
}

func newTally(bins int) tally { return tally{hist: newHistogram(bins)} }

func (t *tally) add(p float64, positive bool) {
	t.hist.add(p, positive)
	t.loss += rowLoss(p, positive)
	t.rows++
}

func (t *tally) merge(o *tally) {
	t.hist.merge(o.hist)
	t.loss += o.loss
	t.rows += o.rows
}

func (t *tally) scores() Scores {
	s := Scores{Rows: t.rows, AUC: math.NaN(), LogLoss: math.NaN(), NE: math.NaN(), ECE: math.NaN()}
	if t.rows == 0 {
		return s
	}
	_, pos := t.hist.totals()
	s.AUC = t.hist.auc()
	s.LogLoss = t.loss / float64(t.rows)
	s.NE = s.LogLoss / entropy(float64(pos)/float64(t.rows))
	s.ECE = t.hist.ece()
	return s.defined()
}

func (t *tally) Walk(v state.Visitor) {
	v.Visit("loss", &t.loss)
	v.Visit("rows", &t.rows)
	t.hist.Walk(v.Scope("histogram"))
}
