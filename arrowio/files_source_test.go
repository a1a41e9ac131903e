package arrowio

import (
	"bytes"
	"compress/gzip"
	"context"
	"errors"
	"fmt"
	"io"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/apache/arrow/go/v17/arrow"
	"github.com/apache/arrow/go/v17/arrow/memory"
	"github.com/apache/arrow/go/v17/parquet/compress"
	"github.com/klauspost/compress/zstd"
	"go.uber.org/goleak"

	"github.com/sluice-stream/sluice/flow"
)

const sampleTypes = "id int64, user utf8, price float64, ok bool, at timestamp, day date"

func declare(decl string) flow.Ordered[string] {
	var cols flow.Ordered[string]
	for _, c := range strings.Split(decl, ",") {
		name, typ, _ := strings.Cut(strings.TrimSpace(c), " ")
		cols.Append(name, typ)
	}
	return cols
}

// formats are the sources over the same three files of 50, 0 (no rows) and 23 rows.
var formats = []struct {
	name  string
	build func(path string, columns, meta []string) (flow.Source, error)
	bytes func(t testing.TB, rec arrow.Record) []byte
}{
	{"a.parquet", newParquet, func(t testing.TB, rec arrow.Record) []byte { return parquetBytes(t, rec, 16, compress.Codecs.Zstd) }},
	{"a.arrow", newArrow, func(t testing.TB, rec arrow.Record) []byte { return arrowBytes(t, rec, 11, false) }},
	{"a.arrows", newArrow, func(t testing.TB, rec arrow.Record) []byte { return arrowBytes(t, rec, 11, true) }},
	{"a.jsonl", newJSONL, jsonLines},
	{"a.jsonl.gz", newJSONL, func(t testing.TB, rec arrow.Record) []byte { return gzipped(jsonLines(t, rec)) }},
	{"a.csv", newCSV, csvLines},
	{"a.csv.zst", newCSV, func(t testing.TB, rec arrow.Record) []byte { return zstded(csvLines(t, rec)) }},
}

func newParquet(path string, columns, meta []string) (flow.Source, error) {
	c := flow.Choice[flow.Source]{}
	cfg, _ := c.Select("parquet")
	*cfg.(*ParquetConfig) = ParquetConfig{Path: path, Columns: columns, Meta: meta}
	return c.Build()
}

func newArrow(path string, columns, meta []string) (flow.Source, error) {
	c := flow.Choice[flow.Source]{}
	cfg, _ := c.Select("arrow")
	*cfg.(*ArrowConfig) = ArrowConfig{Path: path, Columns: columns, Meta: meta}
	return c.Build()
}

func newJSONL(path string, columns, meta []string) (flow.Source, error) {
	c := flow.Choice[flow.Source]{}
	cfg, _ := c.Select("jsonl")
	j := cfg.(*JSONLConfig)
	j.Path, j.Columns, j.Meta, j.Schema = path, columns, meta, declare(sampleTypes)
	return c.Build()
}

func newCSV(path string, columns, meta []string) (flow.Source, error) {
	c := flow.Choice[flow.Source]{}
	cfg, _ := c.Select("csv")
	j := cfg.(*CSVConfig)
	j.Path, j.Columns, j.Meta = path, columns, meta // types are inferred
	return c.Build()
}

func gzipped(b []byte) []byte {
	var buf bytes.Buffer
	w := gzip.NewWriter(&buf)
	_, _ = w.Write(b)
	_ = w.Close()
	return buf.Bytes()
}

func zstded(b []byte) []byte {
	w, _ := zstd.NewWriter(nil)
	return w.EncodeAll(b, nil)
}

// sampleFiles writes the files of a format and returns a glob over them and all their rows.
func sampleFiles(t testing.TB, name string, encode func(testing.TB, arrow.Record) []byte) (glob string, rows []string) {
	t.Helper()
	dir := t.TempDir()
	at := 0
	for i, n := range []int{50, 0, 23} {
		rec := sampleRecord(memory.DefaultAllocator, at, n)
		writeFile(t, filepath.Join(dir, fmt.Sprintf("part-%d-%s", i, name)), encode(t, rec))
		rows = append(rows, cells(rec)...)
		at += n
	}
	return filepath.Join(dir, "part-*"), rows
}

