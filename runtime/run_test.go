package runtime

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/apache/arrow/go/v17/arrow/memory"
	"github.com/google/go-cmp/cmp"
	"go.uber.org/goleak"

	"github.com/sluice-stream/sluice/flow"
	_ "github.com/sluice-stream/sluice/internal/vfs/bucket/inmemory" // mem://
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func pipeline(t *testing.T, text string) *Pipeline {
	t.Helper()
	p, err := Parse("p.yaml", []byte(text), os.LookupEnv)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

func file(dir, source, sum string) string {
	return fmt.Sprintf(`
name: numbers
source: {count: %s}
operators: [{sum: %s}]
sinks:
  - text: {path: %[3]s/rows}
  - text: {path: %[3]s/totals, from: totals}
dead_letter: {text: {path: %[3]s/rejected}}
checkpoint: {path: %[3]s/checkpoint, every: {rows: 20}}
max_rejected: 0.5
`, source, sum, dir)
}

// sums is what the fakes must give, computed row by row.
func sums(rows, bad, every, batch int64) (lines []string, total int64) {
	var held []int64
	var batches int64
	emit := func() {
		if len(held) == 0 {
			return
		}
		batches++
		for _, n := range held {
			total += n * batches
			lines = append(lines, fmt.Sprint(total))
		}
		held = held[:0]
	}
	delivered := int64(0)
	for n := range rows {
		if bad > 0 && n%bad == bad-1 {
			continue
		}
		held = append(held, n)
		delivered++
		if int64(len(held)) == batch {
			emit()
		}
		if delivered%every == 0 {
			emit()
		}
	}
	emit()
	return lines, total
}

func TestRunAgainstByHand(t *testing.T) {
	dir := t.TempDir()
	alloc := memory.NewCheckedAllocator(memory.DefaultAllocator)
	defer alloc.AssertSize(t, 0)
	p := pipeline(t, file(dir, "{rows: 103, bad: 10, piece: 13}", "{batch: 7}"))
	res, err := Run(context.Background(), p, Options{Alloc: alloc})
	if err != nil {
		t.Fatal(err)
	}
	want, total := sums(103, 10, 20, 7)
	var got []string
	files := tree(dir)
	for id := range flow.CheckpointID(10) {
		got = append(got, strings.Fields(files["rows/"+id.String()+".txt"])...)
	}
	if d := cmp.Diff(want, got); d != "" {
		t.Error(d)
	}
	if res.Rows != 93 || res.Rejected != 10 || res.Metrics["sum"] != float64(total) || res.Checkpoints != 5 {
		t.Errorf("got %+v, want sum %d", res, total)
	}
	if want := fmt.Sprintf("%d \n5 \n", total); files["totals/00000005.txt"] != want {
		t.Errorf("totals: want %q, got %q", want, files["totals/00000005.txt"])
	}
	if n := strings.Count(files["rejected/00000001.txt"]+files["rejected/00000005.txt"], "bad row source numbers -1"); n != 4 {
		t.Errorf("want the rejected rows of the first and the last checkpoint, got %d", n)
	}
}

func TestFinishedRunDoesNothing(t *testing.T) {
	dir := t.TempDir()
	p := pipeline(t, file(dir, "{rows: 50}", "{}"))
	first, err := Run(context.Background(), p, Options{})
	if err != nil {
		t.Fatal(err)
	}
	before := tree(dir)
	again, err := Run(context.Background(), p, Options{})
	if err != nil {
		t.Fatal(err)
	}
	if !again.Finished || again.Rows != 50 || again.StateHash != first.StateHash || again.Metrics["sum"] != first.Metrics["sum"] {
		t.Errorf("got %+v", again)
	}
	if d := cmp.Diff(before, tree(dir)); d != "" {
		t.Error(d)
	}
	fresh, err := Run(context.Background(), p, Options{Fresh: true})
	if err != nil || fresh.Finished || fresh.StateHash != first.StateHash {
		t.Errorf("--fresh: got %+v, %v", fresh, err)
	}
}

// The promise: a run that dies at any change of the disk, and is run again, ends equal to one that did not die.
func TestDiesAnywhereEndsEqual(t *testing.T) {
	for name, settings := range map[string][2]string{
		"online": {"{rows: 90, bad: 9, piece: 8}", "{batch: 7}"},
		"epochs": {"{rows: 45, bad: 9, piece: 8}", "{batch: 7, epochs: 3}"},
	} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			want, err := Run(context.Background(), pipeline(t, file(dir+"/calm", settings[0], settings[1])), Options{})
			if err != nil {
				t.Fatal(err)
			}
			for at := 0; ; at++ {
				place := filepath.Join(dir, fmt.Sprint(at))
				p := pipeline(t, file(place, settings[0], settings[1]))
				_, err := Run(context.Background(), p, Options{FS: &mortal{left: at}})
				if err == nil {
					if at < 30 {
						t.Fatalf("only %d changes of the disk were tried", at)
					}
					return
				}
				if !errors.Is(err, errDead) {
					t.Fatalf("change %d: %v", at, err)
				}
				res, err := Run(context.Background(), p, Options{FS: quick{}})
				if err != nil {
					t.Fatalf("after dying at change %d: %v", at, err)
				}
				if d := cmp.Diff(tree(dir+"/calm"), tree(place)); d != "" || res.StateHash != want.StateHash || res.Rows != want.Rows || res.Rejected != want.Rejected {
					t.Fatalf("after dying at change %d (resumed from %d): %s%+v", at, res.ResumedFrom, d, res)
				}
			}
		})
	}
}

