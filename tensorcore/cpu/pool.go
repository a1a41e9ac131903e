package cpu

import (
	"runtime"
	"sync"
	"sync/atomic"
	"time"
)

const (
	patience = 1 << 12               // looks at a channel, some 10 microseconds, before a goroutine sleeps on it
	idleTime = 50 * time.Millisecond // without a call after which the workers end
)

// pool is the process's standing workers, which all engines share. They start when split first wants them and end when
// nothing was split for a while, so no engine has to be closed. All channels and the timer are made when the process
// starts: a bubble of testing/synctest that uses an engine then owns none of them, nor a worker.
var pool = newWorkers(64)

type workers struct {
	calls chan *job // nil ends a worker
	free  chan *job
	want  atomic.Int64
	alive atomic.Int64
	count atomic.Int64 // calls made
	mu    sync.Mutex
	seen  int64 // count when the timer last looked
	timer *time.Timer
}

func newWorkers(jobs int) *workers {
	w := &workers{calls: make(chan *job, jobs), free: make(chan *job, jobs)}
	for range jobs {
		w.free <- &job{last: make(chan struct{}, 1)}
	}
	w.timer = time.AfterFunc(time.Hour, w.look)
	w.timer.Stop()
	return w
}

// job returns a free job, nil when so many calls run that another worker would not help.
func (w *workers) job() *job {
	select {
	case j := <-w.free:
		return j
	default:
		return nil
	}
}

// call asks n workers to help with j. Where all are busy and many calls wait already, it asks fewer.
func (w *workers) call(j *job, n int) {
	w.count.Add(1)
	if w.alive.Load() < int64(n) {
		w.want.Store(int64(n))
		w.timer.Reset(0)
	}
	for range n {
		select {
		case w.calls <- j:
		default:
			return
		}
	}
}

// look starts the workers that are wanted, and ends all when there was no call since it looked last.
func (w *workers) look() {
	w.mu.Lock()
	defer w.mu.Unlock()
	for w.alive.Load() < w.want.Load() {
		w.alive.Add(1)
		go w.serve()
	}
	if count := w.count.Load(); count != w.seen {
		w.seen = count
		w.timer.Reset(idleTime)
		return
	}
	w.want.Store(0)
	for w.alive.Load() > 0 {
		select {
		case w.calls <- nil:
			w.alive.Add(-1)
		default: // all are busy with calls that are older
			w.timer.Reset(idleTime)
			return
		}
	}
}

// serve helps with one call after the other. Kernels follow each other closely, so it looks for the next one for a
// while before it sleeps, which costs more to end than many kernels take.
func (w *workers) serve() {
	for {
		for i := 0; i < patience && len(w.calls) == 0; i++ {
			if i%64 == 63 {
				runtime.Gosched()
			}
		}
		j := <-w.calls
		if j == nil {
			return
		}
		j.help()
	}
}
