package learn

import "fmt"

// Batch is a training mini-batch after encoding: every categorical value is the number of its table row.
type Batch struct {
	Rows   int // B
	Fields int // F
	// IDs are the table rows of all values, row by row and field by field within a row.
	IDs []int32
	// Offsets bound the values of each (row, field): pair k = row*Fields+field owns IDs[Offsets[k]:Offsets[k+1]].
	// Empty means exactly one value each, and then len(IDs) = B*F.
	Offsets []int32
	Mean    []bool    // [F] list fields that are averaged instead of summed; nil: none
	Labels  []float32 // [B], 0 or 1; nil when there are none
	Weights []float32 // [B] weight of each row in the loss, >= 0; nil: all 1

	ids   IDs
	valid bool // ids are those of IDs
	seen  stamps
}

// IDs are a batch's table rows without repetition.
type IDs struct {
	Unique  []int32 // [U] distinct rows in order of first use
	Inverse []int32 // [N] position in Unique of each of the batch's values; nil: one value a distinct row

	rows []gathered // buffers of Lookup, one a table, reused by the next step
	each *IDs       // what Distinct returns
}

// stamps remember which of m numbers were seen since the last clear, in O(1) a clear.
type stamps struct {
	now  uint32
	mark []uint32
	at   []int32
}

func (s *stamps) clear(m int) {
	if m > len(s.mark) {
		s.mark, s.at = make([]uint32, m+m/4), make([]int32, m+m/4)
		s.now = 0
	}
	s.now++
	if s.now == 0 { // after 2^32 steps old marks would look new
		clear(s.mark)
		s.now = 1
	}
}

// Touched returns the distinct table rows of the batch; every table and gate of a step shares them, so each row
// is read and updated once a step. tableRows bounds the ids. The result is kept until Reset and belongs to the
// batch; it costs O(values), not O(table), when the batch is reused.
func (b *Batch) Touched(tableRows int) *IDs {
	if !b.valid {
		b.seen.distinct(b.IDs, tableRows, &b.ids)
		b.valid = true
	}
	return &b.ids
}

// Distinct returns the same rows seen as one value each, for work that is done once a distinct row. It belongs
// to d.
func (d *IDs) Distinct() *IDs {
	if d.Inverse == nil {
		return d
	}
	if d.each == nil {
		d.each = &IDs{}
	}
	d.each.Unique = d.Unique
	return d.each
}

// Values returns how many values the rows stand for, N.
func (d *IDs) Values() int {
	if d.Inverse == nil {
		return len(d.Unique)
	}
	return len(d.Inverse)
}

// Forget drops what Touched found. A model calls it at the start of each step, so that a batch may be changed by
// hand between two.
func (b *Batch) Forget() { b.valid = false }

// Reset empties the batch and keeps its buffers.
func (b *Batch) Reset() {
	b.Rows, b.valid = 0, false
	b.IDs, b.Offsets, b.Labels, b.Weights = b.IDs[:0], b.Offsets[:0], b.Labels[:0], b.Weights[:0]
}

// Check says whether the batch is whole: sizes agree, ids lie in [0, tableRows), labels are 0 to 1.
func (b *Batch) Check(tableRows int) error {
	pairs := b.Rows * b.Fields
	want := pairs
	if len(b.Offsets) > 0 {
		if len(b.Offsets) != pairs+1 {
			return fmt.Errorf("batch: want %d offsets for %d rows of %d fields, got %d", pairs+1, b.Rows, b.Fields, len(b.Offsets))
		}
		want = int(b.Offsets[pairs])
		for k := range pairs {
			if b.Offsets[k+1] < b.Offsets[k] {
				return fmt.Errorf("batch: offsets fall from %d to %d at row %d, field %d", b.Offsets[k], b.Offsets[k+1], k/b.Fields, k%b.Fields)
			}
		}
	}
	if len(b.IDs) != want {
		return fmt.Errorf("batch: want %d ids for %d rows of %d fields, got %d", want, b.Rows, b.Fields, len(b.IDs))
	}
	if n := len(b.Labels); n != 0 && n != b.Rows {
		return fmt.Errorf("batch: want %d labels, got %d", b.Rows, n)
	}
	if n := len(b.Weights); n != 0 && n != b.Rows {
		return fmt.Errorf("batch: want %d weights, got %d", b.Rows, n)
	}
	for i, id := range b.IDs {
		if uint32(id) >= uint32(tableRows) {
			return fmt.Errorf("batch: id %d at position %d is outside the table of %d rows; grow the table first", id, i, tableRows)
		}
	}
	return nil
}

// distinct lists the distinct of ids in order of first use into out.
func (s *stamps) distinct(ids []int32, rows int, out *IDs) {
	s.clear(rows)
	out.Unique = out.Unique[:0]
	if out.Unique == nil || cap(out.Inverse) < len(ids) { // nil would mean something else, also for no ids
		out.Unique = make([]int32, 0, len(ids)/4)
		out.Inverse = make([]int32, len(ids), len(ids)+len(ids)/4)
	}
	out.Inverse = out.Inverse[:len(ids)]
	for i, id := range ids {
		if s.mark[id] != s.now {
			s.mark[id] = s.now
			s.at[id] = int32(len(out.Unique))
			out.Unique = append(out.Unique, id)
		}
		out.Inverse[i] = s.at[id]
	}
}
