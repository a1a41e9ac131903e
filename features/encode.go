package features

import (
	"fmt"
	"math"

	"github.com/apache/arrow/go/v17/arrow"

	"github.com/sluice-stream/sluice/learn"
)

// Encoder turns columns into table rows and grows the vocabulary as it meets new values.
//
// Table rows: 0 .. F-1 are the unknown values (oov) of the F fields; then come the values of all fields in order
// of first appearance, row by row and field by field within a row. So the table only ever grows at its end, and
// its order does not depend on how a stream is cut into records. Not safe for concurrent use.
type Encoder struct {
	cfg     FieldsConfig
	fields  []*field
	mean    []bool // nil when no list is averaged
	anyList bool
	owners  []owner // of table row F on
	oov     []int64 // how often each field's oov row was used
	pending []owner // values that get their row when the present record is settled
	s       scratch
}

// field is one field with its vocabulary.
type field struct {
	fieldSpec
	kind   string // what its keys are, "" before Bind
	binner learn.Bucketizer
	column int
	list   bool
	vocab  vocabulary
}

// owner is the value that a table row stands for.
type owner struct{ field, entry, row int32 }

// NewEncoder makes an encoder that has seen nothing; it is ready after Bind.
func NewEncoder(c FieldsConfig) (*Encoder, error) {
	if err := c.Validate(); err != nil {
		return nil, err
	}
	e := &Encoder{cfg: c}
	for _, spec := range c.list() {
		f := &field{fieldSpec: spec}
		if spec.bucket != nil {
			var err error
			if f.binner, err = spec.bucket.Build(); err != nil {
				return nil, err
			}
		}
		e.fields = append(e.fields, f)
	}
	e.oov = make([]int64, len(e.fields))
	return e, nil
}

// Fields returns the number of fields F.
func (e *Encoder) Fields() int { return len(e.fields) }

// Mean says which fields are lists that are averaged, as in learn.Batch; it is valid after Bind.
func (e *Encoder) Mean() []bool { return e.mean }

// Rows returns the table rows that are in use, the F oov rows included.
func (e *Encoder) Rows() int { return len(e.fields) + len(e.owners) }

// Encode appends rows [from, to) of rec to b: IDs, and Offsets where a field is a list. With train set, new values
// enter the vocabulary and every value is counted; otherwise what is unknown takes its field's oov row and nothing
// changes, except that bucketizers which still learn do so.
//
//	errors  only when the table is full (2^31 rows)
func (e *Encoder) Encode(rec arrow.Record, from, to int, b *learn.Batch, train bool) error {
	b.Fields, b.Mean = len(e.fields), e.mean
	if from >= to {
		return nil
	}
	start := len(b.IDs)
	if e.anyList {
		e.layOut(rec, from, to, b)
	} else {
		b.IDs = longer(b.IDs, (to-from)*len(e.fields))
	}
	for j, f := range e.fields {
		if f.list {
			e.encodeList(j, rec.Column(f.column), from, to, b, train)
			continue
		}
		e.s.ids = sized(e.s.ids, to-from)
		e.entries(f, rec.Column(f.column), from, to, e.s.ids, train)
		e.see(j, e.s.ids, train)
		e.scatter(j, start, b)
	}
	b.Rows += to - from
	return e.settle(b.IDs[start:])
}

func longer(s []int32, n int) []int32 {
	if len(s)+n <= cap(s) {
		return s[:len(s)+n]
	}
	out := make([]int32, len(s)+n, max(len(s)+n, 2*cap(s)))
	copy(out, s)
	return out
}

// scatter puts one id a row where field j's ids belong.
func (e *Encoder) scatter(j, start int, b *learn.Batch) {
	width := len(e.fields)
	if !e.anyList {
		for i, at := 0, start+j; i < len(e.s.ids); i, at = i+1, at+width {
			b.IDs[at] = e.s.ids[i]
		}
		return
	}
	offsets := b.Offsets[b.Rows*width+j:]
	for i, id := range e.s.ids {
		b.IDs[offsets[i*width]] = id
	}
}

