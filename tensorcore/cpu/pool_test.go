package cpu

import (
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"
)

func spreadEngine(threads int) *Engine {
	e := newEngine(threads, Go)
	e.spread = true
	return e
}

func TestSplitCoversEachOnce(t *testing.T) {
	var callers sync.WaitGroup
	for c := range 4 { // several callers share the workers
		callers.Go(func() {
			for n := range 200 {
				seen := make([]atomic.Int32, n)
				spreadEngine(1+c).split(n, 1, func(from, to int) {
					if from >= to {
						t.Errorf("n %d: empty range at %d", n, from)
					}
					for i := from; i < to; i++ {
						seen[i].Add(1)
					}
				})
				for i := range seen {
					if got := seen[i].Load(); got != 1 {
						t.Errorf("n %d, caller %d: %d was done %d times", n, c, i, got)
					}
				}
			}
		})
	}
	callers.Wait()
}

func TestSplitInsideSplit(t *testing.T) {
	e, sum := spreadEngine(4), atomic.Int64{}
	e.split(30, 1, func(from, to int) {
		for range to - from {
			e.split(40, 1, func(from, to int) { sum.Add(int64(to - from)) })
		}
	})
	if sum.Load() != 1200 {
		t.Errorf("want 1200, got %d", sum.Load())
	}
}

func TestSplitUsesAtMostItsThreads(t *testing.T) {
	e := spreadEngine(3)
	var now, most atomic.Int64
	for range 50 {
		e.split(64, 1, func(from, to int) {
			n := now.Add(1)
			for m := most.Load(); n > m && !most.CompareAndSwap(m, n); m = most.Load() {
			}
			time.Sleep(10 * time.Microsecond)
			now.Add(-1)
		})
	}
	if got := most.Load(); got > 3 {
		t.Errorf("want at most 3 goroutines at a time, got %d", got)
	}
}

func TestSplitAllocatesNothing(t *testing.T) {
	e, f := spreadEngine(2), func(from, to int) {}
	if got := testing.AllocsPerRun(100, func() { e.split(100, 1, f) }); got >= 1 {
		t.Errorf("want no allocation, got %v a call", got)
	}
}

// TestWorkersEnd wants no goroutine of the pool a while after the last call, and new ones at the next.
func TestWorkersEnd(t *testing.T) {
	e := spreadEngine(4)
	for range 2 {
		for end := time.Now().Add(10 * time.Second); poolGoroutines() < 3; time.Sleep(time.Millisecond) {
			e.split(100, 1, func(from, to int) {})
			if time.Now().After(end) {
				t.Fatalf("want 3 workers after calls for 4 threads, got %d", poolGoroutines())
			}
		}
		for end := time.Now().Add(10 * time.Second); poolGoroutines() > 0; time.Sleep(10 * time.Millisecond) {
			if time.Now().After(end) {
				t.Fatalf("%d workers are still there", poolGoroutines())
			}
		}
	}
}

// TestSplitInBubble wants split to work under a clock that stands still, where a goroutine that stays would hang the test.
func TestSplitInBubble(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		for range 100 {
			var sum atomic.Int64
			spreadEngine(3).split(100, 1, func(from, to int) { sum.Add(int64(to - from)) })
			if sum.Load() != 100 {
				t.Errorf("want 100, got %d", sum.Load())
			}
			time.Sleep(time.Second)
		}
	})
}

func poolGoroutines() int {
	stacks := make([]byte, 1<<20)
	return strings.Count(string(stacks[:runtime.Stack(stacks, true)]), "(*workers).serve")
}

func BenchmarkSplit(b *testing.B) {
	for _, threads := range []int{1, 2} {
		e := New(threads)
		b.Run([]string{"alone", "two"}[threads-1], func(b *testing.B) {
			x := random32(1, 1<<15)
			b.ReportAllocs()
			f := func(from, to int) {
				for i := from; i < to; i++ {
					x[i] = x[i]*1.0001 + 1e-9
				}
			}
			for b.Loop() {
				e.split(len(x), 1<<13, f)
			}
		})
	}
}
