package cpu

import (
	"sync"

	tc "github.com/sluice-stream/sluice/tensorcore"
)

// buffer is working memory that a kernel borrows.
type buffer[T float] struct{ s []T }

var (
	buffers32 = sync.Pool{New: func() any { return new(buffer[float32]) }}
	buffers64 = sync.Pool{New: func() any { return new(buffer[float64]) }}
)

func buffersOf[T float]() *sync.Pool {
	if _, ok := any(T(0)).(float32); ok {
		return &buffers32
	}
	return &buffers64
}

// scratch borrows n elements of undefined content, until done.
func scratch[T float](n int) *buffer[T] {
	b := buffersOf[T]().Get().(*buffer[T])
	if cap(b.s) < n {
		b.s = make([]T, n)
	}
	b.s = b.s[:n]
	return b
}

func (b *buffer[T]) done() { buffersOf[T]().Put(b) }

// The functions of pairFunc, made once: making one allocates.
var (
	pairs32 = makePairs[float32]()
	pairs64 = makePairs[float64]()
)

type pairs[T float] [tc.BCE + 1]func(a, b T) T

func makePairs[T float]() *pairs[T] {
	var p pairs[T]
	for op := range p {
		p[op] = pairFunc[T](tc.BinaryOp(op))
	}
	return &p
}

func pairOf[T float](op tc.BinaryOp) func(a, b T) T {
	if p, ok := any(pairs32).(*pairs[T]); ok {
		return p[op]
	}
	return any(pairs64).(*pairs[T])[op]
}