func TestLaterPassesDoNotCountTwice(t *testing.T) {
	res, err := Run(context.Background(), pipeline(t, file(t.TempDir(), "{rows: 45, bad: 9}", "{epochs: 2}")), Options{FS: quick{}})
	if err != nil || res.Rows != 40 || res.Rejected != 5 {
		t.Errorf("want 40 rows and 5 rejected over two passes, got %+v, %v", res, err)
	}
}

func TestRejectionsBehindAnOperatorOfManyPassesCount(t *testing.T) {
	text := strings.Replace(file(t.TempDir(), "{rows: 45, bad: 9}", "{batch: 6, epochs: 2}"), "epochs: 2}}]", "epochs: 2}}, picky]", 1)
	res, err := Run(context.Background(), pipeline(t, text), Options{FS: quick{}})
	if err != nil || res.Rows != 40 || res.Rejected != 5+12 { // batches of 6, cut at 20: 6 6 6 2 6 6 6 2
		t.Errorf("want 5 rows rejected by the source and 12 behind, got %+v, %v", res, err)
	}
}

func TestRefusals(t *testing.T) {
	for name, c := range map[string]struct {
		text, want string
		class      error
	}{
		"no source":       {"name: x", "p.yaml:1:1: source: want a source, got nothing", flow.ErrConfig},
		"two replayers":   {"name: x\nsource: count\noperators: [{sum: {epochs: 1}}, {sum: {epochs: 1}}]", "want one operator that trains in epochs", flow.ErrConfig},
		"unknown output":  {"name: x\nsource: count\noperators: [sum]\nsinks: [{text: {path: out, from: total}}]", `did you mean "totals"?`, flow.ErrConfig},
		"no publisher":    {"name: x\nsource: count\nsinks: [{text: {path: out, from: total}}]", "want an operator that publishes total", flow.ErrConfig},
		"nowhere to put":  {"name: x\nsource: {count: {bad: 3}}\noperators: [sum]", "declare dead_letter", flow.ErrData},
		"source breaks":   {"name: x\nsource: {count: {broken: 30, piece: 10}}\noperators: [sum]", "the disk is gone", nil},
		"too many":        {"name: x\nsource: {count: {bad: 3, rows: 5000}}\noperators: [sum]\ndead_letter: {text: {path: DIR}}", "more than max_rejected 0.05 allows; most often: bad row", flow.ErrData},
		"too many at end": {"name: x\nsource: {count: {bad: 3, rows: 150}}\noperators: [sum]\ndead_letter: {text: {path: DIR}}", "50 of the last 150 rows were rejected", flow.ErrData},
	} {
		t.Run(name, func(t *testing.T) {
			text := strings.ReplaceAll(c.text, "DIR", t.TempDir())
			p, err := Parse("p.yaml", []byte(text), os.LookupEnv)
			if err == nil {
				_, err = Run(context.Background(), p, Options{})
			}
			if err == nil || !strings.Contains(err.Error(), c.want) || c.class != nil && !errors.Is(err, c.class) {
				t.Errorf("want %q of class %v, got %v", c.want, c.class, err)
			}
		})
	}
}

