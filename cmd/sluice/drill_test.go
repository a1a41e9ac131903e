package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/apache/arrow/go/v17/arrow"
	"github.com/apache/arrow/go/v17/arrow/array"
	"github.com/apache/arrow/go/v17/arrow/ipc"
	"github.com/apache/arrow/go/v17/arrow/memory"

	"github.com/sluice-stream/sluice/flow"
)

// A drill starts its own program. Under test that is the test binary: called with a command of ours, it is sluice.
// SLUICE_TEST_BROKEN adds plug-ins that break their contracts, which a drill must find.
func init() {
	if len(os.Args) < 2 || !slices.Contains([]string{"run", "drill"}, os.Args[1]) {
		return
	}
	if os.Getenv("SLUICE_TEST_BROKEN") != "" {
		registerBroken()
	}
	main()
	os.Exit(0)
}

func registerBroken() {
	flow.Register(flow.Sinks, flow.Entry[brokenConfig, flow.Sink]{
		Name: "early", Summary: "Publishes rows when they are written, not when they are committed.", Example: "{path: out}",
		Build: func(c brokenConfig) (flow.Sink, error) { return &earlySink{dir: c.Path}, nil },
	})
	flow.Register(flow.Operators, flow.Entry[struct{}, flow.Operator]{
		Name: "forgetful", Summary: "Numbers rows, and does not save how many it has seen.", Example: "{}",
		Build: func(struct{}) (flow.Operator, error) { return &forgetful{}, nil },
	})
}

type brokenConfig struct {
	Path string `yaml:"path" doc:"folder"`
}

type earlySink struct {
	dir    string
	schema *arrow.Schema
}

func (e *earlySink) Bind(in *arrow.Schema) error {
	e.schema = in
	return os.MkdirAll(e.dir, 0o755)
}

func (e *earlySink) Write(_ context.Context, rec arrow.Record) error {
	f, err := os.Create(filepath.Join(e.dir, fmt.Sprintf("part-%d.arrow", time.Now().UnixNano())))
	if err != nil {
		return err
	}
	defer f.Close()
	w, err := ipc.NewFileWriter(f, ipc.WithSchema(e.schema))
	if err != nil {
		return err
	}
	return errors.Join(w.Write(rec), w.Close())
}

func (e *earlySink) Prepare(context.Context, flow.CheckpointID) error { return nil }
func (e *earlySink) Commit(context.Context, flow.CheckpointID) error  { return nil }
func (e *earlySink) Recover(context.Context, flow.CheckpointID) error { return nil }
func (e *earlySink) Close() error                                     { return nil }

type forgetful struct {
	out  *arrow.Schema
	seen int64
}

func (f *forgetful) Bind(in *arrow.Schema) (*arrow.Schema, error) {
	f.out = arrow.NewSchema(append(slices.Clone(in.Fields()), arrow.Field{Name: "seen", Type: arrow.PrimitiveTypes.Int64}), nil)
	return f.out, nil
}

func (f *forgetful) Process(_ context.Context, rec arrow.Record, emit flow.Emit) error {
	b := array.NewInt64Builder(memory.DefaultAllocator)
	defer b.Release()
	for range rec.NumRows() {
		f.seen++
		b.Append(f.seen)
	}
	col := b.NewArray()
	defer col.Release()
	out := array.NewRecord(f.out, append(slices.Clone(rec.Columns()), col), rec.NumRows())
	defer out.Release()
	return emit(out)
}

// drillProcess runs the command as a process in a folder that holds the pipeline.
func drillProcess(t *testing.T, pipeline string, args ...string) (rep drillReport, code int, stderr string) {
	t.Helper()
	exe, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(exe, append([]string{"drill", "--json"}, args...)...)
	cmd.Dir = t.TempDir()
	write(t, cmd.Dir, "pipeline.yaml", pipeline)
	cmd.Env = append(os.Environ(), "SLUICE_TEST_BROKEN=1")
	var out, log bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &log
	err = cmd.Run()
	if cmd.ProcessState == nil {
		t.Fatal(err)
	}
	if code = cmd.ProcessState.ExitCode(); code <= 1 {
		if err := json.Unmarshal(out.Bytes(), &rep); err != nil {
			t.Fatalf("want a report, got %v: %s\n%s", err, out.String(), log.String())
		}
	}
	ents, err := os.ReadDir(cmd.Dir)
	if err != nil || len(ents) != 1 {
		t.Errorf("want nothing but the pipeline in the user's folder, got %v, %v", ents, err)
	}
	return rep, code, log.String()
}

// survived wants every fault tried, or skipped where skips name it, and no difference.
func survived(t *testing.T, rep drillReport, code int, log string, skips ...string) {
	t.Helper()
	if code != 0 || rep.Failed != 0 || len(rep.Faults) != len(allFaults) {
		t.Fatalf("want exit code 0 and no fault, got %d: %+v\n%s", code, rep, log)
	}
	for _, v := range rep.Faults {
		if skip := slices.Contains(skips, v.Fault); skip != (v.Runs == 0) || skip != strings.HasPrefix(v.Verdict, "skipped") || !v.Diff.equal() {
			t.Errorf("got %+v", v)
		}
	}
}

