package autograd_test

// spd makes x [.., N, N] symmetric and positive definite.
func spd(tp *tape, x *vr) *vr {
	n := x.Shape()[1]
	if len(x.Shape()) == 3 {
		n = x.Shape()[2]
		return tp.Add(tp.BatchMatMul(x, x, false, true), tp.Eye(n))
	}
	return tp.Add(tp.MatMulT(x, x), tp.Eye(n))
}

var matrixCases = []opCase{
	{"cholesky", []input{in(3, 3)}, func(tp *tape, x []*vr) *vr { return tp.Cholesky(spd(tp, x[0])) }},
	{"cholesky of any", []input{in(2, 2)}, func(tp *tape, x []*vr) *vr { // not symmetric: its symmetric part is meant
		return tp.Cholesky(tp.Add(x[0], tp.Scale(tp.Eye(2), 6)))
	}},
	{"cholesky batch", []input{in(2, 2, 2)}, func(tp *tape, x []*vr) *vr { return tp.Cholesky(spd(tp, x[0])) }},
	{"solve lower", []input{between(0.5, 1.5, 3, 3), in(3, 2)}, func(tp *tape, x []*vr) *vr { return tp.SolveLower(x[0], x[1], false) }},
	{"solve lower t", []input{between(0.5, 1.5, 2, 3, 3), in(2, 3, 2)}, func(tp *tape, x []*vr) *vr { return tp.SolveLower(x[0], x[1], true) }},
	{"solve spd", []input{in(2, 2, 2), in(2, 2, 1)}, func(tp *tape, x []*vr) *vr { return tp.SolveSPD(spd(tp, x[0]), x[1]) }},
	{"inverse", []input{in(3, 3)}, func(tp *tape, x []*vr) *vr { return tp.InverseSPD(spd(tp, x[0])) }},
	{"log det", []input{in(2, 3, 3)}, func(tp *tape, x []*vr) *vr { return tp.LogDetSPD(spd(tp, x[0])) }},
	{"eigenvalues", []input{in(3, 3)}, func(tp *tape, x []*vr) *vr { w, _ := tp.EigenSym(x[0]); return w }},
	{"eigenvectors", []input{in(3, 3)}, func(tp *tape, x []*vr) *vr { _, v := tp.EigenSym(x[0]); return v }},
	{"eigen both", []input{in(2, 2, 2)}, func(tp *tape, x []*vr) *vr {
		w, v := tp.EigenSym(x[0])
		return tp.Mul(tp.Exp(tp.Reshape(w, 2, 1, 2)), tp.Square(v))
	}},
	{"singular values", []input{in(3, 2)}, func(tp *tape, x []*vr) *vr { return tp.SingularValues(x[0]) }},
	{"svd tall", []input{in(4, 2)}, func(tp *tape, x []*vr) *vr {
		u, s, v := tp.SVD(x[0])
		return tp.Concat(0, u, tp.Reshape(s, 1, 2), v)
	}},
	{"svd wide", []input{in(2, 3)}, func(tp *tape, x []*vr) *vr {
		u, s, v := tp.SVD(x[0])
		return tp.Concat(0, u, tp.Reshape(s, 1, 2), v)
	}},
	{"squared distances", []input{in(3, 2), in(4, 2)}, func(tp *tape, x []*vr) *vr { return tp.SquaredDistances(x[0], x[1]) }},
	{"own distances", []input{in(3, 2)}, func(tp *tape, x []*vr) *vr { return tp.SquaredDistances(x[0], x[0]) }},
	{"distances", []input{in(3, 2), in(2, 2)}, func(tp *tape, x []*vr) *vr { return tp.Distances(x[0], x[1], 1e-12) }},
	{"rbf", []input{in(3, 2), in(2, 2)}, func(tp *tape, x []*vr) *vr { return tp.RBF(x[0], x[1], 1.5) }},
	{"cosine matrix", []input{in(3, 2), in(2, 2)}, func(tp *tape, x []*vr) *vr { return tp.CosineMatrix(x[0], x[1]) }},
	{"cosine", []input{in(3, 2), in(3, 2)}, func(tp *tape, x []*vr) *vr { return tp.Cosine(x[0], x[1]) }},
}
