package cpu

import (
	"gorgonia.org/tensor"

	tc "github.com/sluice-stream/sluice/tensorcore"
)

const moveGrain = 1 << 15

// Permute reorders axes.
func (e *Engine) Permute(dst, x *tensor.Dense, axes []int) {
	var steps [tc.MaxRank]int
	for i, ax := range axes {
		steps[i] = x.Strides()[ax]
	}
	if is32(dst) {
		permute(dst.Float32s(), x.Float32s(), dst.Shape(), steps[:len(axes)])
		return
	}
	permute(dst.Float64s(), x.Float64s(), dst.Shape(), steps[:len(axes)])
}

func permute[T float](dst, x []T, shape, steps []int) {
	if len(dst) == 0 {
		return
	}
	if len(shape) == 0 {
		dst[0] = x[0]
		return
	}
	inner, step := shape[len(shape)-1], steps[len(steps)-1]
	for r := 0; r*inner < len(dst); r++ {
		at := 0
		for i, rest := len(shape)-2, r; i >= 0; i-- {
			at += rest % shape[i] * steps[i]
			rest /= shape[i]
		}
		row := dst[r*inner : (r+1)*inner]
		for i := range row {
			row[i] = x[at+i*step]
		}
	}
}

// Copy copies strided blocks.
func (e *Engine) Copy(dst, x *tensor.Dense, c tc.CopySpec) {
	if is32(dst) {
		copyBlocks(dst.Float32s(), x.Float32s(), c)
		return
	}
	copyBlocks(dst.Float64s(), x.Float64s(), c)
}

func copyBlocks[T float](dst, x []T, c tc.CopySpec) {
	for k := range c.Count {
		d, s := c.DstOff+k*c.DstStep, c.SrcOff+k*c.SrcStep
		copy(dst[d:d+c.Size], x[s:s+c.Size])
	}
}

// Gather copies rows by index.
func (e *Engine) Gather(dst, x *tensor.Dense, idx []int32, width int) {
	if is32(dst) {
		gather(e, dst.Float32s(), x.Float32s(), idx, width)
		return
	}
	gather(e, dst.Float64s(), x.Float64s(), idx, width)
}

func gather[T float](e *Engine, dst, x []T, idx []int32, width int) {
	grain := max(1, moveGrain/max(width, 1))
	if e.serial(len(idx), grain) {
		gatherRows(dst, x, idx, width, 0, len(idx))
		return
	}
	e.split(len(idx), grain, func(from, to int) { gatherRows(dst, x, idx, width, from, to) })
}

func gatherRows[T float](dst, x []T, idx []int32, width, from, to int) {
	if width == 1 {
		for i, r := range idx[from:to] {
			dst[from+i] = x[r]
		}
		return
	}
	for i := from; i < to; i++ {
		at := int(idx[i]) * width
		copy(dst[i*width:(i+1)*width], x[at:at+width])
	}
}

// ScatterAdd adds rows by index, in order.
func (e *Engine) ScatterAdd(dst, g *tensor.Dense, idx []int32, width int) {
	if is32(dst) {
		scatterAdd(dst.Float32s(), g.Float32s(), idx, width, e.rowAdder())
		return
	}
	scatterAdd(dst.Float64s(), g.Float64s(), idx, width, addRows[float64])
}

func scatterAdd[T float](dst, g []T, idx []int32, width int, add func(dst, x []T, n int)) {
	clear(dst)
	if width == 1 {
		for i, r := range idx {
			dst[r] += g[i]
		}
		return
	}
	for i, r := range idx {
		add(dst[int(r)*width:int(r)*width+width], g[i*width:], 1)
	}
}

// rowAdder adds rows to a sum, in order.
func (e *Engine) rowAdder() func(dst, x []float32, n int) {
	if e.kernels == Go {
		return addRows[float32]
	}
	return addRowsVec
}

func addTo[T float](dst, x []T) {
	x = x[:len(dst)]
	for i := range dst {
		dst[i] += x[i]
	}
}

// SegmentSum adds neighbouring rows.
func (e *Engine) SegmentSum(dst, x *tensor.Dense, offsets []int32, width int) {
	if is32(dst) {
		segmentSum(e, dst.Float32s(), x.Float32s(), offsets, width, e.rowAdder())
		return
	}
	segmentSum(e, dst.Float64s(), x.Float64s(), offsets, width, addRows[float64])
}

func segmentSum[T float](e *Engine, dst, x []T, offsets []int32, width int, add func(dst, x []T, n int)) {
	grain := max(1, moveGrain/8/max(width, 1))
	if e.serial(len(offsets)-1, grain) {
		segmentSums(dst, x, offsets, width, 0, len(offsets)-1, add)
		return
	}
	e.split(len(offsets)-1, grain, func(from, to int) { segmentSums(dst, x, offsets, width, from, to, add) })
}

func segmentSums[T float](dst, x []T, offsets []int32, width, from, to int, add func(dst, x []T, n int)) {
	for s := from; s < to; s++ {
		row := dst[s*width : (s+1)*width]
		clear(row)
		lo, hi := int(offsets[s]), int(offsets[s+1])
		add(row, x[lo*width:], hi-lo)
	}
}

// SegmentSpread repeats rows.
func (e *Engine) SegmentSpread(dst, g *tensor.Dense, offsets []int32, width int) {
	if is32(dst) {
		segmentSpread(e, dst.Float32s(), g.Float32s(), offsets, width)
		return
	}
	segmentSpread(e, dst.Float64s(), g.Float64s(), offsets, width)
}

func segmentSpread[T float](e *Engine, dst, g []T, offsets []int32, width int) {
	grain := max(1, moveGrain/8/max(width, 1))
	if e.serial(len(offsets)-1, grain) {
		segmentRows(dst, g, offsets, width, 0, len(offsets)-1)
		return
	}
	e.split(len(offsets)-1, grain, func(from, to int) { segmentRows(dst, g, offsets, width, from, to) })
}

func segmentRows[T float](dst, g []T, offsets []int32, width, from, to int) {
	for s := from; s < to; s++ {
		for r := int(offsets[s]); r < int(offsets[s+1]); r++ {
			copy(dst[r*width:(r+1)*width], g[s*width:(s+1)*width])
		}
	}
}
