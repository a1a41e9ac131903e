package autograd

import tc "github.com/sluice-stream/sluice/tensorcore"

// StopGradient returns x as a constant: no gradient flows through it.
func (t *Tape) StopGradient(x *Var) *Var {
	if t.bad("StopGradient", x) {
		return t.deadVar(shapeOf(x))
	}
	return t.record(t.alias(x.shape, x), "StopGradient", nil)
}

// StraightThrough returns the values of hard; gradients flow to soft as if it had been returned.
//
//	hard, soft  one shape
func (t *Tape) StraightThrough(hard, soft *Var) *Var {
	if t.bad("StraightThrough", hard, soft) {
		return t.deadVar(shapeOf(hard))
	}
	if !tc.SameShape(hard.shape, soft.shape) {
		return t.fail("StraightThrough", "want one shape, got %v and %v", hard.shape, soft.shape)
	}
	return t.record(t.alias(hard.shape, hard), "StraightThrough", func(_ *Tape, _, g *Var, _ int) *Var { return g }, soft)
}

// Eye returns the n x n identity.
func (t *Tape) Eye(n int) *Var { return t.DiagEmbed(t.Fill(1, n)) }

// Iota returns 0, 1, .. n-1.
func (t *Tape) Iota(n int) *Var {
	if n == 0 {
		return t.Fill(0, 0)
	}
	return t.AddScalar(t.CumSum(t.Fill(1, n), 0), -1)
}

// Lower returns n x n, 1 on the diagonal and below it, else 0: which positions a causal query may see.
func (t *Tape) Lower(n int) *Var {
	i := t.Iota(n)
	return t.GreaterEq(t.Reshape(i, n, 1), i)
}

// OneHot returns a row for each label, 1 at the label and 0 elsewhere; a negative label gives a row of zeros.
//
//	result  [len(labels), classes]
func (t *Tape) OneHot(labels []int32, classes int) *Var {
	if t.err != nil {
		return t.deadVar(nil)
	}
	at := t.ints.take(len(labels))
	n := 0
	for i, l := range labels {
		if int(l) >= classes {
			return t.fail("OneHot", "want labels below %d, got %d at position %d", classes, l, i)
		}
		if l >= 0 {
			at[n] = int32(i*classes) + l
			n++
		}
	}
	return t.Reshape(t.ScatterAdd(t.Fill(1, n), at[:n], len(labels)*classes), len(labels), classes)
}
