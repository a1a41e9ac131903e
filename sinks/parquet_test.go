package sinks

import (
	"context"
	"errors"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/apache/arrow/go/v17/arrow"
	"github.com/apache/arrow/go/v17/arrow/memory"
	"github.com/google/go-cmp/cmp"

	"github.com/sluice-stream/sluice/check"
	"github.com/sluice-stream/sluice/flow"
	"github.com/sluice-stream/sluice/internal/registry"
	"github.com/sluice-stream/sluice/internal/vfs"
)

func TestSinksAreRegistered(t *testing.T) {
	for _, name := range []string{"parquet", "arrow", "embeddings"} {
		var c flow.Choice[flow.Sink]
		settings, ok := c.Select(name)
		if !ok {
			t.Fatalf("%s: not registered", name)
		}
		if _, err := c.Build(); err == nil || !strings.Contains(err.Error(), "path") {
			t.Errorf("%s without a path: want an error that names it, got %v", name, err)
		}
		switch s := settings.(type) {
		case *ParquetConfig:
			s.Path = "out"
		case *ArrowConfig:
			s.Path = "out"
		case *EmbeddingsConfig:
			s.Path = "out"
		}
		if _, err := c.Build(); err != nil {
			t.Errorf("%s: the defaults do not build: %v", name, err)
		}
	}
	for _, e := range registry.Entries("sinks") {
		if e.Summary == "" || e.Example == "" {
			t.Errorf("%s: no summary or example", e.Name)
		}
	}
}

func TestSettingsReportEveryViolation(t *testing.T) {
	keys := func(err error) (out []string) {
		for _, v := range check.Of(err) {
			out = append(out, v.Key)
		}
		return out
	}
	p := ParquetConfig{Compression: "zst", RowGroup: 0, Rotate: Rotate{Rows: -1, Bytes: -1}}.Validate()
	if d := cmp.Diff([]string{"path", "compression", "row_group", "rotate.rows", "rotate.bytes"}, keys(p)); d != "" {
		t.Error(d)
	}
	if !strings.Contains(p.Error(), `did you mean "zstd"?`) {
		t.Errorf("no suggestion: %v", p)
	}
	a := ArrowConfig{Compression: "snappy", RowGroup: maxRowGroup + 1}.Validate()
	if d := cmp.Diff([]string{"path", "compression", "row_group"}, keys(a)); d != "" {
		t.Error(d)
	}
	e := EmbeddingsConfig{Every: -1}.Validate()
	if d := cmp.Diff([]string{"path", "every", "keep"}, keys(e)); d != "" {
		t.Error(d)
	}
}

func TestBindReportsEveryColumnThatCannotBeStored(t *testing.T) {
	schema := arrow.NewSchema([]arrow.Field{
		{Name: "ok", Type: arrow.PrimitiveTypes.Int64},
		{Name: "span", Type: arrow.FixedWidthTypes.Duration_s},
		{Name: "ok", Type: arrow.PrimitiveTypes.Int64},
		{Name: "big", Type: arrow.LargeListOf(arrow.PrimitiveTypes.Int64)},
		{Name: "inner", Type: arrow.ListOf(&arrow.DictionaryType{IndexType: arrow.PrimitiveTypes.Int8, ValueType: arrow.BinaryTypes.String})},
		{Name: "empty", Type: arrow.StructOf()},
		{Name: "deep", Type: arrow.ListOf(arrow.FixedSizeListOf(2, arrow.PrimitiveTypes.Float32))},
	}, nil)
	s, err := newParquet(ParquetConfig{Path: "out", Compression: "zstd", RowGroup: 10})
	if err != nil {
		t.Fatal(err)
	}
	bad := check.Of(s.Bind(schema))
	if len(bad) != 6 {
		t.Fatalf("want 6 violations, got %d: %v", len(bad), bad)
	}
	for i, name := range []string{"span", "ok", "big", "inner", "empty", "deep"} {
		if !strings.Contains(bad[i].Got, `"`+name+`"`) || bad[i].Hint == "" {
			t.Errorf("violation %d: want column %q and a suggestion, got %v", i, name, bad[i])
		}
	}
	if err := s.Bind(arrow.NewSchema(nil, nil)); err == nil || !strings.Contains(err.Error(), "at least one column") {
		t.Errorf("no columns: got %v", err)
	}
	a, err := newArrow(ArrowConfig{Path: "out", Compression: "zstd", RowGroup: 10})
	if err != nil {
		t.Fatal(err)
	}
	if err := a.Bind(schema); err == nil || strings.Contains(err.Error(), "span") {
		t.Errorf("arrow: a duration can be stored, a second column of one name not; got %v", err)
	}
}

