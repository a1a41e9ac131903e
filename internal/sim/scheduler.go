package sim

import (
	"hash/fnv"
	"math/rand/v2"
	"slices"
	"strings"
	"sync"
	"testing/synctest"
	"time"
)

// Scheduler lets one step of one process happen at a time. It lives in a synctest bubble.
type Scheduler struct {
	mu      sync.Mutex
	rng     *rand.Rand
	bias    float64 // how often the first of the waiting steps is drawn; 0: all are equal
	pauses  float64 // how often time passes before a step
	steps   int
	waiting []*step
	arrived chan struct{} // something waits
	trace   trace
}

type step struct {
	p    *Process
	what string
	turn chan Fate
}

// NewScheduler makes a scheduler whose draws come from seed and stream.
func NewScheduler(seed, stream uint64) *Scheduler {
	s := &Scheduler{rng: rand.New(rand.NewPCG(seed, stream)), arrived: make(chan struct{}, 1)}
	s.bias = []float64{0, 0, 0.5, 0.9}[s.rng.IntN(4)]
	s.pauses = []float64{0, 0.05, 0.3}[s.rng.IntN(3)]
	s.trace.hash = fnv.New64a()
	return s
}

// Start adds a process, which dies as crash says. Its name stands before those of its steps.
func (s *Scheduler) Start(name string, crash Crash) *Process {
	return &Process{s: s, name: name, crash: crash, died: make(chan struct{})}
}

// wait queues w, or answers it at once where its process is dead.
func (s *Scheduler) wait(w *step) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if w.p.dead {
		w.turn <- Dead
		return
	}
	s.waiting = append(s.waiting, w)
	select {
	case s.arrived <- struct{}{}:
	default:
	}
}

// Run draws steps until done is closed. Nothing else may call synctest.Wait meanwhile.
func (s *Scheduler) Run(done <-chan struct{}) {
	for {
		synctest.Wait()
		if s.next() {
			continue
		}
		select { // all wait for time to pass
		case <-s.arrived:
		case <-done:
			return
		}
	}
}

// next gives one waiting step its turn; false when none waits.
func (s *Scheduler) next() bool {
	if d := s.pause(); d > 0 {
		time.Sleep(d)
		synctest.Wait()
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.waiting) == 0 {
		return false
	}
	slices.SortStableFunc(s.waiting, func(a, b *step) int { return strings.Compare(a.what, b.what) })
	at := 0
	if n := len(s.waiting); n > 1 && s.rng.Float64() >= s.bias {
		at = s.rng.IntN(n)
	}
	w := s.waiting[at]
	s.waiting = slices.Delete(s.waiting, at, at+1)
	s.steps++
	s.trace.add(s.steps, w.what)
	w.turn <- w.p.fate(w.what)
	if w.p.dead {
		s.trace.add(s.steps, w.p.name+"died in this step")
		s.bury(w.p)
	}
	return true
}

// bury answers the steps of a process that has died.
func (s *Scheduler) bury(p *Process) {
	s.waiting = slices.DeleteFunc(s.waiting, func(w *step) bool {
		if w.p == p {
			w.turn <- Dead
		}
		return w.p == p
	})
}

// pause is how long the next step takes to come.
func (s *Scheduler) pause() time.Duration {
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.waiting) == 0 || s.rng.Float64() >= s.pauses {
		return 0
	}
	return time.Duration(s.rng.Int64N(int64(300 * time.Millisecond)))
}

// draw returns a number of [0, n) from the seed.
func (s *Scheduler) draw(n int) int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.rng.IntN(n)
}

// Trace returns the newest steps in words, and a hash of all of them.
func (s *Scheduler) Trace() (last []string, hash uint64) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.trace.last(), s.trace.hash.Sum64()
}
