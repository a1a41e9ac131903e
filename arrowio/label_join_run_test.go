package arrowio_test

import (
	"context"
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/apache/arrow/go/v17/arrow/memory"
	"go.uber.org/goleak"

	_ "github.com/sluice-stream/sluice/arrowio"
	_ "github.com/sluice-stream/sluice/features"
	"github.com/sluice-stream/sluice/internal/vfs"
	_ "github.com/sluice-stream/sluice/operators"
	"github.com/sluice-stream/sluice/runtime"
	_ "github.com/sluice-stream/sluice/sinks"
)

// delayedPipeline is a whole pipeline over rows and labels; dir holds its checkpoints and outputs.
const delayedPipeline = `
name: delayed
source:
  label_join: {%s, time: at, label_time: known, label: label}
operators:
  - train: {label: label, fields: {categorical: [user, item]}, model: {deepfm: {dim: 2, mlp: [4]}}, batch: 16}
sinks: [{parquet: {path: %[2]s/scored}}]
dead_letter: {parquet: {path: %[2]s/rejected}}
checkpoint: {path: %[2]s/checkpoint, every: {rows: 45}}
max_rejected: 0.5
`

// delayedFiles writes 200 rows with labels that come up to 40 seconds later, as one file and as two.
func delayedFiles(t *testing.T) map[string]string {
	t.Helper()
	r := rand.New(rand.NewPCG(3, 1))
	dir, start := t.TempDir(), time.Unix(1_700_000_000, 0).UTC()
	var one, rows []string
	labels := make([][]string, 300)
	at := 0
	for i := range 200 {
		at += r.IntN(2)
		known, label := at+r.IntN(40), r.IntN(2)
		stamp := func(s int) string { return start.Add(time.Duration(s) * time.Second).Format(time.RFC3339) }
		row := fmt.Sprintf(`{"id":%d,"user":"u%d","item":"i%d","at":%q`, i, r.IntN(9), r.IntN(9), stamp(at))
		one = append(one, fmt.Sprintf(`%s,"known":%q,"label":%d}`, row, stamp(known), label))
		rows = append(rows, row+"}")
		if i%10 != 0 { // no label for every tenth
			labels[known] = append(labels[known], fmt.Sprintf(`{"id":%d,"known":%q,"label":%d}`, i, stamp(known), label))
		}
	}
	labels[60] = append(labels[60], `{"id":9999,"known":"2023-11-14T22:14:20Z","label":1}`) // without a row
	var inOrder []string
	for _, l := range labels {
		inOrder = append(inOrder, l...)
	}
	write := func(name string, lines []string) string {
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, []byte(strings.Join(lines, "\n")), 0o644); err != nil {
			t.Fatal(err)
		}
		return path
	}
	const columns = "id: int64, user: utf8, item: utf8, at: timestamp"
	return map[string]string{
		"one file": fmt.Sprintf("rows: {jsonl: {path: %s, schema: {%s, known: timestamp, label: int8}}}", write("one.jsonl", one), columns),
		"two files": fmt.Sprintf("rows: {jsonl: {path: %s, schema: {%s}}}, labels: {jsonl: {path: %s, schema: {id: int64, known: timestamp, label: int8}}}, key: [id], window: 30s, missing: negative, late: reject",
			write("rows.jsonl", rows), columns, write("labels.jsonl", inOrder)),
	}
}

func runDelayed(t *testing.T, source, dir string, fs vfs.FS) (*runtime.Result, error) {
	t.Helper()
	p, err := runtime.Parse("p.yaml", fmt.Appendf(nil, delayedPipeline, source, dir), os.LookupEnv)
	if err != nil {
		t.Fatal(err)
	}
	alloc := memory.NewCheckedAllocator(memory.DefaultAllocator)
	defer alloc.AssertSize(t, 0)
	return runtime.Run(context.Background(), p, runtime.Options{FS: fs, Alloc: alloc})
}

// A run that dies at any change of the disk, and is run again, ends with the same files and the same state.
func TestLabelJoinDiesAnywhereEndsEqual(t *testing.T) {
	defer goleak.VerifyNone(t, goleak.IgnoreCurrent())
	for name, source := range delayedFiles(t) {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			calm := vfs.CrashAt(vfs.NewMem(), 0)
			want, err := runDelayed(t, source, dir, calm)
			if err != nil {
				t.Fatal(err)
			}
			files := seen(t, calm, dir)
			steps := calm.Ops()
			for at := 1; at <= steps; at += 1 + steps/20 {
				disk := vfs.NewMem()
				if _, err := runDelayed(t, source, dir, vfs.CrashAt(disk, at)); err != nil && !errors.Is(err, vfs.ErrCrashed) {
					t.Fatalf("change %d: want a crash, got %v", at, err)
				}
				got, err := runDelayed(t, source, dir, disk)
				if err != nil {
					t.Fatalf("after a crash at change %d: %v", at, err)
				}
				if got.StateHash != want.StateHash || got.Rows != want.Rows || got.Rejected != want.Rejected || got.Trained != want.Trained {
					t.Fatalf("after a crash at change %d: want %+v, got %+v", at, want, got)
				}
				for name, content := range seen(t, disk, dir) {
					if files[name] != content {
						t.Fatalf("after a crash at change %d: %s differs", at, name)
					}
				}
				if n := len(seen(t, disk, dir)); n != len(files) {
					t.Fatalf("after a crash at change %d: want %d files, got %d", at, len(files), n)
				}
			}
			t.Logf("%d changes, %+v", steps, want.Notes)
		})
	}
}

