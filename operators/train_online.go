package operators

import (
	"github.com/apache/arrow/go/v17/arrow"
	"github.com/apache/arrow/go/v17/arrow/array"

	"github.com/sluice-stream/sluice/flow"
	"github.com/sluice-stream/sluice/learn"
)

// mostRows bounds what is encoded at once where every row is an update.
const mostRows = 4096

// online is the batch that is being filled and the records that wait for their scores.
type online struct {
	known   learn.Batch // rows with a label
	blank   learn.Batch // rows without one; they are predicted and change nothing
	waiting int         // rows in both
	places  []place     // where the rows of both came from, in order
	queue   []held
	spare   [][]float32
	scores  [2][]float32 // of known and of blank
}

// held is a record of which not every row has its score yet.
type held struct {
	rec    arrow.Record
	scores []float32
	done   int
}

// place is a run of rows of one record that went into one of the two batches.
type place struct {
	record, from, to int
	known            bool
}

// feed takes the rows of a record into batches of exactly the wanted size, whatever records they came in.
func (t *Train) feed(rec arrow.Record, labels []float32, emit flow.Emit) error {
	o := &t.online
	o.hold(rec)
	for at := 0; at < len(labels); {
		known := labels[at] >= 0
		room := mostRows
		if t.cfg.Update == "batch" {
			room = t.cfg.Batch - o.waiting
		}
		to := at + 1
		for to < len(labels) && to-at < room && (labels[to] >= 0) == known {
			to++
		}
		b := &o.blank
		if known {
			b = &o.known
			b.Labels = append(b.Labels, labels[at:to]...)
		}
		if err := t.enc.Encode(rec, at, to, b, known); err != nil {
			return err
		}
		o.places = append(o.places, place{record: len(o.queue) - 1, from: at, to: to, known: known})
		o.waiting += to - at
		at = to
		if t.cfg.Update == "row" || o.waiting == t.cfg.Batch {
			if err := t.step(emit); err != nil {
				return err
			}
			// records before this one have left the queue
		}
	}
	return nil
}

// step predicts and then learns what waits, and emits the records that are complete.
func (t *Train) step(emit flow.Emit) error {
	o := &t.online
	if o.waiting > 0 {
		o.scores[0], o.scores[1] = room(o.scores[0], o.known.Rows), room(o.scores[1], o.blank.Rows)
		if err := t.learn(); err != nil {
			return err
		}
		t.metrics.Add(o.known.Labels, o.scores[0])
		t.trained += int64(o.known.Rows)
		t.blank += int64(o.blank.Rows)
		o.distribute()
		o.known.Reset()
		o.blank.Reset()
		o.places, o.waiting = o.places[:0], 0
	}
	return t.emitDone(emit)
}

func room(s []float32, n int) []float32 {
	if cap(s) < n {
		return make([]float32, n)
	}
	return s[:n]
}

// learn updates the model; all rows of a batch are predicted by the model before it.
func (t *Train) learn() error {
	o := &t.online
	if t.cfg.Update == "row" {
		return t.learnRows()
	}
	t.ctr.Grow(t.enc.Rows())
	if err := t.ctr.Predict(&o.blank, o.scores[1]); err != nil {
		return err
	}
	return t.ctr.Learn(&o.known, o.scores[0])
}

// learnRows updates row by row. The table grows as it would have if the rows had come one by one, so that an
// optimizer that moves every row of the table does the same however the rows came.
func (t *Train) learnRows() error {
	o := &t.online
	if o.blank.Rows > 0 {
		return t.ctr.Predict(&o.blank, o.scores[1]) // a run of one kind: nothing else waits
	}
	b, from := &o.known, 0
	for from < b.Rows {
		t.ctr.Grow(int(highest(b, from)) + 1)
		to := from + 1
		for to < b.Rows && int(highest(b, to)) < t.ctr.Rows() {
			to++
		}
		part := rowsOf(b, from, to)
		if err := t.ctr.LearnRows(part, o.scores[0][from:to]); err != nil {
			return err
		}
		from = to
	}
	return nil
}

