package arrowio

import (
	"context"

	"github.com/apache/arrow/go/v17/arrow"
	"github.com/apache/arrow/go/v17/arrow/compute"
	"github.com/apache/arrow/go/v17/arrow/memory"
)

// plainType returns the type that a column of a message gets: dictionaries become their values, large strings
// and bytes the ordinary ones.
func plainType(t arrow.DataType) arrow.DataType {
	switch t := t.(type) {
	case *arrow.DictionaryType:
		return plainType(t.ValueType)
	case *arrow.LargeStringType:
		return arrow.BinaryTypes.String
	case *arrow.LargeBinaryType:
		return arrow.BinaryTypes.Binary
	}
	return t
}

// plainColumn returns col in its plain type, owned by the caller.
func plainColumn(alloc memory.Allocator, col arrow.Array) (arrow.Array, error) {
	col.Retain()
	ctx := compute.WithAllocator(context.Background(), alloc)
	for !arrow.TypeEqual(col.DataType(), plainType(col.DataType())) {
		to := plainType(col.DataType())
		if d, ok := col.DataType().(*arrow.DictionaryType); ok {
			to = d.ValueType // in two steps: the values of a dictionary may be large
		}
		next, err := compute.CastArray(ctx, col, compute.SafeCastOptions(to))
		col.Release()
		if err != nil {
			return nil, err
		}
		col = next
	}
	return col, nil
}