func TestUnwritablePathIsAConfigurationError(t *testing.T) {
	file := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	s, err := newParquet(ParquetConfig{Path: filepath.Join(file, "below"), Compression: "zstd", RowGroup: 10})
	if err != nil {
		t.Fatal(err)
	}
	err = s.Open(context.Background(), testEnv(vfs.OS{}, memory.DefaultAllocator))
	if !errors.Is(err, flow.ErrConfig) || !strings.Contains(err.Error(), file) || !strings.Contains(err.Error(), "change path") {
		t.Fatalf("want a configuration error that names the path, got %v", err)
	}
	full, err := newParquet(ParquetConfig{Path: "out", Compression: "zstd", RowGroup: 10})
	if err != nil {
		t.Fatal(err)
	}
	if err := full.Open(context.Background(), testEnv(vfs.FullAfter(vfs.NewMem(), 0), memory.DefaultAllocator)); err != nil {
		t.Fatalf("an empty file needs no room: %v", err)
	}
}

func TestRecordsThatAreNotAsBound(t *testing.T) {
	mem := memory.NewCheckedAllocator(memory.NewGoAllocator())
	defer mem.AssertSize(t, 0)
	bound := arrow.NewSchema([]arrow.Field{{Name: "row", Type: arrow.PrimitiveTypes.Int64}, {Name: "x", Type: arrow.PrimitiveTypes.Float64}}, nil)
	for want, other := range map[string]*arrow.Schema{
		"want row int64 as bound, got row utf8":  arrow.NewSchema([]arrow.Field{{Name: "row", Type: arrow.BinaryTypes.String}, bound.Field(1)}, nil),
		"want the 2 columns that were bound":     arrow.NewSchema([]arrow.Field{bound.Field(0)}, nil),
		`column "x" is declared without nulls`:   arrow.NewSchema([]arrow.Field{bound.Field(0), {Name: "x", Type: arrow.PrimitiveTypes.Float64, Nullable: true}}, nil),
		"want x float64 as bound, got y float64": arrow.NewSchema([]arrow.Field{bound.Field(0), {Name: "y", Type: arrow.PrimitiveTypes.Float64}}, nil),
	} {
		s, err := newParquet(ParquetConfig{Path: "out", Compression: "zstd", RowGroup: 10})
		if err != nil {
			t.Fatal(err)
		}
		start(t, s, vfs.NewMem(), mem, bound, 0)
		var rec arrow.Record
		if f := other.Field(0); f.Type.ID() == arrow.STRING {
			f.Name = "text"
			text := makeColumn(mem, f, 1, 1, 0, 50, false)
			x := makeColumn(mem, bound.Field(1), 1, 1, 0, 50, false)
			rec = newRecord(other, text, x)
		} else {
			rec = makeRows(mem, other, 1, 0, 50, false)
		}
		if err := s.Write(context.Background(), rec); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("want %q, got %v", want, err)
		}
		rec.Release()
		if err := s.Close(); err != nil {
			t.Fatal(err)
		}
	}
}

func TestOrderOfCalls(t *testing.T) {
	ctx := context.Background()
	s, err := newParquet(ParquetConfig{Path: "out", Compression: "zstd", RowGroup: 10})
	if err != nil {
		t.Fatal(err)
	}
	schema := arrow.NewSchema([]arrow.Field{{Name: "row", Type: arrow.PrimitiveTypes.Int64}}, nil)
	rec := makeRows(memory.DefaultAllocator, schema, 1, 0, 5, false)
	if err := errors.Join(s.Open(ctx, testEnv(vfs.NewMem(), memory.DefaultAllocator)), s.Bind(schema)); err != nil {
		t.Fatal(err)
	}
	if err := s.Write(ctx, rec); err == nil || !strings.Contains(err.Error(), "Recover") {
		t.Errorf("Write before Recover: got %v", err)
	}
	if err := s.Recover(ctx, 6); err != nil {
		t.Fatal(err)
	}
	if err := s.Prepare(ctx, 9); err == nil || !strings.Contains(err.Error(), "want checkpoint 7") {
		t.Errorf("a checkpoint out of order: got %v", err)
	}
}

