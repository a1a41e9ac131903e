package arrowio

import (
	"fmt"

	"github.com/apache/arrow/go/v17/arrow"
	"github.com/apache/arrow/go/v17/arrow/array"
	"github.com/apache/arrow/go/v17/arrow/bitutil"
	"github.com/apache/arrow/go/v17/arrow/memory"
)

// verifyColumns checks what the decoder leaves unchecked and what a later look at a value would fall over: null
// bitmaps that are too short and offsets that point outside.
func verifyColumns(rec arrow.Record) error {
	for i, col := range rec.Columns() {
		if err := verifyArray(col); err != nil {
			return fmt.Errorf("column %q: %w", rec.ColumnName(i), err)
		}
	}
	return nil
}

func verifyArray(a arrow.Array) error {
	end := int64(a.Data().Offset() + a.Len())
	if b := a.Data().Buffers(); len(b) > 0 && b[0] != nil && int64(b[0].Len()) < bitutil.BytesForBits(end) && a.NullN() > 0 {
		return fmt.Errorf("its nulls have %d bytes for %d rows", b[0].Len(), end)
	}
	switch a := a.(type) {
	case *array.String, *array.Binary:
		return verifyOffsets(a.Data(), a.Data().Buffers()[2])
	case *array.Boolean:
		if b := a.Data().Buffers()[1]; a.Len() > 0 && (b == nil || int64(b.Len()) < bitutil.BytesForBits(end)) {
			return fmt.Errorf("its values are too short for %d rows", end)
		}
	case *array.List:
		if err := verifyAscending(a.Data(), a.ListValues().Len()); err != nil {
			return err
		}
		return verifyArray(a.ListValues())
	case *array.FixedSizeList:
		return verifyArray(a.ListValues())
	case *array.Struct:
		for i := range a.NumField() {
			if err := verifyArray(a.Field(i)); err != nil {
				return err
			}
		}
	}
	return nil
}

func verifyOffsets(d arrow.ArrayData, values *memory.Buffer) error {
	size := 0
	if values != nil {
		size = values.Len()
	}
	return verifyAscending(d, size)
}

// verifyAscending checks that the offsets of d ascend and stay within size values.
func verifyAscending(d arrow.ArrayData, size int) error {
	if d.Len() == 0 {
		return nil
	}
	offsets := arrow.Int32Traits.CastFromBytes(d.Buffers()[1].Bytes())
	last := int32(0)
	for i, o := range offsets[d.Offset() : d.Offset()+d.Len()+1] {
		if o < last || int(o) > size {
			return fmt.Errorf("offset %d is %d, want %d to %d", i, o, last, size)
		}
		last = o
	}
	return nil
}
