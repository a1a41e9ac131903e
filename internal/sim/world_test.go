package sim_test

import (
	"context"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"

	"github.com/apache/arrow/go/v17/arrow/memory"

	"github.com/sluice-stream/sluice/flow"
	"github.com/sluice-stream/sluice/internal/sim"
	"github.com/sluice-stream/sluice/internal/vfs"
	"github.com/sluice-stream/sluice/runtime"
)

// world is what outlives a process: the disk and the broker. It lives in one synctest bubble.
type world struct {
	scenario
	run     uint64 // the seed of all that befalls it
	calm    *world // the same scenario, undisturbed
	end     outcome
	root    string // folder of all files; on the real disk it holds only the lock
	broker  *sim.Broker
	mem     *vfs.Mem
	dial    flow.Dial // to the Kafka broker in the bubble; nil without one
	fault   fault
	sched   *sim.Scheduler
	proc    *sim.Process // that runs now
	text    string
	deaths  int
	ends    map[string]int // how often a process ended in such a step
	fetched bool           // the process that runs now has asked for rows
	log     []string       // what happened to each process
	hash    uint64         // of every step so far
}

// fault is a world that is broken on purpose; the zero value is a sound one.
type fault struct {
	disk    func(vfs.FS) vfs.FS // what the process sees of the disk
	crashed func()              // the process died: what the disk still owes is lost
}

// newWorld makes the world of a scenario.
func newWorld(s scenario, run uint64, root, model string) *world {
	return &world{scenario: s, run: run, root: root, broker: sim.NewBroker(s.seed, s.shape), mem: vfs.NewMem(), ends: map[string]int{}, text: s.text(root, model)}
}

// outcome is how a process ended.
type outcome struct {
	*runtime.Result
	err    error
	steps  int
	died   bool
	leaked int64 // bytes of Arrow memory that were not released
}

// plan is what befalls a process.
type plan struct {
	stream uint64 // of its draws
	crash  sim.Crash
	stop   bool  // it is not killed there: it is told to stop
	room   int64 // bytes until the disk is full, negative: no limit
	cut    bool  // the crash is a power cut: what was not synced is lost
}

func (p plan) String() string {
	what := "nothing befalls it"
	switch c := p.crash; {
	case c.Near != "":
		what = fmt.Sprintf("its end comes %d steps after %s %d", c.Later, c.Near, c.Nth)
	case c.At > 0:
		what = fmt.Sprintf("its end comes at step %d", c.At)
	case p.room >= 0:
		what = fmt.Sprintf("the disk has %d bytes left", p.room)
	}
	return fmt.Sprintf("process %d: %s (stop %v, power cut %v)", p.stream, what, p.stop, p.cut)
}

// quiet is a plan that nothing befalls.
func quiet(stream uint64) plan { return plan{stream: stream, room: -1} }

// process runs one process to its end.
func (w *world) process(p plan) outcome {
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	if p.stop {
		p.crash.Stop = cancel
	}
	w.fetched = false
	w.sched = sim.NewScheduler(w.run, p.stream)
	w.proc = w.sched.Start("", p.crash)
	disk := sim.NewDisk(w.mem, w.proc, w.root)
	disk.FullAfter(p.room)
	var seen vfs.FS = disk
	if w.fault.disk != nil {
		seen = w.fault.disk(disk)
	}
	worlds.Store(w.name(), w)
	defer worlds.Delete(w.name())
	alloc := &counting{}
	var out outcome
	done := make(chan struct{})
	go func() {
		defer close(done)
		pipe, err := runtime.Parse("sim.yaml", []byte(w.text), os.LookupEnv)
		if err != nil {
			out.err = err
			return
		}
		out.Result, out.err = runtime.Run(ctx, pipe, runtime.Options{FS: seen, Alloc: alloc, Dial: w.dial})
	}()
	go func() { // what waits for time or for others has died too
		select {
		case <-w.proc.Died():
			cancel()
		case <-done:
		}
	}()
	w.sched.Run(done)
	out.steps, out.died = w.proc.Steps(), w.proc.Dead()
	out.leaked = alloc.n.Load()
	if out.died {
		if p.cut && w.fault.crashed != nil {
			w.fault.crashed()
		}
		if p.cut {
			w.mem.PowerCut()
		}
	}
	_, hash := w.sched.Trace()
	w.hash = w.hash*31 + hash
	w.log = append(w.log, fmt.Sprintf("%v: %d steps, died %v, error %v", p, out.steps, out.died, out.err))
	return out
}

// counting counts the bytes in use, and spoils what is freed, so that a use after it is noticed.
type counting struct {
	memory.GoAllocator
	n atomic.Int64
}

func (c *counting) Allocate(size int) []byte {
	c.n.Add(int64(size))
	return c.GoAllocator.Allocate(size)
}

func (c *counting) Reallocate(size int, b []byte) []byte {
	c.n.Add(int64(size - len(b)))
	return c.GoAllocator.Reallocate(size, b)
}

func (c *counting) Free(b []byte) {
	c.n.Add(-int64(len(b)))
	for i := range b {
		b[i] = 0xdb
	}
}

// outputs is every file but those of the checkpoints, by its path below the root.
func (w *world) outputs() map[string]string {
	out := map[string]string{}
	for path, data := range w.mem.Files() {
		rel, err := filepath.Rel(w.root, path)
		if err == nil && !strings.HasPrefix(rel, "checkpoint") && !strings.HasPrefix(rel, "spool") {
			out[rel] = string(data)
		}
	}
	return out
}

// draws are the plan's own random numbers.
func draws(seed uint64) *rand.Rand { return rand.New(rand.NewPCG(seed, 2)) }