// TestFilesOfOthersStay: recovery from nothing removes what a dead run of this sink left, and nothing else.
func TestFilesOfOthersStay(t *testing.T) {
	disk := vfs.NewMem()
	keep := []string{"out/part-1-0.parquet", "out/part-00000001.parquet", "out/part-00000001-0000.csv", "out/notes.txt",
		"out/embeddings-00000003.parquet", "out/part-00000001-0000.parquet.bak", "out/part-00000001-0000-x.parquet", "out/sub/part-00000001-0000.parquet"}
	gone := []string{"out/part-00000001-0000.parquet", "out/part-00000002-0013.parquet", "out/.staging/part-00000003-0000.parquet.stage"}
	for _, p := range append(append([]string{}, keep...), gone...) {
		f, err := disk.Create(p)
		if err != nil {
			t.Fatal(err)
		}
		f.Sync()
	}
	s, err := newParquet(ParquetConfig{Path: "out", Compression: "zstd", RowGroup: 10})
	if err != nil {
		t.Fatal(err)
	}
	ctx, env := context.Background(), testEnv(disk, memory.DefaultAllocator)
	if err := errors.Join(s.Open(ctx, env), s.Bind(crashSchema())); err != nil {
		t.Fatal(err)
	}
	before := len(disk.Files())
	if err := s.Recover(ctx, 0); !errors.Is(err, flow.ErrConfig) || len(disk.Files()) != before {
		t.Errorf("want files of another run refused and left alone, got %v", err)
	}
	env.Fresh = true
	if err := errors.Join(s.Open(ctx, env), s.Recover(ctx, 0)); err != nil {
		t.Fatal(err)
	}
	files := disk.Files()
	for _, p := range keep {
		if _, ok := files[p]; !ok {
			t.Errorf("%s is gone", p)
		}
	}
	if len(files) != len(keep) {
		t.Errorf("want %d files, got %d", len(keep), len(files))
	}
}

// TestTableIsReplaced: a table of an operator is written once at the end of a run; a later run replaces it.
func TestTableIsReplaced(t *testing.T) {
	mem := memory.NewCheckedAllocator(memory.NewGoAllocator())
	defer mem.AssertSize(t, 0)
	s, err := newParquet(ParquetConfig{Path: "out", From: "stats", Compression: "zstd", RowGroup: 10, Rotate: Rotate{Rows: 20}})
	if err != nil {
		t.Fatal(err)
	}
	if s.From() != "stats" || s.Due(1, false) || !s.Due(1, true) {
		t.Fatal("want the table at the end only")
	}
	schema, disk, r := crashSchema(), vfs.NewMem(), rand.New(rand.NewPCG(1, 1))
	start(t, s, disk, mem, schema, 0)
	writeCut(t, s, mem, schema, 0, 50, r, false)
	checkpoint(t, s, 1)
	writeCut(t, s, mem, schema, 0, 30, r, false)
	checkpoint(t, s, 2)
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	files := disk.Files()
	if len(files) != 2 || files["out/part-00000002-0000.parquet"] == nil || files["out/part-00000002-0001.parquet"] == nil {
		t.Fatalf("want the two files of the second version, got %d", len(files))
	}
}

func TestDeadLetters(t *testing.T) {
	mem := memory.NewCheckedAllocator(memory.NewGoAllocator())
	defer mem.AssertSize(t, 0)
	s, err := newParquet(ParquetConfig{Path: "out", Compression: "zstd", RowGroup: 10})
	if err != nil {
		t.Fatal(err)
	}
	disk := vfs.NewMem()
	start(t, s, disk, mem, flow.RejectionSchema, 0)
	writeCut(t, s, mem, flow.RejectionSchema, 0, 25, rand.New(rand.NewPCG(1, 1)), false)
	checkpoint(t, s, 1)
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	schema, rows := readFile(t, "x.parquet", disk.Files()["out/part-00000001-0000.parquet"])
	if len(rows) != 25 || schema.NumFields() != flow.RejectionSchema.NumFields() {
		t.Fatalf("got %d rows of %v", len(rows), schema)
	}
}
