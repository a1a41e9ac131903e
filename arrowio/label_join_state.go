package arrowio

import (
	"bytes"
	"fmt"
	"slices"

	"github.com/apache/arrow/go/v17/arrow"
	"github.com/apache/arrow/go/v17/arrow/ipc"
	"github.com/apache/arrow/go/v17/arrow/memory"

	"github.com/sluice-stream/sluice/flow"
)

// joinSaved is the part of a checkpoint: what waits, as columns, and the values of rows as Arrow IPC streams. A
// restored source keeps it until it is opened.
type joinSaved struct {
	values, rowsAhead, labelsAhead []uint8

	row, event, end, taken []int64
	keyHi, keyLo           []uint64
	label                  []float64
	corrections            []int32
	matured, closed, holds []bool // holds: the row's values are the next ones of values

	timerTime, timerRow, timerTaken []int64
	timerSlot, timerKind            []int32
	timerLabel                      []float64

	early joinSavedEarly
}

// joinSavedEarly is the labels without a row.
type joinSavedEarly struct {
	number, at, offset []int64
	keyHi, keyLo       []uint64
	value              []float64
	topic, raw         []string
	partition          []int32
}

// Walk saves both sources, what was read ahead of its turn, and everything that waits.
func (j *LabelJoin) Walk(v flow.Visitor) {
	for _, s := range j.sides() {
		if st, ok := s.src.(flow.Stateful); ok {
			st.Walk(v.Scope(s.name))
		} else {
			v.Fail(flow.Configf("%s: want a source that can go on where it was, got one that cannot; remove checkpoint", s.name))
		}
	}
	s := &joinSaved{}
	if !v.Restoring() {
		var err error
		if s, err = j.save(); err != nil {
			v.Fail(fmt.Errorf("label_join: %w", err))
			return
		}
	}
	v.Visit("now", &j.now)
	v.Visit("next", &j.next)
	v.Visit("forgotten", &j.forgotten)
	v.Visit("orphans_so_far", &j.wait.orphanCount)
	j.counts.walk(v.Scope("counts"))
	s.walk(v)
	s.early.walk(v.Scope("early"))
	if v.Restoring() {
		j.saved = s
		if err := s.check(); err != nil {
			v.Fail(err)
		}
	}
}

func (s *joinSaved) walk(v flow.Visitor) {
	v.Visit("values", &s.values)
	v.Visit("rows_ahead", &s.rowsAhead)
	v.Visit("labels_ahead", &s.labelsAhead)
	v.Visit("row", &s.row)
	v.Visit("event", &s.event)
	v.Visit("end", &s.end)
	v.Visit("taken", &s.taken)
	v.Visit("key_hi", &s.keyHi)
	v.Visit("key_lo", &s.keyLo)
	v.Visit("label", &s.label)
	v.Visit("corrected", &s.corrections)
	v.Visit("matured", &s.matured)
	v.Visit("closed", &s.closed)
	v.Visit("holds", &s.holds)
	t := v.Scope("timer")
	t.Visit("time", &s.timerTime)
	t.Visit("row", &s.timerRow)
	t.Visit("taken", &s.timerTaken)
	t.Visit("slot", &s.timerSlot)
	t.Visit("kind", &s.timerKind)
	t.Visit("label", &s.timerLabel)
}

func (s *joinSavedEarly) walk(v flow.Visitor) {
	v.Visit("number", &s.number)
	v.Visit("at", &s.at)
	v.Visit("offset", &s.offset)
	v.Visit("key_hi", &s.keyHi)
	v.Visit("key_lo", &s.keyLo)
	v.Visit("value", &s.value)
	v.Visit("topic", &s.topic)
	v.Visit("raw", &s.raw)
	v.Visit("partition", &s.partition)
}

// check says whether the lists fit each other.
func (s *joinSaved) check() error {
	n, m, e := len(s.row), len(s.timerTime), len(s.early.number)
	same := func(want int, got ...int) bool {
		return !slices.ContainsFunc(got, func(g int) bool { return g != want })
	}
	if !same(n, len(s.event), len(s.end), len(s.taken), len(s.keyHi), len(s.keyLo), len(s.label), len(s.corrections), len(s.matured), len(s.closed), len(s.holds)) ||
		!same(m, len(s.timerRow), len(s.timerTaken), len(s.timerSlot), len(s.timerKind), len(s.timerLabel)) ||
		!same(e, len(s.early.at), len(s.early.offset), len(s.early.keyHi), len(s.early.keyLo), len(s.early.value), len(s.early.topic), len(s.early.raw), len(s.early.partition)) {
		return flow.Corruptf("label_join: the state has lists of unlike lengths; use an older checkpoint, or start over with --fresh")
	}
	for i, slot := range s.timerSlot {
		most := n
		if s.timerKind[i] == timerOrphan {
			most = e
		}
		if slot < 0 || int(slot) >= most {
			return flow.Corruptf("label_join: the state has a timer for row %d of %d; use an older checkpoint, or start over with --fresh", slot, most)
		}
	}
	return nil
}

// encodeRows writes a record as an Arrow IPC stream.
func encodeRows(rec arrow.Record) ([]uint8, error) {
	var buf bytes.Buffer
	w := ipc.NewWriter(&buf, ipc.WithSchema(rec.Schema()))
	if err := w.Write(rec); err != nil {
		return nil, err
	}
	err := w.Close()
	return buf.Bytes(), err
}

// decodeRows reads what encodeRows wrote; nil for nothing.
func decodeRows(alloc memory.Allocator, b []uint8, want *arrow.Schema) (arrow.Record, error) {
	if len(b) == 0 {
		return nil, nil
	}
	r, err := ipc.NewReader(bytes.NewReader(b), ipc.WithAllocator(alloc))
	if err != nil {
		return nil, flow.Corruptf("label_join: the rows of the state cannot be read: %v", err)
	}
	defer r.Release()
	if !r.Schema().Equal(want) {
		return nil, flow.Configf("label_join: the checkpoint has other columns than the source has now; start over with --fresh, or restore the settings")
	}
	if !r.Next() {
		return nil, flow.Corruptf("label_join: the rows of the state cannot be read: %v", r.Err())
	}
	return copyRecord(alloc, r.Record())
}