// layOut makes room for every id and says where each belongs.
func (e *Encoder) layOut(rec arrow.Record, from, to int, b *learn.Batch) {
	e.s.cols = sized(e.s.cols, len(e.fields))
	for j, f := range e.fields {
		if f.list {
			e.s.cols[j] = listsOf(rec.Column(f.column))
		}
	}
	if len(b.Offsets) == 0 {
		b.Offsets = append(b.Offsets, 0)
	}
	end := b.Offsets[len(b.Offsets)-1]
	first := end
	for i := from; i < to; i++ {
		for j, f := range e.fields {
			n := 1
			if f.list {
				if lo, hi, null := e.s.cols[j].at(i); !null {
					n = hi - lo
				}
			}
			end += int32(n)
			b.Offsets = append(b.Offsets, end)
		}
	}
	b.IDs = longer(b.IDs, int(end-first))
	clear(e.s.cols) // hold no column beyond the call
}

// encodeList writes the ids of list field j; runs of rows without null are encoded at once.
func (e *Encoder) encodeList(j int, a arrow.Array, from, to int, b *learn.Batch, train bool) {
	f, col, width := e.fields[j], listsOf(a), len(e.fields)
	offsets := b.Offsets[b.Rows*width+j:]
	for i := from; i < to; {
		lo, hi, null := col.at(i)
		if null {
			e.s.ids = append(e.s.ids[:0], e.nullEntry(f, train))
			e.see(j, e.s.ids, train)
			b.IDs[offsets[(i-from)*width]] = e.s.ids[0]
			i++
			continue
		}
		last := i + 1
		for ; last < to; last++ {
			l, h, none := col.at(last)
			if none || l != hi {
				break
			}
			hi = h
		}
		e.s.ids = sized(e.s.ids, hi-lo)
		e.entries(f, col.values, lo, hi, e.s.ids, train)
		e.see(j, e.s.ids, train)
		ids := e.s.ids
		for ; i < last; i++ {
			at := offsets[(i-from)*width]
			n := offsets[(i-from)*width+1] - at
			copy(b.IDs[at:at+n], ids)
			ids = ids[n:]
		}
	}
}

// see turns the entries of field j into table rows; a value that has now been seen often enough is pending.
func (e *Encoder) see(j int, entries []int32, train bool) {
	v := &e.fields[j].vocab
	if !train {
		for i, en := range entries {
			row := int32(j)
			if en >= 0 && v.rows[en] >= 0 {
				row = v.rows[en]
			}
			entries[i] = row
		}
		return
	}
	least := int64(e.cfg.MinCount)
	for i, en := range entries {
		v.counts[en]++
		row := v.rows[en]
		if row == noRow {
			if v.counts[en] < least {
				e.oov[j]++
				entries[i] = int32(j)
				continue
			}
			row = pendingCode(len(e.pending))
			v.rows[en] = row
			e.pending = append(e.pending, owner{field: int32(j), entry: en, row: noRow})
		}
		entries[i] = row
	}
}

// pendingCode marks the k-th pending value in place of its row; it is its own inverse.
func pendingCode(k int) int32 { return int32(noRow - 1 - k) }

// settle gives pending values their rows in the order in which they stand in ids.
func (e *Encoder) settle(ids []int32) error {
	if len(e.pending) == 0 {
		return nil
	}
	if e.Rows()+len(e.pending) > math.MaxInt32 {
		return fmt.Errorf("fields: want at most %d values in all, got more; raise min_count or hash the largest field", math.MaxInt32)
	}
	for i, id := range ids {
		if id >= noRow {
			continue
		}
		p := &e.pending[pendingCode(int(id))]
		if p.row == noRow {
			p.row = int32(e.Rows())
			e.owners = append(e.owners, *p)
			e.fields[p.field].vocab.rows[p.entry] = p.row
		}
		ids[i] = p.row
	}
	e.pending = e.pending[:0]
	return nil
}
