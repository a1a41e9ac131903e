package main

import (
	"context"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/sluice-stream/sluice/flow"
	"github.com/sluice-stream/sluice/internal/vfs"
	"github.com/sluice-stream/sluice/runtime"
)

// lines writes a file of JSON lines, of which those in bad are no rows, and returns a pipeline that reads it.
func (b trial) lines(rows int, bad ...int) string {
	b.Helper()
	var text strings.Builder
	for n := range rows {
		if slices.Contains(bad, n) {
			text.WriteString("{\n")
			continue
		}
		text.WriteString(numbered(n) + "\n")
	}
	b.write("in/a.jsonl", []byte(text.String()))
	return learning("{jsonl: {schema: {n: int64, c: utf8, x: float64, y: int64}, path: DIR/in/a.jsonl}}")
}

// stopAt is an observer that stops a run behind a checkpoint.
type stopAt struct {
	id   flow.CheckpointID
	stop context.CancelFunc
}

func (stopAt) Resumed(flow.CheckpointID, int64) {}

func (stopAt) Filled(string, int64, time.Duration) {}

func (stopAt) Progress(runtime.Progress) {}

func (s stopAt) Checkpoint(id flow.CheckpointID, _ int64, _ time.Duration) {
	if id == s.id {
		s.stop()
	}
}

// stopped runs a pipeline until checkpoint id.
func (b trial) stopped(text string, id flow.CheckpointID) {
	b.Helper()
	p, err := runtime.Parse("pipeline.yaml", []byte(strings.ReplaceAll(text, "DIR", b.dir)), os.LookupEnv)
	if err != nil {
		b.Fatal(err)
	}
	ctx, stop := context.WithCancel(b.Context())
	defer stop()
	if _, err := runtime.Run(ctx, p, runtime.Options{Observer: stopAt{id, stop}}); !errors.Is(err, context.Canceled) {
		b.Fatalf("want a run that is stopped at checkpoint %d, got %v", id, err)
	}
}

// visible is every row that a reader of the outputs sees.
func (b trial) visible() map[string][]map[string]any {
	out := map[string][]map[string]any{"rows": b.rows("rows"), "rejected": b.rows("rejected"), "embeddings": b.rows("embeddings")}
	for _, r := range out["rejected"] {
		r["topic"] = strings.TrimPrefix(r["topic"].(string), b.dir)
	}
	return out
}

// TestFullDisk fills the disk after any number of bytes. The run stops with a clear text and, once there is room,
// goes on to the same files.
func TestFullDisk(t *testing.T) {
	b := newTrial(t)
	text := b.lines(30, 7, 8, 21)
	on := func(fs vfs.FS) func(*runtime.Options) { return func(o *runtime.Options) { o.FS = fs } }
	calm := vfs.NewMem()
	want, err := b.run(text, on(calm))
	if err != nil {
		t.Fatal(err)
	}
	places := map[string]int{}
	for room := int64(0); ; room += 1511 {
		mem := vfs.NewMem()
		full := vfs.FullAfter(mem, room)
		_, err := b.run(text, on(full))
		if err == nil {
			break // there was room for all
		}
		b.refuses(err, flow.ErrTransient, "the disk is full", "free some space", "run again", b.dir)
		for _, place := range []string{"rows", "rejected", "embeddings", "checkpoint"} {
			places[place] += strings.Count(err.Error(), b.path(place))
		}
		full.Free(1 << 30)
		res, err := b.run(text, on(full))
		if err != nil {
			t.Fatal(err)
		}
		if res.StateHash != want.StateHash || res.Rows != want.Rows || res.Rejected != want.Rejected || res.Trained != want.Trained {
			t.Errorf("room for %d bytes: want %+v, got %+v", room, want, res)
		}
		if d := cmp.Diff(sums(calm.Files()), sums(mem.Files())); d != "" {
			t.Errorf("room for %d bytes: %s", room, d)
		}
	}
	if len(places) != 4 || min(places["rows"], places["rejected"], places["checkpoint"], places["embeddings"]) == 0 {
		t.Errorf("want each place to run out of space, got %v", places)
	}
}

// ofTheRun are the fields of a manifest that differ from run to run: which one wrote it, and so its hash.
var ofTheRun = regexp.MustCompile(`"(run|check)": *"[0-9A-Za-z]*"`)

// sums are hashes of files, of manifests without what differs from run to run.
func sums(files map[string][]byte) map[string]string {
	out := map[string]string{}
	for name, b := range files {
		out[name] = fmt.Sprintf("%x", sha256.Sum256(ofTheRun.ReplaceAll(b, nil)))
	}
	return out
}

// TestUnwritablePath puts a file where a folder must be.
func TestUnwritablePath(t *testing.T) {
	for what, where := range map[string]string{
		"rows": "pipeline.yaml:6:5: parquet: cannot write to", "embeddings": "pipeline.yaml:7:5: embeddings: cannot write to",
		"rejected": "pipeline.yaml:8:15: dead_letter.parquet: cannot write to", "checkpoint": "pipeline.yaml:9:14: checkpoint.path: cannot write to",
	} {
		b := newTrial(t)
		text := b.lines(9)
		b.write("wall", nil)
		_, err := b.run(strings.ReplaceAll(text, "DIR/"+what, "DIR/wall/"+what))
		b.refuses(err, flow.ErrConfig, where, "DIR/wall", "not a directory")
		for _, dir := range []string{"rows", "rejected"} {
			if len(b.rows(dir)) > 0 {
				t.Errorf("want nothing written before the refusal")
			}
		}
	}
}

