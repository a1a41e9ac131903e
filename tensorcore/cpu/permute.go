package cpu

import (
	"gorgonia.org/tensor"

	tc "github.com/sluice-stream/sluice/tensorcore"
)

// Permute reorders axes.
func (e *Engine) Permute(dst, x *tensor.Dense, axes []int) {
	if tc.Size(dst.Shape()) == 0 {
		return
	}
	var p permuted
	for i, ax := range axes {
		p.add(dst.Shape()[i], x.Strides()[ax])
	}
	if is32(dst) {
		permute(e, p, dst.Float32s(), x.Float32s())
		return
	}
	permute(e, p, dst.Float64s(), x.Float64s())
}

// permuted are the axes of a result with the steps of its source, neighbours joined where one step serves both.
type permuted struct {
	n     int
	dims  [tc.MaxRank]int
	steps [tc.MaxRank]int
}

func (p *permuted) add(dim, step int) {
	switch last := p.n - 1; {
	case dim == 1:
	case last >= 0 && p.steps[last] == dim*step:
		p.dims[last] *= dim
		p.steps[last] = step
	default:
		p.dims[p.n], p.steps[p.n] = dim, step
		p.n++
	}
}

// permute writes dst row by row; a row is the innermost axis, a block the rows of the axis before it.
func permute[T float](e *Engine, p permuted, dst, x []T) {
	switch p.n {
	case 0:
		dst[0] = x[0]
		return
	case 1:
		permuteBlock(e.vectors(), dst, x, 1, p.dims[0], 0, p.steps[0])
		return
	}
	block := p.dims[p.n-1] * p.dims[p.n-2]
	n, grain := len(dst)/block, max(1, moveGrain/block)
	if e.serial(n, grain) {
		permuteBlocks(e.vectors(), p, dst, x, 0, n)
		return
	}
	permuteSplit(e, p, dst, x, n, grain)
}

// permuteSplit is a function of its own since p moves to the heap in it.
func permuteSplit[T float](e *Engine, p permuted, dst, x []T, n, grain int) {
	e.split(n, grain, func(from, to int) { permuteBlocks(e.vectors(), p, dst, x, from, to) })
}

func permuteBlocks[T float](v *vectors, p permuted, dst, x []T, from, to int) {
	rows, width := p.dims[p.n-2], p.dims[p.n-1]
	for b := from; b < to; b++ {
		at := 0
		for ax, rest := p.n-3, b; ax >= 0; ax-- {
			at += rest % p.dims[ax] * p.steps[ax]
			rest /= p.dims[ax]
		}
		permuteBlock(v, dst[b*rows*width:(b+1)*rows*width], x[at:], rows, width, p.steps[p.n-2], p.steps[p.n-1])
	}
}

// permuteBlock copies a matrix whose rows and columns have their own steps in x.
func permuteBlock[T float](v *vectors, dst, x []T, rows, width, rowStep, step int) {
	if step == 1 {
		copyRows(v, dst, x, rows, width, rowStep)
		return
	}
	const tile = 16 // columns at a time, so that the lines of x that they share stay in the cache
	for from := 0; from < width; from += tile {
		to := min(from+tile, width)
		for r := range rows {
			s := x[r*rowStep:]
			for i := from; i < to; i++ {
				dst[r*width+i] = s[i*step]
			}
		}
	}
}

// copyRows copies rows whose starts in x are step elements apart.
func copyRows[T float](v *vectors, dst, x []T, rows, width, step int) {
	if d, ok := any(dst).([]float32); ok && v != nil && width <= 64 {
		v.copyRows(&d[0], &any(x).([]float32)[0], rows, 4*step, width)
		return
	}
	for r := range rows {
		copy(dst[r*width:(r+1)*width], x[r*step:])
	}
}
