package cpu

import (
	"math"

	"gorgonia.org/tensor"

	tc "github.com/sluice-stream/sluice/tensorcore"
)

// AlongGrad writes the gradient of x, given that of y = op(x) along the middle axis of [outer, n, inner].
func (e *Engine) AlongGrad(op tc.AlongOp, dst, g, y, x *tensor.Dense, outer, n, inner int, eps float64) {
	switch {
	case outer*n*inner == 0:
	case !is32(dst):
		alongGrad(e, op, dst.Float64s(), g.Float64s(), y.Float64s(), inputOf(op, y, x).Float64s(), n, inner, eps)
	case inner == 1:
		e.alongGradRows(op, dst.Float32s(), g.Float32s(), y.Float32s(), inputOf(op, y, x).Float32s(), n, float32(eps))
	default:
		alongGrad(e, op, dst.Float32s(), g.Float32s(), y.Float32s(), inputOf(op, y, x).Float32s(), n, inner, eps)
	}
}

// inputOf is x where op needs it.
func inputOf(op tc.AlongOp, y, x *tensor.Dense) *tensor.Dense {
	if op == tc.Softmax {
		return y
	}
	return x
}

func (e *Engine) alongGradRows(op tc.AlongOp, dst, g, y, x []float32, n int, eps float32) {
	rows, grain := len(dst)/n, max(1, reduceGrain/2/n)
	if e.serial(rows, grain) {
		e.rows32().grads(op, dst, g, y, x, n, eps)
		return
	}
	e.split(rows, grain, func(from, to int) {
		e.rows32().grads(op, dst[from*n:to*n], g[from*n:to*n], y[from*n:to*n], x[from*n:to*n], n, eps)
	})
}

func (r rows32) grads(op tc.AlongOp, dst, g, y, x []float32, n int, eps float32) {
	rows := len(dst) / n
	switch many := r.many != nil && n <= sumChunk; {
	case many && op == tc.Softmax:
		r.many.softmaxGrad(&dst[0], &g[0], &y[0], rows, n)
	case many:
		r.many.layerNormGrad(&dst[0], &g[0], &y[0], &x[0], rows, n, float32(n), eps)
	default:
		for i := range rows {
			from, to := i*n, (i+1)*n
			if op == tc.Softmax {
				r.softmaxGrad(dst[from:to], g[from:to], y[from:to])
			} else {
				r.layerNormGrad(dst[from:to], g[from:to], y[from:to], x[from:to], eps)
			}
		}
	}
}

func (r rows32) softmaxGrad(dst, g, y []float32) {
	s := r.dot(g, y)
	for i := range dst {
		dst[i] = y[i] * (g[i] - s)
	}
}

func (r rows32) layerNormGrad(dst, g, y, x []float32, eps float32) {
	n := float32(len(x))
	mean := -sumRow(x, r.lanes) / n
	squares := r.inChunks(x, func(tmp, x []float32) {
		r.unary(tc.Affine, tmp, x, 1, mean)
		r.unary(tc.Square, tmp, tmp, 0, 0)
	})
	root := 1 / sqrt32(squares/n+eps)
	meanG, dot := sumRow(g, r.lanes)/n, r.dot(g, y)/n
	for i := range dst {
		dst[i] = float32(g[i]-meanG-float32(y[i]*dot)) * root
	}
}

func (r rows32) dot(a, b []float32) float32 {
	room := scratch[float32](min(len(a), sumChunk))
	defer room.done()
	total := float32(0)
	for len(a) > 0 {
		n := min(len(a), sumChunk)
		r.binary(tc.Mul, room.s[:n], a[:n], b[:n])
		total += r.lanes(room.s[:n])
		a, b = a[n:], b[n:]
	}
	return total
}

func alongGrad[T float](e *Engine, op tc.AlongOp, dst, g, y, x []T, n, inner int, eps float64) {
	lanes, grain := len(dst)/n, max(1, reduceGrain/8/n)
	if e.serial(lanes, grain) {
		alongGrads(op, dst, g, y, x, n, inner, eps, 0, lanes)
		return
	}
	e.split(lanes, grain, func(from, to int) { alongGrads(op, dst, g, y, x, n, inner, eps, from, to) })
}

func alongGrads[T float](op tc.AlongOp, dst, g, y, x []T, n, inner int, eps float64, from, to int) {
	for k := from; k < to; k++ {
		at := k/inner*n*inner + k%inner
		if op == tc.Softmax {
			softmaxGrad(dst[at:], g[at:], y[at:], n, inner)
		} else {
			layerNormGrad(dst[at:], g[at:], y[at:], x[at:], n, inner, eps)
		}
	}
}

func softmaxGrad[T float](dst, g, y []T, n, step int) {
	s := 0.0
	for i := 0; i < n*step; i += step {
		s += float64(g[i]) * float64(y[i])
	}
	for i := 0; i < n*step; i += step {
		dst[i] = T(float64(y[i]) * (float64(g[i]) - s))
	}
}

func layerNormGrad[T float](dst, g, y, x []T, n, step int, eps float64) {
	var mean, meanG, dot, squares float64
	for i := 0; i < n*step; i += step {
		mean += float64(x[i])
		meanG += float64(g[i])
		dot += float64(g[i]) * float64(y[i])
	}
	size := float64(n)
	mean, meanG, dot = mean/size, meanG/size, dot/size
	for i := 0; i < n*step; i += step {
		squares += (float64(x[i]) - mean) * (float64(x[i]) - mean)
	}
	r := 1 / math.Sqrt(squares/size+eps)
	for i := 0; i < n*step; i += step {
		dst[i] = T((float64(g[i]) - meanG - float64(y[i])*dot) * r)
	}
}
