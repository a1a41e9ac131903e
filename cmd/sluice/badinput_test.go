package main

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/apache/arrow/go/v17/arrow"
	"github.com/apache/arrow/go/v17/arrow/array"
	"github.com/apache/arrow/go/v17/arrow/memory"
	"github.com/apache/arrow/go/v17/parquet"
	"github.com/apache/arrow/go/v17/parquet/file"
	"github.com/apache/arrow/go/v17/parquet/pqarrow"

	"github.com/sluice-stream/sluice/runtime"
)

// The tests of badinput_*_test.go send every kind of bad input that docs/guarantees.md names through whole
// pipelines. Each row of the input has a number n; where it ends up is compared with where it must.

// trial is a folder in which pipelines run.
type trial struct {
	*testing.T
	dir string
}

func newTrial(t *testing.T) trial { return trial{t, t.TempDir()} }

func (b trial) path(name string) string { return filepath.Join(b.dir, name) }

func (b trial) write(name string, content []byte) string {
	b.Helper()
	path := b.path(name)
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		b.Fatal(err)
	}
	if err := os.WriteFile(path, content, 0o644); err != nil {
		b.Fatal(err)
	}
	return path
}

const (
	numbersTrain = `  - train: {label: y, fields: {categorical: [c], numeric: {x: log2floor}}, model: {fm: {dim: 2}}, batch: 4}`
	scoredSink   = `  - parquet: {path: DIR/rows}`
)

// learning is a pipeline that learns y from c and x of a source; every rejected row is allowed.
func learning(source string) string {
	return "name: bad\nsource: " + source + "\noperators:\n" + numbersTrain + "\nsinks:\n" + scoredSink + `
  - embeddings: {path: DIR/embeddings}
dead_letter: {parquet: {path: DIR/rejected}}
checkpoint: {path: DIR/checkpoint, every: {rows: 5}}
max_rejected: 1
`
}

// run parses and runs a pipeline; DIR in it is the folder of the trial. No test lets memory escape.
func (b trial) run(text string, opts ...func(*runtime.Options)) (*runtime.Result, error) {
	b.Helper()
	alloc := memory.NewCheckedAllocator(memory.NewGoAllocator())
	o := runtime.Options{Alloc: alloc}
	for _, f := range opts {
		f(&o)
	}
	p, err := runtime.Parse("pipeline.yaml", []byte(strings.ReplaceAll(text, "DIR", b.dir)), func(string) (string, bool) { return "", false })
	if err != nil {
		return nil, err
	}
	res, err := runtime.Run(context.WithoutCancel(b.Context()), p, o)
	alloc.AssertSize(b, 0)
	return res, err
}

// mustRun is run for pipelines that end well. Their report must be JSON.
func (b trial) mustRun(text string) *runtime.Result {
	b.Helper()
	res, err := b.run(text)
	if err != nil {
		b.Fatal(err)
	}
	if _, err := json.Marshal(res); err != nil {
		b.Fatalf("the report: %v", err)
	}
	return res
}

// refuses wants an error of a class whose text holds each of parts.
func (b trial) refuses(err, class error, parts ...string) {
	b.Helper()
	if err == nil {
		b.Fatalf("want an error that says %q, got none", parts)
	}
	if !errors.Is(err, class) {
		b.Errorf("want class %q, got %v", class, err)
	}
	for _, p := range parts {
		if !strings.Contains(err.Error(), strings.ReplaceAll(p, "DIR", b.dir)) {
			b.Errorf("want the text to say %q, got %v", p, err)
		}
	}
	if strings.Contains(err.Error(), "panic") {
		b.Errorf("a panic reached the user: %v", err)
	}
}

// rows reads a folder of Parquet files, in order, as maps.
func (b trial) rows(dir string) []map[string]any {
	b.Helper()
	names, err := filepath.Glob(filepath.Join(b.path(dir), "*.parquet"))
	if err != nil {
		b.Fatal(err)
	}
	slices.Sort(names)
	var out []map[string]any
	for _, n := range names {
		out = append(out, parquetMaps(b, n)...)
	}
	return out
}

