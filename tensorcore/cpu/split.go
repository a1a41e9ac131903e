package cpu

import (
	"runtime"
	"sync"
	"sync/atomic"
)

// split calls f on ranges that cover 0..n, on several goroutines when n is at least two grains. Ranges are never
// part of a sum, so how they fall changes no result.
func (e *Engine) split(n, grain int, f func(from, to int)) {
	workers := min(e.workers(), n/grain)
	if workers <= 1 {
		if n > 0 {
			f(0, n)
		}
		return
	}
	step := max(grain, (n+4*workers-1)/(4*workers))
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

func (e *Engine) workers() int {
	limit := runtime.GOMAXPROCS(0)
	if e.threads > 0 {
		return min(limit, e.threads)
	}
	return limit
}
