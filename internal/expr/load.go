package expr

import (
	"encoding/binary"
	"fmt"
	"math"

	"github.com/apache/arrow/go/v17/arrow"
	"github.com/apache/arrow/go/v17/arrow/array"
)

// column is a column, or a member of a struct column, that an expression reads.
type column struct {
	index int   // in the schema
	path  []int // members below it
	name  string
	field arrow.Field
	typ   typ
	v     *vec

	arr     arrow.Array
	parents []arrow.Array // structs around arr, whose nulls count too
}

// inPlace says that the layout of the column is that of a block already.
func (c *column) inPlace() bool {
	switch c.field.Type.ID() {
	case arrow.FLOAT64, arrow.INT64, arrow.TIMESTAMP, arrow.DATE64:
		return true
	}
	return false
}

// bind takes the column out of a record.
func (c *column) bind(cols []arrow.Array) error {
	arr := cols[c.index]
	c.parents = c.parents[:0]
	for _, k := range c.path {
		s, ok := arr.(*array.Struct)
		if !ok || k >= s.NumField() {
			return fmt.Errorf("column %q: want a struct, got %s", c.name, arr.DataType())
		}
		c.parents = append(c.parents, arr)
		arr = s.Field(k)
	}
	if arr.DataType().ID() != c.field.Type.ID() || !arrow.TypeEqual(arr.DataType(), c.field.Type) {
		return fmt.Errorf("column %q: want %s, got %s", c.name, c.field.Type, arr.DataType())
	}
	c.arr = arr
	return nil
}

// load makes rows lo to lo+n the block of the column.
func (c *column) load(lo, n int) {
	c.v.valid = nil
	c.nulls(c.arr, lo, n)
	for _, p := range c.parents {
		c.nulls(p, lo, n)
	}
	switch c.typ.kind {
	case float:
		loadFloats(c.v, c.arr, lo, n)
	case whole:
		loadInts(c.v, c.arr, lo, n)
	case moment:
		loadMoments(c.v, c.arr, lo, n)
	case truth:
		readBits(c.v.b, c.arr.Data().Buffers()[1].Bytes(), c.arr.Data().Offset()+lo, n)
		c.v.clean()
	case text:
		loadTexts(c.v, c.arr, lo, n)
	default:
		c.v.raw, c.v.lo = c.arr, lo
	}
}

func (c *column) nulls(arr arrow.Array, lo, n int) {
	if arr.DataType().ID() == arrow.NULL {
		c.v.allNull()
		return
	}
	if arr.NullN() == 0 {
		return
	}
	if c.v.valid == nil {
		c.v.valid = &c.v.mask
		readBits(c.v.valid, arr.NullBitmapBytes(), arr.Data().Offset()+lo, n)
		return
	}
	var b bitset
	readBits(&b, arr.NullBitmapBytes(), arr.Data().Offset()+lo, n)
	for w := range b {
		c.v.valid[w] &= b[w]
	}
}

// readBits copies n bits that start at bit off of src.
func readBits(dst *bitset, src []byte, off, n int) {
	for w := 0; w*64 < n; w++ {
		dst[w] = bitsAt(src, off+w*64)
	}
}

func bitsAt(src []byte, off int) uint64 {
	i, s := off>>3, off&7
	if i+9 <= len(src) {
		return binary.LittleEndian.Uint64(src[i:])>>s | uint64(src[i+8])<<(64-s)
	}
	var x uint64
	for k := 0; k < 8 && i+k < len(src); k++ {
		x |= uint64(src[i+k]) << (8 * k)
	}
	x >>= s
	if s > 0 && i+8 < len(src) {
		x |= uint64(src[i+8]) << (64 - s)
	}
	return x
}

// values returns rows lo to lo+n of a fixed width column; a column of nulls may come without a buffer.
func values[T arrow.FixedWidthType](arr arrow.Array, lo, n int) []T {
	if v := arrow.GetValues[T](arr.Data(), 1); len(v) >= lo+n {
		return v[lo : lo+n]
	}
	return make([]T, n)
}

func loadFloats(v *vec, arr arrow.Array, lo, n int) {
	if _, ok := arr.(*array.Float64); ok {
		v.f = values[float64](arr, lo, n)
		return
	}
	switch a := arr.(type) {
	case *array.Float32:
		for i, x := range values[float32](arr, lo, n) {
			v.f[i] = float64(x)
		}
	case *array.Float16:
		for i, x := range a.Values()[lo : lo+n] {
			v.f[i] = float64(x.Float32())
		}
	case *array.Decimal128:
		scale := a.DataType().(*arrow.Decimal128Type).Scale
		for i, x := range a.Values()[lo : lo+n] {
			v.f[i] = x.ToFloat64(scale)
		}
	case *array.Decimal256:
		scale := a.DataType().(*arrow.Decimal256Type).Scale
		for i, x := range a.Values()[lo : lo+n] {
			v.f[i] = x.ToFloat64(scale)
		}
	}
}

func loadInts(v *vec, arr arrow.Array, lo, n int) {
	switch arr.(type) {
	case *array.Int64:
		v.i = values[int64](arr, lo, n)
	case *array.Int32:
		widen(v, values[int32](arr, lo, n))
	case *array.Int16:
		widen(v, values[int16](arr, lo, n))
	case *array.Int8:
		widen(v, values[int8](arr, lo, n))
	case *array.Uint32:
		widen(v, values[uint32](arr, lo, n))
	case *array.Uint16:
		widen(v, values[uint16](arr, lo, n))
	case *array.Uint8:
		widen(v, values[uint8](arr, lo, n))
	case *array.Uint64:
		src := values[uint64](arr, lo, n)
		widen(v, src)
		var over bitset
		for i, x := range src {
			over[i>>6] |= bit(x > math.MaxInt64) << (i & 63)
		}
		v.drop(&over)
	}
}

func widen[T int8 | int16 | int32 | uint8 | uint16 | uint32 | uint64](v *vec, src []T) {
	for i, x := range src {
		v.i[i] = int64(x)
	}
}

func loadMoments(v *vec, arr arrow.Array, lo, n int) {
	switch arr.(type) {
	case *array.Date32:
		widen(v, values[int32](arr, lo, n))
		for i := range v.i[:n] {
			v.i[i] *= 86400
		}
	default: // timestamps and date64
		v.i = values[int64](arr, lo, n)
	}
}

func loadTexts(v *vec, arr arrow.Array, lo, n int) {
	dst := v.s[:n]
	switch a := arr.(type) {
	case *array.String:
		for i := range dst {
			dst[i] = a.Value(lo + i)
		}
	case *array.LargeString:
		for i := range dst {
			dst[i] = a.Value(lo + i)
		}
	case *array.StringView:
		for i := range dst {
			dst[i] = a.Value(lo + i)
		}
	case *array.Dictionary:
		loadDictionary(v, a, lo, n)
	}
}

func loadDictionary(v *vec, a *array.Dictionary, lo, n int) {
	dict := a.Dictionary()
	var value func(int) string
	switch d := dict.(type) {
	case *array.String:
		value = d.Value
	case *array.LargeString:
		value = d.Value
	case *array.StringView:
		value = d.Value
	}
	size, holes := dict.Len(), dict.NullN() > 0
	var out bitset
	for i := range n {
		k := size
		if v.isValid(i) {
			k = a.GetValueIndex(lo + i)
		}
		if k >= size || holes && dict.IsNull(k) {
			v.s[i] = ""
			out[i>>6] |= 1 << (i & 63)
			continue
		}
		v.s[i] = value(k)
	}
	v.drop(&out)
}