func parquetMaps(t testing.TB, path string) []map[string]any {
	t.Helper()
	pf, err := file.OpenParquetFile(path, false)
	if err != nil {
		t.Fatal(err)
	}
	defer pf.Close()
	r, err := pqarrow.NewFileReader(pf, pqarrow.ArrowReadProperties{BatchSize: 1000}, memory.DefaultAllocator)
	if err != nil {
		t.Fatal(err)
	}
	tab, err := r.ReadTable(context.Background())
	if err != nil {
		t.Fatal(err)
	}
	defer tab.Release()
	tr := array.NewTableReader(tab, 1<<20)
	defer tr.Release()
	var out []map[string]any
	for tr.Next() {
		for i := range int(tr.Record().NumRows()) {
			row := map[string]any{}
			for c, f := range tr.Record().Schema().Fields() {
				row[f.Name] = plain(tr.Record().Column(c), i)
			}
			out = append(out, row)
		}
	}
	return out
}

// plain is a value as JSON has it: every number is a float64. What JSON has no number for is text.
func plain(col arrow.Array, i int) (v any) {
	js, err := json.Marshal(col.GetOneForMarshal(i))
	if err != nil || json.Unmarshal(js, &v) != nil {
		return col.ValueStr(i)
	}
	return v
}

// dead is a row of the dead letters.
type dead struct {
	Reason, Stage, Topic string
	Partition, Offset    int64
	Raw                  []byte
}

func (b trial) dead() []dead {
	b.Helper()
	js, err := json.Marshal(b.rows("rejected"))
	if err != nil {
		b.Fatal(err)
	}
	var out []dead
	if err := json.Unmarshal(js, &out); err != nil {
		b.Fatal(err)
	}
	slices.SortFunc(out, func(a, b dead) int { return cmp.Compare(a.Offset, b.Offset) })
	return out
}

// numbers returns the column n of a folder of rows, sorted.
func (b trial) numbers(dir string) []int {
	b.Helper()
	var out []int
	for _, r := range b.rows(dir) {
		out = append(out, int(r["n"].(float64)))
	}
	slices.Sort(out)
	return out
}

// accounts checks that each of total rows is in the sink or, where it is one of bad, in the dead letters; that the
// report says so; and that of those in the sink all but unlabelled were trained on, once.
func (b trial) accounts(res *runtime.Result, total int, bad []int, unlabelled int) {
	b.Helper()
	var good []int
	for n := range total {
		if !slices.Contains(bad, n) {
			good = append(good, n)
		}
	}
	if got := b.numbers("rows"); !slices.Equal(got, good) {
		b.Errorf("want rows %v in the sink, got %v", good, got)
	}
	var rejected []int
	for _, d := range b.dead() {
		rejected = append(rejected, int(d.Offset))
	}
	if !slices.Equal(rejected, bad) {
		b.Errorf("want rows %v in the dead letters, got %v", bad, rejected)
	}
	if res.Rejected != int64(len(bad)) {
		b.Errorf("want %d rejected in the report, got %d", len(bad), res.Rejected)
	}
	if want := int64(len(good) - unlabelled); res.Trained != want {
		b.Errorf("want %d rows trained on, got %d", want, res.Trained)
	}
	for _, r := range b.rows("rows") {
		if s, ok := r["score"].(float64); !ok || s <= 0 || s >= 1 {
			b.Errorf("row %v: want a score between 0 and 1, got %v", r["n"], r["score"])
		}
	}
}

// record makes a record of JSON rows.
func record(t testing.TB, schema *arrow.Schema, rows string) arrow.Record {
	t.Helper()
	rec, _, err := array.RecordFromJSON(memory.DefaultAllocator, schema, strings.NewReader(rows))
	if err != nil {
		t.Fatal(err)
	}
	return rec
}

// parquetFile writes records, each as a row group of its own.
func (b trial) parquetFile(name string, recs ...arrow.Record) string {
	b.Helper()
	path := b.write(name, nil)
	f, err := os.Create(path)
	if err != nil {
		b.Fatal(err)
	}
	w, err := pqarrow.NewFileWriter(recs[0].Schema(), f, parquet.NewWriterProperties(), pqarrow.NewArrowWriterProperties(pqarrow.WithStoreSchema()))
	if err != nil {
		b.Fatal(err)
	}
	for _, r := range recs {
		err = errors.Join(err, w.Write(r))
	}
	if err := errors.Join(err, w.Close()); err != nil {
		b.Fatal(err)
	}
	return path
}

// numbered is a good JSON row.
func numbered(n int) string { return fmt.Sprintf(`{"n":%d,"c":"k%d","x":%d.5,"y":%d}`, n, n%3, n, n%2) }
