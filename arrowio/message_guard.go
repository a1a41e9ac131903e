package arrowio

import (
	"fmt"
	"unsafe"

	"github.com/apache/arrow/go/v17/arrow/memory"
)

// guard is the allocator for decoding one message. Lengths inside broken bytes can ask for any amount of memory,
// which would end the process, and the decoder forgets its buffers when it fails: guard refuses the one and
// frees the other.
type guard struct {
	memory.Allocator
	limit    int
	decoding bool // while true, one goroutine allocates and frees
	live     [][]byte
}

// newGuard allows what a message of size bytes can need: its buffers, unpacked at a high ratio.
func newGuard(alloc memory.Allocator, size int) *guard {
	return &guard{Allocator: alloc, limit: 64<<20 + 256*size, decoding: true}
}

func (g *guard) check(size int) {
	if size < 0 || size > g.limit {
		panic(fmt.Errorf("a buffer of %d bytes is asked for", size))
	}
}

// Allocate panics when size is out of reason; readMessage recovers.
func (g *guard) Allocate(size int) []byte {
	if !g.decoding {
		return g.Allocator.Allocate(size)
	}
	g.check(size)
	b := g.Allocator.Allocate(size)
	g.live = append(g.live, b)
	return b
}

// Reallocate panics when size is out of reason.
func (g *guard) Reallocate(size int, b []byte) []byte {
	if !g.decoding {
		return g.Allocator.Reallocate(size, b)
	}
	g.check(size)
	g.forget(b)
	b = g.Allocator.Reallocate(size, b)
	g.live = append(g.live, b)
	return b
}

// Free gives b back.
func (g *guard) Free(b []byte) {
	if g.decoding {
		g.forget(b)
	}
	g.Allocator.Free(b)
}

func (g *guard) forget(b []byte) {
	for i, l := range g.live {
		if unsafe.SliceData(l) == unsafe.SliceData(b) {
			g.live = append(g.live[:i], g.live[i+1:]...)
			return
		}
	}
}

// done ends the decoding; where it failed, nothing is handed out, and what is left is freed.
func (g *guard) done(failed bool) {
	if failed {
		for _, b := range g.live {
			g.Allocator.Free(b)
		}
	}
	g.decoding, g.live = false, nil
}
