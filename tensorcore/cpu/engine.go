package cpu

import (
	"fmt"

	"gorgonia.org/tensor"

	"github.com/sluice-stream/sluice/tensorcore"
)

// Engine runs kernels on the processor. It is safe for use by several goroutines.
type Engine struct {
	tensor.StdEng
	threads int
}

var _ tensorcore.Engine = (*Engine)(nil)

// New returns an engine that uses at most `threads` goroutines at a time; 0 or less means GOMAXPROCS.
// The number never changes a result.
func New(threads int) *Engine { return &Engine{threads: threads} }

// Name returns "cpu".
func (e *Engine) Name() string { return "cpu" }

// Empty returns a tensor of undefined content.
func (e *Engine) Empty(dt tensor.Dtype, capacity int, shape []int) *tensor.Dense {
	d := tensorcore.Zeros(dt, max(capacity, tensorcore.Size(shape)))
	tensorcore.Fit(d, shape)
	return d
}

// Load returns d itself, or an error when its layout is not the one kernels expect.
func (e *Engine) Load(d *tensor.Dense) (*tensor.Dense, error) {
	if dt := d.Dtype(); dt != tensor.Float32 && dt != tensor.Float64 {
		return nil, fmt.Errorf("want float32 or float64, got %v", dt)
	}
	if !d.DataOrder().IsRowMajor() || !d.DataOrder().IsContiguous() || d.RequiresIterator() {
		return nil, fmt.Errorf("want a contiguous row-major tensor, got shape %v with strides %v; clone it first", d.Shape(), d.Strides())
	}
	return d, nil
}

// Host returns d itself.
func (e *Engine) Host(d *tensor.Dense) (*tensor.Dense, error) { return d, nil }

type float interface{ float32 | float64 }

func is32(d *tensor.Dense) bool { return d.Dtype() == tensor.Float32 }
