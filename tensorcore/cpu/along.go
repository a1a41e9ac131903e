package cpu

import (
	"math"

	"gorgonia.org/tensor"

	tc "github.com/sluice-stream/sluice/tensorcore"
)

// Along writes a function of the middle axis of [outer, n, inner] that keeps the axis.
func (e *Engine) Along(op tc.AlongOp, dst, x *tensor.Dense, outer, n, inner int, eps float64) {
	if is32(dst) {
		if inner == 1 && e.alongRows(op, dst.Float32s(), x.Float32s(), n, eps) {
			return
		}
		along(e, op, dst.Float32s(), x.Float32s(), outer, n, inner, eps)
		return
	}
	along(e, op, dst.Float64s(), x.Float64s(), outer, n, inner, eps)
}

func along[T float](e *Engine, op tc.AlongOp, dst, x []T, outer, n, inner int, eps float64) {
	if n == 0 {
		return
	}
	grain := max(1, reduceGrain/8/n)
	if e.serial(outer*inner, grain) {
		alongLanes(op, dst, x, n, inner, eps, 0, outer*inner)
		return
	}
	e.split(outer*inner, grain, func(from, to int) { alongLanes(op, dst, x, n, inner, eps, from, to) })
}

func alongLanes[T float](op tc.AlongOp, dst, x []T, n, inner int, eps float64, from, to int) {
	for k := from; k < to; k++ {
		at := k/inner*n*inner + k%inner
		alongOne(op, dst[at:], x[at:], n, inner, eps)
	}
}

func alongOne[T float](op tc.AlongOp, dst, x []T, n, step int, eps float64) {
	switch op {
	case tc.Softmax:
		softmax(dst, x, n, step)
	case tc.LogSoftmax:
		z := logSumExp(x, 0, n, step)
		for i := 0; i < n*step; i += step {
			dst[i] = x[i] - z
		}
	case tc.LayerNorm:
		layerNorm(dst, x, n, step, eps)
	case tc.FirstMax:
		firstMax(dst, x, n, step)
	case tc.CumSum:
		s := 0.0
		for i := 0; i < n*step; i += step {
			s += float64(x[i])
			dst[i] = T(s)
		}
	}
}

func softmax[T float](dst, x []T, n, step int) {
	m, s := maxAlong(x, 0, n, step), 0.0
	for i := 0; i < n*step; i += step {
		v := math.Exp(float64(x[i] - m))
		dst[i] = T(v)
		s += v
	}
	r := T(1 / s)
	for i := 0; i < n*step; i += step {
		dst[i] *= r
	}
}

func layerNorm[T float](dst, x []T, n, step int, eps float64) {
	mean, sq := 0.0, 0.0
	for i := 0; i < n*step; i += step {
		mean += float64(x[i])
	}
	mean /= float64(n)
	for i := 0; i < n*step; i += step {
		d := float64(x[i]) - mean
		sq += d * d
	}
	r := 1 / math.Sqrt(sq/float64(n)+eps)
	for i := 0; i < n*step; i += step {
		dst[i] = T((float64(x[i]) - mean) * r)
	}
}

func firstMax[T float](dst, x []T, n, step int) {
	best := 0
	for i := 1; i < n; i++ {
		if x[i*step] > x[best*step] {
			best = i
		}
	}
	for i := range n {
		dst[i*step] = T(indicator(i == best))
	}
}