// TestCheckpointOfAnotherPipeline changes what a checkpoint depends on; put back, it goes on.
func TestCheckpointOfAnotherPipeline(t *testing.T) {
	b := newTrial(t)
	text := b.lines(30)
	b.stopped(text, 2)
	for was, is := range map[string]string{
		"name: bad": "name: good", "dim: 2": "dim: 3", "batch: 4": "batch: 5", "/embeddings}": "/emb}", "rows: 5": "rows: 6",
		"{n: int64, c: utf8": "{c: utf8, n: int64", "name: bad\n": "name: bad\nseed: 9\n",
	} {
		_, err := b.run(strings.Replace(text, was, is, 1))
		b.refuses(err, flow.ErrConfig, "pipeline.yaml:", "DIR/checkpoint is of another pipeline", "restore the setting", "--fresh")
	}
	b.accounts(b.mustRun(strings.Replace(text, "max_rejected: 1", "max_rejected: 0.5", 1)), 30, nil, 0)
	b.write("in/a.jsonl", []byte(numbered(0)+"\n"))
	_, err := b.run(strings.Replace(text, "name: bad", "name: bad", 1))
	if err != nil {
		t.Errorf("a finished run needs its input no more, got %v", err)
	}
	other := newTrial(t)
	text = other.lines(30)
	other.stopped(text, 2)
	other.write("in/a.jsonl", []byte(numbered(0)+"\n"))
	_, err = other.run(text)
	other.refuses(err, flow.ErrConfig, "pipeline.yaml:2:10: source.jsonl: ", "DIR/in/a.jsonl has", "bytes", "in the checkpoint", "--fresh")
}

// TestCheckpointOfAnotherVersion has a manifest whose format this program does not know.
func TestCheckpointOfAnotherVersion(t *testing.T) {
	b := newTrial(t)
	text := b.lines(30)
	b.stopped(text, 2)
	path := b.path("checkpoint/manifest-00000002.json")
	raw, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	var m map[string]any
	if err := json.Unmarshal(raw, &m); err != nil {
		t.Fatal(err)
	}
	m["format"] = 99
	raw, _ = json.Marshal(m)
	b.write("checkpoint/manifest-00000002.json", raw)
	_, err = b.run(text)
	b.refuses(err, flow.ErrCorrupt, path, "want format version 1 to 2, got 99", "--fresh")
	res, err := b.run(text, func(o *runtime.Options) { o.Fresh = true })
	if err != nil {
		t.Fatal(err)
	}
	b.accounts(res, 30, nil, 0)
}

// TestFlippedByte changes one byte of a file of a checkpoint, in every file and at several places. The run refuses;
// its advice leads to the same end.
func TestFlippedByte(t *testing.T) {
	calm := newTrial(t)
	text := calm.lines(30, 7)
	want := calm.mustRun(text)
	for _, which := range []string{"manifest-00000003.json", "parts/source*", "parts/operator.0.train-*"} {
		b := newTrial(t)
		b.lines(30, 7)
		b.stopped(text, 3)
		files, _ := filepath.Glob(b.path("checkpoint/" + which))
		refusals := 0
		newest := b.newestFiles(3)
		for _, f := range files {
			if !slices.Contains(newest, f) {
				continue // of the checkpoint before, which nobody asks for
			}
			whole, err := os.ReadFile(f)
			if err != nil {
				t.Fatal(err)
			}
			for _, i := range []int{0, len(whole) / 2, len(whole) - 2} {
				broken := slices.Clone(whole)
				broken[i] ^= 4
				os.WriteFile(f, broken, 0o644)
				_, err := b.run(text)
				b.refuses(err, flow.ErrCorrupt, "DIR/checkpoint/", "--fresh")
				refusals++
			}
		}
		if refusals != 3 {
			t.Errorf("%s: want 3 refusals, got %d", which, refusals)
		}
		os.Remove(b.path("checkpoint/manifest-00000003.json"))
		res := b.mustRun(text)
		if d := cmp.Diff(calm.visible(), b.visible()); d != "" || res.StateHash != want.StateHash || res.ResumedFrom != 2 {
			t.Errorf("after following the advice: %+v\n%s", res, d)
		}
	}
}

// newestFiles are the manifest of checkpoint id and the parts that it names.
func (b trial) newestFiles(id int) []string {
	b.Helper()
	path := b.path(fmt.Sprintf("checkpoint/manifest-%08d.json", id))
	out := []string{path}
	raw, err := os.ReadFile(path)
	if err != nil {
		b.Fatal(err)
	}
	parts, _ := filepath.Glob(b.path("checkpoint/parts/*"))
	for _, p := range parts {
		if strings.Contains(string(raw), filepath.Base(p)) {
			out = append(out, p)
		}
	}
	return out
}
