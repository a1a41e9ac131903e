package arrowio

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/apache/arrow/go/v17/arrow"
	"github.com/apache/arrow/go/v17/arrow/array"
	"github.com/apache/arrow/go/v17/arrow/memory"
	"github.com/apache/arrow/go/v17/parquet"
	"github.com/apache/arrow/go/v17/parquet/compress"
	"github.com/apache/arrow/go/v17/parquet/pqarrow"
	"go.uber.org/goleak"

	"github.com/sluice-stream/sluice/flow"
)

func TestParquetCodecs(t *testing.T) {
	rec := sampleRecord(memory.DefaultAllocator, 0, 100)
	for _, codec := range []compress.Compression{
		compress.Codecs.Uncompressed, compress.Codecs.Snappy, compress.Codecs.Gzip, compress.Codecs.Brotli, compress.Codecs.Zstd,
	} {
		path := writeFile(t, filepath.Join(t.TempDir(), "x.parquet"), parquetBytes(t, rec, 33, codec))
		s := must(t)(newParquet(path, nil, nil))
		mustOpen(t, s, flow.Env{Alloc: checkedAlloc(t)})
		if got := readAll(t, s, 40); !slices.Equal(got, cells(rec)) {
			t.Errorf("%s: want %d rows, got %d", codec, rec.NumRows(), len(got))
		}
		s.Close()
	}
}

// oddRecord has columns whose types are made plain at the door.
func oddRecord(t testing.TB) arrow.Record {
	t.Helper()
	dict := &arrow.DictionaryType{IndexType: arrow.PrimitiveTypes.Int8, ValueType: arrow.BinaryTypes.String}
	ints := &arrow.DictionaryType{IndexType: arrow.PrimitiveTypes.Uint16, ValueType: arrow.PrimitiveTypes.Int64}
	schema := arrow.NewSchema([]arrow.Field{
		{Name: "dict", Type: dict, Nullable: true},
		{Name: "ints", Type: ints, Nullable: true},
		{Name: "large", Type: arrow.BinaryTypes.LargeString, Nullable: true},
		{Name: "bytes", Type: arrow.BinaryTypes.LargeBinary, Nullable: true},
		{Name: "list", Type: arrow.ListOf(arrow.BinaryTypes.LargeString), Nullable: true},
		{Name: "us", Type: arrow.FixedWidthTypes.Timestamp_us, Nullable: true},
	}, nil)
	return jsonRecord(t, schema, `{"dict":"a","ints":7,"large":"x","bytes":"AQI=","list":["p","q"],"us":"2015-09-12 00:46:58.000123"}
{"dict":null,"ints":null,"large":null,"bytes":null,"list":null,"us":null}
{"dict":"b","ints":7,"large":"y","bytes":"","list":[],"us":"2015-09-12 00:46:58"}`)
}

const oddTypes = "dict utf8, ints int64, large utf8, bytes binary, list list<utf8>, us timestamp[us]"

var oddRows = []string{"a|7|x|AQI=|[p q]|2015-09-12 00:46:58.000123Z", "null|null|null|null|null|null", "b|7|y||[]|2015-09-12 00:46:58Z"}

func TestPlainTypes(t *testing.T) {
	rec := oddRecord(t)
	dir := t.TempDir()
	for _, path := range []string{
		writeFile(t, filepath.Join(dir, "x.arrow"), arrowBytes(t, rec, 2, false)),
		writeFile(t, filepath.Join(dir, "x.arrows"), arrowBytes(t, rec, 2, true)),
		writeFile(t, filepath.Join(dir, "x.parquet"), parquetBytes(t, rec, 2, compress.Codecs.Snappy)),
	} {
		build := newArrow
		if strings.HasSuffix(path, "parquet") {
			build = newParquet
		}
		s := must(t)(build(path, nil, nil))
		mustOpen(t, s, flow.Env{Alloc: checkedAlloc(t)})
		if got := schemaText(s.Schema()); got != oddTypes {
			t.Errorf("%s: want %s, got %s", filepath.Base(path), oddTypes, got)
		}
		if got := readAll(t, s, 10); !slices.Equal(got, oddRows) {
			t.Errorf("%s: got %q", filepath.Base(path), got)
		}
		s.Close()
	}
}

