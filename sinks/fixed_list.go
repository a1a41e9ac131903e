package sinks

import (
	"github.com/apache/arrow/go/v17/arrow"
	"github.com/apache/arrow/go/v17/arrow/array"
	"github.com/apache/arrow/go/v17/arrow/memory"
)

// The Parquet encoder refuses a null list of fixed size, which spans values all the same. In Parquet both
// kinds of lists are stored alike, so lists of fixed size go in as lists, null ones empty; the Arrow schema in
// the metadata keeps the size, and readers give it back.

// listed returns schema with columns of fixed_size_list as list.
func listed(schema *arrow.Schema) *arrow.Schema {
	fields := schema.Fields()
	for i, f := range fields {
		if t, ok := f.Type.(*arrow.FixedSizeListType); ok {
			fields[i].Type = arrow.ListOfField(t.ElemField())
		}
	}
	return arrow.NewSchema(fields, nil)
}

// listedRecord does the same to a record in canonical form; the result is the caller's.
func listedRecord(mem memory.Allocator, rec arrow.Record, schema *arrow.Schema) (arrow.Record, error) {
	cols := make([]arrow.Array, rec.NumCols())
	for i, col := range rec.Columns() {
		cols[i] = col
		l, ok := col.(*array.FixedSizeList)
		if !ok {
			continue
		}
		list, err := listArray(mem, l, schema.Field(i).Type)
		if err != nil {
			return nil, err
		}
		defer list.Release()
		cols[i] = list
	}
	return array.NewRecord(schema, cols, rec.NumRows()), nil
}

func listArray(mem memory.Allocator, l *array.FixedSizeList, dt arrow.DataType) (arrow.Array, error) {
	n, k := l.Len(), int32(l.DataType().(*arrow.FixedSizeListType).Len())
	off := make([]int32, n+1)
	var runs []span
	for i := range n {
		off[i+1] = off[i]
		if l.IsNull(i) {
			continue
		}
		off[i+1] += k
		from := int32(i) * k
		if last := len(runs) - 1; last >= 0 && runs[last].to == from {
			runs[last].to = from + k
		} else {
			runs = append(runs, span{from, from + k})
		}
	}
	child := l.Data().Children()[0]
	if l.NullN() > 0 {
		var err error
		if child, err = (canon{mem}).gather(child, runs); err != nil {
			return nil, err
		}
		defer child.Release()
	}
	bufs := []*memory.Buffer{l.Data().Buffers()[0], memory.NewBufferBytes(arrow.Int32Traits.CastToBytes(off))}
	data := array.NewData(dt, n, bufs, []arrow.ArrayData{child}, l.NullN(), 0)
	defer data.Release()
	return array.NewListData(data), nil
}

// nullableFixedInside says whether a list of fixed size below dt may be null: those the encoder still refuses.
func nullableFixedInside(dt arrow.DataType) bool {
	nested, ok := dt.(arrow.NestedType)
	if !ok {
		return false
	}
	for _, f := range nested.Fields() {
		if f.Type.ID() == arrow.FIXED_SIZE_LIST && f.Nullable || nullableFixedInside(f.Type) {
			return true
		}
	}
	return false
}
