package autograd

import (
	"gorgonia.org/tensor"

	tc "github.com/sluice-stream/sluice/tensorcore"
)

// EigenSym returns eigenvalues, rising, and eigenvectors of symmetric matrices; of x the symmetric part (x + x^T)/2
// is taken. Signs are chosen so that the largest part of a vector is positive. Values are differentiable always;
// vectors only up to the freedom that equal eigenvalues leave: between those their gradient is taken as 0.
//
//	x        [.., N, N]
//	values   [.., N]
//	vectors  [.., N, N], vector k is column k
func (t *Tape) EigenSym(x *Var) (values, vectors *Var) {
	if !t.square("EigenSym", x) {
		return t.deadVar(nil), t.deadVar(nil)
	}
	r := len(x.shape)
	batch, n := batchOf(x)
	var room [tc.MaxRank]int
	shape := append(room[:0], x.shape...)
	shape[r-2] = n + 1
	y := t.alloc(shape)
	if bad := t.eng.EigenSym(y.val, x.val, batch, n); bad >= 0 {
		t.fail("EigenSym", "matrix %d of shape %v has no eigenvalues: NaN or infinity in it", bad, x.shape)
		return t.deadVar(nil), t.deadVar(nil)
	}
	t.record(y, "EigenSym", eigenGrad, x)
	return t.Reshape(t.Slice(y, r-2, 0, 1), x.shape[:r-1]...), t.Slice(y, r-2, 1, n+1)
}

// eigenGrad is V (diag(dw) + F * V^T dV) V^T, symmetric part, with F_ij = 1/(w_j - w_i) off the diagonal.
func eigenGrad(t *Tape, y, g *Var, _ int) *Var {
	n := y.in[0].shape[len(y.shape)-1]
	if n == 0 {
		return nil
	}
	w, v := t.Slice(y, -2, 0, 1), t.Slice(y, -2, 1, n+1)
	dw, dv := t.Slice(g, -2, 0, 1), t.Slice(g, -2, 1, n+1)
	m := t.Mul(t.bmm(v, dv, true, false), t.inverseGaps(w, false))
	m = t.Add(m, t.Mul(dw, t.Eye(n)))
	return t.symmetric(t.bmm(t.bmm(v, m, false, false), v, false, true))
}

// gapFloor is the distance, relative to the largest value, below which two values count as equal.
func (t *Tape) gapFloor() float64 {
	if t.dt == tensor.Float32 {
		return 1e-6
	}
	return 1e-12
}

// inverseGaps returns 1/(w_j - w_i), or of the sums where plus, for w [.., 1, N]; 0 where the values are equal.
func (t *Tape) inverseGaps(w *Var, plus bool) *Var {
	col := t.swapLast(w)
	gap := t.Sub(w, col)
	if plus {
		gap = t.Add(w, col)
	}
	floor := t.StopGradient(t.Scale(t.keepAxis(t.Max(t.Abs(w), -1), len(w.shape)-1), t.gapFloor()))
	apart := t.Greater(t.Abs(gap), floor)
	return t.Where(apart, t.Div(t.Fill(1), t.Where(apart, gap, t.Fill(1))), t.Fill(0))
}

// SVD returns the thin singular value decomposition x = U diag(s) V^T, s falling; the largest part of a column of U
// is positive. Values are differentiable always, vectors under the reservation of EigenSym.
//
//	x  [.., M, N]; r = min(M, N)
//	u  [.., M, r]
//	s  [.., r]
//	v  [.., N, r]
func (t *Tape) SVD(x *Var) (u, s, v *Var) {
	dead := t.deadVar(nil)
	if t.bad("SVD", x) {
		return dead, dead, dead
	}
	k := len(x.shape)
	if k < 2 {
		t.fail("SVD", "want matrices [.., M, N], got shape %v", x.shape)
		return dead, dead, dead
	}
	batch, m := batchOf(x)
	n := x.shape[k-1]
	r := min(m, n)
	var room [tc.MaxRank]int
	shape := append(room[:0], x.shape...)
	shape[k-2], shape[k-1] = 1+m+n, r
	y := t.alloc(shape)
	if bad := t.eng.SVD(y.val, x.val, batch, m, n); bad >= 0 {
		t.fail("SVD", "matrix %d of shape %v has no decomposition: NaN or infinity in it", bad, x.shape)
		return dead, dead, dead
	}
	t.record(y, "SVD", svdGrad, x)
	shape = append(append(room[:0], x.shape[:k-2]...), r)
	s = t.Reshape(t.Slice(y, k-2, 0, 1), shape...)
	return t.Slice(y, k-2, 1, 1+m), s, t.Slice(y, k-2, 1+m, 1+m+n)
}

// SingularValues returns the singular values of matrices [.., M, N], falling: [.., min(M, N)].
func (t *Tape) SingularValues(x *Var) *Var {
	_, s, _ := t.SVD(x)
	return s
}

// svdGrad is U (diag(ds) + (E*skew(U^T dU)) S + S (E*skew(V^T dV))) V^T with E_ij = 1/(s_j^2 - s_i^2), and what dU
// and dV have outside the spans of U and V (Townsend 2016).
func svdGrad(t *Tape, y, g *Var, _ int) *Var {
	k := len(y.shape)
	m, n, r := y.in[0].shape[k-2], y.in[0].shape[k-1], y.shape[k-1]
	if r == 0 {
		return nil
	}
	s, u, v := t.Slice(y, -2, 0, 1), t.Slice(y, -2, 1, 1+m), t.Slice(y, -2, 1+m, 1+m+n)
	ds, du, dv := t.Slice(g, -2, 0, 1), t.Slice(g, -2, 1, 1+m), t.Slice(g, -2, 1+m, 1+m+n)
	e := t.Mul(t.inverseGaps(s, false), t.inverseGaps(s, true))
	skew := func(q, dq *Var) *Var {
		a := t.bmm(q, dq, true, false)
		return t.Mul(e, t.Sub(a, t.swapLast(a)))
	}
	core := t.Mul(ds, t.Eye(r))
	core = t.Add(core, t.Mul(skew(u, du), s))
	core = t.Add(core, t.Mul(t.swapLast(s), skew(v, dv)))
	out := t.bmm(t.bmm(u, core, false, false), v, false, true)
	positive := t.Greater(s, t.Fill(0))
	inv := t.Where(positive, t.Div(t.Fill(1), t.Where(positive, s, t.Fill(1))), t.Fill(0))
	if m > r {
		rest := t.Sub(du, t.bmm(u, t.bmm(u, du, true, false), false, false))
		out = t.Add(out, t.bmm(t.Mul(rest, inv), v, false, true))
	}
	if n > r {
		rest := t.Sub(dv, t.bmm(v, t.bmm(v, dv, true, false), false, false))
		out = t.Add(out, t.bmm(t.Mul(u, inv), rest, false, true))
	}
	return out
}