// jsonRecord builds a record from objects as arrow-go reads them.
func jsonRecord(t testing.TB, schema *arrow.Schema, rows string) arrow.Record {
	t.Helper()
	list := "[" + strings.ReplaceAll(strings.ReplaceAll(rows, "}\n", "}"), "}{", "},{") + "]"
	rec, _, err := array.RecordFromJSON(memory.DefaultAllocator, schema, strings.NewReader(list))
	if err != nil {
		t.Fatal(err)
	}
	return rec
}

// record builds a record from a schema as schemaOf takes it and rows as JSON.
func record(t testing.TB, decl, rows string) arrow.Record {
	t.Helper()
	return jsonRecord(t, schemaOf(t, decl), rows)
}

func TestParquetSchemaChangesBetweenFiles(t *testing.T) {
	dir := t.TempDir()
	put := func(name, decl, rows string) {
		writeFile(t, filepath.Join(dir, name), parquetBytes(t, record(t, decl, rows), 10, compress.Codecs.Snappy))
	}
	put("0.parquet", "a int64, b utf8", `{"a":1,"b":"x"}`)
	put("1.parquet", "c utf8, b utf8, a int64", `{"a":2,"b":"y","c":"new"}`)
	put("2.parquet", "a int64", `{"a":3}`)
	put("3.parquet", "z int64", `{"z":1}{"z":2}`)
	var warned bytes.Buffer
	open := func(columns ...string) (flow.Source, error) {
		s := must(t)(newParquet(dir, columns, nil))
		return s, s.(flow.Opener).Open(context.Background(), flow.Env{Alloc: checkedAlloc(t), Log: slog.New(slog.NewTextHandler(&warned, nil))})
	}
	s, err := open()
	if err != nil {
		t.Fatal(err)
	}
	if got := fmt.Sprint(readAll(t, s, 100)); got != "[1|x 2|y 3|null null|null null|null]" {
		t.Errorf("got %s", got)
	}
	s.Close()
	if !strings.Contains(warned.String(), "2.parquet") || !strings.Contains(warned.String(), "columns=b") {
		t.Errorf("want a warning, got %s", &warned)
	}
	s, err = open("c", "a") // a column that only a later file has may be named
	if err != nil {
		t.Fatal(err)
	}
	if got := fmt.Sprint(readAll(t, s, 100)); got != "[null|1 new|2 null|3 null|null null|null]" {
		t.Errorf("got %s", got)
	}
	s.Close()
	put("4.parquet", "a utf8", `{"a":"5"}`)
	s, err = open()
	if !errors.Is(err, flow.ErrConfig) || !strings.Contains(err.Error(), "4.parquet: column a: want int64 as in the other files, got utf8") {
		t.Errorf("want ErrConfig, got %v", err)
	}
	s.Close()
}

func TestParquetTypeChangeSeenLate(t *testing.T) {
	dir := t.TempDir()
	for i := range settleFiles {
		writeFile(t, filepath.Join(dir, fmt.Sprintf("%03d.parquet", i)), parquetBytes(t, record(t, "a int64", `{"a":1}`), 10, compress.Codecs.Snappy))
	}
	late := writeFile(t, filepath.Join(dir, "999.parquet"), parquetBytes(t, record(t, "a utf8", `{"a":"1"}`), 10, compress.Codecs.Snappy))
	s := must(t)(newParquet(dir, nil, nil))
	mustOpen(t, s, flow.Env{Alloc: checkedAlloc(t)})
	defer s.Close()
	for range 2 { // and a second try says the same
		if err := lastError(s); !errors.Is(err, flow.ErrData) || !strings.Contains(err.Error(), late) {
			t.Fatalf("want ErrData naming the file, got %v", err)
		}
	}
}

