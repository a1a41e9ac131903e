package cpu

import (
	"runtime"
	"sync"
	"sync/atomic"
)

// split calls f on ranges that cover 0..n, on several goroutines when n is at least two grains. Ranges are never
// part of a sum, so how they fall changes no result.
func (e *Engine) split(n, grain int, f func(from, to int)) {
	if e.serial(n, grain) {
		if n > 0 {
			f(0, n)
		}
		return
	}
	if e.spread {
		grain = 1
	}
	workers := min(e.workers(), n/grain)
	step := max(grain, n/(4*workers))
	var next atomic.Int64
	work := func() {
		for {
			to := int(next.Add(int64(step)))
			from := to - step
			if from >= n {
				return
			}
			f(from, min(to, n))
		}
	}
	var wg sync.WaitGroup
	for range workers - 1 {
		wg.Go(work)
	}
	work()
	wg.Wait()
}

// serial reports whether split would not start a goroutine. Hot kernels ask first, since a closure costs memory.
func (e *Engine) serial(n, grain int) bool {
	if e.spread {
		return n < 2
	}
	return n < 2*grain || e.workers() < 2
}

func (e *Engine) workers() int {
	limit := runtime.GOMAXPROCS(0)
	if e.spread {
		return e.threads
	}
	if e.threads > 0 {
		return min(limit, e.threads)
	}
	return limit
}
