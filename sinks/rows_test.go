package sinks

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"log/slog"
	"math/rand/v2"
	"path/filepath"
	"strings"
	"testing"

	"github.com/apache/arrow/go/v17/arrow"
	"github.com/apache/arrow/go/v17/arrow/array"
	"github.com/apache/arrow/go/v17/arrow/decimal128"
	"github.com/apache/arrow/go/v17/arrow/ipc"
	"github.com/apache/arrow/go/v17/arrow/memory"
	"github.com/apache/arrow/go/v17/parquet/file"
	"github.com/apache/arrow/go/v17/parquet/pqarrow"

	"github.com/sluice-stream/sluice/flow"
	"github.com/sluice-stream/sluice/internal/vfs"
)

// allTypes is a schema with a column of every kind that the file sinks hold. nullVectors allows a list of fixed
// size to be null, which arrow-go's Parquet reader does not survive (pyarrow, DuckDB and Polars do).
func allTypes(nullVectors bool) *arrow.Schema {
	item := arrow.StructOf(arrow.Field{Name: "a", Type: arrow.PrimitiveTypes.Int32}, arrow.Field{Name: "b", Type: arrow.BinaryTypes.String, Nullable: true})
	types := []arrow.DataType{
		arrow.FixedWidthTypes.Boolean, arrow.PrimitiveTypes.Int8, arrow.PrimitiveTypes.Int32, arrow.PrimitiveTypes.Int64,
		arrow.PrimitiveTypes.Uint16, arrow.PrimitiveTypes.Uint64, arrow.PrimitiveTypes.Float32, arrow.PrimitiveTypes.Float64,
		arrow.BinaryTypes.String, arrow.BinaryTypes.LargeString, arrow.BinaryTypes.Binary, arrow.FixedWidthTypes.Date32,
		&arrow.TimestampType{Unit: arrow.Millisecond, TimeZone: "UTC"}, &arrow.TimestampType{Unit: arrow.Nanosecond},
		&arrow.Decimal128Type{Precision: 12, Scale: 2}, &arrow.FixedSizeBinaryType{ByteWidth: 3},
		arrow.ListOf(arrow.BinaryTypes.String), arrow.ListOf(item), arrow.StructOf(
			arrow.Field{Name: "x", Type: arrow.PrimitiveTypes.Float64, Nullable: true},
			arrow.Field{Name: "y", Type: arrow.ListOf(arrow.PrimitiveTypes.Int32), Nullable: true}),
		arrow.FixedSizeListOf(4, arrow.PrimitiveTypes.Float32),
		arrow.MapOf(arrow.BinaryTypes.String, arrow.PrimitiveTypes.Int64),
		&arrow.DictionaryType{IndexType: arrow.PrimitiveTypes.Int32, ValueType: arrow.BinaryTypes.String},
	}
	fields := []arrow.Field{{Name: "row", Type: arrow.PrimitiveTypes.Int64}}
	for i, t := range types {
		fields = append(fields, arrow.Field{Name: fmt.Sprintf("c%02d_%s", i, strings.ToLower(t.ID().String())), Type: t, Nullable: nullVectors || t.ID() != arrow.FIXED_SIZE_LIST})
	}
	meta := arrow.MetadataFrom(map[string]string{"origin": "test", arrowSchemaKey: "stale"})
	return arrow.NewSchema(fields, &meta)
}

// makeRows returns rows from to to of an endless table that schema and seed determine. With litter, slots under
// a null hold values instead of zeros: the rows are equal, their buffers are not.
func makeRows(mem memory.Allocator, schema *arrow.Schema, seed uint64, from, to int, litter bool) arrow.Record {
	cols := make([]arrow.Array, schema.NumFields())
	for c, f := range schema.Fields() {
		cols[c] = makeColumn(mem, f, seed, c, from, to, litter)
		defer cols[c].Release()
	}
	return array.NewRecord(schema, cols, int64(to-from))
}

func makeColumn(mem memory.Allocator, f arrow.Field, seed uint64, c, from, to int, litter bool) arrow.Array {
	b := array.NewBuilder(mem, f.Type)
	defer b.Release()
	var nulls []int
	for i := from; i < to; i++ {
		r := rand.New(rand.NewPCG(seed, uint64(c)<<32|uint64(i)))
		null := f.Nullable && r.IntN(5) == 0
		switch {
		case f.Name == "row":
			b.(*array.Int64Builder).Append(int64(i))
		case !null:
			addValue(b, r)
		case litter && f.Type.ID() != arrow.DICTIONARY:
			addValue(b, r)
			nulls = append(nulls, i-from)
		default:
			b.AppendNull()
		}
	}
	arr := b.NewArray()
	if len(nulls) == 0 {
		return arr
	}
	defer arr.Release()
	return withNulls(arr, nulls)
}

// withNulls marks slots of an array without nulls as null and leaves what they hold.
func withNulls(arr arrow.Array, nulls []int) arrow.Array {
	bits := bytes.Repeat([]byte{0xff}, (arr.Len()+7)/8)
	for _, i := range nulls {
		bits[i/8] &^= 1 << (i % 8)
	}
	d := arr.Data()
	bufs := append([]*memory.Buffer{memory.NewBufferBytes(bits)}, d.Buffers()[1:]...)
	out := array.NewData(d.DataType(), d.Len(), bufs, d.Children(), len(nulls), 0)
	defer out.Release()
	return array.MakeFromData(out)
}

func addMaybe(b array.Builder, r *rand.Rand) {
	if r.IntN(4) == 0 {
		b.AppendNull()
	} else {
		addValue(b, r)
	}
}

