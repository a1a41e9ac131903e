package sinks

import (
	"bytes"
	"context"
	"fmt"
	"maps"
	"math/rand/v2"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/apache/arrow/go/v17/arrow"
	"github.com/apache/arrow/go/v17/arrow/memory"

	"github.com/sluice-stream/sluice/flow"
	"github.com/sluice-stream/sluice/internal/vfs"
)

// fileSink is what the tests need of a file sink.
type fileSink interface {
	flow.Sink
	flow.Opener
	flow.Subscriber
}

// makers build the two row sinks with small files.
var makers = map[string]func(compression string) (fileSink, error){
	"parquet": func(c string) (fileSink, error) {
		return newParquet(ParquetConfig{Path: "out", Compression: c, RowGroup: 64, Rotate: Rotate{Rows: 150}})
	},
	"arrow": func(c string) (fileSink, error) {
		return newArrow(ArrowConfig{Path: "out", Compression: c, RowGroup: 64, Rotate: Rotate{Rows: 150}})
	},
}

// start opens, binds and recovers a sink.
func start(t *testing.T, s fileSink, fs vfs.FS, mem memory.Allocator, schema *arrow.Schema, last flow.CheckpointID) {
	t.Helper()
	ctx := context.Background()
	if err := s.Open(ctx, testEnv(fs, mem)); err != nil {
		t.Fatal(err)
	}
	if err := s.Bind(schema); err != nil {
		t.Fatal(err)
	}
	if err := s.Recover(ctx, last); err != nil {
		t.Fatal(err)
	}
}

func checkpoint(t *testing.T, s flow.Sink, id flow.CheckpointID) {
	t.Helper()
	if err := s.Prepare(context.Background(), id); err != nil {
		t.Fatal(err)
	}
	if err := s.Commit(context.Background(), id); err != nil {
		t.Fatal(err)
	}
}

// writeCut writes rows from to to in records of random length.
func writeCut(t *testing.T, s flow.Sink, mem memory.Allocator, schema *arrow.Schema, from, to int, r *rand.Rand, litter bool) {
	t.Helper()
	whole := makeRows(mem, schema, 9, from, to, litter)
	defer whole.Release()
	for at := int64(0); at < whole.NumRows(); {
		n := min(whole.NumRows()-at, int64(r.IntN(90)))
		rec := whole.NewSlice(at, at+n) // also empty ones
		err := s.Write(context.Background(), rec)
		rec.Release()
		if err != nil {
			t.Fatal(err)
		}
		at += n
	}
}

// TestEqualRowsGiveEqualFiles: however the rows were cut into records and whatever lies under nulls, names and
// bytes are the same, and what is read back are the rows.
func TestEqualRowsGiveEqualFiles(t *testing.T) {
	for name, codecs := range map[string][]string{"parquet": {"zstd", "snappy", "gzip", "none"}, "arrow": {"zstd", "lz4", "none"}} {
		for _, codec := range codecs {
			t.Run(name+"/"+codec, func(t *testing.T) {
				mem := memory.NewCheckedAllocator(memory.NewGoAllocator())
				defer mem.AssertSize(t, 0)
				schema := allTypes(name == "arrow")
				var first map[string][]byte
				for seed := range uint64(4) {
					s, err := makers[name](codec)
					if err != nil {
						t.Fatal(err)
					}
					fs, r := vfs.NewMem(), rand.New(rand.NewPCG(seed, 0))
					start(t, s, fs, mem, schema, 0)
					writeCut(t, s, mem, schema, 0, 400, r, seed%2 == 1)
					checkpoint(t, s, 1)
					checkpoint(t, s, 2) // no rows
					writeCut(t, s, mem, schema, 400, 450, r, seed%2 == 1)
					checkpoint(t, s, 3)
					if err := s.Close(); err != nil {
						t.Fatal(err)
					}
					if first == nil {
						first = fs.Files()
						checkRows(t, mem, schema, first, 450)
					} else {
						sameFiles(t, first, fs.Files())
					}
				}
			})
		}
	}
}

func checkRows(t *testing.T, mem memory.Allocator, schema *arrow.Schema, files map[string][]byte, rows int) {
	t.Helper()
	names := slices.Sorted(maps.Keys(files))
	var base, got []string
	for _, n := range names {
		base = append(base, strings.TrimSuffix(filepath.Base(n), filepath.Ext(n)))
		back, part := readFile(t, n, files[n])
		if got := metadataOf(t, n, files[n])["origin"]; got != "test" {
			t.Errorf("%s: the schema's metadata is lost: %q", n, got)
		}
		for i, f := range schema.Fields() {
			if d, ok := f.Type.(*arrow.DictionaryType); ok {
				f.Type = d.ValueType
			}
			if g := back.Field(i); g.Name != f.Name || !arrow.TypeEqual(g.Type, f.Type) || g.Nullable != f.Nullable {
				t.Errorf("%s: want %v, got %v", n, f, g)
			}
		}
		got = append(got, part...)
	}
	want := []string{"part-00000001-0000", "part-00000001-0001", "part-00000001-0002", "part-00000003-0000"}
	if !slices.Equal(base, want) {
		t.Errorf("want files %v, got %v", want, base)
	}
	rec := makeRows(mem, schema, 9, 0, rows, false)
	defer rec.Release()
	wantRows := rowsOf(t, rec)
	if len(got) != len(wantRows) {
		t.Fatalf("want %d rows, got %d", len(wantRows), len(got))
	}
	for i := range got {
		if got[i] != wantRows[i] {
			t.Fatalf("row %d:\nwant %s\ngot  %s", i, wantRows[i], got[i])
		}
	}
}

