package sinks

import (
	"fmt"
	"slices"

	"github.com/apache/arrow/go/v17/arrow"
	"github.com/apache/arrow/go/v17/arrow/array"
	"github.com/apache/arrow/go/v17/arrow/memory"
)

// smallRecords is how many records wait before they are copied into one: a source that yields a row at a time
// would else keep a set of buffers for each row.
const smallRecords = 256

// pending holds rows until there are enough for a row group.
type pending struct {
	mem    memory.Allocator
	merged []arrow.Record
	tail   []arrow.Record
	rows   int64
}

// add keeps rows from to to of rec.
func (p *pending) add(rec arrow.Record, from, to int64) error {
	p.tail = append(p.tail, rec.NewSlice(from, to))
	p.rows += to - from
	if len(p.tail) < smallRecords {
		return nil
	}
	one, err := concat(p.mem, p.tail)
	if err != nil {
		return err
	}
	p.merged = append(p.merged, one)
	p.tail = drop(p.tail)
	return nil
}

// take returns all rows as one record in canonical form, owned by the caller.
func (p *pending) take() (arrow.Record, error) {
	all, err := concat(p.mem, slices.Concat(p.merged, p.tail))
	if err != nil {
		return nil, err
	}
	defer all.Release()
	p.reset()
	cols := make([]arrow.Array, 0, all.NumCols())
	defer func() {
		for _, c := range cols {
			c.Release()
		}
	}()
	for i, col := range all.Columns() {
		c, err := canonical(p.mem, col)
		if err != nil {
			return nil, fmt.Errorf("column %q: %w", all.ColumnName(i), err)
		}
		cols = append(cols, c)
	}
	return array.NewRecord(all.Schema(), cols, all.NumRows()), nil
}

func (p *pending) reset() {
	p.merged, p.tail, p.rows = drop(p.merged), drop(p.tail), 0
}

func drop(recs []arrow.Record) []arrow.Record {
	for _, r := range recs {
		r.Release()
	}
	clear(recs)
	return recs[:0]
}

// concat copies records of one schema into one that owns its buffers, which start at offset 0.
func concat(mem memory.Allocator, recs []arrow.Record) (arrow.Record, error) {
	cols := make([]arrow.Array, 0, recs[0].NumCols())
	defer func() {
		for _, c := range cols {
			c.Release()
		}
	}()
	parts := make([]arrow.Array, len(recs))
	for i := range int(recs[0].NumCols()) {
		for j, r := range recs {
			parts[j] = r.Column(i)
		}
		col, err := array.Concatenate(parts, mem)
		if err != nil {
			return nil, fmt.Errorf("column %q: %w; a smaller row_group may help", recs[0].ColumnName(i), err)
		}
		cols = append(cols, col)
	}
	rows := int64(0)
	for _, r := range recs {
		rows += r.NumRows()
	}
	return array.NewRecord(recs[0].Schema(), cols, rows), nil
}
