package eval

import (
	"fmt"

	"github.com/sluice-stream/sluice/internal/state"
)

// priorBins is finer than the model's: a running mean moves little, and its order must still be seen.
const priorBins = 1 << 18

// Baselines predict each row from the labels before it, in stream order: the running prior (mean label so far,
// starting at one row of .5) and the last label (.9 after a positive, .1 after a negative, .5 at first).
// A model must beat both.
type Baselines struct {
	sum, rows, last  float64 // of the prior; next prediction of the last label
	prior, lastLabel tally
}

// NewBaselines returns baselines that have seen nothing. They hold about 5 MB.
func NewBaselines() *Baselines {
	return &Baselines{sum: .5, rows: 1, last: .5, prior: newTally(priorBins), lastLabel: newTally(modelBins)}
}

// Next returns what the two predict for the row that comes next.
func (b *Baselines) Next() (prior, last float32) { return float32(b.sum / b.rows), float32(b.last) }

// Add scores both on a row and then shows them its label.
func (b *Baselines) Add(y float32) {
	b.score(y > .5, b.sum/b.rows, b.last)
	b.Show(y)
}

// AddLate scores both on a row whose label came late, by what Next said when the row did. Show tells the label apart.
func (b *Baselines) AddLate(y, prior, last float32) { b.score(y > .5, float64(prior), float64(last)) }

func (b *Baselines) score(yes bool, prior, last float64) {
	b.prior.add(min(max(prior, clip), 1-clip), yes)
	b.lastLabel.add(last, yes)
}

// Show tells both the label of a row, for the rows that come next.
func (b *Baselines) Show(y float32) {
	b.rows++
	b.last = .1
	if y > .5 {
		b.sum++
		b.last = .9
	}
}

// Scores returns the scores of the prior and of the last label so far.
func (b *Baselines) Scores() (prior, last Scores) { return b.prior.scores(), b.lastLabel.scores() }

// LeakNote says in words that the order of the rows gives their labels away, or nothing: labels that follow each
// other (AUC of the last label above .75, over more than 1,000 rows) are rarely so when predictions are needed.
func (b *Baselines) LeakNote() string {
	s := b.lastLabel.scores()
	return leakNote(s)
}

func leakNote(s Scores) string {
	if s.Rows <= 1000 || !(s.AUC > .75) {
		return ""
	}
	return fmt.Sprintf("likely order leak: the label of the row before predicts the next one with AUC %.3f over %d rows; "+
		"the input may be sorted by its label, sort it by time instead", s.AUC, s.Rows)
}

func (b *Baselines) merge(o *Baselines) {
	b.prior.merge(&o.prior)
	b.lastLabel.merge(&o.lastLabel)
	b.sum, b.rows, b.last = b.sum+o.sum-.5, b.rows+o.rows-1, o.last
}

// Walk saves and restores the baselines.
func (b *Baselines) Walk(v state.Visitor) {
	v.Visit("sum", &b.sum)
	v.Visit("rows", &b.rows)
	v.Visit("last", &b.last)
	b.prior.Walk(v.Scope("prior"))
	b.lastLabel.Walk(v.Scope("last_label"))
}
