package arrowio

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/apache/arrow/go/v17/arrow"
	"github.com/apache/arrow/go/v17/arrow/array"
	"github.com/apache/arrow/go/v17/arrow/ipc"
	"github.com/apache/arrow/go/v17/arrow/memory"
	"github.com/apache/arrow/go/v17/parquet"
	"github.com/apache/arrow/go/v17/parquet/compress"
	"github.com/apache/arrow/go/v17/parquet/pqarrow"

	"github.com/sluice-stream/sluice/flow"
)

// memoState is a visitor over a map: saving fills it, restoring reads it.
type memoState struct {
	values    map[string]reflect.Value
	restoring bool
	err       error
}

func (m *memoState) Visit(name string, ptr any) {
	v := reflect.ValueOf(ptr).Elem()
	if m.restoring {
		v.Set(m.values[name])
		return
	}
	kept := reflect.New(v.Type()).Elem()
	kept.Set(v)
	m.values[name] = kept
}
func (m *memoState) Scope(string) flow.Visitor { return m }
func (m *memoState) Restoring() bool           { return m.restoring }
func (m *memoState) Fail(err error)            { m.err = errors.Join(m.err, err) }

func saveState(s flow.Source) *memoState {
	m := &memoState{values: map[string]reflect.Value{}}
	s.(flow.Stateful).Walk(m)
	return m
}

func restoreState(t testing.TB, s flow.Source, m *memoState) {
	t.Helper()
	r := &memoState{values: m.values, restoring: true}
	s.(flow.Stateful).Walk(r)
	if r.err != nil {
		t.Fatal(r.err)
	}
}

// logged collects what a source rejects.
type logged struct{ rejected []flow.Rejection }

func (l *logged) env(alloc memory.Allocator) flow.Env {
	return flow.Env{Alloc: alloc, Reject: func(r flow.Rejection) { l.rejected = append(l.rejected, r) }}
}

func mustOpen(t testing.TB, s flow.Source, env flow.Env) {
	t.Helper()
	if err := s.(flow.Opener).Open(context.Background(), env); err != nil {
		t.Fatal(err)
	}
}

// readAll returns the rows that are left, read in pieces of max.
func readAll(t testing.TB, s flow.Source, max int) []string {
	t.Helper()
	var out []string
	for {
		rec, err := s.Next(context.Background(), max)
		if err == io.EOF {
			return out
		}
		if err != nil {
			t.Fatal(err)
		}
		if rec.NumRows() > int64(max) || !rec.Schema().Equal(s.Schema()) {
			t.Fatalf("want at most %d rows of %s, got %d of %s", max, s.Schema(), rec.NumRows(), rec.Schema())
		}
		out = append(out, cells(rec)...)
		rec.Release()
	}
}

// sampleRecord has n rows from number first on: every kind of column, nulls in each but the first.
func sampleRecord(alloc memory.Allocator, first, n int) arrow.Record {
	schema := arrow.NewSchema([]arrow.Field{
		{Name: "id", Type: arrow.PrimitiveTypes.Int64, Nullable: true},
		{Name: "user", Type: arrow.BinaryTypes.String, Nullable: true},
		{Name: "price", Type: arrow.PrimitiveTypes.Float64, Nullable: true},
		{Name: "ok", Type: arrow.FixedWidthTypes.Boolean, Nullable: true},
		{Name: "at", Type: arrow.FixedWidthTypes.Timestamp_ms, Nullable: true},
		{Name: "day", Type: arrow.FixedWidthTypes.Date32, Nullable: true},
	}, nil)
	b := array.NewRecordBuilder(alloc, schema)
	defer b.Release()
	for i := first; i < first+n; i++ {
		b.Field(0).(*array.Int64Builder).Append(int64(i))
		for c := 1; c < schema.NumFields(); c++ {
			if i%(c+3) == 0 {
				b.Field(c).AppendNull()
				continue
			}
			switch f := b.Field(c).(type) {
			case *array.StringBuilder:
				f.Append(fmt.Sprintf("u%d, \"q\"", i%7))
			case *array.Float64Builder:
				f.Append(float64(i) / 8)
			case *array.BooleanBuilder:
				f.Append(i%2 == 0)
			case *array.TimestampBuilder:
				f.Append(arrow.Timestamp(1442018818771 + int64(i)))
			case *array.Date32Builder:
				f.Append(arrow.Date32(16000 + i))
			}
		}
	}
	return b.NewRecord()
}

