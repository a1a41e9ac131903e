package arrowio

import (
	"math"
	"slices"

	"github.com/apache/arrow/go/v17/arrow"
	"github.com/apache/arrow/go/v17/arrow/array"
	"github.com/apache/arrow/go/v17/arrow/float16"
	"github.com/apache/arrow/go/v17/arrow/memory"
)

type labelNumber interface {
	~int8 | ~int16 | ~int32 | ~int64 | ~uint8 | ~uint16 | ~uint32 | ~uint64 | ~float32 | ~float64
}

// labelValues writes a column of labels as numbers, NaN for null. Whole numbers are exact to 2^53.
func labelValues(a arrow.Array, out []float64) []float64 {
	out = slices.Grow(out[:0], a.Len())[:a.Len()]
	switch c := a.(type) {
	case *array.Boolean:
		for i := range out {
			out[i] = 0
			if c.Value(i) {
				out[i] = 1
			}
		}
	case *array.Int8:
		copyLabels(out, c.Int8Values())
	case *array.Int16:
		copyLabels(out, c.Int16Values())
	case *array.Int32:
		copyLabels(out, c.Int32Values())
	case *array.Int64:
		copyLabels(out, c.Int64Values())
	case *array.Uint8:
		copyLabels(out, c.Uint8Values())
	case *array.Uint16:
		copyLabels(out, c.Uint16Values())
	case *array.Uint32:
		copyLabels(out, c.Uint32Values())
	case *array.Uint64:
		copyLabels(out, c.Uint64Values())
	case *array.Float16:
		for i, v := range c.Values() {
			out[i] = float64(v.Float32())
		}
	case *array.Float32:
		copyLabels(out, c.Float32Values())
	case *array.Float64:
		copyLabels(out, c.Float64Values())
	}
	if a.NullN() > 0 {
		for i := range out {
			if a.IsNull(i) {
				out[i] = math.NaN()
			}
		}
	}
	return out
}

func copyLabels[T labelNumber](out []float64, in []T) {
	for i, v := range in {
		out[i] = float64(v)
	}
}

// labelColumn writes the labels of the rows in the type that they came in.
func labelColumn(alloc memory.Allocator, t arrow.DataType, refs []joinRef) arrow.Array {
	b := array.NewBuilder(alloc, t)
	defer b.Release()
	b.Reserve(len(refs))
	switch b := b.(type) {
	case *array.BooleanBuilder:
		fillLabels(refs, b, func(v float64) bool { return v != 0 })
	case *array.Int8Builder:
		fillLabels(refs, b, func(v float64) int8 { return int8(v) })
	case *array.Int16Builder:
		fillLabels(refs, b, func(v float64) int16 { return int16(v) })
	case *array.Int32Builder:
		fillLabels(refs, b, func(v float64) int32 { return int32(v) })
	case *array.Int64Builder:
		fillLabels(refs, b, func(v float64) int64 { return int64(v) })
	case *array.Uint8Builder:
		fillLabels(refs, b, func(v float64) uint8 { return uint8(v) })
	case *array.Uint16Builder:
		fillLabels(refs, b, func(v float64) uint16 { return uint16(v) })
	case *array.Uint32Builder:
		fillLabels(refs, b, func(v float64) uint32 { return uint32(v) })
	case *array.Uint64Builder:
		fillLabels(refs, b, func(v float64) uint64 { return uint64(v) })
	case *array.Float16Builder:
		fillLabels(refs, b, func(v float64) float16.Num { return float16.New(float32(v)) })
	case *array.Float32Builder:
		fillLabels(refs, b, func(v float64) float32 { return float32(v) })
	case *array.Float64Builder:
		fillLabels(refs, b, func(v float64) float64 { return v })
	}
	return b.NewArray()
}

func fillLabels[T any, B interface {
	Append(T)
	AppendNull()
}](refs []joinRef, b B, of func(float64) T) {
	for _, r := range refs {
		if math.IsNaN(r.label) {
			b.AppendNull()
		} else {
			b.Append(of(r.label))
		}
	}
}
