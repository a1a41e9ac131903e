package runtime

import (
	"fmt"
	"slices"
	"strings"

	"github.com/apache/arrow/go/v17/arrow"
	"github.com/apache/arrow/go/v17/arrow/array"
	"github.com/apache/arrow/go/v17/arrow/memory"

	"github.com/sluice-stream/sluice/flow"
	"github.com/sluice-stream/sluice/internal/state"
)

// rejects counts rejected rows and holds those of the checkpoint that is due next. They are written there, those
// of the source first, then those of each operator: in which order they came depends on how records were cut.
type rejects struct {
	waiting []refused
	total   int64
	judged  int64 // of the total
	fresh   int64 // not in the window yet
	window  state.Window
	reasons map[string]int64
}

// refused is a rejected row, and which component refused it: the feed and the source are 0, operators follow.
type refused struct {
	flow.Rejection
	by int
}

const (
	windowBuckets = 10
	bucketRows    = 1_000 // so the window is 10,000 rows
	verdictRows   = 1_000 // fewer rows than this say nothing, except at the end
	verdictAtEnd  = 100
	reasonsShown  = 3
)

func (r *rejects) add(rej flow.Rejection, by int) {
	r.waiting = append(r.waiting, refused{rej, by})
	r.total++
	r.fresh++
	if r.reasons == nil {
		r.reasons = map[string]int64{}
	}
	if len(r.reasons) < 100 || r.reasons[rej.Reason] > 0 {
		r.reasons[rej.Reason]++
	}
}

func newRejects() rejects {
	return rejects{window: state.Window{Rows: make([]int64, windowBuckets), Rejected: make([]int64, windowBuckets)}}
}

// resume goes on with the counts of a checkpoint.
func (r *rejects) resume(m *state.Manifest) {
	r.total = m.Rejected
	if len(m.Window.Rows) == windowBuckets && len(m.Window.Rejected) == windowBuckets {
		r.window = m.Window
	}
}

// copied is the window as it stands now.
func (r *rejects) copied() state.Window {
	w := r.window
	w.Rows, w.Rejected = slices.Clone(w.Rows), slices.Clone(w.Rejected)
	return w
}

// seen moves the window over some rows, of which those that are fresh were rejected. Where among them is not
// known: they count as spread evenly.
func (r *rejects) seen(rows int64) {
	bad := r.fresh
	r.fresh = 0
	w := &r.window
	rows = max(rows, bad)
	w.Seen += rows
	for rows > 0 {
		if w.Rows[w.At] == bucketRows {
			w.At = (w.At + 1) % windowBuckets
			w.Rows[w.At], w.Rejected[w.At] = 0, 0
		}
		n := min(rows, bucketRows-w.Rows[w.At])
		share := bad * n / rows
		w.Rows[w.At] += n
		w.Rejected[w.At] += share
		rows, bad = rows-n, bad-share
	}
}

// verdict stops a run in which too large a share of the newest rows is rejected. A whole input of which no row
// was good is stopped however short it is.
func (r *rejects) verdict(most float64, atEnd bool) error {
	r.seen(0) // what was rejected since
	var all, bad int64
	for i, n := range r.window.Rows {
		all += n
		bad += r.window.Rejected[i]
	}
	enough := int64(verdictRows)
	switch {
	case atEnd && r.window.Seen == r.total:
		enough = 1
	case atEnd:
		enough = verdictAtEnd
	}
	if all < enough || float64(bad) <= most*float64(all) {
		return nil
	}
	return flow.Dataf("%d of the last %d rows were rejected, more than max_rejected %g allows; most often: %s; mend the input or the schema, or raise max_rejected",
		bad, all, most, r.top())
}

func (r *rejects) top() string {
	var keys []string
	for k := range r.reasons {
		keys = append(keys, k)
	}
	slices.SortFunc(keys, func(a, b string) int {
		if d := r.reasons[b] - r.reasons[a]; d != 0 {
			return int(d)
		}
		return strings.Compare(a, b)
	})
	var out []string
	for _, k := range keys[:min(len(keys), reasonsShown)] {
		out = append(out, fmt.Sprintf("%s (%d)", k, r.reasons[k]))
	}
	return strings.Join(out, "; ")
}

// judge stops the run when rows are rejected that have nowhere to go, or too many of them.
func (c *chain) judge() error {
	if len(c.reject.waiting) == 0 || c.reject.judged == c.reject.total {
		return nil
	}
	c.reject.judged = c.reject.total
	if c.g.dead == nil {
		r := c.reject.waiting[0].Rejection
		return flow.Dataf("%s: %s rejected a row at %s, and there is nowhere to put it; declare dead_letter: {parquet: {path: out/rejected}}", r.Reason, r.Stage, place(r))
	}
	return c.reject.verdict(c.g.MaxRejected, false)
}

// bury writes the waiting rejections to the dead letters.
func (c *chain) bury() error {
	if err := c.judge(); err != nil || len(c.reject.waiting) == 0 {
		return err
	}
	slices.SortStableFunc(c.reject.waiting, func(a, b refused) int { return a.by - b.by })
	rec := rejectionRecord(c.env.Alloc, c.reject.waiting)
	defer rec.Release()
	c.reject.waiting = c.reject.waiting[:0]
	if err := c.g.dead.Write(c.ctx, rec); err != nil {
		return fmt.Errorf("dead_letter: %w", err)
	}
	return nil
}

func place(r flow.Rejection) string {
	topic := r.Topic
	if topic == "" {
		topic = "an unknown place"
	}
	if r.Partition >= 0 {
		return fmt.Sprintf("%s/%d/%d", topic, r.Partition, r.Offset)
	}
	if r.Offset >= 0 {
		return fmt.Sprintf("%s, row %d", topic, r.Offset)
	}
	return topic
}

func rejectionRecord(alloc memory.Allocator, rs []refused) arrow.Record {
	b := array.NewRecordBuilder(alloc, flow.RejectionSchema)
	defer b.Release()
	for _, r := range rs {
		b.Field(0).(*array.StringBuilder).Append(r.Reason)
		b.Field(1).(*array.StringBuilder).Append(r.Stage)
		b.Field(2).(*array.StringBuilder).Append(r.Topic)
		b.Field(3).(*array.Int32Builder).Append(r.Partition)
		b.Field(4).(*array.Int64Builder).Append(r.Offset)
		b.Field(5).(*array.BinaryBuilder).Append(r.Raw)
	}
	return b.NewRecord()
}