func TestParquetEmpty(t *testing.T) {
	dir := t.TempDir()
	var buf bytes.Buffer
	schema := schemaOf(t, "a int64, l list<utf8>")
	w, err := pqarrow.NewFileWriter(schema, &buf, parquet.NewWriterProperties(), pqarrow.DefaultWriterProps())
	if err != nil {
		t.Fatal(err)
	}
	for _, rows := range []string{"", `{"a":1,"l":["x"]}`, "", "", `{"a":2,"l":[]}`} { // row groups of no rows in between
		rec := record(t, "a int64, l list<utf8>", rows)
		w.NewBufferedRowGroup()
		if err := w.WriteBuffered(rec); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	writeFile(t, filepath.Join(dir, "a.parquet"), parquetBytes(t, record(t, "a int64, l list<utf8>", ""), 10, compress.Codecs.Snappy))
	writeFile(t, filepath.Join(dir, "b.parquet"), buf.Bytes())
	s := must(t)(newParquet(dir, nil, nil))
	mustOpen(t, s, flow.Env{Alloc: checkedAlloc(t)})
	if got := fmt.Sprint(readAll(t, s, 100)); got != "[1|[x] 2|[]]" {
		t.Errorf("got %s", got)
	}
	s.Close()
	writeFile(t, filepath.Join(dir, "c.parquet"), nil)
	s = must(t)(newParquet(dir, nil, nil))
	if err := s.(flow.Opener).Open(context.Background(), flow.Env{}); !errors.Is(err, flow.ErrCorrupt) || !strings.Contains(err.Error(), "c.parquet: want a whole Parquet file") {
		t.Errorf("want ErrCorrupt, got %v", err)
	}
	s.Close()
}

// TestBrokenFiles cuts files off anywhere and flips bytes: an error with a class or rows, never a panic or a hang.
func TestBrokenFiles(t *testing.T) {
	defer goleak.VerifyNone(t, goleak.IgnoreCurrent())
	rec := sampleRecord(memory.DefaultAllocator, 0, 60)
	for _, c := range []struct {
		name  string
		build func(string, []string, []string) (flow.Source, error)
		whole []byte
	}{
		{"x.parquet", newParquet, parquetBytes(t, rec, 20, compress.Codecs.Snappy)},
		{"x.arrow", newArrow, arrowBytes(t, rec, 20, false)},
		{"x.arrows", newArrow, arrowBytes(t, rec, 20, true)},
	} {
		path := filepath.Join(t.TempDir(), c.name)
		try := func(content []byte) error {
			s := must(t)(c.build(writeFile(t, path, content), nil, nil))
			defer s.Close()
			if err := s.(flow.Opener).Open(context.Background(), flow.Env{}); err != nil {
				return err
			}
			return lastError(s)
		}
		for cutAt := 0; cutAt < len(c.whole)-8; cutAt += max(1, len(c.whole)/60) {
			err := try(c.whole[:cutAt])
			atBoundary := c.name == "x.arrows" && err == io.EOF // a stream may end behind any batch
			if !errors.Is(err, flow.ErrCorrupt) && !atBoundary {
				t.Errorf("%s cut at %d: want ErrCorrupt, got %v", c.name, cutAt, err)
			}
		}
		for at := 0; at < len(c.whole); at += max(1, len(c.whole)/300) {
			flipped := bytes.Clone(c.whole)
			flipped[at] ^= 0x55
			if err := try(flipped); err != io.EOF && !errors.Is(err, flow.ErrCorrupt) && !errors.Is(err, flow.ErrConfig) && !errors.Is(err, flow.ErrData) {
				t.Errorf("%s flipped at %d: %v", c.name, at, err)
			}
		}
	}
}

func TestParquetCompat(t *testing.T) {
	for _, c := range []struct {
		file  string
		build func(string, []string, []string) (flow.Source, error)
		rows  int
		cols  int
	}{
		{"adult.brotli.parquet-cpp.parquet", newParquet, 48842, 15},
		{"nycflights.snappy.nanoparquet.parquet", newParquet, 32735, 17},
		{"flights-200k.arrow", newArrow, 200000, 3},
	} {
		s := must(t)(c.build(dataFile(t, "parquet-compat", c.file), nil, nil))
		mustOpen(t, s, flow.Env{Alloc: checkedAlloc(t)})
		if n, _ := drain(t, s, 8192); n != c.rows || s.Schema().NumFields() != c.cols {
			t.Errorf("%s: want %d rows of %d columns, got %d of %d", c.file, c.rows, c.cols, n, s.Schema().NumFields())
		}
		t.Log(c.file, schemaText(s.Schema()))
		s.Close()
	}
}

// drain reads everything; it returns the rows and the nulls in them.
func drain(t testing.TB, s flow.Source, max int) (rows, nulls int) {
	for {
		rec, err := s.Next(context.Background(), max)
		if err == io.EOF {
			return rows, nulls
		}
		if err != nil {
			t.Fatal(err)
		}
		rows += int(rec.NumRows())
		for _, c := range rec.Columns() {
			nulls += c.NullN()
		}
		rec.Release()
	}
}

// tenColumns writes rows of ten columns as a click log has them.
func tenColumns(t testing.TB, rows int) arrow.Record {
	t.Helper()
	schema := schemaOf(t, "user utf8, item utf8, city utf8, device utf8, price float64, score float64, pos int64, click int64, at timestamp, ok bool")
	b := array.NewRecordBuilder(memory.DefaultAllocator, schema)
	defer b.Release()
	x := uint64(7)
	for i := range rows {
		x = x*6364136223846793005 + 1442695040888963407
		r := x >> 33
		for c := range 4 {
			b.Field(c).(*array.StringBuilder).Append(fmt.Sprintf("v%d", r%[]uint64{50000, 20000, 200, 5}[c]))
		}
		b.Field(4).(*array.Float64Builder).Append(float64(r%10000) / 100)
		b.Field(5).(*array.Float64Builder).Append(float64(r) / (1 << 31))
		b.Field(6).(*array.Int64Builder).Append(int64(r % 10))
		b.Field(7).(*array.Int64Builder).Append(int64(r % 2))
		b.Field(8).(*array.TimestampBuilder).Append(arrow.Timestamp(1442018818771 + i))
		b.Field(9).(*array.BooleanBuilder).Append(r%3 == 0)
	}
	return b.NewRecord()
}

func benchmarkFile(b *testing.B, path string, build func(string, []string, []string) (flow.Source, error)) {
	rows := 0
	for b.Loop() {
		s := must(b)(build(path, nil, nil))
		mustOpen(b, s, flow.Env{})
		n, _ := drain(b, s, 8192)
		rows += n
		s.Close()
	}
	b.ReportMetric(float64(rows)/b.Elapsed().Seconds(), "rows/s")
}

// BenchmarkTenColumns reads 300,000 rows of ten columns from a file of each format.
func BenchmarkTenColumns(b *testing.B) {
	rec := tenColumns(b, 300000)
	dir := b.TempDir()
	for _, f := range []struct {
		name  string
		build func(string, []string, []string) (flow.Source, error)
		bytes func() []byte
	}{
		{"x.parquet", newParquet, func() []byte { return parquetBytes(b, rec, 100000, compress.Codecs.Zstd) }},
		{"x.arrow", newArrow, func() []byte { return arrowBytes(b, rec, 8192, false) }},
		{"x.jsonl", inferredJSONL, func() []byte { return jsonOf(b, rec) }},
		{"x.csv", newCSV, func() []byte { return csvLines(b, rec) }},
	} {
		path := filepath.Join(dir, f.name)
		if err := os.WriteFile(path, f.bytes(), 0o644); err != nil {
			b.Fatal(err)
		}
		b.Run(f.name, func(b *testing.B) { benchmarkFile(b, path, f.build) })
	}
}

func inferredJSONL(path string, columns, meta []string) (flow.Source, error) {
	c := flow.Choice[flow.Source]{}
	cfg, _ := c.Select("jsonl")
	j := cfg.(*JSONLConfig)
	j.Path, j.Columns, j.Meta = path, columns, meta
	return c.Build()
}

func jsonOf(t testing.TB, rec arrow.Record) []byte {
	t.Helper()
	var buf bytes.Buffer
	if err := array.RecordToJSON(rec, &buf); err != nil {
		t.Fatal(err)
	}
	return buf.Bytes()
}

// BenchmarkFlights3M reads three million rows of five columns.
func BenchmarkFlights3M(b *testing.B) {
	benchmarkFile(b, dataFile(b, "flights-3m", "flights-3m.parquet"), newParquet)
}
