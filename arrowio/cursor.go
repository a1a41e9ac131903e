package arrowio

import (
	"github.com/apache/arrow/go/v17/arrow"
	"github.com/apache/arrow/go/v17/arrow/array"
	"github.com/apache/arrow/go/v17/arrow/memory"
)

// chunk is a run of consecutive rows of one file, as decoded.
type chunk struct {
	rec   arrow.Record // the good rows, nil for none; owned by who holds the chunk
	first int64        // file row of the first one
	next  int64        // file row behind the chunk
	bad   []badRow     // rows in between that cannot be used, ascending
	last  bool         // nothing follows in the file
}

// badRow is a row of a file that cannot be used.
type badRow struct {
	row    int64
	reason string
	raw    []byte
}

func (c *chunk) release() {
	if c.rec != nil {
		c.rec.Release()
	}
	*c = chunk{}
}

// cursor hands out a chunk in slices and knows, after each, which file row comes next. Bad rows are handed out
// when the cursor passes them, so that a position and the rows rejected before it always agree.
type cursor struct {
	chunk
	row int64 // file row that comes next
	at  int64 // row of rec that comes next
	nth int   // bad row that comes next
}

func (c *cursor) reset(next chunk) {
	c.release()
	*c = cursor{chunk: next, row: next.first}
}

// done says that the chunk is used up.
func (c *cursor) done() bool { return c.at == c.rows() && c.nth == len(c.bad) }

func (c *cursor) rows() int64 {
	if c.rec == nil {
		return 0
	}
	return c.rec.NumRows()
}

// take returns the next rows, at most max and nil for none, and the bad rows that were passed. Where runs is not
// nil it is called for each run of file rows among the good ones.
func (c *cursor) take(max int64, runs func(first, n int64)) (arrow.Record, []badRow) {
	n := min(max, c.rows()-c.at)
	from, nth := c.at, c.nth
	for left := n; ; {
		gap := left
		if c.nth < len(c.bad) {
			gap = min(gap, c.bad[c.nth].row-c.row)
		}
		if gap > 0 && runs != nil {
			runs(c.row, gap)
		}
		c.row, c.at, left = c.row+gap, c.at+gap, left-gap
		if c.nth == len(c.bad) || left == 0 && c.bad[c.nth].row != c.row {
			break
		}
		if left == 0 && c.at < c.rows() {
			break // bad rows at the edge go with the rows that follow them
		}
		c.row, c.nth = c.bad[c.nth].row+1, c.nth+1
	}
	if c.done() {
		c.row = c.next
	}
	bad := c.bad[nth:c.nth]
	if n == 0 {
		return nil, bad
	}
	if from == 0 && n == c.rows() {
		c.rec.Retain()
		return c.rec, bad
	}
	return c.rec.NewSlice(from, from+n), bad
}

// dropRows returns rec without the first skip rows, nil for none left, and counts skip down. It takes rec over.
func dropRows(rec arrow.Record, skip *int64) arrow.Record {
	n := min(*skip, rec.NumRows())
	*skip -= n
	if n == 0 && rec.NumRows() > 0 {
		return rec
	}
	defer rec.Release()
	if n == rec.NumRows() {
		return nil
	}
	return rec.NewSlice(n, rec.NumRows())
}

// withPlace returns rec with the columns _file and _row behind it, as far as out has them. It takes rec over.
func withPlace(alloc memory.Allocator, rec arrow.Record, out *arrow.Schema, file string, rows []int64) arrow.Record {
	extra := int(out.NumFields()) - int(rec.NumCols())
	if extra == 0 {
		return rec
	}
	defer rec.Release()
	cols := append([]arrow.Array(nil), rec.Columns()...)
	for _, f := range out.Fields()[rec.NumCols():] {
		col := placeColumn(alloc, f.Type, file, rows)
		defer col.Release()
		cols = append(cols, col)
	}
	return array.NewRecord(out, cols, rec.NumRows())
}

func placeColumn(alloc memory.Allocator, t arrow.DataType, file string, rows []int64) arrow.Array {
	if t.ID() == arrow.INT64 {
		b := array.NewInt64Builder(alloc)
		defer b.Release()
		b.AppendValues(rows, nil)
		return b.NewArray()
	}
	b := array.NewStringBuilder(alloc)
	defer b.Release()
	b.Reserve(len(rows))
	b.ReserveData(len(rows) * len(file))
	for range rows {
		b.Append(file)
	}
	return b.NewArray()
}
