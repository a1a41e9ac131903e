package autograd

import (
	tc "github.com/sluice-stream/sluice/tensorcore"
)

// along runs a function of the elements of one axis that keeps the axis.
func (t *Tape) along(name string, f tc.AlongOp, x *Var, axis int, eps float64, grad gradFunc) *Var {
	a, ok := t.axis(name, x, axis)
	if !ok {
		return t.deadVar(shapeOf(x))
	}
	y := t.alloc(x.shape)
	y.at.i, y.at.p = a, eps
	t.eng.Along(f, y.val, x.val, tc.Size(x.shape[:a]), x.shape[a], tc.Size(x.shape[a+1:]), eps)
	return t.record(y, name, grad, x)
}

// Softmax returns e^x over its sum along an axis.
func (t *Tape) Softmax(x *Var, axis int) *Var {
	return t.along("Softmax", tc.Softmax, x, axis, 0, func(t *Tape, y, g *Var, _ int) *Var {
		gy := t.Mul(g, y)
		return t.Sub(gy, t.Mul(y, t.SumKeep(gy, y.at.i)))
	})
}

// LogSoftmax returns x less its log-sum-exp along an axis.
func (t *Tape) LogSoftmax(x *Var, axis int) *Var {
	return t.along("LogSoftmax", tc.LogSoftmax, x, axis, 0, func(t *Tape, y, g *Var, _ int) *Var {
		return t.Sub(g, t.Mul(t.Exp(y), t.SumKeep(g, y.at.i)))
	})
}

// LayerNorm returns (x - mean) / sqrt(variance + eps) along the last axis; variance is over n.
func (t *Tape) LayerNorm(x *Var, eps float64) *Var {
	return t.along("LayerNorm", tc.LayerNorm, x, -1, eps, func(t *Tape, y, g *Var, _ int) *Var {
		x := y.in[0]
		centred := t.Sub(x, t.MeanKeep(x, -1))
		sd := t.Sqrt(t.AddScalar(t.MeanKeep(t.Square(centred), -1), y.at.p))
		d := t.Sub(g, t.Add(t.MeanKeep(g, -1), t.Mul(y, t.MeanKeep(t.Mul(g, y), -1))))
		return t.Div(d, sd)
	})
}

// CumSum returns the running sum along an axis.
func (t *Tape) CumSum(x *Var, axis int) *Var {
	return t.along("CumSum", tc.CumSum, x, axis, 0, func(t *Tape, y, g *Var, _ int) *Var {
		a := y.at.i // the sum from the end: total - running sum + own
		return t.Add(t.Sub(t.SumKeep(g, a), t.CumSum(g, a)), g)
	})
}

// tiny keeps a row of zeros at zero; below the square of any float32 norm that matters.
const tiny = 1e-24

// NormalizeRows returns x over its Euclidean norm along the last axis; a row of zeros stays zero, with gradient 0.
func (t *Tape) NormalizeRows(x *Var) *Var {
	if _, ok := t.axis("NormalizeRows", x, -1); !ok {
		return t.deadVar(shapeOf(x))
	}
	sq := t.SumKeep(t.Square(x), -1)
	norm := t.Sqrt(t.Maximum(sq, t.Fill(tiny)))
	return t.Where(t.Greater(sq, t.Fill(tiny)), t.Div(x, norm), t.Fill(0))
}

// CrossEntropyDiag returns the mean over rows i, in nats, of -log softmax(logits[i])[i].
//
//	logits  [B, B], B >= 1
//	result  scalar
func (t *Tape) CrossEntropyDiag(logits *Var) *Var {
	if t.bad("CrossEntropyDiag", logits) {
		return t.deadVar(nil)
	}
	if s := logits.shape; len(s) != 2 || s[0] != s[1] || s[0] == 0 {
		return t.fail("CrossEntropyDiag", "want logits [B, B], got %v", s)
	}
	n := logits.shape[0]
	diag := make([]int32, n)
	for i := range diag {
		diag[i] = int32(i * (n + 1))
	}
	return t.Mean(t.Sub(t.LogSumExp(logits, 1), t.Gather(t.Reshape(logits, n*n), diag)))
}

// BCEWithLogits returns the logistic loss in nats, sum of weight*loss over sum of weights, without overflow.
//
//	logits, targets, weights  one shape; targets in [0, 1]; weights nil for all 1
//	result                    scalar; NaN when the weights sum to 0
func (t *Tape) BCEWithLogits(logits, targets, weights *Var) *Var {
	if t.bad("BCEWithLogits", logits, targets) || weights != nil && t.bad("BCEWithLogits", weights) {
		return t.deadVar(nil)
	}
	if !tc.SameShape(logits.shape, targets.shape) || weights != nil && !tc.SameShape(logits.shape, weights.shape) {
		return t.fail("BCEWithLogits", "want targets and weights of the logits' shape %v, got %v and %v", logits.shape, targets.shape, shapeOf(weights))
	}
	l := t.LogisticLoss(logits, targets)
	if weights == nil {
		return t.Mean(l)
	}
	return t.Div(t.Sum(t.Mul(l, weights)), t.Sum(weights))
}

// LogisticLoss returns each element's logistic loss max(z,0) - z*y + log(1+e^-|z|), in nats, broadcast.
func (t *Tape) LogisticLoss(logits, targets *Var) *Var {
	return t.binary("LogisticLoss", tc.BCE, logits, targets, func(t *Tape, y, g *Var, i int) *Var {
		z, target := y.in[0], y.in[1]
		if i == 1 {
			return t.Neg(t.Mul(g, z))
		}
		return t.Mul(g, t.Sub(t.Sigmoid(z), target))
	})
}