func addValue(b array.Builder, r *rand.Rand) {
	switch b := b.(type) {
	case *array.BooleanBuilder:
		b.Append(r.IntN(2) == 0)
	case *array.Int8Builder:
		b.Append(int8(r.IntN(200) - 100))
	case *array.Int32Builder:
		b.Append(int32(r.IntN(1000) - 500))
	case *array.Int64Builder:
		b.Append(r.Int64() - 1<<62)
	case *array.Uint16Builder:
		b.Append(uint16(r.IntN(65536)))
	case *array.Uint64Builder:
		b.Append(r.Uint64())
	case *array.Float32Builder:
		b.Append(float32(r.NormFloat64()))
	case *array.Float64Builder:
		b.Append(r.NormFloat64())
	case *array.StringBuilder:
		b.Append(word(r))
	case *array.LargeStringBuilder:
		b.Append(word(r))
	case *array.BinaryBuilder:
		b.Append([]byte(word(r)))
	case *array.Date32Builder:
		b.Append(arrow.Date32(r.IntN(20000)))
	case *array.TimestampBuilder:
		b.Append(arrow.Timestamp(r.Int64N(1 << 40)))
	case *array.Decimal128Builder:
		b.Append(decimal128.FromI64(r.Int64N(1e11)))
	case *array.FixedSizeBinaryBuilder:
		b.Append([]byte{byte(r.IntN(256)), 'x', 'y'})
	case *array.ListBuilder:
		b.Append(true)
		for range r.IntN(4) {
			addMaybe(b.ValueBuilder(), r)
		}
	case *array.MapBuilder:
		b.Append(true)
		for k := range r.IntN(3) {
			b.KeyBuilder().(*array.StringBuilder).Append(fmt.Sprint("k", k))
			addMaybe(b.ItemBuilder(), r)
		}
	case *array.FixedSizeListBuilder:
		b.Append(true)
		for range b.Type().(*arrow.FixedSizeListType).Len() {
			addMaybe(b.ValueBuilder(), r)
		}
	case *array.StructBuilder:
		b.Append(true)
		for i := range b.NumField() {
			if b.Type().(*arrow.StructType).Field(i).Nullable {
				addMaybe(b.FieldBuilder(i), r)
			} else {
				addValue(b.FieldBuilder(i), r)
			}
		}
	case *array.BinaryDictionaryBuilder:
		if err := b.AppendString(word(r)); err != nil {
			panic(err)
		}
	default:
		panic(fmt.Sprintf("no value for %T", b))
	}
}

func word(r *rand.Rand) string { return strings.Repeat(string(rune('a'+r.IntN(6))), r.IntN(4)) }

// env is what a sink is opened with in tests.
func testEnv(fs vfs.FS, mem memory.Allocator) flow.Env {
	return flow.Env{Pipeline: "test", Seed: 1, Alloc: mem, FS: fs, Log: slog.New(slog.NewTextHandler(io.Discard, nil))}
}

// readFile reads a Parquet or an Arrow file as rows in JSON, one a string: the oracle that sinks are held to.
func readFile(t *testing.T, name string, data []byte) (*arrow.Schema, []string) {
	t.Helper()
	if filepath.Ext(name) == ".arrow" {
		r, err := ipc.NewFileReader(bytes.NewReader(data))
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		defer r.Close()
		var out []string
		for i := range r.NumRecords() {
			rec, err := r.Record(i)
			if err != nil {
				t.Fatalf("%s: %v", name, err)
			}
			out = append(out, rowsOf(t, rec)...)
		}
		return r.Schema(), out
	}
	tbl := readParquet(t, name, data)
	defer tbl.Release()
	rd := array.NewTableReader(tbl, 1<<20)
	defer rd.Release()
	var out []string
	for rd.Next() {
		out = append(out, rowsOf(t, rd.Record())...)
	}
	return tbl.Schema(), out
}

// metadataOf returns the key-value metadata of a file's schema.
func metadataOf(t *testing.T, name string, data []byte) map[string]string {
	t.Helper()
	if filepath.Ext(name) == ".arrow" {
		schema, _ := readFile(t, name, data)
		return schema.Metadata().ToMap()
	}
	pr, err := file.NewParquetReader(bytes.NewReader(data))
	if err != nil {
		t.Fatalf("%s: %v", name, err)
	}
	defer pr.Close()
	out := map[string]string{}
	kv := pr.MetaData().KeyValueMetadata()
	for i, k := range kv.Keys() {
		if _, twice := out[k]; twice {
			t.Errorf("%s: metadata %q stands twice", name, k)
		}
		out[k] = kv.Values()[i]
	}
	return out
}

func readParquet(t *testing.T, name string, data []byte) arrow.Table {
	t.Helper()
	pr, err := file.NewParquetReader(bytes.NewReader(data))
	if err != nil {
		t.Fatalf("%s: %v", name, err)
	}
	defer pr.Close()
	fr, err := pqarrow.NewFileReader(pr, pqarrow.ArrowReadProperties{BatchSize: 1 << 16}, memory.DefaultAllocator)
	if err != nil {
		t.Fatalf("%s: %v", name, err)
	}
	tbl, err := fr.ReadTable(context.Background())
	if err != nil {
		t.Fatalf("%s: %v", name, err)
	}
	return tbl
}

func rowsOf(t *testing.T, rec arrow.Record) []string {
	t.Helper()
	var out []string
	for i := range rec.NumRows() {
		row := rec.NewSlice(i, i+1)
		js, err := row.MarshalJSON()
		row.Release()
		if err != nil {
			t.Fatal(err)
		}
		out = append(out, strings.TrimSpace(string(js)))
	}
	return out
}

// newRecord makes a record of columns and releases them.
func newRecord(schema *arrow.Schema, cols ...arrow.Array) arrow.Record {
	rec := array.NewRecord(schema, cols, int64(cols[0].Len()))
	for _, c := range cols {
		c.Release()
	}
	return rec
}
