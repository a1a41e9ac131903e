package autograd

import tc "github.com/sluice-stream/sluice/tensorcore"

// Cholesky returns the lower L of x = L L^T. Of x the symmetric part (x + x^T)/2 is taken, so its gradient is
// symmetric.
//
//	x       [.., N, N], symmetric and positive definite
//	errors  names the first matrix that is not
func (t *Tape) Cholesky(x *Var) *Var {
	if !t.square("Cholesky", x) {
		return t.deadVar(nil)
	}
	batch, n := batchOf(x)
	y := t.alloc(x.shape)
	if bad := t.eng.Cholesky(y.val, x.val, batch, n); bad >= 0 {
		return t.fail("Cholesky", "matrix %d of shape %v is not positive definite; add a multiple of the identity", bad, x.shape)
	}
	return t.record(y, "Cholesky", choleskyGrad, x)
}

// choleskyGrad is the symmetric part of L^-T P L^-1, P the lower half of L^T g with half the diagonal (Murray 2016).
func choleskyGrad(t *Tape, y, g *Var, _ int) *Var {
	_, n := batchOf(y)
	half := t.Sub(t.Lower(n), t.Scale(t.Eye(n), 0.5))
	p := t.Mul(t.bmm(y, g, true, false), half)
	s := t.SolveLower(y, t.swapLast(t.SolveLower(y, p, true)), true)
	return t.symmetric(s)
}

// SolveLower returns L^-1 b, or L^-T b. Of l the lower triangle is read.
//
//	l       [.., N, N]
//	b       [.., N, M]
//	result  [.., N, M]; not finite where L has a zero on its diagonal
func (t *Tape) SolveLower(l, b *Var, trans bool) *Var {
	if !t.square("SolveLower", l) || t.bad("SolveLower", b) {
		return t.deadVar(nil)
	}
	r := len(l.shape)
	if len(b.shape) != r || !tc.SameShape(b.shape[:r-1], l.shape[:r-1]) {
		return t.fail("SolveLower", "want [.., N, N] and [.., N, M], got shapes %v and %v", l.shape, b.shape)
	}
	batch, n := batchOf(l)
	y := t.alloc(b.shape)
	y.at.ta = trans
	t.eng.SolveLower(y.val, l.val, b.val, batch, n, b.shape[r-1], trans)
	return t.record(y, "SolveLower", solveLowerGrad, l, b)
}

func solveLowerGrad(t *Tape, y, g *Var, i int) *Var {
	l, trans := y.in[0], y.at.ta
	db := t.once(y, g, func(t *Tape, y, g *Var, _ int) *Var { return t.SolveLower(y.in[0], g, !y.at.ta) })
	if i == 1 {
		return db
	}
	d := db
	if trans {
		d = t.bmm(y, db, false, true)
	} else {
		d = t.bmm(db, y, false, true)
	}
	_, n := batchOf(l)
	return t.Neg(t.Mul(d, t.Lower(n)))
}

// SolveSPD returns a^-1 b for symmetric positive definite a [.., N, N] and b [.., N, M].
func (t *Tape) SolveSPD(a, b *Var) *Var {
	l := t.Cholesky(a)
	return t.SolveLower(l, t.SolveLower(l, b, false), true)
}

// InverseSPD returns the inverses of symmetric positive definite matrices [.., N, N].
func (t *Tape) InverseSPD(a *Var) *Var {
	if !t.square("InverseSPD", a) {
		return t.deadVar(nil)
	}
	return t.SolveSPD(a, t.BroadcastTo(t.Eye(a.shape[len(a.shape)-1]), a.shape...))
}

// LogDetSPD returns the natural logarithms of the determinants of symmetric positive definite matrices [.., N, N].
func (t *Tape) LogDetSPD(a *Var) *Var {
	l := t.Cholesky(a)
	if l.dead {
		return l
	}
	return t.Scale(t.Sum(t.Log(t.Diag(l)), -1), 2)
}

// batchOf is the number of matrices in [.., N, M] and N.
func batchOf(x *Var) (batch, n int) {
	if r := len(x.shape); r >= 2 {
		return tc.Size(x.shape[:r-2]), x.shape[r-2]
	}
	return 0, 0
}

// bmm multiplies matrices [.., I, K] and [.., K, J] of equal leading axes.
func (t *Tape) bmm(a, b *Var, ta, tb bool) *Var {
	if a.dead || b.dead {
		return t.deadVar(nil)
	}
	return t.product("MatMul", a, b, ta, tb)
}

// swapLast transposes matrices [.., N, M].
func (t *Tape) swapLast(x *Var) *Var {
	var axes [tc.MaxRank]int
	r := len(x.shape)
	if r < 2 {
		return x
	}
	for i := range r {
		axes[i] = i
	}
	axes[r-1], axes[r-2] = r-2, r-1
	return t.Transpose(x, axes[:r]...)
}

func (t *Tape) symmetric(x *Var) *Var { return t.Scale(t.Add(x, t.swapLast(x)), 0.5) }
