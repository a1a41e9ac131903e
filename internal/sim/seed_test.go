package sim_test

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"math/rand/v2"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"testing/synctest"

	"github.com/sluice-stream/sluice/flow"
	"github.com/sluice-stream/sluice/internal/sim"
)

var (
	oneSeed = flag.Int64("sim.seed", -1, "the seed that TestSeed replays")
	seeds   = flag.Int("sim.seeds", 1000, "how many seeds TestSeeds runs")
	first   = flag.Uint64("sim.first", 0, "the first seed of TestSeeds")
)

// TestSeeds: whatever befalls the processes of a pipeline, its outputs and its state end equal to those of one
// process that nothing befell.
func TestSeeds(t *testing.T) {
	n := *seeds
	if testing.Short() {
		n = min(n, 100)
	}
	root, model := t.TempDir(), trained(t)
	ends := map[string]int{}
	var last *world
	for seed := *first; seed < *first+uint64(n); seed++ {
		w, err := play(t, seed, last, root, model, sound)
		if err != nil {
			t.Fatal(report(w, err))
		}
		for what, n := range w.ends {
			ends[what] += n
		}
		last = w.calm
	}
	t.Logf("%d seeds; ends of processes: %v", n, ends)
}

// TestSeed replays one seed: go test ./internal/sim -run 'TestSeed$' -sim.seed=N -v
func TestSeed(t *testing.T) {
	if *oneSeed < 0 {
		t.Skip("give -sim.seed=N")
	}
	w, err := play(t, uint64(*oneSeed), nil, t.TempDir(), trained(t), sound)
	if err != nil {
		t.Fatal(report(w, err))
	}
	t.Logf("%s\n%s", w.text, strings.Join(w.log, "\n"))
}

// TestEqualSeedsEqualTraces: the same seed twice makes the same steps, to the last one.
func TestEqualSeedsEqualTraces(t *testing.T) {
	root, model := t.TempDir(), trained(t)
	for seed := uint64(0); seed < 40; seed++ {
		a, err := play(t, seed, nil, root, model, sound)
		if err != nil {
			t.Fatal(report(a, err))
		}
		b, err := play(t, seed, nil, root, model, sound)
		if err != nil {
			t.Fatal(report(b, err))
		}
		if a.hash != b.hash || a.calm.hash != b.calm.hash {
			t.Errorf("seed %d: the same seed made other steps:\n%s\n\n%s", seed, strings.Join(a.log, "\n"), strings.Join(b.log, "\n"))
		}
	}
}

// report is what one needs to know of a seed that failed.
func report(w *world, err error) string {
	last, _ := w.sched.Trace()
	return fmt.Sprintf("seed %d: %v\nreplay: go test ./internal/sim -run 'TestSeed$' -sim.seed=%d -v\n%s\n%s\nthe last steps:\n%s",
		w.run, err, w.run, w.text, strings.Join(w.log, "\n"), strings.Join(last, "\n"))
}

// sound breaks nothing.
func sound(*world) {}

// perScenario is how many seeds share a scenario, and so its undisturbed run.
const perScenario = 2

// play runs the scenario of a seed undisturbed, or takes that run from last, then runs it with all that the seed
// has in store, and compares. It returns the disturbed world, or the one that failed.
func play(t *testing.T, seed uint64, last *world, root, model string, breaks func(*world)) (w *world, err error) {
	s := draw(seed / perScenario)
	synctest.Test(t, func(*testing.T) {
		if last == nil || last.seed != s.seed {
			last = newWorld(s, seed, root, model)
			breaks(last)
			w = last
			if err = last.undisturbed(); err != nil {
				return
			}
		}
		w = newWorld(s, seed, root, model)
		w.calm = last
		breaks(w)
		err = w.disturbed()
	})
	return w, err
}

// undisturbed runs one process that nothing befalls.
func (w *world) undisturbed() error {
	w.end = w.process(quiet(100))
	if err := errors.Join(w.end.err, w.end.leak()); err != nil {
		return fmt.Errorf("undisturbed: %w", err)
	}
	return w.delivered(w.end)
}

// leak says how much Arrow memory a process did not release, also one that died.
func (o outcome) leak() error {
	if o.leaked == 0 {
		return nil
	}
	return fmt.Errorf("%d bytes of Arrow memory were not released", o.leaked)
}

