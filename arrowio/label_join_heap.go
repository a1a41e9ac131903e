package arrowio

// joinTimer is what happens to a row, or to a label without one, at a time.
type joinTimer struct {
	time  int64
	row   int64 // number of the row; of a label without one, its number among these
	slot  int32 // where it waits
	kind  int32
	label float64 // the label that matures
	taken int64   // and when it was recorded
}

// Kinds of timers, in the order in which they happen to one row at one time. Corrections are numbered behind the
// first label.
const (
	timerMature int32 = 0
	timerEnd    int32 = 1 << 29 // the window ends
	timerForget int32 = 1 << 30 // late labels are no longer told from labels without a row
	timerOrphan int32 = timerForget + 1
)

func (t joinTimer) before(o joinTimer) bool {
	switch {
	case t.time != o.time:
		return t.time < o.time
	case t.row != o.row:
		return t.row < o.row
	}
	return t.kind < o.kind
}

// joinTimers is a heap, the first timer at 0.
type joinTimers []joinTimer

func (h *joinTimers) push(t joinTimer) {
	q := append(*h, t)
	i := len(q) - 1
	for i > 0 {
		up := (i - 1) / 2
		if !t.before(q[up]) {
			break
		}
		q[i], i = q[up], up
	}
	q[i] = t
	*h = q
}

func (h *joinTimers) pop() joinTimer {
	q := *h
	first, last := q[0], q[len(q)-1]
	q = q[:len(q)-1]
	i := 0
	for len(q) > 0 {
		down := 2*i + 1
		if down+1 < len(q) && q[down+1].before(q[down]) {
			down++
		}
		if down >= len(q) || !q[down].before(last) {
			q[i] = last
			break
		}
		q[i], i = q[down], down
	}
	*h = q
	return first
}
