package tensorcore

import (
	"fmt"
	"slices"
	"unsafe"

	"gorgonia.org/tensor"
)

// MaxRank is the largest number of axes.
const MaxRank = 8

// Size returns the number of elements of a shape, 1 for a scalar.
func Size(shape []int) int {
	n := 1
	for _, d := range shape {
		n *= d
	}
	return n
}

// NewFloat32 makes a host tensor over data, which it keeps. len(data) must be the size of shape.
func NewFloat32(shape []int, data []float32) *tensor.Dense { return wrap(tensor.Float32, shape, data) }

// NewFloat64 makes a host tensor over data, which it keeps. len(data) must be the size of shape.
func NewFloat64(shape []int, data []float64) *tensor.Dense { return wrap(tensor.Float64, shape, data) }

// Zeros makes a host tensor of zeros.
func Zeros(dt tensor.Dtype, shape ...int) *tensor.Dense {
	if dt == tensor.Float64 {
		return NewFloat64(shape, make([]float64, Size(shape)))
	}
	return NewFloat32(shape, make([]float32, Size(shape)))
}

// Host32 returns the elements of a host float32 tensor without a copy.
func Host32(d *tensor.Dense) []float32 { return d.Float32s() }

func wrap[T float32 | float64](dt tensor.Dtype, shape []int, data []T) *tensor.Dense {
	if len(data) != Size(shape) {
		panic(fmt.Sprintf("tensorcore: want %d elements for shape %v, got %d", Size(shape), shape, len(data)))
	}
	d := tensor.New(tensor.Of(dt), tensor.WithBacking(data), tensor.WithShape(shape...))
	d.Header.Raw = bytesOf(data)
	setShape(d, shape, make([]int, 2*MaxRank))
	return d
}

// Fit gives d another shape over the same memory, without allocating where it was made by this package.
// It reports false, and changes nothing, when the memory is too small.
func Fit(d *tensor.Dense, shape []int) bool {
	size := Size(shape) * int(d.Dtype().Size())
	if size > cap(d.Header.Raw) {
		return false
	}
	d.Header.Raw = d.Header.Raw[:size]
	room := []int(d.Shape())[:0]
	if cap(room) < 2*MaxRank {
		room = make([]int, 2*MaxRank)
	}
	setShape(d, shape, room[:2*MaxRank])
	return true
}

// View makes view a tensor of the given shape over the memory of d. Sizes must agree.
func View(view, d *tensor.Dense, shape []int) {
	view.Header.Raw = d.Header.Raw
	Fit(view, shape)
}

// setShape puts shape and strides into room, which has 2*MaxRank ints, so that a later Fit allocates nothing.
func setShape(d *tensor.Dense, shape []int, room []int) {
	n := len(shape)
	sh, st := room[:n:2*MaxRank], room[MaxRank:MaxRank+n]
	copy(sh, shape)
	step := 1
	for i := n - 1; i >= 0; i-- {
		st[i] = step
		step *= shape[i]
	}
	d.AP = tensor.MakeAP(tensor.Shape(sh), st, 0, 0)
}

func bytesOf[T float32 | float64](s []T) []byte {
	if cap(s) == 0 {
		return nil
	}
	var z T
	whole := unsafe.Slice((*byte)(unsafe.Pointer(unsafe.SliceData(s))), cap(s)*int(unsafe.Sizeof(z)))
	return whole[:len(s)*int(unsafe.Sizeof(z))]
}

// SameShape reports whether two shapes are equal.
func SameShape(a, b []int) bool { return slices.Equal(a, b) }

// Broadcast returns the shape that a and b take together, as numpy does; ok is false when they do not fit.
func Broadcast(dst []int, a, b []int) (shape []int, ok bool) {
	n := max(len(a), len(b))
	shape = dst[:0]
	for i := range n {
		da, db := axis(a, n, i), axis(b, n, i)
		switch {
		case da == db || db == 1:
			shape = append(shape, da)
		case da == 1:
			shape = append(shape, db)
		default:
			return nil, false
		}
	}
	return shape, true
}

// axis is the extent of axis i of n when shape is aligned to the right.
func axis(shape []int, n, i int) int {
	if j := i - (n - len(shape)); j >= 0 {
		return shape[j]
	}
	return 1
}

// RowMajor reports whether the elements of d lie one after the other in row-major order.
func RowMajor(d *tensor.Dense) bool {
	size := Size(d.Shape())
	if size == 0 {
		return true
	}
	if d.DataOrder().IsColMajor() || d.IsMasked() || len(d.Header.Raw) != size*int(d.Dtype().Size()) {
		return false
	}
	strides, step := d.Strides(), 1
	if len(strides) != d.Dims() {
		return false
	}
	for i := d.Dims() - 1; i >= 0; i-- {
		if d.Shape()[i] != 1 && strides[i] != step {
			return false
		}
		step *= d.Shape()[i]
	}
	return true
}
