package arrowio

import (
	"sync"
	"sync/atomic"
)

// Large answers are read into buffers that are used again: a fetch of 8 MiB would otherwise allocate and clear as
// much each time. Small ones are left to the collector, and so is one whose user forgets to release it.
const (
	pooledFrom = 256 << 10 // bytes of the smallest buffer that is kept, and what sizes are rounded up to
	pooledMost = 4         // buffers kept for later
)

// bufferPool keeps buffers that are free.
type bufferPool struct {
	mu   sync.Mutex
	free [][]byte
}

// get returns a buffer of n bytes with any content, with one user.
func (p *bufferPool) get(n int) *answerBuffer {
	if n < pooledFrom {
		return &answerBuffer{b: make([]byte, n)}
	}
	b := &answerBuffer{b: p.take(n), pool: p}
	b.users.Store(1)
	return b
}

// take prefers the oldest free buffer that fits and is not twice too large: a small answer may wait long in a lane.
func (p *bufferPool) take(n int) []byte {
	p.mu.Lock()
	defer p.mu.Unlock()
	for i, f := range p.free {
		if cap(f) >= n && cap(f) <= 2*n {
			p.free = append(p.free[:i], p.free[i+1:]...)
			return f[:n]
		}
	}
	return make([]byte, n, (n+pooledFrom-1)/pooledFrom*pooledFrom)
}

func (p *bufferPool) put(b []byte) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if len(p.free) == pooledMost {
		p.free = append(p.free[:0], p.free[1:]...)
	}
	p.free = append(p.free, b)
}

// answerBuffer is the bytes of one answer. Each batch in it is a user; behind the last release the bytes change.
type answerBuffer struct {
	b     []byte
	pool  *bufferPool // nil for a buffer that is not used again
	users atomic.Int32
}

func (a *answerBuffer) retain() {
	if a != nil && a.pool != nil {
		a.users.Add(1)
	}
}

func (a *answerBuffer) release() {
	if a != nil && a.pool != nil && a.users.Add(-1) == 0 {
		a.pool.put(a.b)
	}
}

// Free is called by the last user of an Arrow buffer that is a view of the answer. With Allocate and Reallocate,
// which nobody calls, it makes the answer the allocator of such buffers.
func (a *answerBuffer) Free([]byte) { a.release() }

// Allocate is part of memory.Allocator.
func (a *answerBuffer) Allocate(n int) []byte { return make([]byte, n) }

// Reallocate is part of memory.Allocator.
func (a *answerBuffer) Reallocate(n int, b []byte) []byte {
	return append(make([]byte, 0, n), b...)[:n]
}
