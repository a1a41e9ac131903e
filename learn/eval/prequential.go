package eval

import (
	"fmt"

	"github.com/sluice-stream/sluice/internal/state"
)

// modelBins keeps the AUC of a model within 1e-4 of the exact one.
const modelBins = 1 << 16

// Prequential scores a stream of predictions, each made before its label was learned: over the whole life in
// fixed memory, and exactly over a window of the newest rows. Not safe for concurrent use.
type Prequential struct {
	life   tally
	base   *Baselines
	y, p   []float32 // ring of the newest rows
	size   int       // rows the ring may hold
	oldest int       // position of the oldest row once the ring is full
}

// NewPrequential scores with a window of that many rows, at least 1.
func NewPrequential(window int) *Prequential {
	return &Prequential{life: newTally(modelBins), base: NewBaselines(), size: max(window, 1)}
}

// Add takes rows in stream order; y and p are equally long, p finite.
func (q *Prequential) Add(y, p []float32) {
	for i, label := range y {
		q.life.add(clipped(p[i]), label > .5)
		q.base.Add(label)
		q.push(label, p[i])
	}
}

// AddLate takes rows whose labels came late, in the order in which they did. prior and last are what the baselines
// said when each row was predicted; the labels are shown to them by Show, when they come.
func (q *Prequential) AddLate(y, p, prior, last []float32) {
	for i, label := range y {
		q.life.add(clipped(p[i]), label > .5)
		q.base.AddLate(label, prior[i], last[i])
		q.push(label, p[i])
	}
}

func (q *Prequential) push(y, p float32) {
	if len(q.y) < q.size {
		q.y, q.p = append(q.y, y), append(q.p, p)
		return
	}
	q.y[q.oldest], q.p[q.oldest] = y, p
	q.oldest = (q.oldest + 1) % q.size
}

// Scores returns the scores over all rows. Its AUC is within 1e-4 of the exact one for a model whose
// predictions spread, its calibration error within 1e-4 plus what one bin of equal predictions holds.
func (q *Prequential) Scores() Scores { return q.life.scores() }

// Window returns the exact scores over the newest rows.
func (q *Prequential) Window() Scores { return Exact(q.y, q.p) }

// Baselines returns the baselines on the same rows.
func (q *Prequential) Baselines() *Baselines { return q.base }

// LeakNote is Baselines().LeakNote().
func (q *Prequential) LeakNote() string { return q.base.LeakNote() }

// Merge adds what o has seen, as if its rows had come after q's own. The windows must be of one size.
func (q *Prequential) Merge(o *Prequential) error {
	if q.size != o.size {
		return fmt.Errorf("merge: want windows of one size, got %d and %d", q.size, o.size)
	}
	q.life.merge(&o.life)
	q.base.merge(o.base)
	for i := range o.y {
		at := (o.oldest + i) % len(o.y)
		q.push(o.y[at], o.p[at])
	}
	return nil
}

// Walk saves and restores everything that was seen.
func (q *Prequential) Walk(v state.Visitor) {
	v.Visit("window_y", &q.y)
	v.Visit("window_p", &q.p)
	v.Visit("window_oldest", &q.oldest)
	q.life.Walk(v.Scope("life"))
	q.base.Walk(v.Scope("baselines"))
	if !v.Restoring() {
		return
	}
	if len(q.y) != len(q.p) || len(q.y) > q.size || q.oldest < 0 || q.oldest > max(len(q.y)-1, 0) {
		v.Fail(fmt.Errorf("window: want at most %d rows, got %d labels and %d predictions; the window setting may have changed",
			q.size, len(q.y), len(q.p)))
	}
}
