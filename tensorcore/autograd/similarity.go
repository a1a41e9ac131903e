package autograd

import "math"

// CosineMatrix returns the cosines of the angles between rows; 0 for a row of zeros.
//
//	a       [N, D]
//	b       [M, D]
//	result  [N, M]
func (t *Tape) CosineMatrix(a, b *Var) *Var {
	return t.MatMulT(t.NormalizeRows(a), t.NormalizeRows(b))
}

// Cosine returns the cosine of the angle between rows of a and b of one shape, along the last axis, which is dropped.
func (t *Tape) Cosine(a, b *Var) *Var {
	return t.Sum(t.Mul(t.NormalizeRows(a), t.NormalizeRows(b)), -1)
}

// SquaredDistances returns |a_i - b_j|^2, never below 0. The rows are moved to the mean of b first, so that a common
// offset costs no precision; what is left is about 1e-7 (1e-16 in float64) of the squared lengths.
//
//	a       [N, D]
//	b       [M, D]
//	result  [N, M]
func (t *Tape) SquaredDistances(a, b *Var) *Var {
	if t.bad("SquaredDistances", a, b) {
		return t.deadVar(nil)
	}
	if len(a.shape) != 2 || len(b.shape) != 2 || a.shape[1] != b.shape[1] {
		return t.fail("SquaredDistances", "want a [N, D] and b [M, D], got shapes %v and %v", a.shape, b.shape)
	}
	n, m := a.shape[0], b.shape[0]
	return t.composite("SquaredDistances", distanceGrad, func() *Var {
		if n == 0 || m == 0 {
			return t.Fill(0, n, m)
		}
		mean := t.Mean(b, 0)
		u, v := t.Sub(a, mean), t.Sub(b, mean)
		d := t.Add(t.Scale(t.MatMulT(u, v), -2), t.SumKeep(t.Square(u), 1))
		return t.Relu(t.Add(d, t.Sum(t.Square(v), 1)))
	}, a, b)
}

// distanceGrad is 2 (a_i sum_j g_ij - sum_j g_ij b_j), and the same with the roles changed.
func distanceGrad(t *Tape, y, g *Var, i int) *Var {
	a, b := y.in[0], y.in[1]
	if i == 0 {
		return t.Scale(t.Sub(t.Mul(a, t.SumKeep(g, 1)), t.MatMul(g, b)), 2)
	}
	sums := t.Reshape(t.Sum(g, 0), b.shape[0], 1)
	return t.Scale(t.Sub(t.Mul(b, sums), t.MatMulTA(g, a)), 2)
}

// Distances returns Euclidean distances between rows, sqrt(max(|a_i - b_j|^2, floor)); the gradient is 0 below the
// floor. A floor of 1e-12 keeps the gradient of equal rows finite.
//
//	a       [N, D]
//	b       [M, D]
//	floor   squared; > 0
//	result  [N, M]
func (t *Tape) Distances(a, b *Var, floor float64) *Var {
	return t.Sqrt(t.Clip(t.SquaredDistances(a, b), floor, math.Inf(1)))
}

// RBF returns the kernel matrix e^(-|a_i - b_j|^2 / (2 sigma^2)), without a normalising constant.
//
//	a       [N, D]
//	b       [M, D]
//	sigma   > 0, in the units of a and b
//	result  [N, M]
func (t *Tape) RBF(a, b *Var, sigma float64) *Var {
	if t.err == nil && !(sigma > 0) {
		return t.fail("RBF", "want sigma > 0, got %g", sigma)
	}
	return t.Exp(t.Scale(t.SquaredDistances(a, b), -0.5/(sigma*sigma)))
}
