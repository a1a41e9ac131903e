package autograd

import (
	tc "github.com/sluice-stream/sluice/tensorcore"
)

// rowMean is the mean of l, or sum of weight*l over sum of weights.
func (t *Tape) rowMean(name string, l, weights *Var) *Var {
	if weights == nil {
		return t.Mean(l)
	}
	if t.bad(name, l, weights) {
		return t.deadVar(nil)
	}
	if !tc.SameShape(l.shape, weights.shape) {
		return t.fail(name, "want weights of shape %v, got %v", l.shape, weights.shape)
	}
	return t.Div(t.Sum(t.Mul(l, weights)), t.Sum(weights))
}

// CrossEntropy returns the mean over rows, in nats, of -sum over classes of target * log softmax(logits).
//
//	logits   [B, C], C >= 1
//	targets  [B, C], soft; each row sums to 1
//	weights  [B], or nil for all 1
//	result   scalar
func (t *Tape) CrossEntropy(logits, targets, weights *Var) *Var {
	if t.bad("CrossEntropy", logits, targets) {
		return t.deadVar(nil)
	}
	if len(logits.shape) != 2 || !tc.SameShape(logits.shape, targets.shape) {
		return t.fail("CrossEntropy", "want logits and targets [B, C], got %v and %v", logits.shape, targets.shape)
	}
	return t.rowMean("CrossEntropy", t.Neg(t.Sum(t.Mul(targets, t.LogSoftmax(logits, 1)), 1)), weights)
}

// CrossEntropyLabels returns the mean over rows, in nats, of -log softmax(logits)[label].
//
//	logits   [B, C]
//	labels   [B], 0 to C-1; kept until Reset
//	weights  [B], or nil for all 1; 0 leaves a row out
//	result   scalar
func (t *Tape) CrossEntropyLabels(logits *Var, labels []int32, weights *Var) *Var {
	own := t.pick("CrossEntropyLabels", logits, labels)
	if own.dead {
		return own
	}
	return t.rowMean("CrossEntropyLabels", t.Sub(t.LogSumExp(logits, 1), own), weights)
}

// NLL returns the mean over rows of -logp[label].
//
//	logp     [B, C], log-probabilities in nats
//	labels   [B], 0 to C-1; kept until Reset
//	weights  [B], or nil for all 1
//	result   scalar
func (t *Tape) NLL(logp *Var, labels []int32, weights *Var) *Var {
	own := t.pick("NLL", logp, labels)
	if own.dead {
		return own
	}
	return t.rowMean("NLL", t.Neg(own), weights)
}

// pick returns x[i, labels[i]] of every row.
func (t *Tape) pick(name string, x *Var, labels []int32) *Var {
	if t.bad(name, x) {
		return t.deadVar(nil)
	}
	if len(x.shape) != 2 || len(labels) != x.shape[0] {
		return t.fail(name, "want [B, C] and B labels, got shape %v and %d labels", x.shape, len(labels))
	}
	at, ok := t.flatten(name, x.shape, 1, labels, 1)
	if !ok {
		return t.deadVar(nil)
	}
	return t.Gather(t.Reshape(x, x.Size()), at)
}

// Smooth returns (1-epsilon)*targets + epsilon/C for targets [B, C]: label smoothing.
func (t *Tape) Smooth(targets *Var, epsilon float64) *Var {
	if _, ok := t.axis("Smooth", targets, -1); !ok {
		return t.deadVar(nil)
	}
	c := targets.shape[len(targets.shape)-1]
	return t.AddScalar(t.Scale(targets, 1-epsilon), epsilon/float64(max(c, 1)))
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
	diag := t.ints.take(n)
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
	return t.rowMean("BCEWithLogits", t.LogisticLoss(logits, targets), weights)
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
