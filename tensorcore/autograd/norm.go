package autograd

import tc "github.com/sluice-stream/sluice/tensorcore"

// LayerNorm returns (x - mean) / sqrt(variance + eps) along the last axis; variance is over n.
func (t *Tape) LayerNorm(x *Var, eps float64) *Var {
	return t.along("LayerNorm", tc.LayerNorm, x, -1, eps, normGrad)
}

// normGrad is the vjp of y = (x - mean) / sqrt(variance + eps) along axis y.at.i, eps = y.at.p.
func normGrad(t *Tape, y, g *Var, _ int) *Var { return t.layerNormGrad(g, y, y.in[0], y.at.i, y.at.p) }

// layerNormGrad returns r*(g - mean g - y*mean(g*y)) along axis a, r = 1/sqrt(variance of x + eps). The matrix that g
// is multiplied with is symmetric, so the vjp with respect to g is the same function.
func (t *Tape) layerNormGrad(g, y, x *Var, a int, eps float64) *Var {
	return t.alongGrad("LayerNormGrad", tc.LayerNorm, a, eps, func(t *Tape, o, h *Var, i int) *Var {
		g, y, x, a := o.in[0], o.in[1], o.in[2], o.at.i
		if i == 0 {
			return t.layerNormGrad(h, y, x, a, o.at.p)
		}
		centred := t.Sub(x, t.MeanKeep(x, a))
		r := t.Pow(t.AddScalar(t.MeanKeep(t.Square(centred), a), o.at.p), -0.5)
		if i == 1 {
			gy, hy := t.MeanKeep(t.Mul(g, y), a), t.MeanKeep(t.Mul(h, y), a)
			return t.Neg(t.Mul(r, t.Add(t.Mul(h, gy), t.Mul(g, hy))))
		}
		return t.Neg(t.Mul(t.Mul(centred, t.Square(r)), t.MeanKeep(t.Mul(h, o), a))) // through r
	}, g, y, x)
}

// BatchNorm returns (x - mean) / sqrt(variance + eps) for each channel over all other axes, and the mean and the
// variance (over n), which are constants, for running statistics.
//
//	x               [..., C], at least one row
//	mean, variance  [C]
func (t *Tape) BatchNorm(x *Var, eps float64) (y, mean, variance *Var) {
	rows, ok := t.flatRows("BatchNorm", x)
	if !ok {
		return t.deadVar(shapeOf(x)), t.deadVar(nil), t.deadVar(nil)
	}
	t.quiet++
	mean = t.Mean(rows, 0)
	variance = t.composite("Variance", nil, func() *Var { return t.Mean(t.Square(t.Sub(rows, mean)), 0) })
	t.quiet--
	y = t.composite("BatchNorm", normGrad, func() *Var {
		return t.Mul(t.Sub(rows, mean), t.Pow(t.AddScalar(variance, eps), -0.5))
	}, rows)
	y.at.i, y.at.p = 0, eps
	return t.Reshape(y, x.shape...), mean, variance
}

// flatRows sees [..., C] as rows of channels.
func (t *Tape) flatRows(name string, x *Var) (*Var, bool) {
	if t.bad(name, x) {
		return nil, false
	}
	if n := len(x.shape); n < 2 || x.Size() == 0 {
		t.fail(name, "want [..., C] with at least one row, got shape %v", x.shape)
		return nil, false
	}
	return t.Reshape(x, -1, x.shape[len(x.shape)-1]), true
}

// Normalized returns (x - mean) / sqrt(variance + eps) for each channel by given statistics: what BatchNorm becomes
// after training.
//
//	x               [..., C]
//	mean, variance  [C]
func (t *Tape) Normalized(x, mean, variance *Var, eps float64) *Var {
	return t.Mul(t.Sub(x, mean), t.Pow(t.AddScalar(variance, eps), -0.5))
}

// GroupNorm cuts the channels of each row into groups and returns (x - mean) / sqrt(variance + eps) of each group
// over its channels and all inner axes. One group of all channels is a layer norm over the whole row; groups of one
// channel are an instance norm.
//
//	x  [N, ..., C], C a multiple of groups
func (t *Tape) GroupNorm(x *Var, groups int, eps float64) *Var {
	if t.bad("GroupNorm", x) {
		return t.deadVar(shapeOf(x))
	}
	n := len(x.shape)
	if n < 2 || groups < 1 || x.shape[n-1]%groups != 0 {
		return t.fail("GroupNorm", "want [N, ..., C] with C a multiple of the groups, got shape %v and %d groups", x.shape, groups)
	}
	rows, c := x.shape[0], x.shape[n-1]
	inner := tc.Size(x.shape[1 : n-1])
	if groups == 1 {
		return t.Reshape(t.LayerNorm(t.Reshape(x, rows, inner*c), eps), x.shape...)
	}
	if groups == c {
		return t.Reshape(t.along("GroupNorm", tc.LayerNorm, t.Reshape(x, rows, inner, c), 1, eps, normGrad), x.shape...)
	}
	y := t.Transpose(t.Reshape(x, rows, inner, groups, c/groups), 0, 2, 1, 3)
	y = t.LayerNorm(t.Reshape(y, rows, groups, inner*(c/groups)), eps)
	y = t.Transpose(t.Reshape(y, rows, groups, inner, c/groups), 0, 2, 1, 3)
	return t.Reshape(y, x.shape...)
}

// Variance returns the mean squared distance from the mean (over n) along the given axes, which are dropped;
// without axes, over all.
func (t *Tape) Variance(x *Var, axes ...int) *Var {
	return t.Mean(t.Square(t.Sub(x, t.MeanKeep(x, axes...))), axes...)
}

// Norm returns the Euclidean length along an axis, which is dropped; of zeros it is 0, with gradient 0.
func (t *Tape) Norm(x *Var, axis int) *Var {
	sq := t.Sum(t.Square(x), axis)
	return t.Where(t.Greater(sq, t.Fill(tiny)), t.Sqrt(t.Maximum(sq, t.Fill(tiny))), t.Fill(0))
}