// seen is the files that a reader of the outputs sees.
func seen(t *testing.T, fs vfs.FS, dir string) map[string]string {
	t.Helper()
	out := map[string]string{}
	for _, sub := range []string{"scored", "rejected"} {
		ents, err := fs.ReadDir(filepath.Join(dir, sub))
		if err != nil {
			t.Fatal(err)
		}
		for _, e := range ents {
			if !strings.HasSuffix(e.Name(), ".parquet") {
				continue
			}
			b, err := fs.ReadFile(filepath.Join(dir, sub, e.Name()))
			if err != nil {
				t.Fatal(err)
			}
			out[sub+"/"+e.Name()] = string(b)
		}
	}
	return out
}

// Nothing is written where either side is read.
func TestLabelJoinIsNotWrittenOver(t *testing.T) {
	dir := t.TempDir()
	file := func(name string) string {
		return fmt.Sprintf("{jsonl: {path: %s/%s/*.jsonl, schema: {id: int64, at: timestamp, label: int8}}}", dir, name)
	}
	topic := func(name string) string {
		return fmt.Sprintf("{kafka: {brokers: [localhost:9092], topic: %s, schema: {id: int64, at: timestamp, label: int8}}}", name)
	}
	for sink, of := range map[string]func(string) string{"parquet: {path: DIR/rows}": file, "parquet: {path: DIR/labels}": file,
		"kafka: {brokers: [localhost:9092], topic: rows, spool: DIR/spool}": topic, "kafka: {brokers: [localhost:9092], topic: labels, spool: DIR/spool}": topic} {
		p, err := runtime.Parse("p.yaml", fmt.Appendf(nil, "name: x\nsource: {label_join: {rows: %s, labels: %s, key: [id], time: at, label_time: at, label: label, window: 1h}}\nsinks: [{%s}]\ncheckpoint: {path: %s/checkpoint}",
			of("rows"), of("labels"), strings.ReplaceAll(sink, "DIR", dir), dir), os.LookupEnv)
		if err != nil {
			t.Fatal(err)
		}
		if err := p.Lint(); err == nil || !strings.Contains(err.Error(), "the source reads") {
			t.Errorf("%s: want it refused, got %v", sink, err)
		}
	}
}

// The example reaches the peers' figures for a linear model, of labels known at the outcome and when recorded, and the
// figures of their baselines.
func TestDelayedExampleReachesThePeers(t *testing.T) {
	if testing.Short() {
		t.Skip("a whole file, twice")
	}
	data := os.Getenv("SLUICE_DATA")
	if data == "" {
		data = "../../shared/data"
	}
	data, err := filepath.Abs(data)
	if err == nil {
		_, err = os.Stat(filepath.Join(data, "prepared", "hotel-bookings.parquet"))
	}
	if err != nil {
		t.Skipf("no data: %v; set SLUICE_DATA", err)
	}
	example, _ := filepath.Abs("../examples/hotel-bookings-delayed.yaml")
	t.Chdir(t.TempDir())
	t.Setenv("SLUICE_DATA", data)
	t.Setenv("MODEL", "lr")
	t.Setenv("LR", "0.3")
	for wait, want := range map[string][4]float64{"outcome": {.8027, .772, .5432, .5293}, "label": {.7333, 1.529, .5335, .4735}} {
		t.Setenv("WAIT", wait)
		p, err := runtime.Load(example)
		if err != nil {
			t.Fatal(err)
		}
		res, err := runtime.Run(context.Background(), p, runtime.Options{Fresh: true})
		if err != nil {
			t.Fatal(err)
		}
		got := [4]float64{res.Metrics["auc"], res.Metrics["ne"], res.Baselines["prior"]["auc"], res.Baselines["last_label"]["auc"]}
		for i, w := range want {
			if math.Abs(got[i]-w) > .001 {
				t.Errorf("%s: want AUC, ne, and the AUC of prior and last label near %v, got %v", wait, want, got)
				break
			}
		}
		if res.Rows != 2*119390 || res.Rejected != 0 {
			t.Errorf("want each of 119390 rows twice, got %d and %d rejected", res.Rows, res.Rejected)
		}
	}
}