// disturbed runs processes that die until one does not.
func (w *world) disturbed() error {
	r := draws(w.run)
	for n := range 1 + r.IntN(3) {
		p := w.drawPlan(r, n, w.calm.end.steps)
		out := w.process(p)
		w.count(out)
		if err := out.leak(); err != nil {
			return err
		}
		if out.err == nil { // it had finished, but for things that do not matter
			break
		}
		full := p.room >= 0 && errors.Is(out.err, flow.ErrTransient)
		stopped := p.stop && errors.Is(out.err, context.Canceled)
		if !full && !stopped && !out.died {
			return out.err
		}
		if err := w.visible(); err != nil {
			return err
		}
	}
	got := w.process(quiet(999))
	if err := errors.Join(got.err, got.leak()); err != nil {
		return err
	}
	return w.same(got)
}

// count notes in which kind of step a process ended.
func (w *world) count(out outcome) {
	switch {
	case out.died:
		w.deaths++
		w.ends[strings.Fields(w.proc.End())[0]]++
		if w.deaths > 1 && !w.fetched {
			w.ends["before the first row"]++
		}
	case w.proc.End() != "":
		w.ends["stopped"]++
	case out.err != nil:
		w.ends["disk full"]++
	default:
		w.ends["none"]++
	}
}

// drawPlan chooses when process n dies: the first one anywhere, often about a rename, the later ones often while they
// recover. Some do not die: their disk is full.
func (w *world) drawPlan(r *rand.Rand, n, steps int) plan {
	p := plan{stream: uint64(n), room: -1, cut: r.IntN(4) > 0}
	switch k := r.IntN(20); {
	case k < 2:
		p.room = int64(r.IntN(40_000))
	case k < 3:
		p.stop, p.crash.At = true, 1+r.IntN(steps)
	case k < 9:
		p.crash = sim.Crash{Near: "rename", Nth: 1 + r.IntN(1+steps/8), Later: r.IntN(3)}
	case n > 0 && k < 16:
		p.crash.At = 1 + r.IntN(60)
	default:
		p.crash.At = 1 + r.IntN(steps)
	}
	return p
}

// same wants the same files, rows and state.
func (w *world) same(got outcome) error {
	if w.seconds > 0 { // barriers fall where time says: each row once is what is promised
		return w.delivered(got)
	}
	want := w.calm.end
	if got.StateHash != want.StateHash || got.Rows != want.Rows || got.Rejected != want.Rejected {
		return fmt.Errorf("want state %s, %d rows, %d rejected; got %s, %d, %d", want.StateHash, want.Rows, want.Rejected, got.StateHash, got.Rows, got.Rejected)
	}
	if a, b := fmt.Sprint(want.Trained, want.Metrics), fmt.Sprint(got.Trained, got.Metrics); a != b {
		return fmt.Errorf("want the report %s, got %s", a, b)
	}
	a, b := w.calm.outputs(), w.outputs()
	for name, data := range a {
		other, ok := b[name]
		if !ok {
			return fmt.Errorf("%s: the undisturbed run has this file", name)
		}
		if err := w.sameFile(name, data, other); err != nil {
			return err
		}
	}
	for name := range b {
		if _, ok := a[name]; !ok {
			return fmt.Errorf("%s: the undisturbed run has no such file", name)
		}
	}
	return nil
}

// sameFile wants a file to have the bytes of the undisturbed run, or its rows where their order is open.
func (w *world) sameFile(name, want, got string) error {
	switch {
	case want == got:
		return nil
	case w.mixed() && strings.HasPrefix(name, "rejected/"):
		if err := sameRows(want, got); err != nil {
			return fmt.Errorf("%s: %w", name, err)
		}
		return nil
	}
	return fmt.Errorf("%s: its bytes are not those of the undisturbed run", name)
}

var numbered = regexp.MustCompile(`^[^/]+/[a-z]+-(\d{8})`)

// visible wants no file to be seen whose checkpoint does not exist, and none that the undisturbed run has with
// other bytes.
func (w *world) visible() error {
	newest, err := w.newest()
	if err != nil {
		return err
	}
	final := w.calm.outputs()
	for name, data := range w.outputs() {
		m := numbered.FindStringSubmatch(name)
		if m == nil {
			continue // a stage
		}
		if id, _ := strconv.Atoi(m[1]); id > newest {
			return fmt.Errorf("%s is visible, and the newest checkpoint is %d", name, newest)
		}
		if whole, ok := final[name]; ok && w.seconds == 0 {
			if err := w.sameFile(name, whole, data); err != nil {
				return err
			}
		}
	}
	return nil
}

// newest is the newest checkpoint that the disk holds, 0 for none.
func (w *world) newest() (id int, err error) {
	ents, err := w.mem.ReadDir(w.root + "/checkpoint")
	for _, e := range ents {
		rest, ok := strings.CutPrefix(e.Name(), "manifest-")
		rest, json := strings.CutSuffix(rest, ".json")
		if n, err := strconv.Atoi(rest); ok && json && err == nil {
			id = max(id, n)
		}
	}
	return id, err
}
