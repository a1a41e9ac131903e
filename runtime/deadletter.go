package runtime

import (
	"fmt"
	"slices"
	"strings"

	"github.com/apache/arrow/go/v17/arrow"
	"github.com/apache/arrow/go/v17/arrow/array"
	"github.com/apache/arrow/go/v17/arrow/memory"

	"github.com/sluice-stream/sluice/flow"
)

// rejects counts rejected rows and holds those that are not written yet.
type rejects struct {
	waiting []flow.Rejection
	total   int64
	fresh   int64                                         // not in the window yet
	window  [windowBuckets]struct{ rows, rejected int64 } // the rejected ones are among the rows
	at      int
	reasons map[string]int64
}

const (
	windowBuckets = 10
	bucketRows    = 1_000 // so the window is 10,000 rows
	verdictRows   = 1_000 // fewer rows than this say nothing, except at the end
	verdictAtEnd  = 100
	reasonsShown  = 3
)

func (r *rejects) add(rej flow.Rejection) {
	r.waiting = append(r.waiting, rej)
	r.total++
	r.fresh++
	if r.reasons == nil {
		r.reasons = map[string]int64{}
	}
	if len(r.reasons) < 100 || r.reasons[rej.Reason] > 0 {
		r.reasons[rej.Reason]++
	}
}

// seen moves the window over some rows, of which those that are fresh were rejected. Where among them is not
// known: they count as spread evenly.
func (r *rejects) seen(rows int64) {
	bad := r.fresh
	r.fresh = 0
	for rows = max(rows, bad); rows > 0; {
		b := &r.window[r.at]
		if b.rows == bucketRows {
			r.at = (r.at + 1) % windowBuckets
			b = &r.window[r.at]
			b.rows, b.rejected = 0, 0
		}
		n := min(rows, bucketRows-b.rows)
		share := bad * n / rows
		b.rows, b.rejected = b.rows+n, b.rejected+share
		rows, bad = rows-n, bad-share
	}
}

// verdict stops a run in which too large a share of the newest rows is rejected. A whole input of which no row
// was good is stopped however short it is.
func (r *rejects) verdict(most float64, atEnd, whole bool) error {
	r.seen(0) // what was rejected since
	var all, bad int64
	for _, b := range r.window {
		all += b.rows
		bad += b.rejected
	}
	enough := int64(verdictRows)
	switch {
	case whole && bad == all:
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

// bury writes the waiting rejections to the dead letters.
func (c *chain) bury() error {
	if len(c.reject.waiting) == 0 {
		return nil
	}
	if c.g.dead == nil {
		r := c.reject.waiting[0]
		return flow.Dataf("%s: %s rejected a row at %s, and there is nowhere to put it; declare dead_letter: {parquet: {path: out/rejected}}", r.Reason, r.Stage, place(r))
	}
	rec := rejectionRecord(c.env.Alloc, c.reject.waiting)
	defer rec.Release()
	c.reject.waiting = c.reject.waiting[:0]
	if err := c.g.dead.Write(c.ctx, rec); err != nil {
		return fmt.Errorf("dead_letter: %w", err)
	}
	return c.reject.verdict(c.g.MaxRejected, false, false)
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

func rejectionRecord(alloc memory.Allocator, rs []flow.Rejection) arrow.Record {
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