func must(t testing.TB) func(s flow.Source, err error) flow.Source {
	return func(s flow.Source, err error) flow.Source {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		return s
	}
}

func TestFilesRoundTrip(t *testing.T) {
	defer goleak.VerifyNone(t, goleak.IgnoreCurrent())
	for _, f := range formats {
		t.Run(f.name, func(t *testing.T) {
			glob, want := sampleFiles(t, f.name, f.bytes)
			for _, max := range []int{1, 7, 16, 1000} {
				s := must(t)(f.build(glob, nil, nil))
				mustOpen(t, s, (&logged{}).env(checkedAlloc(t)))
				if got := schemaText(s.Schema()); got != sampleTypes {
					t.Fatalf("want %s, got %s", sampleTypes, got)
				}
				for range 2 { // and once more after a rewind
					if got := readAll(t, s, max); !slices.Equal(got, want) {
						t.Fatalf("max %d: want %d rows, got %d; first\n%v\n%v", max, len(want), len(got), want[0], got[0])
					}
					if err := s.(flow.Rewinder).Rewind(context.Background()); err != nil {
						t.Fatal(err)
					}
				}
				if err := s.Close(); err != nil {
					t.Fatal(err)
				}
			}
		})
	}
}

// TestFilesRestoreAnywhere kills a source at every position; a fresh one restored there gives exactly the rest.
func TestFilesRestoreAnywhere(t *testing.T) {
	defer goleak.VerifyNone(t, goleak.IgnoreCurrent())
	for _, f := range formats {
		t.Run(f.name, func(t *testing.T) {
			glob, want := sampleFiles(t, f.name, f.bytes)
			for p := range len(want) + 1 {
				s := must(t)(f.build(glob, nil, nil))
				mustOpen(t, s, (&logged{}).env(checkedAlloc(t)))
				for got := 0; got < p; {
					rec, err := s.Next(context.Background(), p-got)
					if err != nil {
						t.Fatal(err)
					}
					got += int(rec.NumRows())
					rec.Release()
				}
				saved := saveState(s)
				s.Close()
				again := must(t)(f.build(glob, nil, nil))
				restoreState(t, again, saved)
				mustOpen(t, again, (&logged{}).env(checkedAlloc(t)))
				if got := readAll(t, again, 13); !slices.Equal(got, want[p:]) {
					t.Fatalf("at %d: want %d rows, got %d", p, len(want)-p, len(got))
				}
				again.Close()
			}
		})
	}
}

func TestFilesCloseMidway(t *testing.T) {
	defer goleak.VerifyNone(t, goleak.IgnoreCurrent())
	for _, f := range formats {
		glob, _ := sampleFiles(t, f.name, f.bytes)
		s := must(t)(f.build(glob, nil, nil))
		mustOpen(t, s, (&logged{}).env(checkedAlloc(t)))
		rec, err := s.Next(context.Background(), 3)
		if err != nil {
			t.Fatal(err)
		}
		rec.Release()
		ctx, cancel := context.WithCancel(context.Background())
		cancel()
		if _, err := s.Next(ctx, 3); !errors.Is(err, context.Canceled) {
			t.Fatalf("want cancelled, got %v", err)
		}
		s.Close()
		s.Close()
	}
}

func TestFilesProjectionAndMeta(t *testing.T) {
	for _, f := range formats {
		t.Run(f.name, func(t *testing.T) {
			glob, want := sampleFiles(t, f.name, f.bytes)
			s := must(t)(f.build(glob, []string{"price", "id"}, []string{"row", "file"}))
			mustOpen(t, s, (&logged{}).env(checkedAlloc(t)))
			defer s.Close()
			if got := schemaText(s.Schema()); got != "price float64, id int64, _row int64, _file utf8" {
				t.Fatalf("got %s", got)
			}
			for i, row := range readAll(t, s, 9) {
				all := strings.Split(want[i], "|")
				file, n := 0, i
				if i >= 50 {
					file, n = 2, i-50
				}
				name := strings.ReplaceAll(glob, "part-*", fmt.Sprintf("part-%d-%s", file, f.name))
				if expect := fmt.Sprintf("%s|%d|%d|%s", all[2], i, n, name); row != expect {
					t.Fatalf("want %s, got %s", expect, row)
				}
			}
		})
	}
}

