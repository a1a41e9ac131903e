package arrowio

import (
	"context"
	"io"
	"math"

	"github.com/apache/arrow/go/v17/arrow"
)

// joinSteps bounds what one call of Next does when few rows leave it.
const joinSteps = 1 << 16

// Next returns rows as they happen and as they mature. A record without rows means that none came for a while.
func (j *LabelJoin) Next(ctx context.Context, most int) (arrow.Record, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	for steps := 0; j.out.rows() < most && steps < joinSteps; steps++ {
		more, err := j.step(ctx)
		if err != nil && j.out.rows() == 0 {
			return nil, err
		}
		if err != nil || !more {
			break // the error comes again at the next call
		}
	}
	rec, err := j.assemble()
	if err != nil {
		return nil, err
	}
	j.counts.waiting.Store(int64(len(j.wait.slots) - len(j.wait.unused)))
	return rec, j.store.tidy(j.alloc, func(slot, seg, at int32) { j.wait.slots[slot].seg, j.wait.slots[slot].at = seg, at })
}

// step does one thing; more is false when it waits for input.
func (j *LabelJoin) step(ctx context.Context) (more bool, err error) {
	rows, labels, err := j.heads(ctx)
	switch {
	case err != nil:
		return false, err
	case rows == headWaits || labels == headWaits:
		return false, nil
	case labels == headThere && (rows != headThere || j.labels.head() < j.rows.head()):
		return j.turnOfLabel(rows == headEnded)
	case rows == headThere:
		return j.turnOfRow()
	case rows == headIdle || labels == headIdle:
		return false, nil
	}
	j.now = math.MaxInt64
	if !j.fire() {
		return false, io.EOF
	}
	return true, nil
}

func (j *LabelJoin) turnOfRow() (bool, error) {
	if at := j.rows.head(); at > j.now {
		j.now = at
	}
	if j.fire() {
		return true, nil
	}
	if did, err := j.makeRoom(slotBytes+j.costs[j.rows.at], j.now); did || err != nil {
		return true, err
	}
	return true, j.takeRow()
}

// turnOfLabel takes a label. Time is that of the rows, and of the labels only once there are no more rows.
func (j *LabelJoin) turnOfLabel(alone bool) (bool, error) {
	if alone {
		j.now = max(j.now, j.labels.head())
		if j.fire() {
			return true, nil
		}
	}
	if _, known := j.wait.keys[j.labels.ids[j.labels.at]]; !known {
		known := max(j.now, later(j.labels.head(), 1)) // what was recorded with this label too: the next row is later
		if did, err := j.makeRoom(orphanBytes, known); did || err != nil {
			return true, err
		}
	}
	return true, j.takeLabel()
}

// readiness of the head of a side.
type joinHead int

const (
	headThere joinHead = iota
	headEnded
	headWaits // a row must come before the other side may go on
	headIdle  // nothing came from a source without an end: the other side goes on
)

// heads reads ahead where nothing was.
func (j *LabelJoin) heads(ctx context.Context) (rows, labels joinHead, err error) {
	labels = headEnded
	if rows, err = j.headOf(ctx, &j.rows, j.labels != nil && j.labels.has()); err != nil || j.labels == nil {
		return rows, labels, err
	}
	labels, err = j.headOf(ctx, j.labels, rows == headThere || rows == headIdle)
	return rows, labels, err
}

func (j *LabelJoin) headOf(ctx context.Context, s *joinSide, busy bool) (joinHead, error) {
	switch {
	case s.has():
		return headThere, nil
	case s.ended:
		return headEnded, nil
	}
	got, err := s.fetch(ctx, busy)
	switch {
	case err != nil:
		return headWaits, err
	case got:
		return headThere, j.readAhead(s)
	case s.ended:
		return headEnded, nil
	case s.bounded():
		return headWaits, nil
	}
	return headIdle, nil
}

// readAhead looks at the columns of what was just fetched.
func (j *LabelJoin) readAhead(s *joinSide) error {
	c := j.columns
	if s == j.labels {
		j.values = labelValues(s.rec.Column(c.label), j.values)
		return j.look(s, c.labelTime, c.labelKey)
	}
	own, err := copyRecord(j.alloc, s.rec)
	if err != nil {
		return err
	}
	s.rec.Release()
	s.rec = own
	j.beginSegment()
	if c.outcome >= 0 {
		j.outcomes = j.times(own.Column(c.outcome), j.outcomes)
	}
	if j.labels == nil {
		j.values = labelValues(own.Column(c.label), j.values)
		j.labelTimes = j.times(own.Column(c.labelTime), j.labelTimes)
	}
	j.costs = append(j.costs[:0], make([]int64, own.NumRows())...)
	for _, col := range own.Columns() {
		rowBytes(col, j.costs)
	}
	return j.look(s, c.time, c.rowKey)
}

// beginSegment makes what was read ahead the segment that rows are taken from.
func (j *LabelJoin) beginSegment() {
	if j.headSegment >= 0 {
		j.store.segments[j.headSegment].head = false
	}
	j.rows.rec.Retain()
	j.headSegment = j.store.add(j.rows.rec)
}
