package operators

import (
	"context"
	"math/rand/v2"
	"testing"

	"github.com/apache/arrow/go/v17/arrow"
	"github.com/apache/arrow/go/v17/arrow/array"
	"github.com/apache/arrow/go/v17/arrow/decimal128"
	"github.com/apache/arrow/go/v17/arrow/memory"
)

// layouts is one column of every layout that gather knows.
var layouts = arrow.NewSchema([]arrow.Field{
	{Name: "null", Type: arrow.Null, Nullable: true},
	{Name: "bool", Type: arrow.FixedWidthTypes.Boolean, Nullable: true},
	{Name: "i8", Type: arrow.PrimitiveTypes.Int8, Nullable: true},
	{Name: "i16", Type: arrow.PrimitiveTypes.Int16, Nullable: true},
	{Name: "f32", Type: arrow.PrimitiveTypes.Float32, Nullable: true},
	{Name: "f64", Type: arrow.PrimitiveTypes.Float64, Nullable: true},
	{Name: "dec", Type: &arrow.Decimal128Type{Precision: 20, Scale: 2}, Nullable: true},
	{Name: "text", Type: arrow.BinaryTypes.String, Nullable: true},
	{Name: "large", Type: arrow.BinaryTypes.LargeString, Nullable: true},
	{Name: "bytes", Type: arrow.BinaryTypes.Binary, Nullable: true},
	{Name: "dict", Type: &arrow.DictionaryType{IndexType: arrow.PrimitiveTypes.Int8, ValueType: arrow.BinaryTypes.String}, Nullable: true},
	{Name: "list", Type: arrow.ListOf(arrow.BinaryTypes.String), Nullable: true},
	{Name: "vector", Type: arrow.FixedSizeListOf(3, arrow.PrimitiveTypes.Float32), Nullable: true},
	{Name: "struct", Type: arrow.StructOf(
		arrow.Field{Name: "x", Type: arrow.PrimitiveTypes.Int32, Nullable: true},
		arrow.Field{Name: "flags", Type: arrow.ListOf(arrow.FixedWidthTypes.Boolean), Nullable: true}), Nullable: true},
}, nil)

func appendAny(t *testing.T, r *rand.Rand, b array.Builder) {
	if r.IntN(4) == 0 {
		b.AppendNull()
		return
	}
	switch c := b.(type) {
	case *array.NullBuilder:
		c.AppendNull()
	case *array.BooleanBuilder:
		c.Append(r.IntN(2) == 0)
	case *array.Int8Builder:
		c.Append(int8(r.IntN(256) - 128))
	case *array.Int16Builder:
		c.Append(int16(r.IntN(999)))
	case *array.Int32Builder:
		c.Append(int32(r.IntN(999)))
	case *array.Float32Builder:
		c.Append(r.Float32())
	case *array.Float64Builder:
		c.Append(r.Float64())
	case *array.Decimal128Builder:
		c.Append(decimal128.FromI64(r.Int64()))
	case *array.StringBuilder:
		c.Append("text"[:r.IntN(5)])
	case *array.LargeStringBuilder:
		c.Append("large"[:r.IntN(6)])
	case *array.BinaryDictionaryBuilder:
		if err := c.AppendString("abc"[:r.IntN(4)]); err != nil {
			t.Fatal(err)
		}
	case *array.BinaryBuilder:
		c.Append([]byte{1, 2, 3}[:r.IntN(4)])
	case *array.ListBuilder:
		c.Append(true)
		for range r.IntN(3) {
			appendAny(t, r, c.ValueBuilder())
		}
	case *array.FixedSizeListBuilder:
		c.Append(true)
		for range 3 {
			appendAny(t, r, c.ValueBuilder())
		}
	case *array.StructBuilder:
		c.Append(true)
		for k := range c.NumField() {
			appendAny(t, r, c.FieldBuilder(k))
		}
	default:
		t.Fatalf("no values for %T", b)
	}
}

// TestGather compares row by row, on slices that begin anywhere.
func TestGather(t *testing.T) {
	alloc := memory.NewCheckedAllocator(memory.NewGoAllocator())
	defer alloc.AssertSize(t, 0)
	r := rand.New(rand.NewPCG(3, 1))
	for range 20 {
		b := array.NewRecordBuilder(alloc, layouts)
		for range 90 {
			for _, c := range b.Fields() {
				appendAny(t, r, c)
			}
		}
		whole := b.NewRecord()
		rec := whole.NewSlice(int64(r.IntN(20)), 90)
		var at []int
		for i := range int(rec.NumRows()) {
			if r.IntN(3) == 0 {
				at = append(at, i)
			}
		}
		got, err := gather{context.Background(), alloc}.record(rec, at)
		if err != nil {
			t.Fatal(err)
		}
		for i, c := range rec.Columns() {
			sameRows(t, rec.ColumnName(i), c, got.Column(i), at)
		}
		for _, x := range []interface{ Release() }{got, rec, whole, b} {
			x.Release()
		}
	}
}

func sameRows(t *testing.T, name string, from, got arrow.Array, at []int) {
	t.Helper()
	if got.Len() != len(at) {
		t.Fatalf("%s: want %d rows, got %d", name, len(at), got.Len())
	}
	nulls := 0
	for i, k := range at {
		if !array.SliceEqual(from, int64(k), int64(k+1), got, int64(i), int64(i+1)) {
			t.Fatalf("%s: row %d: want %s, got %s", name, i, from.ValueStr(k), got.ValueStr(i))
		}
		if from.IsNull(k) || from.DataType().ID() == arrow.NULL { // a slice of a null column does not say so itself
			nulls++
		}
	}
	if got.NullN() != nulls {
		t.Errorf("%s: want %d nulls, got %d", name, nulls, got.NullN())
	}
}
