package autograd

import (
	"math/bits"

	"gorgonia.org/tensor"

	"github.com/sluice-stream/sluice/tensorcore"
)

// pool hands out tensors by size class and takes all of them back at once.
type pool struct {
	eng  tensorcore.Engine
	free map[int][]*tensor.Dense // by the number of elements, negative for float64
	used map[int][]*tensor.Dense
}

func newPool(eng tensorcore.Engine) pool {
	return pool{eng, map[int][]*tensor.Dense{}, map[int][]*tensor.Dense{}}
}

func (p *pool) get(dt tensor.Dtype, shape []int) *tensor.Dense {
	c := roundUp(tensorcore.Size(shape))
	size := c
	if dt == tensor.Float64 {
		c = -c
	}
	var d *tensor.Dense
	if f := p.free[c]; len(f) > 0 {
		d = f[len(f)-1]
		p.free[c] = f[:len(f)-1]
		tensorcore.Fit(d, shape)
	} else {
		d = p.eng.Empty(dt, size, shape)
	}
	p.used[c] = append(p.used[c], d)
	return d
}

func (p *pool) reset() {
	for c, u := range p.used {
		p.free[c] = append(p.free[c], u...)
		p.used[c] = u[:0]
	}
}

// roundUp gives sizes in steps of a quarter of a power of two, so that batches of nearly one size share memory.
func roundUp(n int) int {
	if n <= 64 {
		return 64
	}
	step := 1 << (bits.Len(uint(n-1)) - 3)
	return (n + step - 1) / step * step
}
