package cpu

import tc "github.com/sluice-stream/sluice/tensorcore"

// vectors is a set of vector kernels in assembly. Lengths are in elements and at least 1, steps in bytes. Each gives
// the bits of its Go twin.
type vectors struct {
	unary   [tc.GeluSlope + 1]func(dst, x *float32, n int) // nil where there is none, as below
	affine  func(dst, x *float32, p, q float32, n int)
	binary  [tc.BCE + 1]func(dst, a, b *float32, n int)
	one, by [tc.Div + 1]func(dst, x *float32, one float32, n int) // with a single b, a single a
	// rows of n elements, of which b has only one in columns
	rows, columns [tc.Div + 1]func(dst, a, b *float32, rows, aStep, bStep, n int)

	copyRows     func(dst, x *float32, rows, xStep, n int)
	sigmoidSlope func(dst, x *float32, t, c float32, n int)

	finite           func(x []float32) bool
	laneSum, laneMax func(x []float32) float32 // of a row; a NaN gets lost in the largest
	addRows          func(dst, x []float32, n int)
	rowSums          func(dst, x *float32, rows, n int)

	softmax       func(dst, x *float32, rows, n int)
	softmaxGrad   func(dst, g, y *float32, rows, n int)
	layerNorm     func(dst, x *float32, rows, n int, count, eps float32)
	layerNormGrad func(dst, g, y, x *float32, rows, n int, count, eps float32)

	adam     func(w, m, v, grad *float32, step, inv, eps, decay, keep, b1, b2 float32, n int)
	adamRows func(w, m, v, grad *float32, step, inv, eps, decay, keep, b1, b2 float32, idx *int32, rows, n int)
	adaGrad  func(w, s, grad *float32, step, eps float32, n int)

	adaGradRows func(w, s, grad *float32, step, eps float32, idx *int32, rows, n int)
}

// vectors is the set of the engine, nil for Go.
func (e *Engine) vectors() *vectors { return vectorsOf(e.kernels) }

// bestVectors is the set that free functions use, which give the same bits in any.
var bestVectors = vectorsOf(best)