func sameFiles(t *testing.T, want, got map[string][]byte) {
	t.Helper()
	a, b := slices.Sorted(maps.Keys(want)), slices.Sorted(maps.Keys(got))
	if !slices.Equal(a, b) {
		t.Fatalf("want files %v, got %v", a, b)
	}
	for _, n := range a {
		if !bytes.Equal(want[n], got[n]) {
			t.Fatalf("%s: bytes differ (%d and %d)", n, len(want[n]), len(got[n]))
		}
	}
}

func TestRotateByBytes(t *testing.T) {
	mem := memory.NewCheckedAllocator(memory.NewGoAllocator())
	defer mem.AssertSize(t, 0)
	s, err := newArrow(ArrowConfig{Path: "out", Compression: "none", RowGroup: 10, Rotate: Rotate{Bytes: 3000}})
	if err != nil {
		t.Fatal(err)
	}
	schema := arrow.NewSchema([]arrow.Field{{Name: "row", Type: arrow.PrimitiveTypes.Int64}}, nil)
	fs := vfs.NewMem()
	start(t, s, fs, mem, schema, 0)
	writeCut(t, s, mem, schema, 0, 1000, rand.New(rand.NewPCG(1, 1)), false)
	checkpoint(t, s, 1)
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	total := 0
	for n, data := range fs.Files() {
		_, rows := readFile(t, n, data)
		total += len(rows)
		if len(rows)%10 != 0 || len(data) > 3000+1500 {
			t.Errorf("%s: %d rows, %d bytes", n, len(rows), len(data))
		}
	}
	if total != 1000 || len(fs.Files()) < 3 {
		t.Fatalf("want 1000 rows in some files, got %d in %d", total, len(fs.Files()))
	}
}

// TestManySmallRecords: rows that come one at a time are copied together while they wait.
func TestManySmallRecords(t *testing.T) {
	mem := memory.NewCheckedAllocator(memory.NewGoAllocator())
	defer mem.AssertSize(t, 0)
	s, err := newParquet(ParquetConfig{Path: "out", Compression: "zstd", RowGroup: 5000})
	if err != nil {
		t.Fatal(err)
	}
	schema := arrow.NewSchema([]arrow.Field{{Name: "row", Type: arrow.PrimitiveTypes.Int64}}, nil)
	fs := vfs.NewMem()
	start(t, s, fs, mem, schema, 0)
	for i := range 2000 {
		rec := makeRows(mem, schema, 1, i, i+1, false)
		if err := s.Write(context.Background(), rec); err != nil {
			t.Fatal(err)
		}
		rec.Release()
	}
	if n := len(s.wait.tail) + len(s.wait.merged); n > smallRecords+10 {
		t.Errorf("%d records wait", n)
	}
	checkpoint(t, s, 1)
	_, rows := readFile(t, "x.parquet", fs.Files()["out/part-00000001-0000.parquet"])
	for i := range 2000 {
		if rows[i] != fmt.Sprintf(`[{"row":%d}`+"\n]", i) && rows[i] != fmt.Sprintf(`[{"row":%d}]`, i) {
			t.Fatalf("row %d: %q", i, rows[i])
		}
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
}

func TestAbandonedRowsAreReleased(t *testing.T) {
	for name, mk := range makers {
		mem := memory.NewCheckedAllocator(memory.NewGoAllocator())
		s, err := mk("zstd")
		if err != nil {
			t.Fatal(err)
		}
		fs := vfs.NewMem()
		start(t, s, fs, mem, allTypes(true), 0)
		writeCut(t, s, mem, allTypes(true), 0, 100, rand.New(rand.NewPCG(1, 1)), true) // a file is open, rows wait
		if err := s.Close(); err != nil {
			t.Fatal(err)
		}
		mem.AssertSize(t, 0)
		for n := range fs.Files() {
			if !strings.Contains(n, stagingDir) {
				t.Errorf("%s: %s is visible", name, n)
			}
		}
		start(t, s, fs, mem, allTypes(true), 0)
		if len(fs.Files()) != 0 {
			t.Errorf("%s: stages are left: %v", name, slices.Collect(maps.Keys(fs.Files())))
		}
	}
}
