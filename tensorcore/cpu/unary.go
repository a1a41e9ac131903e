package cpu

import (
	"math"

	"gorgonia.org/tensor"

	tc "github.com/sluice-stream/sluice/tensorcore"
)

// Fill sets every element to v.
func (e *Engine) Fill(dst *tensor.Dense, v float64) {
	if is32(dst) {
		fill(dst.Float32s(), float32(v))
		return
	}
	fill(dst.Float64s(), v)
}

func fill[T float](dst []T, v T) {
	first := dst[:min(len(dst), 64)]
	for i := range first {
		first[i] = v
	}
	if len(dst) > len(first) {
		repeat(dst, first)
	}
}

// Unary sets dst = op(x; p, q).
func (e *Engine) Unary(op tc.UnaryOp, dst, x *tensor.Dense, p, q float64) {
	if is32(dst) {
		unarySplit(e, e.run1, op, dst.Float32s(), x.Float32s(), float32(p), float32(q))
		return
	}
	unarySplit(e, unary[float64], op, dst.Float64s(), x.Float64s(), p, q)
}

func unarySplit[T float](e *Engine, run func(tc.UnaryOp, []T, []T, T, T), op tc.UnaryOp, dst, x []T, p, q T) {
	grain := unaryGrain(op)
	if e.serial(len(dst), grain) {
		run(op, dst, x, p, q)
		return
	}
	e.split(len(dst), grain, func(from, to int) { run(op, dst[from:to], x[from:to], p, q) })
}

// unary32 runs the assembly where there is some.
func (e *Engine) unary32(op tc.UnaryOp, dst, x []float32, p, q float32) {
	if len(dst) == 0 {
		return
	}
	if v := e.vectors(); v != nil {
		if op == tc.Affine {
			v.affine(&dst[0], &x[0], p, q, len(dst))
			return
		}
		if f := v.unary[op]; f != nil {
			f(&dst[0], &x[0], len(dst))
			return
		}
	}
	if f := func32(op); f != nil {
		for i, v := range x {
			dst[i] = f(v)
		}
		return
	}
	unary(op, dst, x, p, q)
}

// func32 is the float32 form of a function, nil where unary does it.
func func32(op tc.UnaryOp) func(float32) float32 {
	switch op {
	case tc.Exp:
		return exp32
	case tc.Log:
		return log32
	case tc.Sigmoid:
		return sigmoid32
	case tc.LogSigmoid:
		return func(x float32) float32 { return -softplus32(-x) }
	case tc.Tanh:
		return tanh32
	case tc.Softplus:
		return softplus32
	case tc.Erf:
		return erf32
	case tc.Gelu:
		return gelu32
	case tc.GeluSlope:
		return geluSlope32
	}
	return nil
}

// unaryGrain is the number of elements that are worth a goroutine.
func unaryGrain(op tc.UnaryOp) int {
	switch op {
	case tc.Affine, tc.Square, tc.Abs, tc.Sign, tc.Relu, tc.Clip, tc.InRange, tc.Sqrt:
		return 1 << 16
	}
	return 1 << 12
}

func unary[T float](op tc.UnaryOp, dst, x []T, p, q T) {
	switch op {
	case tc.Affine:
		for i, v := range x {
			dst[i] = T(p*v) + q // the conversion keeps the compiler from fusing
		}
	case tc.Square:
		for i, v := range x {
			dst[i] = v * v
		}
	case tc.Relu:
		for i, v := range x {
			dst[i] = where(v < 0, 0, v)
		}
	case tc.Clip:
		for i, v := range x {
			dst[i] = min(max(v, p), q)
		}
	case tc.Pow:
		power(dst, x, float64(p))
	default:
		f := scalarFunc(op, float64(p), float64(q))
		for i, v := range x {
			dst[i] = T(f(float64(v)))
		}
	}
}

func power[T float](dst, x []T, p float64) {
	for i, v := range x {
		dst[i] = T(math.Pow(float64(v), p))
	}
}

// scalarFunc is the float64 reference of a unary function.
func scalarFunc(op tc.UnaryOp, p, q float64) func(float64) float64 {
	switch op {
	case tc.Exp:
		return math.Exp
	case tc.Log:
		return math.Log
	case tc.Sqrt:
		return math.Sqrt
	case tc.Abs:
		return math.Abs
	case tc.Sign:
		return sign
	case tc.Sigmoid:
		return sigmoid
	case tc.LogSigmoid:
		return func(x float64) float64 { return -softplus(-x) }
	case tc.Tanh:
		return math.Tanh
	case tc.Softplus:
		return softplus
	case tc.Gelu:
		return func(x float64) float64 { return x * 0.5 * math.Erfc(-x/math.Sqrt2) }
	case tc.Erf:
		return math.Erf
	case tc.Atan:
		return math.Atan
	case tc.GeluSlope:
		return func(x float64) float64 {
			return 0.5*math.Erfc(-x/math.Sqrt2) + x*math.Exp(-0.5*x*x)/math.Sqrt(2*math.Pi)
		}
	case tc.InRange:
		return func(x float64) float64 { return indicator(x >= p && x <= q) }
	}
	panic("cpu: unknown unary function")
}

func sign(x float64) float64 {
	switch {
	case x > 0:
		return 1
	case x < 0:
		return -1
	}
	return x // 0 or NaN
}

func sigmoid(x float64) float64 {
	if x >= 0 {
		return 1 / (1 + math.Exp(-x))
	}
	z := math.Exp(x)
	return z / (1 + z)
}

func softplus(x float64) float64 { return max(x, 0) + math.Log1p(math.Exp(-math.Abs(x))) }

func indicator(b bool) float64 {
	if b {
		return 1
	}
	return 0
}

var lowest32 = float32(math.Inf(-1))

// maxRow is the largest element; a NaN gets lost.
func maxRow(x []float32) float32 {
	m := lowest32
	for _, v := range x {
		if v > m {
			m = v
		}
	}
	return m
}
