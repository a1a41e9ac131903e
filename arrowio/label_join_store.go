package arrowio

import (
	"github.com/apache/arrow/go/v17/arrow"
	"github.com/apache/arrow/go/v17/arrow/array"
	"github.com/apache/arrow/go/v17/arrow/memory"
)

// noSlot marks a row of a segment that nobody waits for.
const noSlot = -1

// joinStore holds the values of the rows that wait, in segments. A segment in which fewer than half of the rows are
// still waited for is written anew without the others.
type joinStore struct {
	segments []segment
	unused   []int32
}

// segment is a run of rows with who waits for each.
type segment struct {
	rec   arrow.Record // nil where unused
	slots []int32
	live  int
	head  bool // rows of it are still ahead of their turn
}

// add takes rec over, as the segment whose rows are ahead of their turn, and returns its number.
func (s *joinStore) add(rec arrow.Record) int32 {
	seg := segment{rec: rec, slots: make([]int32, rec.NumRows()), head: true}
	for i := range seg.slots {
		seg.slots[i] = noSlot
	}
	if k := len(s.unused) - 1; k >= 0 {
		n := s.unused[k]
		s.unused, s.segments[n] = s.unused[:k], seg
		return n
	}
	s.segments = append(s.segments, seg)
	return int32(len(s.segments) - 1)
}

// keep says that slot waits for row `at` of segment n.
func (s *joinStore) keep(n, at, slot int32) {
	s.segments[n].slots[at] = slot
	s.segments[n].live++
}

// let says that nobody waits for the row any more. Its values stay until tidy.
func (s *joinStore) let(n, at int32) {
	if s.segments[n].slots[at] != noSlot {
		s.segments[n].slots[at] = noSlot
		s.segments[n].live--
	}
}

// tidy frees what is no longer waited for, and puts small segments together, so that a record of a few rows costs
// no more than they do; moved tells a slot where its row stands now.
func (s *joinStore) tidy(alloc memory.Allocator, moved func(slot, seg, at int32)) error {
	for n := range s.segments {
		seg := &s.segments[n]
		switch {
		case seg.rec == nil || seg.head || 2*seg.live > len(seg.slots):
			continue
		case seg.live == 0:
			s.drop(int32(n))
			continue
		}
		if err := s.join(alloc, []int32{int32(n)}, moved); err != nil {
			return err
		}
	}
	for _, small := range []int{64, 512, 4096} { // a row is copied once for each
		var few []int32
		for n, seg := range s.segments {
			if seg.rec != nil && !seg.head && seg.live < small {
				few = append(few, int32(n))
			}
		}
		if len(few) < fewSegments {
			continue
		}
		if err := s.join(alloc, few, moved); err != nil {
			return err
		}
	}
	return nil
}

// fewSegments of one size are put together.
const fewSegments = 8

// join makes one segment of the live rows of several.
func (s *joinStore) join(alloc memory.Allocator, which []int32, moved func(slot, seg, at int32)) error {
	g := joinGather{alloc: alloc}
	var slots []int32
	for k, n := range which {
		seg := &s.segments[n]
		g.recs = append(g.recs, seg.rec)
		for _, at := range seg.rows() {
			g.part, g.at, slots = append(g.part, int32(k)), append(g.at, at), append(slots, seg.slots[at])
		}
	}
	rec, err := g.copied()
	if err != nil {
		return err
	}
	for _, n := range which {
		s.drop(n)
	}
	to := s.add(rec)
	s.segments[to].head = false
	for at, slot := range slots {
		s.keep(to, int32(at), slot)
		moved(slot, to, int32(at))
	}
	return nil
}

func (s *joinStore) drop(n int32) {
	s.segments[n].rec.Release()
	s.segments[n] = segment{}
	s.unused = append(s.unused, n)
}

// rows lists the live rows.
func (g *segment) rows() []int32 {
	out := make([]int32, 0, g.live)
	for i, slot := range g.slots {
		if slot != noSlot {
			out = append(out, int32(i))
		}
	}
	return out
}

func (s *joinStore) release() {
	for _, seg := range s.segments {
		if seg.rec != nil {
			seg.rec.Release()
		}
	}
	*s = joinStore{}
}

func int64Array(alloc memory.Allocator, values []int64) arrow.Array {
	b := array.NewInt64Builder(alloc)
	defer b.Release()
	b.AppendValues(values, nil)
	return b.NewArray()
}

func releaseArrays(cols []arrow.Array) {
	for _, c := range cols {
		c.Release()
	}
}

// copyRecord copies the rows of rec alone: a record that was read is often a slice of much larger buffers.
func copyRecord(alloc memory.Allocator, rec arrow.Record) (arrow.Record, error) {
	cols := make([]arrow.Array, 0, rec.NumCols())
	defer func() { releaseArrays(cols) }()
	for _, c := range rec.Columns() {
		out, err := array.Concatenate([]arrow.Array{c}, alloc)
		if err != nil {
			return nil, err
		}
		cols = append(cols, out)
	}
	return array.NewRecord(rec.Schema(), cols, rec.NumRows()), nil
}

// rowBytes adds to each of out the bytes that the row takes in column a.
func rowBytes(a arrow.Array, out []int64) {
	switch c := a.(type) {
	case *array.String:
		textBytes(c.ValueOffsets(), out)
	case *array.Binary:
		textBytes(c.ValueOffsets(), out)
	case array.ListLike:
		inner := make([]int64, c.ListValues().Len())
		rowBytes(c.ListValues(), inner)
		for i := range out {
			from, to := c.ValueOffsets(i)
			for _, n := range inner[from:to] {
				out[i] += n
			}
			out[i] += 4
		}
	case *array.Struct:
		for i := range c.NumField() {
			rowBytes(c.Field(i), out)
		}
	default:
		width := int64(16)
		if t, ok := a.DataType().(arrow.FixedWidthDataType); ok {
			width = int64(t.BitWidth()+7) / 8
		}
		for i := range out {
			out[i] += width
		}
	}
}

func textBytes(offsets []int32, out []int64) {
	for i := range out {
		out[i] += int64(offsets[i+1]-offsets[i]) + 4
	}
}