// The demo survives every fault.
func TestDrillOfTheDemo(t *testing.T) {
	if testing.Short() {
		t.Skip("runs and kills processes; not in -short")
	}
	t.Parallel()
	text, err := os.ReadFile("../../pipeline.yaml")
	if err != nil {
		t.Fatal(err)
	}
	rep, code, log := drillProcess(t, string(text), "--rows", "3000")
	survived(t, rep, code, log)
	if rep.Rows != 3000 || rep.Checkpoints < leastCheckpoints {
		t.Errorf("want 3000 rows in at least %d checkpoints, got %+v", leastCheckpoints, rep)
	}
	for _, v := range rep.Faults {
		if v.Fault == "kill" && (v.Runs <= kills || v.Recovery == 0) {
			t.Errorf("want more than %d runs that go on, got %+v", kills, v)
		}
	}
}

const fileDrill = `
name: files
source: {jsonl: {path: %q, meta: [row]}}
operators:
  - train: {label: y, fields: {categorical: [c], numeric: {x: log2floor}}, model: {fm: {dim: 2}}, batch: 16}
sinks:
  - parquet: {path: out/rows}
  - embeddings: {path: out/embeddings, every: 3}
dead_letter: {parquet: {path: out/rejected}}
checkpoint: {path: out/checkpoint, every: {seconds: 60}}
max_rejected: 1
`

// A pipeline over files: bad rows are left out of the copy and counted, rows of a bad label go to the dead letters,
// and faults of the broker are skipped.
func TestDrillOfFiles(t *testing.T) {
	if testing.Short() {
		t.Skip("runs and kills processes; not in -short")
	}
	t.Parallel()
	b := newTrial(t)
	lines := []string{"no row"}
	for n := range 600 {
		row := numbered(n)
		if n%100 == 7 {
			row = strings.Replace(row, `"y":1`, `"y":3`, 1)
		}
		lines = append(lines, row)
	}
	path := b.write("in/a.jsonl", []byte(strings.Join(lines, "\n")+"\n"))
	rep, code, log := drillProcess(t, fmt.Sprintf(fileDrill, path), "--rows", "500")
	survived(t, rep, code, log, "broker_bounce", "duplicate_delivery")
	if rep.Rows != 500 || rep.Rejected != 5 || rep.Unread != 1 || len(rep.Notes) != 2 {
		t.Errorf("want 500 rows, 5 rejected, 1 unread, and notes on that and on barriers by seconds, got %+v", rep)
	}
}

const brokenDrill = `
name: broken
source: {clicks: {rows: 3000}}
operators:
  - %s
sinks:
  - %s: {path: out/rows}
checkpoint: {path: out/checkpoint}
`

// What a drill is for: plug-ins that break their contracts are found, and the exit code says so.
func TestDrillFindsBrokenPlugIns(t *testing.T) {
	if testing.Short() {
		t.Skip("runs and kills processes; not in -short")
	}
	t.Parallel()
	once := func(operator, sink string) (found difference) {
		rep, code, log := drillProcess(t, fmt.Sprintf(brokenDrill, operator, sink), "--faults", "kill,kill_recovery,stop")
		if code == 0 {
			return found
		}
		if code != 1 || rep.Failed == 0 || !strings.Contains(log, "faults were not survived") {
			t.Fatalf("%s, %s: want exit code 1 and a fault, got %d: %+v\n%s", operator, sink, code, rep, log)
		}
		for _, v := range rep.Faults {
			if v.Failed != !v.Diff.equal() || v.Failed != strings.HasPrefix(v.Verdict, "FAULT") {
				t.Errorf("got %+v", v)
			}
			found.Lost, found.Duplicated, found.Changed = found.Lost+v.Diff.Lost, found.Duplicated+v.Diff.Duplicated, found.Changed+v.Diff.Changed
		}
		return found
	}
	// where the kills fall is chance: a drill may meet no row between its writing and its checkpoint
	find := func(operator, sink string, enough func(difference) bool) (d difference) {
		for range 4 {
			if d = once(operator, sink); enough(d) {
				break
			}
		}
		return d
	}
	if d := find("filter: {where: 'true'}", "early", func(d difference) bool { return d.Duplicated > 0 }); d.Duplicated == 0 || d.Lost != 0 {
		t.Errorf("a sink that publishes when it writes: want duplicated rows, got %+v", d)
	}
	if d := find("forgetful", "parquet", func(d difference) bool { return d.Changed > 0 }); d.Changed == 0 || d.Lost != 0 || d.Duplicated != 0 {
		t.Errorf("an operator that forgets its state: want changed rows, got %+v", d)
	}
}

func TestDrillRefuses(t *testing.T) {
	dir := t.TempDir()
	file := write(t, dir, "p.yaml", "name: p\nsource: {clicks: {}}\nsinks: [{parquet: {path: out}}]\n")
	for args, want := range map[string]string{
		"nowhere.yaml":              "no such file",
		file:                        "want a pipeline with `checkpoint`",
		file + " --rows 0":          "--rows: want >= 1",
		file + " --faults kil":      `did you mean "kill"?`,
		file + " --keep " + dir:     "want a new or empty folder",
		"--brokers x --no-such-key": "unknown flag",
	} {
		_, err := sluice(t, append([]string{"drill"}, strings.Fields(args)...)...)
		if !errors.Is(err, flow.ErrConfig) || !strings.Contains(err.Error(), want) {
			t.Errorf("drill %s: want %q, got %v", args, want, err)
		}
	}
}