func TestFilesChangedSinceCheckpoint(t *testing.T) {
	glob, _ := sampleFiles(t, "a.jsonl", jsonLines)
	s := must(t)(newJSONL(glob, nil, nil))
	mustOpen(t, s, flow.Env{})
	rec, err := s.Next(context.Background(), 1) // a file of which no row was read may be written anew
	if err != nil {
		t.Fatal(err)
	}
	rec.Release()
	saved := saveState(s)
	s.Close()
	reopen := func(columns []string) error {
		s := must(t)(newJSONL(glob, columns, nil))
		defer s.Close()
		restoreState(t, s, saved)
		return s.(flow.Opener).Open(context.Background(), flow.Env{})
	}
	if err := reopen(nil); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		change func()
		cols   []string
		want   string
	}{
		{func() {}, []string{"id"}, "columns: the checkpoint has 6"},
		{func() {}, []string{"user", "id", "price", "ok", "at", "day"}, "columns: id int64 of the checkpoint is now user"},
		{func() { writeFile(t, strings.Replace(glob, "part-*", "part-3-a.jsonl", 1), nil) }, nil, "is not among the files of the checkpoint"},
		{func() { glob = strings.Replace(glob, "part-*", "part-0*", 1) }, nil, "is no longer there"},
		{func() { writeFile(t, strings.Replace(glob, "part-0*", "part-0-a.jsonl", 1), []byte("{}")) }, nil, "has 2 bytes"},
	} {
		c.change()
		if err := reopen(c.cols); !errors.Is(err, flow.ErrConfig) || !strings.Contains(err.Error(), c.want) || !strings.Contains(err.Error(), "--fresh") {
			t.Errorf("want ErrConfig with %q, got %v", c.want, err)
		}
	}
}

func TestFilesSettings(t *testing.T) {
	_, err := newParquet("", []string{"a", "a"}, []string{"fil"})
	for _, want := range []string{"path: want a value", "columns: want each column once", `did you mean "file"?`} {
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("want %q in %v", want, err)
		}
	}
	dir := t.TempDir()
	writeFile(t, filepath.Join(dir, "clicks.parquet"), nil)
	for path, want := range map[string]string{
		filepath.Join(dir, "click.parquet"):     `did you mean "clicks.parquet"?`,
		filepath.Join(dir, "none", "x.parquet"): "there is no folder",
		"nosuch://bucket/x":                     "URL of an object store",
		filepath.Join(dir, "["):                 "want a path or glob",
	} {
		s := must(t)(newParquet(path, nil, nil))
		if err := s.(flow.Opener).Open(context.Background(), flow.Env{}); !errors.Is(err, flow.ErrConfig) || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: want %q, got %v", path, want, err)
		}
		s.Close()
	}
	glob, _ := sampleFiles(t, "a.csv", csvLines)
	s := must(t)(newCSV(glob, []string{"prise"}, nil))
	if err := s.(flow.Opener).Open(context.Background(), flow.Env{}); !errors.Is(err, flow.ErrConfig) || !strings.Contains(err.Error(), `did you mean "price"?`) {
		t.Errorf("got %v", err)
	}
}

func TestFilesFolderAndOrder(t *testing.T) {
	dir := t.TempDir()
	for _, name := range []string{"b.jsonl", "a.jsonl", "10.jsonl", "9.json", "_temp.jsonl", ".hidden.jsonl", "x.csv"} {
		writeFile(t, filepath.Join(dir, name), []byte(`{"id":1,"user":"`+name+`"}`))
	}
	s := must(t)(newJSONL(dir, []string{"user"}, nil))
	mustOpen(t, s, flow.Env{Alloc: checkedAlloc(t)})
	defer s.Close()
	if got := fmt.Sprint(readAll(t, s, 10)); got != "[10.jsonl 9.json a.jsonl b.jsonl]" {
		t.Fatalf("got %s", got)
	}
	if _, err := s.Next(context.Background(), 1); err != io.EOF {
		t.Fatalf("want EOF again, got %v", err)
	}
}