func writeFile(t testing.TB, path string, content []byte) string {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, content, 0o644); err != nil {
		t.Fatal(err)
	}
	return path
}

func parquetBytes(t testing.TB, rec arrow.Record, groupRows int, codec compress.Compression) []byte {
	t.Helper()
	var buf bytes.Buffer
	props := parquet.NewWriterProperties(parquet.WithMaxRowGroupLength(int64(groupRows)), parquet.WithCompression(codec))
	w, err := pqarrow.NewFileWriter(rec.Schema(), &buf, props, pqarrow.NewArrowWriterProperties(pqarrow.WithStoreSchema()))
	if err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(w.Write(rec), w.Close()); err != nil {
		t.Fatal(err)
	}
	return buf.Bytes()
}

func arrowBytes(t testing.TB, rec arrow.Record, batchRows int, stream bool) []byte {
	t.Helper()
	path := filepath.Join(t.TempDir(), "x")
	f, err := os.Create(path)
	if err != nil {
		t.Fatal(err)
	}
	var w interface {
		Write(arrow.Record) error
		Close() error
	}
	if stream {
		w = ipc.NewWriter(f, ipc.WithSchema(rec.Schema()))
	} else if w, err = ipc.NewFileWriter(f, ipc.WithSchema(rec.Schema())); err != nil {
		t.Fatal(err)
	}
	for i := int64(0); i < rec.NumRows(); i += int64(batchRows) {
		part := rec.NewSlice(i, min(i+int64(batchRows), rec.NumRows()))
		err = errors.Join(err, w.Write(part))
		part.Release()
	}
	if err := errors.Join(err, w.Close(), f.Close()); err != nil {
		t.Fatal(err)
	}
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// jsonLines writes rows as the reader of encoding/json would.
func jsonLines(t testing.TB, rec arrow.Record) []byte {
	t.Helper()
	var b bytes.Buffer
	for i := range int(rec.NumRows()) {
		var parts []string
		for c, f := range rec.Schema().Fields() {
			text := cell(rec.Column(c), i)
			if ts, ok := rec.Column(c).(*array.Timestamp); ok && ts.IsValid(i) {
				text = ts.Value(i).ToTime(arrow.Millisecond).Format("2006-01-02T15:04:05.000Z")
			}
			if slices.Contains([]string{"user", "at", "day"}, f.Name) && rec.Column(c).IsValid(i) {
				text = fmt.Sprintf("%q", text)
			}
			parts = append(parts, fmt.Sprintf("%q: %s", f.Name, text))
		}
		b.WriteString("{" + strings.Join(parts, ", ") + "}\n")
	}
	return b.Bytes()
}

func csvLines(t testing.TB, rec arrow.Record) []byte {
	t.Helper()
	var b bytes.Buffer
	for c, f := range rec.Schema().Fields() {
		b.WriteString(strings.Repeat(",", min(c, 1)) + f.Name)
	}
	for i := range int(rec.NumRows()) {
		for c := range int(rec.NumCols()) {
			b.WriteString([]string{"\n", ","}[min(c, 1)])
			text := cell(rec.Column(c), i)
			if rec.ColumnName(c) == "user" && rec.Column(c).IsValid(i) {
				text = `"` + strings.ReplaceAll(text, `"`, `""`) + `"`
			}
			b.WriteString(text)
		}
	}
	return append(b.Bytes(), '\n')
}
