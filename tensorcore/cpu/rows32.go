package cpu

import (
	"math"

	tc "github.com/sluice-stream/sluice/tensorcore"
)

// rows32 are the passes over a row of float32 that the functions of a whole row are made of. Each gives the same
// bits in assembly and in Go, and so do they.
type rows32 struct {
	lanes   func(x []float32) float32
	largest func(x []float32) float32 // a NaN may get lost
	exp     func(dst, x []float32, shift float32)
	unary   func(op tc.UnaryOp, dst, x []float32, p, q float32)
	binary  func(op tc.BinaryOp, dst, a, b []float32)
}

func (e *Engine) rows32() rows32 {
	r := rows32{laneSum[float32], maxRow, expShift, e.run1, e.run2}
	if e.kernels != Go {
		r.lanes, r.largest, r.exp = laneSumVec, maxRowVec, expShiftVec
	}
	return r
}

// alongRows writes op of each row of n elements; false when op has no such form.
func (e *Engine) alongRows(op tc.AlongOp, dst, x []float32, n int, eps float64) bool {
	if n == 0 || op != tc.Softmax && op != tc.LogSoftmax && op != tc.LayerNorm {
		return false
	}
	rows, grain := len(x)/n, max(1, reduceGrain/2/n)
	if e.serial(rows, grain) {
		e.rows32().each(op, dst, x, n, float32(eps))
		return true
	}
	e.split(rows, grain, func(from, to int) {
		e.rows32().each(op, dst[from*n:to*n], x[from*n:to*n], n, float32(eps))
	})
	return true
}

func (r rows32) each(op tc.AlongOp, dst, x []float32, n int, eps float32) {
	for ; len(x) > 0; dst, x = dst[n:], x[n:] {
		switch d, s := dst[:n], x[:n]; op {
		case tc.Softmax:
			r.softmax(d, s)
		case tc.LogSoftmax:
			r.unary(tc.Affine, d, s, 1, -r.logSumExp(s))
		case tc.LayerNorm:
			r.layerNorm(d, s, eps)
		}
	}
}

func (r rows32) softmax(dst, x []float32) {
	r.exp(dst, x, r.largest(x))
	r.scale(dst, 1/sumRow(dst, r.lanes))
}

func (r rows32) scale(x []float32, by float32) {
	r.unary(tc.Affine, x, x, by, float32(math.Copysign(0, -1))) // x*by + -0 keeps the sign of a zero
}

func (r rows32) layerNorm(dst, x []float32, eps float32) {
	n := float32(len(x))
	r.unary(tc.Affine, dst, x, 1, -sumRow(x, r.lanes)/n)
	square := r.inChunks(dst, func(tmp, x []float32) { r.binary(tc.Mul, tmp, x, x) })
	r.scale(dst, 1/sqrt32(square/n+eps))
}

func (r rows32) logSumExp(x []float32) float32 {
	m := r.largest(x)
	if math.IsInf(float64(m), 0) {
		return maxAlong(x, 0, len(x), 1) // which sees a NaN
	}
	s := r.inChunks(x, func(tmp, x []float32) { r.exp(tmp, x, m) })
	return m + float32(math.Log(float64(s)))
}

func (r rows32) logSumExps(dst, x []float32, n int) {
	for i := range dst {
		dst[i] = r.logSumExp(x[i*n : (i+1)*n])
	}
}

// inChunks is the sum of f of each element, in chunks of fixed size.
func (r rows32) inChunks(x []float32, f func(tmp, x []float32)) float32 {
	room := scratch[float32](min(len(x), sumChunk))
	defer room.done()
	total := float32(0)
	for len(x) > 0 {
		n := min(len(x), sumChunk)
		f(room.s[:n], x[:n])
		total += r.lanes(room.s[:n])
		x = x[n:]
	}
	return total
}