func TestAnotherPipelineIsRefused(t *testing.T) {
	dir := t.TempDir()
	if _, err := Run(context.Background(), pipeline(t, file(dir, "{rows: 50}", "{}")), Options{}); err != nil {
		t.Fatal(err)
	}
	_, err := Run(context.Background(), pipeline(t, file(dir, "{rows: 50}", "{batch: 8}")), Options{})
	if !errors.Is(err, flow.ErrConfig) || !strings.Contains(err.Error(), "the checkpoint in "+dir+"/checkpoint is of another pipeline: want [") {
		t.Errorf("got %v", err)
	}
}

func TestIllMatchedComponents(t *testing.T) {
	for name, c := range map[string]struct{ text, want string }{
		"no state":       {"name: x\nsource: forgetful\ncheckpoint: {path: DIR}", "p.yaml:2:9: source.forgetful: want a source that can go on where it was"},
		"no end":         {"name: x\nsource: {count: {endless: true}}\nsinks: [{text: {path: DIR}}]", "this input has no end and sinks commit at checkpoints"},
		"shared input":   {"name: x\nsource: shared", "p.yaml:2:9: source.shared: want checkpoints, as this input is shared with others"},
		"endless epochs": {"name: x\nsource: {count: {endless: true}}\noperators: [{sum: {epochs: 2}}]", "want an input that ends and can be read again, as sum reads it in epochs"},
		"learns twice":   {"name: x\nsource: count\noperators: [sum, {sum: {epochs: 2}}]", "p.yaml:3:13: sum: want an operator that can see every row several times"},
		"own input":      {"name: x\nsource: {count: {from: DIR/*.csv}}\nsinks: [{text: {path: DIR}}]", "the source reads there, and a fresh start removes what a sink wrote"},
		"loop":           {"name: x\nsource: {channel: {}}\nsinks: [{pour: {}}]\ncheckpoint: {path: DIR}", "p.yaml:3:10: pour: want another topic than the source reads, got t"},
		"dead table":     {"name: x\nsource: count\ndead_letter: {text: {path: DIR, from: totals}}", "p.yaml:3:15: dead_letter.text: want rejected rows only, got from: totals"},
	} {
		t.Run(name, func(t *testing.T) {
			err := pipeline(t, strings.ReplaceAll(c.text, "DIR", t.TempDir())).Lint()
			if !errors.Is(err, flow.ErrConfig) || !strings.Contains(err.Error(), c.want) {
				t.Errorf("want %q, got %v", c.want, err)
			}
		})
	}
}

// A verdict on the share of rejected rows does not depend on where a run was stopped.
func TestMaxRejectedSurvivesAStop(t *testing.T) {
	dir := t.TempDir()
	text := strings.Replace(file(dir, "{rows: 30000, bad: 11, piece: 1000}", "{}"), "max_rejected: 0.5", "max_rejected: 0.08", 1)
	text = strings.Replace(text, "rows: 20}", "rows: 500}", 1)
	var errs []string
	for range 3 {
		_, err := Run(context.Background(), pipeline(t, text), Options{FS: quick{}})
		if !errors.Is(err, flow.ErrData) {
			t.Fatalf("run again: want it stopped again, got %v", err)
		}
		errs = append(errs, err.Error())
	}
	if errs[0] == "" || errs[1] != errs[2] {
		t.Errorf("got %q", errs)
	}
}

func TestFreshKeepsTheStateOfWhatCannotStart(t *testing.T) {
	dir := t.TempDir()
	good := file(dir, "{rows: 50}", "{}")
	if _, err := Run(context.Background(), pipeline(t, good), Options{FS: quick{}}); err != nil {
		t.Fatal(err)
	}
	bad := strings.Replace(good, "from: totals", "from: total", 1)
	if _, err := Run(context.Background(), pipeline(t, bad), Options{FS: quick{}, Fresh: true}); err == nil {
		t.Fatal("want an error")
	}
	if res, err := Run(context.Background(), pipeline(t, good), Options{FS: quick{}}); err != nil || !res.Finished {
		t.Errorf("the checkpoint must still be there: %+v, %v", res, err)
	}
}

func TestFreeSettingsMayChange(t *testing.T) {
	dir := t.TempDir()
	good := file(dir, "{rows: 50}", "{}")
	if _, err := Run(context.Background(), pipeline(t, good), Options{FS: quick{}}); err != nil {
		t.Fatal(err)
	}
	moved := strings.Replace(strings.Replace(good, "max_rejected: 0.5", "max_rejected: 0.4", 1), "/checkpoint,", "/moved,", 1)
	if err := os.Rename(dir+"/checkpoint", dir+"/moved"); err != nil {
		t.Fatal(err)
	}
	if res, err := Run(context.Background(), pipeline(t, moved), Options{FS: quick{}}); err != nil || !res.Finished {
		t.Errorf("got %+v, %v", res, err)
	}
}

