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
	unary   func(op tc.UnaryOp, dst, x []float32, p, q float32)
	binary  func(op tc.BinaryOp, dst, a, b []float32)
	many    *vectors // whole functions of rows up to sumChunk; nil where there are none
}

func (e *Engine) rows32() rows32 {
	if v := e.vectors(); v != nil {
		return rows32{v.laneSum, v.laneMax, e.run1, e.run2, v}
	}
	return rows32{laneSum[float32], maxRow, e.run1, e.run2, nil}
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
	if len(x) == 0 || r.atOnce(op, dst, x, n, eps) {
		return
	}
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

// atOnce computes all rows in one call where there is assembly for it.
func (r rows32) atOnce(op tc.AlongOp, dst, x []float32, n int, eps float32) bool {
	if r.many == nil || n > sumChunk || op == tc.LogSoftmax {
		return false
	}
	if op == tc.Softmax {
		r.many.softmax(&dst[0], &x[0], len(x)/n, n)
	} else {
		r.many.layerNorm(&dst[0], &x[0], len(x)/n, n, float32(n), eps)
	}
	return true
}

func (r rows32) softmax(dst, x []float32) {
	r.expShift(dst, x, r.largest(x))
	r.scale(dst, 1/sumRow(dst, r.lanes))
}

// expShift sets dst = e^(x-shift).
func (r rows32) expShift(dst, x []float32, shift float32) {
	r.unary(tc.Affine, dst, x, 1, -shift)
	r.unary(tc.Exp, dst, dst, 0, 0)
}

// negativeZero added to x is x, whatever its sign.
var negativeZero = float32(math.Copysign(0, -1))

func (r rows32) scale(x []float32, by float32) {
	r.unary(tc.Affine, x, x, by, negativeZero)
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
	s := r.inChunks(x, func(tmp, x []float32) { r.expShift(tmp, x, m) })
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
