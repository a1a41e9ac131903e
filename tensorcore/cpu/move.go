package cpu

import "gorgonia.org/tensor"

const moveGrain = 1 << 15

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
	if v := e.vectors(); v != nil {
		return v.addRows
	}
	return addRows[float32]
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
