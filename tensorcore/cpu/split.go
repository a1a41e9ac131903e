package cpu

import (
	"runtime"
	"sync/atomic"
)

// split calls f on ranges that cover 0..n, on several goroutines when n is at least two grains: a grain is as much as
// is worth waking another processor for, 10 microseconds or more. Ranges are never part of a sum, so how they fall
// changes no result. It allocates nothing itself; a closure is the caller's.
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
	j := pool.job()
	if j == nil {
		f(0, n)
		return
	}
	j.f, j.n, j.grain, j.workers = f, n, grain, workers
	j.next.Store(0)
	j.inside.Store(1)
	pool.call(j, workers-1)
	j.work()
	j.wait()
	j.f = nil
	pool.free <- j
}

// serial reports whether split would call f once, on this goroutine. Hot kernels ask first, since a closure costs
// memory.
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

// job is one call of split. It may be reused while a worker still holds a pointer to it: who joins then helps with the
// new call.
type job struct {
	f                 func(from, to int)
	n, grain, workers int
	next              atomic.Int64
	inside            atomic.Int64  // goroutines at work; who finds 0 is too late
	last              chan struct{} // gets one from the last worker when the caller has left before
}

// work takes ranges until none is left: large ones first, so that few are taken, then small ones, so that all end
// together.
func (j *job) work() {
	for {
		from := int(j.next.Load())
		if from >= j.n {
			return
		}
		to := min(j.n, from+max(1, j.grain/8, (j.n-from)/(2*j.workers)))
		if j.next.CompareAndSwap(int64(from), int64(to)) {
			j.f(from, to)
		}
	}
}

// help works on j unless it is done or has its workers.
func (j *job) help() {
	for {
		in := j.inside.Load()
		if in == 0 || in >= int64(j.workers) {
			return
		}
		if j.inside.CompareAndSwap(in, in+1) {
			break
		}
	}
	j.work()
	if j.inside.Add(-1) == 0 {
		j.last <- struct{}{}
	}
}

// wait returns when nobody works on j any more. A worker that was called but has not come is not waited for.
func (j *job) wait() {
	if j.inside.Add(-1) == 0 {
		return
	}
	for i := 0; i < patience && len(j.last) == 0; i++ {
		if i%64 == 63 {
			runtime.Gosched()
		}
	}
	<-j.last
}
