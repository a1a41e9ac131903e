package sinks

import (
	"bytes"
	"context"
	"errors"
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

// scripted is a run over four checkpoints that can be killed and started again. Its committed id stands for
// the manifest of the runtime.
type scripted struct {
	build     func() (fileSink, error)
	schema    *arrow.Schema
	mem       memory.Allocator
	committed flow.CheckpointID
	attempt   uint64
}

const lastCheckpoint, rowsEach = 4, 70

func (c *scripted) run(fs vfs.FS) error {
	c.attempt++
	ctx := context.Background()
	s, err := c.build()
	if err != nil {
		return err
	}
	if err := s.Open(ctx, testEnv(fs, c.mem)); err != nil {
		return err
	}
	defer s.Close()
	if err := errors.Join(s.Bind(c.schema), s.Recover(ctx, c.committed)); err != nil {
		return err
	}
	if c.committed > 0 {
		if err := s.Commit(ctx, c.committed); err != nil {
			return err
		}
	}
	for id := c.committed + 1; id <= lastCheckpoint; id++ {
		if err := c.step(ctx, s, id); err != nil {
			return err
		}
	}
	return nil
}

func (c *scripted) step(ctx context.Context, s fileSink, id flow.CheckpointID) error {
	r := rand.New(rand.NewPCG(c.attempt, uint64(id)))
	whole := makeRows(c.mem, c.schema, 5, int(id-1)*rowsEach, int(id)*rowsEach, c.attempt%2 == 0)
	defer whole.Release()
	for at := int64(0); at < whole.NumRows(); {
		n := min(whole.NumRows()-at, int64(1+r.IntN(30)))
		rec := whole.NewSlice(at, at+n)
		err := s.Write(ctx, rec)
		rec.Release()
		if err != nil {
			return err
		}
		at += n
	}
	if err := s.Prepare(ctx, id); err != nil {
		return err
	}
	c.committed = id
	if err := s.Commit(ctx, id); err != nil {
		return err
	}
	return s.Commit(ctx, id) // idempotent
}

func crashCases() map[string]func() (fileSink, error) {
	small := Rotate{Rows: 50}
	return map[string]func() (fileSink, error){
		"parquet": func() (fileSink, error) {
			return newParquet(ParquetConfig{Path: "out", Compression: "snappy", RowGroup: 32, Rotate: small})
		},
		"arrow": func() (fileSink, error) {
			return newArrow(ArrowConfig{Path: "out", Compression: "none", RowGroup: 32, Rotate: small})
		},
		"table": func() (fileSink, error) {
			return newParquet(ParquetConfig{Path: "out", From: "t", Compression: "none", RowGroup: 32, Rotate: small})
		},
		"embeddings": func() (fileSink, error) { return newEmbeddings(EmbeddingsConfig{Path: "out", Every: 1, Keep: 2}) },
	}
}

func crashSchema() *arrow.Schema {
	return arrow.NewSchema([]arrow.Field{
		{Name: "row", Type: arrow.PrimitiveTypes.Int64},
		{Name: "field", Type: arrow.BinaryTypes.String},
		{Name: "value", Type: arrow.BinaryTypes.String, Nullable: true},
		{Name: "count", Type: arrow.PrimitiveTypes.Int64},
		{Name: "gate", Type: arrow.PrimitiveTypes.Float32},
		{Name: "kept", Type: arrow.FixedWidthTypes.Boolean},
		{Name: "vector", Type: arrow.FixedSizeListOfNonNullable(3, arrow.PrimitiveTypes.Float32)},
		{Name: "checkpoint", Type: arrow.PrimitiveTypes.Uint64},
	}, nil)
}

// TestCrashAtEveryOperation kills a run at each operation of the disk, with and without a power cut, and runs
// it again: the files are those of the run that was not killed, byte for byte, and nothing else is there.
func TestCrashAtEveryOperation(t *testing.T) {
	for name, build := range crashCases() {
		t.Run(name, func(t *testing.T) {
			mem := memory.NewCheckedAllocator(memory.NewGoAllocator())
			defer mem.AssertSize(t, 0)
			fresh := func() *scripted { return &scripted{build: build, schema: crashSchema(), mem: mem} }
			disk := vfs.NewMem()
			count := vfs.CrashAt(disk, 0)
			if err := fresh().run(count); err != nil {
				t.Fatal(err)
			}
			want := disk.Files()
			if len(want) == 0 {
				t.Fatal("the run wrote nothing")
			}
			for k := 1; k <= count.Ops(); k++ {
				crashOnce(t, fresh(), want, k, 0, false)
				crashOnce(t, fresh(), want, k, 0, true)
				crashOnce(t, fresh(), want, k, 1+k%7, true) // and once more while it recovers
			}
		})
	}
}

// crashOnce crashes at operation k, and a second time at operation again of the recovery when that is not 0.
func crashOnce(t *testing.T, c *scripted, want map[string][]byte, k, again int, powerCut bool) {
	t.Helper()
	disk := vfs.NewMem()
	for _, at := range []int{k, again} {
		if at == 0 {
			continue
		}
		f := vfs.CrashAt(disk, at)
		if err := c.run(f); err != nil && !errors.Is(err, vfs.ErrCrashed) {
			t.Fatalf("k=%d: want a crash, got %v", k, err)
		}
		if powerCut {
			disk.PowerCut()
		}
		checkVisible(t, disk, c.committed, want)
	}
	if err := c.run(disk); err != nil {
		t.Fatalf("k=%d again=%d powerCut=%v: the run after the crash: %v", k, again, powerCut, err)
	}
	sameFiles(t, want, disk.Files())
}

// checkVisible wants every visible file to be whole and of a checkpoint that is committed.
func checkVisible(t *testing.T, disk *vfs.Mem, committed flow.CheckpointID, want map[string][]byte) {
	t.Helper()
	for path, data := range disk.Files() {
		if strings.Contains(path, stagingDir) {
			continue
		}
		if ref, ok := want[path]; !ok {
			readFile(t, path, data) // a version that is replaced later: whole, at least
		} else if !bytes.Equal(ref, data) {
			t.Fatalf("%s is visible and not what it will be", path)
		}
		if id := strings.Split(strings.TrimSuffix(filepath.Base(path), filepath.Ext(path)), "-")[1]; id > committed.String() {
			t.Fatalf("%s is visible, committed is %s", path, committed)
		}
	}
}

// TestFullDisk: the error is transient and says what to do, nothing half is visible, and the run that follows
// once there is room ends like any other.
func TestFullDisk(t *testing.T) {
	for name, build := range crashCases() {
		t.Run(name, func(t *testing.T) {
			mem := memory.NewCheckedAllocator(memory.NewGoAllocator())
			defer mem.AssertSize(t, 0)
			c := &scripted{build: build, schema: crashSchema(), mem: mem}
			whole := vfs.NewMem()
			if err := c.run(whole); err != nil {
				t.Fatal(err)
			}
			want := whole.Files()
			for _, room := range []int64{0, 1, 100, 2000, 5000} {
				disk := vfs.NewMem()
				c := &scripted{build: build, schema: crashSchema(), mem: mem}
				err := c.run(vfs.FullAfter(disk, room))
				if err == nil {
					t.Fatalf("room %d: want an error", room)
				}
				if !errors.Is(err, flow.ErrTransient) || !strings.Contains(err.Error(), "out") || !strings.Contains(err.Error(), "disk is full") {
					t.Fatalf("room %d: want a transient error that names the path, got %v", room, err)
				}
				checkVisible(t, disk, c.committed, want)
				if err := c.run(disk); err != nil {
					t.Fatal(err)
				}
				sameFiles(t, want, disk.Files())
			}
		})
	}
}

// TestBrokenSinkTakesNoMoreRows: after a failed write some rows may be on disk, so none are taken before a
// recovery; the same sink then goes on.
func TestBrokenSinkTakesNoMoreRows(t *testing.T) {
	mem := memory.NewCheckedAllocator(memory.NewGoAllocator())
	defer mem.AssertSize(t, 0)
	ctx, schema := context.Background(), crashSchema()
	disk := vfs.NewMem()
	full := vfs.FullAfter(disk, 10)
	s, err := newArrow(ArrowConfig{Path: "out", Compression: "none", RowGroup: 32})
	if err != nil {
		t.Fatal(err)
	}
	start(t, s, full, mem, schema, 0)
	rec := makeRows(mem, schema, 5, 0, rowsEach, false)
	defer rec.Release()
	if err := s.Write(ctx, rec); err != nil { // still in the buffer
		t.Fatal(err)
	}
	for range 2 {
		if err := s.Prepare(ctx, 1); !errors.Is(err, flow.ErrTransient) {
			t.Fatalf("want a transient error, got %v", err)
		}
		if err := s.Write(ctx, rec); !errors.Is(err, flow.ErrTransient) {
			t.Fatalf("want the same error, got %v", err)
		}
	}
	full.Free(1 << 20)
	if err := s.Recover(ctx, 0); err != nil {
		t.Fatal(err)
	}
	if err := s.Write(ctx, rec); err != nil {
		t.Fatal(err)
	}
	checkpoint(t, s, 1)
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	files := disk.Files()
	if len(files) != 1 {
		t.Fatalf("want one file, got %v", slices.Collect(maps.Keys(files)))
	}
	for n, data := range files {
		if _, rows := readFile(t, n, data); len(rows) != rowsEach {
			t.Fatalf("want %d rows, got %d", rowsEach, len(rows))
		}
	}
}