func TestSecondRunIsKeptAway(t *testing.T) {
	dir := t.TempDir()
	unlock, err := lockDir(dir + "/checkpoint")
	if err != nil {
		t.Fatal(err)
	}
	defer unlock()
	_, err = Run(context.Background(), pipeline(t, file(dir, "{rows: 50}", "{}")), Options{})
	if err == nil || !strings.Contains(err.Error(), "another run uses these checkpoints") {
		t.Errorf("got %v", err)
	}
}

// A run whose checkpoints lie in an object store goes on from there, and a second one beside it is found out.
func TestCheckpointsInAnObjectStore(t *testing.T) {
	dir := t.TempDir()
	text := strings.Replace(file(dir, "{rows: 20000, piece: 100}", "{}"), dir+"/checkpoint", "mem://"+t.Name()+"/prefix", 1)
	ctx, cancel := context.WithCancel(context.Background())
	if _, err := Run(ctx, pipeline(t, text), Options{Observer: stopper{cancel}, FS: quick{}}); !errors.Is(err, context.Canceled) {
		t.Fatalf("want it stopped, got %v", err)
	}
	res, err := Run(context.Background(), pipeline(t, text), Options{FS: quick{}})
	if err != nil || res.ResumedFrom < 3 || res.Rows != 20000 {
		t.Fatalf("got %+v, %v", res, err)
	}
	if res, err = Run(context.Background(), pipeline(t, text), Options{FS: quick{}}); err != nil || !res.Finished {
		t.Errorf("got %+v, %v", res, err)
	}
	for path, want := range map[string]string{"s3://": "checkpoint.path: want a bucket", "gone://x/y": "want a path or the URL of an object store"} {
		_, err := Run(context.Background(), pipeline(t, strings.Replace(text, "mem://"+t.Name()+"/prefix", path, 1)), Options{})
		if !errors.Is(err, flow.ErrConfig) || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: want %q, got %v", path, want, err)
		}
	}
}

func TestTransientIsRetried(t *testing.T) {
	res, err := Run(context.Background(), pipeline(t, "name: x\nsource: {count: {rows: 5, flaky: 1}}\noperators: [sum]"), Options{})
	if err != nil || res.Rows != 5 {
		t.Errorf("got %+v, %v", res, err)
	}
}

func TestStopGoesOn(t *testing.T) {
	dir := t.TempDir()
	ctx, cancel := context.WithCancel(context.Background())
	p := pipeline(t, file(dir, "{rows: 20000, piece: 100}", "{}"))
	_, err := Run(ctx, p, Options{Observer: stopper{cancel}, FS: quick{}})
	if !errors.Is(err, context.Canceled) {
		t.Fatalf("want it stopped, got %v", err)
	}
	p2 := pipeline(t, file(dir, "{rows: 20000, piece: 100}", "{}"))
	p2.Source.Settings().(*countConfig).Rows = 20000
	res, err := Run(context.Background(), p2, Options{FS: quick{}})
	if err != nil || res.ResumedFrom < 3 || res.Rows != 20000 {
		t.Errorf("got %+v, %v", res, err)
	}
}

// stopper stops the run at the third checkpoint.
type stopper struct{ cancel func() }

func (s stopper) Resumed(flow.CheckpointID, int64)    {}
func (s stopper) Filled(string, int64, time.Duration) {}
func (s stopper) Progress(Progress)                   {}
func (s stopper) Checkpoint(id flow.CheckpointID, _ int64, _ time.Duration) {
	if id == 3 {
		s.cancel()
	}
}

func TestProblemsOfBuildingStandBesideThoseOfTheFile(t *testing.T) {
	_, err := Parse("p.yaml", []byte("nam: x\nname: x\nsource: count\noperators:\n  - touchy\n"), os.LookupEnv)
	want := "p.yaml:1:1: nam: unknown key; did you mean \"name\"?\np.yaml:5:5: touchy: want a better day, got this one"
	if err == nil || err.Error() != want || !errors.Is(err, flow.ErrConfig) {
		t.Errorf("want\n%s\ngot\n%v", want, err)
	}
}