// highest returns the highest table row that row i uses, -1 for none.
func highest(b *learn.Batch, i int) int32 {
	from, to := i*b.Fields, (i+1)*b.Fields
	if len(b.Offsets) > 0 {
		from, to = int(b.Offsets[from]), int(b.Offsets[to])
	}
	top := int32(-1)
	for _, id := range b.IDs[from:to] {
		top = max(top, id)
	}
	return top
}

// rowsOf returns rows [from, to) of b; it is b itself where those are all.
func rowsOf(b *learn.Batch, from, to int) *learn.Batch {
	if from == 0 && to == b.Rows {
		return b
	}
	out := &learn.Batch{Rows: to - from, Fields: b.Fields, Mean: b.Mean, Labels: b.Labels[from:to]}
	lo, hi := from*b.Fields, to*b.Fields
	if len(b.Offsets) > 0 {
		first := b.Offsets[lo]
		for _, o := range b.Offsets[lo : hi+1] {
			out.Offsets = append(out.Offsets, o-first)
		}
		lo, hi = int(first), int(b.Offsets[hi])
	}
	out.IDs = b.IDs[lo:hi]
	return out
}

// hold keeps a record until its rows are scored.
func (o *online) hold(rec arrow.Record) {
	rec.Retain()
	n := int(rec.NumRows())
	var s []float32
	if k := len(o.spare) - 1; k >= 0 {
		s, o.spare = o.spare[k], o.spare[:k]
	}
	o.queue = append(o.queue, held{rec: rec, scores: room(s, n)})
}

// distribute hands the scores of the batch to the records that its rows came from.
func (o *online) distribute() {
	next := [2]int{}
	for _, p := range o.places {
		k := 0
		if !p.known {
			k = 1
		}
		h := &o.queue[p.record]
		next[k] += copy(h.scores[p.from:p.to], o.scores[k][next[k]:])
		h.done += p.to - p.from
	}
}

// emitDone emits the complete records at the head of the queue. The record being fed stands last; it keeps its
// place until all of its rows are scored.
func (t *Train) emitDone(emit flow.Emit) error {
	o := &t.online
	n := 0
	for n < len(o.queue) && o.queue[n].done == len(o.queue[n].scores) {
		n++
	}
	for i := range n {
		h := o.queue[i]
		col := t.scoreColumn(h.scores)
		out := withColumns(t.out, h.rec, col)
		col.Release()
		err := emit(out)
		out.Release()
		if err != nil {
			o.queue = o.queue[i:]
			return err
		}
		h.rec.Release()
		o.spare = append(o.spare, h.scores)
		o.queue[i] = held{}
	}
	o.queue = append(o.queue[:0], o.queue[n:]...)
	return nil
}

// drop lets go of everything that is held.
func (o *online) drop() {
	for _, h := range o.queue {
		if h.rec != nil {
			h.rec.Release()
		}
	}
	*o = online{}
}

// scoreColumn is floatColumn, with null for the rows that come again without their score.
func (t *Train) scoreColumn(scores []float32) arrow.Array {
	if t.delayed == nil {
		return floatColumn(t.env, scores)
	}
	b := array.NewFloat32Builder(t.env.Alloc)
	defer b.Release()
	valid := make([]bool, len(scores))
	for i, s := range scores {
		valid[i] = s == s
	}
	b.AppendValues(scores, valid)
	return b.NewArray()
}

func floatColumn(env flow.Env, values []float32) arrow.Array {
	b := array.NewFloat32Builder(env.Alloc)
	defer b.Release()
	b.AppendValues(values, nil)
	return b.NewArray()
}

// withColumns returns rec with more columns; the caller keeps its own references.
func withColumns(schema *arrow.Schema, rec arrow.Record, cols ...arrow.Array) arrow.Record {
	all := make([]arrow.Array, 0, int(rec.NumCols())+len(cols))
	all = append(append(all, rec.Columns()...), cols...)
	return array.NewRecord(schema, all, rec.NumRows())
}
