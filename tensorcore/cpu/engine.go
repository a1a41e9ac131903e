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
	kernels Kernels
	run1    func(tensorcore.UnaryOp, []float32, []float32, float32, float32) // unary32 and binary32, bound once
	run2    func(tensorcore.BinaryOp, []float32, []float32, []float32)
	err     error
	spread  bool // tests: as many goroutines as `threads`, however few processors there are and however little work
}

var _ tensorcore.Engine = (*Engine)(nil)

// New returns an engine with the best kernels that uses at most `threads` goroutines at a time; 0 or less means
// GOMAXPROCS. The number never changes a result. With an unusable SLUICE_KERNELS the engine has an error, see Err,
// and a tape on it runs nothing and gives that error.
func New(threads int) *Engine {
	e, err := NewWith(threads, Auto)
	if err != nil {
		e = newEngine(threads, Go)
		e.err = fmt.Errorf("environment variable %s: %w", Variable, err)
	}
	return e
}

// Err returns why the engine must not be used, nil when it can be.
func (e *Engine) Err() error { return e.err }

func newEngine(threads int, k Kernels) *Engine {
	e := &Engine{threads: threads, kernels: k}
	e.run1, e.run2 = e.unary32, e.binary32
	return e
}

// NewWith is New with a given set of kernels; an error tells which sets this processor has.
func NewWith(threads int, k Kernels) (*Engine, error) {
	k, err := choose(k)
	if err != nil {
		return nil, err
	}
	return newEngine(threads, k), nil
}

// Kernels returns the set in use.
func (e *Engine) Kernels() Kernels { return e.kernels }

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
	if !tensorcore.RowMajor(d) {
		return nil, fmt.Errorf("want a contiguous row-major tensor, got shape %v with strides %v; clone it first", d.Shape(), d.Strides())
	}
	return d, nil
}

// Host returns d itself.
func (e *Engine) Host(d *tensor.Dense) (*tensor.Dense, error) { return d, nil }

type float interface{ float32 | float64 }

func is32(d *tensor.Dense) bool { return d.Dtype() == tensor.Float32 }
