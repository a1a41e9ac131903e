package autograd

import "math"

// KL returns sum over the last axis of p (log p - log q), in nats; gradients flow to both.
//
//	logP, logQ  [.., C], log-probabilities, finite
//	result      [..]
func (t *Tape) KL(logP, logQ *Var) *Var {
	return t.Sum(t.Mul(t.Exp(logP), t.Sub(logP, logQ)), -1)
}

// JS returns the Jensen-Shannon divergence KL(p, m)/2 + KL(q, m)/2 with m = (p+q)/2, in nats, from 0 to ln 2.
//
//	logP, logQ  [.., C], log-probabilities, finite
//	result      [..]
func (t *Tape) JS(logP, logQ *Var) *Var {
	logM := t.AddScalar(t.LogAddExp(logP, logQ), -math.Ln2)
	return t.Scale(t.Add(t.KL(logP, logM), t.KL(logQ, logM)), 0.5)
}

// Entropy returns -sum over the last axis of p log p, in nats.
//
//	logP    [.., C], log-probabilities, finite
//	result  [..]
func (t *Tape) Entropy(logP *Var) *Var { return t.Neg(t.Sum(t.Mul(t.Exp(logP), logP), -1)) }

// LogAddExp returns log(e^a + e^b) without overflow, broadcast; a and b finite.
func (t *Tape) LogAddExp(a, b *Var) *Var { return t.Add(a, t.Softplus(t.Sub(b, a))) }

// InfoNCE returns the mean cross-entropy, in nats, of picking row i of b given row i of a, by cosine over temperature.
//
//	a, b         [B, D], B >= 1
//	temperature  > 0
//	result       scalar
func (t *Tape) InfoNCE(a, b *Var, temperature float64) *Var {
	if t.err == nil && !(temperature > 0) {
		return t.fail("InfoNCE", "want a temperature > 0, got %g", temperature)
	}
	return t.CrossEntropyDiag(t.Scale(t.CosineMatrix(a, b), 1/temperature))
}

// PairLoss returns the mean over positive pairs (i, j) of log(e^l_ij + sum over negatives n of e^l_in) - l_ij: each
// positive competes with the row's negatives, and not with other positives. It is 0 when no pair is positive.
//
//	logits              [N, M]
//	positive, negative  [N, M], 0 or 1; no gradient flows to them
//	result              scalar, in nats
func (t *Tape) PairLoss(logits, positive, negative *Var) *Var {
	if t.bad("PairLoss", logits, positive, negative) {
		return t.deadVar(nil)
	}
	if len(logits.shape) != 2 {
		return t.fail("PairLoss", "want logits [N, M], got shape %v", logits.shape)
	}
	rest := t.Reshape(t.MaskedLogSumExp(logits, negative, 1), logits.shape[0], 1)
	each := t.Where(positive, t.Softplus(t.Sub(rest, logits)), t.Fill(0))
	return t.Div(t.Sum(each), t.Maximum(t.StopGradient(t.Sum(positive)), t.Fill(1)))
}

// MSE returns the mean of (a-b)^2, broadcast.
func (t *Tape) MSE(a, b *Var) *Var { return t.Mean(t.Square(t.Sub(a, b))) }

// MAE returns the mean of |a-b|, broadcast.
func (t *Tape) MAE(a, b *Var) *Var { return t.Mean(t.Abs(t.Sub(a, b))) }

// Huber returns the mean of d^2/2 where |d| <= delta, else delta*(|d| - delta/2), for d = a-b, broadcast. Over delta
// it is the smooth L1 loss.
func (t *Tape) Huber(a, b *Var, delta float64) *Var {
	if t.err == nil && !(delta > 0) {
		return t.fail("Huber", "want delta > 0, got %g", delta)
	}
	d := t.Abs(t.Sub(a, b))
	c := t.Clip(d, 0, delta)
	return t.Mean(t.Mul(c, t.Sub(d, t.Scale(c, 0.5))))
}

// Pinball returns the mean of tau*e where e > 0, else (tau-1)*e, for e = target - prediction, broadcast: its minimum
// is the quantile tau.
//
//	tau  in (0, 1); broadcasts, since one step may ask for many quantiles
func (t *Tape) Pinball(prediction, target, tau *Var) *Var {
	e := t.Sub(target, prediction)
	return t.Mean(t.Maximum(t.Mul(tau, e), t.Mul(t.AddScalar(tau, -1), e)))
}

// FocalLoss returns each element's alpha_t (1-p_t)^gamma times its logistic loss, broadcast; p_t is the probability
// given to the target, alpha_t is alpha for target 1 and 1-alpha for 0.
//
//	logits, targets  targets in [0, 1]
//	gamma            >= 1
func (t *Tape) FocalLoss(logits, targets *Var, alpha, gamma float64) *Var {
	if t.err == nil && !(gamma >= 1) {
		return t.fail("FocalLoss", "want gamma >= 1, got %g", gamma)
	}
	miss := t.Pow(t.Abs(t.Sub(targets, t.Sigmoid(logits))), gamma)
	balance := t.AddScalar(t.Scale(targets, 2*alpha-1), 1-alpha)
	return t.Mul(t.Mul(miss, balance), t.LogisticLoss(logits, targets))
}
