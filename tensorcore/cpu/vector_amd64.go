package cpu

import (
	"math"

	tc "github.com/sluice-stream/sluice/tensorcore"
)

// binaryVec computes the first elements in assembly and returns how many. Its bits are those of the Go kernels.
func (e *Engine) binaryVec(op tc.BinaryOp, dst, a, b []float32) int {
	n := len(dst) &^ 7
	if e.kernels == Go || n == 0 {
		return 0
	}
	if len(a) != len(dst) || len(b) != len(dst) {
		return withOne(op, dst[:n], a, b)
	}
	switch op {
	case tc.Add:
		vecAdd(&dst[0], &a[0], &b[0], n)
	case tc.Sub:
		vecSub(&dst[0], &a[0], &b[0], n)
	case tc.Mul:
		vecMul(&dst[0], &a[0], &b[0], n)
	case tc.Div:
		vecDiv(&dst[0], &a[0], &b[0], n)
	case tc.ReluGrad:
		vecReluGrad(&dst[0], &a[0], &b[0], n)
	case tc.SigmoidGrad:
		vecSigmoidGrad(&dst[0], &a[0], &b[0], n)
	case tc.TanhGrad:
		vecTanhGrad(&dst[0], &a[0], &b[0], n)
	default:
		return 0
	}
	return n
}

// x + -0 is x, whatever its sign.
var negativeZero = float32(math.Copysign(0, -1))

// withOne computes a run where one source is a single element.
func withOne(op tc.BinaryOp, dst, a, b []float32) int {
	n := len(dst)
	switch {
	case len(b) == 1 && len(a) > 1 && op == tc.Add:
		vecAffine(&dst[0], &a[0], 1, b[0], n)
	case len(b) == 1 && len(a) > 1 && op == tc.Sub:
		vecAffine(&dst[0], &a[0], 1, -b[0], n)
	case len(b) == 1 && len(a) > 1 && op == tc.Mul:
		vecAffine(&dst[0], &a[0], b[0], negativeZero, n)
	case len(a) == 1 && len(b) > 1 && op == tc.Add:
		vecAffine(&dst[0], &b[0], 1, a[0], n)
	case len(a) == 1 && len(b) > 1 && op == tc.Sub:
		vecAffine(&dst[0], &b[0], -1, a[0], n)
	case len(a) == 1 && len(b) > 1 && op == tc.Mul:
		vecAffine(&dst[0], &b[0], a[0], negativeZero, n)
	default:
		return 0
	}
	return n
}

// unaryVec computes the first elements in assembly and returns how many. Its bits are those of the Go kernels.
func (e *Engine) unaryVec(op tc.UnaryOp, dst, x []float32, p, q float32) int {
	n := len(dst) &^ 7
	if e.kernels == Go || n == 0 {
		return 0
	}
	switch op {
	case tc.Affine:
		vecAffine(&dst[0], &x[0], p, q, n)
	case tc.Relu:
		vecRelu(&dst[0], &x[0], n)
	case tc.Square:
		vecMul(&dst[0], &x[0], &x[0], n)
	case tc.Sqrt:
		vecSqrt(&dst[0], &x[0], n)
	case tc.Exp:
		vecExp(&dst[0], &x[0], n)
	case tc.Log:
		vecLog(&dst[0], &x[0], n)
	case tc.Sigmoid:
		vecSigmoid(&dst[0], &x[0], n)
	case tc.Tanh:
		vecTanh(&dst[0], &x[0], n)
	case tc.Softplus:
		vecSoftplus(&dst[0], &x[0], n)
	case tc.LogSigmoid:
		vecAffine(&dst[0], &x[0], -1, negativeZero, n)
		vecSoftplus(&dst[0], &dst[0], n)
		vecAffine(&dst[0], &dst[0], -1, negativeZero, n)
	case tc.Erf:
		vecErf(&dst[0], &x[0], n)
	case tc.Gelu:
		vecGelu(&dst[0], &x[0], n)
	case tc.GeluSlope:
		vecGeluSlope(&dst[0], &x[0], n)
	default:
		return 0
	}
	return n
}

func adamVec(s AdamStep, w, m, v, g []float32) int {
	n := len(w) &^ 7
	if n == 0 || best == Go {
		return 0
	}
	vecAdam(&w[0], &m[0], &v[0], &g[0], s.Step, 1/s.Root, s.Eps, s.Decay, s.Rate1, s.Rate2, n)
	return n
}

func adaGradVec(s AdaGradStep, w, sum, g []float32) int {
	n := len(w) &^ 7
	if n == 0 || best == Go {
		return 0
	}
	vecAdaGrad(&w[0], &sum[0], &g[0], s.Step, s.Eps, n)
	return n
}

func laneSumVec(x []float32) float32 {
	n := len(x) &^ (laneCount - 1)
	if n == 0 {
		return sumInOrder(x)
	}
	var l [laneCount]float32
	vecSumLanes(&l[0], &x[0], n)
	return mergeLanes(&l, x[n:])
}

func addRowsVec(dst, x []float32, n int) {
	width := len(dst) &^ 7
	if width > 0 && n > 0 {
		vecAddRows(&dst[0], &x[0], n, len(dst)*4, width)
	}
	if width < len(dst) {
		for r := range n {
			addTo(dst[width:], x[r*len(dst)+width:])
		}
	}
}

// expShift sets dst = e^(x-shift).
func expShiftVec(dst, x []float32, shift float32) {
	n := len(dst) &^ 7
	if n > 0 {
		vecExpShift(&dst[0], &x[0], shift, n)
	}
	expShift(dst[n:], x[n:], shift)
}

func maxRowVec(x []float32) float32 {
	n := len(x) &^ 7
	if n == 0 {
		return maxRow(x)
	}
	var l [8]float32
	copy(l[:], x[:8])
	vecMaxLanes(&l[0], &x[0], n)
	return max(maxRow(l[:]), maxRow(x[n:]))
}
