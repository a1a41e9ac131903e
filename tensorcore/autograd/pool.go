package autograd

import (
	"math/bits"

	"gorgonia.org/tensor"

	"github.com/sluice-stream/sluice/tensorcore"
)

// buffer is memory of the pool. Vars that are views of one another share it.
type buffer struct {
	d     *tensor.Dense
	class int
	refs  int // vars that hold it
}

// pool hands out memory by size class. It takes a buffer back after its last use, and all of them at reset.
type pool struct {
	eng  tensorcore.Engine
	free map[int][]*buffer // by the number of elements, negative for float64
	all  []*buffer
}

func newPool(eng tensorcore.Engine) pool { return pool{eng: eng, free: map[int][]*buffer{}} }

func (p *pool) get(dt tensor.Dtype, shape []int) *buffer {
	size := roundUp(tensorcore.Size(shape))
	c := size
	if dt == tensor.Float64 {
		c = -c
	}
	if f := p.free[c]; len(f) > 0 {
		b := f[len(f)-1] // the one used last is most likely in the cache
		p.free[c] = f[:len(f)-1]
		tensorcore.Fit(b.d, shape)
		b.refs = 1
		return b
	}
	b := &buffer{d: p.eng.Empty(dt, size, shape), class: c, refs: 1}
	p.all = append(p.all, b)
	return b
}

// release takes back one use of b.
func (p *pool) release(b *buffer) {
	if b.refs--; b.refs == 0 {
		p.free[b.class] = append(p.free[b.class], b)
	}
}

func (p *pool) reset() {
	for c, f := range p.free {
		p.free[c] = f[:0]
	}
	for i := len(p.all) - 1; i >= 0; i-- { // the next life takes them in the order of this one
		b := p.all[i]
		b.refs = 0
		p.free[b.class] = append(p.free[b.class], b)
	}
}

// bytes is the memory the pool has asked the engine for.
func (p *pool) bytes() int {
	n := 0
	for _, b := range p.all {
		n += max(b.class, -b.class) * int(b.d.Dtype().Size())
	}
	return n
}

// roundUp gives sizes in steps of a quarter of a power of two, so that batches of nearly one size share memory.
func roundUp(n int) int {
	if n <= 64 {
		return 64
	}
	step := 1 << (bits.Len(uint(n-1)) - 3)
	return (n + step - 1) / step * step
}

// arena hands out small slices that live until reset. After the first life it is as long as a life needs.
type arena[T any] struct {
	room        []T
	used, total int
}

// take returns n elements of undefined content.
func (a *arena[T]) take(n int) []T {
	a.total += n
	if a.used+n > len(a.room) {
		a.room, a.used = make([]T, max(n, 2*len(a.room))), 0
	}
	s := a.room[a.used : a.used+n : a.used+n]
	a.used += n
	return s
}

func (a *arena[T]) reset() {
	if a.total > len(a.room) {
		a.room = make([]T, a.total)
	}
	a.used, a.total = 0, 0
}
