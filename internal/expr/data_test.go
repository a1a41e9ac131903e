package expr

import (
	"math"
	"math/rand/v2"
	"testing"

	"github.com/apache/arrow/go/v17/arrow"
	"github.com/apache/arrow/go/v17/arrow/array"
	"github.com/apache/arrow/go/v17/arrow/memory"
)

var testSchema = arrow.NewSchema([]arrow.Field{
	{Name: "f", Type: arrow.PrimitiveTypes.Float64, Nullable: true},
	{Name: "g", Type: arrow.PrimitiveTypes.Float32, Nullable: true},
	{Name: "i", Type: arrow.PrimitiveTypes.Int64, Nullable: true},
	{Name: "j", Type: arrow.PrimitiveTypes.Int16, Nullable: true},
	{Name: "u", Type: arrow.PrimitiveTypes.Uint64, Nullable: true},
	{Name: "b", Type: arrow.FixedWidthTypes.Boolean, Nullable: true},
	{Name: "c", Type: arrow.FixedWidthTypes.Boolean, Nullable: true},
	{Name: "s", Type: arrow.BinaryTypes.String, Nullable: true},
	{Name: "d", Type: &arrow.DictionaryType{IndexType: arrow.PrimitiveTypes.Int8, ValueType: arrow.BinaryTypes.String}, Nullable: true},
	{Name: "geo.city", Type: arrow.BinaryTypes.LargeString, Nullable: true},
	{Name: "at", Type: &arrow.TimestampType{Unit: arrow.Millisecond, TimeZone: "UTC"}, Nullable: true},
	{Name: "ns", Type: &arrow.TimestampType{Unit: arrow.Nanosecond}, Nullable: true},
	{Name: "on", Type: arrow.FixedWidthTypes.Date32, Nullable: true},
	{Name: "st", Type: arrow.StructOf(
		arrow.Field{Name: "x", Type: arrow.PrimitiveTypes.Int32, Nullable: true},
		arrow.Field{Name: "name", Type: arrow.BinaryTypes.String, Nullable: true}), Nullable: true},
	{Name: "tags", Type: arrow.ListOf(arrow.BinaryTypes.String), Nullable: true},
	{Name: "raw", Type: arrow.BinaryTypes.Binary, Nullable: true},
	{Name: "z", Type: arrow.Null, Nullable: true},
}, nil)

var (
	someFloats = []float64{0, 1, -1, 2, 2.5, -0.5, 3, 10, 100, 1000, 65535, 1e18, 1e300, math.Inf(1), math.Inf(-1), math.NaN(), math.Copysign(0, -1)}
	someInts   = []int64{0, 1, -1, 2, 3, 7, -7, 10, 1000, 1 << 31, -1 << 31, 1 << 40, math.MaxInt64, math.MinInt64, math.MaxInt64 - 1}
	someTexts  = []string{"", "a", "b", "ab", "Ab", "a-b-c", " x ", "42", "-7", "3.5", "paris", "Zürich", "ÉCOLE", "東京タワー", "2026-01-31", "2024-02-29T23:59:59.123456Z", "1e3", "9223372036854775808"}
)

func oneOf[T any](r *rand.Rand, of []T) T { return of[r.IntN(len(of))] }

func randomFloat(r *rand.Rand) float64 {
	if r.IntN(2) == 0 {
		return oneOf(r, someFloats)
	}
	return r.NormFloat64() * 100
}

func randomInt(r *rand.Rand) int64 {
	if r.IntN(2) == 0 {
		return oneOf(r, someInts)
	}
	return r.Int64N(200) - 100
}

// randomRecord has n rows that begin at a random offset of their buffers; a column is without nulls in one record
// of three.
func randomRecord(t testing.TB, alloc memory.Allocator, r *rand.Rand, n int) arrow.Record {
	t.Helper()
	b := array.NewRecordBuilder(alloc, testSchema)
	defer b.Release()
	off, tail := r.IntN(130), r.IntN(70)
	for _, col := range b.Fields() {
		nulls := r.IntN(3) > 0
		for range off + n + tail {
			if nulls && r.IntN(5) == 0 {
				col.AppendNull()
				continue
			}
			appendRandom(t, r, col)
		}
	}
	rec := b.NewRecord()
	defer rec.Release()
	return rec.NewSlice(int64(off), int64(off+n))
}

func appendRandom(t testing.TB, r *rand.Rand, col array.Builder) {
	switch c := col.(type) {
	case *array.Float64Builder:
		c.Append(randomFloat(r))
	case *array.Float32Builder:
		c.Append(float32(randomFloat(r)))
	case *array.Int64Builder:
		c.Append(randomInt(r))
	case *array.Int32Builder:
		c.Append(int32(randomInt(r)))
	case *array.Int16Builder:
		c.Append(int16(randomInt(r)))
	case *array.Uint64Builder:
		c.Append(uint64(randomInt(r)))
	case *array.BooleanBuilder:
		c.Append(r.IntN(2) == 0)
	case *array.StringBuilder:
		c.Append(oneOf(r, someTexts))
	case *array.LargeStringBuilder:
		c.Append(oneOf(r, someTexts))
	case *array.BinaryDictionaryBuilder:
		if err := c.AppendString(oneOf(r, someTexts)); err != nil {
			t.Fatal(err)
		}
	case *array.TimestampBuilder:
		c.Append(arrow.Timestamp(r.Int64N(4e12) - 2e12))
	case *array.Date32Builder:
		c.Append(arrow.Date32(r.IntN(60000) - 30000))
	case *array.StructBuilder:
		c.Append(true)
		for k := range c.NumField() {
			if r.IntN(5) == 0 {
				c.FieldBuilder(k).AppendNull()
			} else {
				appendRandom(t, r, c.FieldBuilder(k))
			}
		}
	case *array.ListBuilder:
		c.Append(true)
		for range r.IntN(4) {
			appendRandom(t, r, c.ValueBuilder())
		}
	case *array.BinaryBuilder:
		c.Append(oneOf(r, [][]byte{[]byte("key"), {0xff, 0xfe}, {}}))
	case *array.NullBuilder:
		c.AppendNull()
	default:
		t.Fatalf("no random values for %T", col)
	}
}
