package autograd

import (
	"math"

	tc "github.com/sluice-stream/sluice/tensorcore"
)

// Attention returns softmax(q k^T / sqrt(D)) v for each matrix of a batch. A query that may see no key gives zeros.
//
//	q       [N, L, D], D >= 1
//	k       [N, M, D]
//	v       [N, M, E]
//	mask    broadcasts to [N, L, M]: 0 where a query may not see a key; nil for none
//	result  [N, L, E]
func (t *Tape) Attention(q, k, v, mask *Var) *Var {
	if t.bad("Attention", q, k, v) || mask != nil && t.bad("Attention", mask) {
		return t.deadVar(nil)
	}
	if len(q.shape) != 3 || len(k.shape) != 3 || len(v.shape) != 3 || q.shape[2] == 0 || k.shape[2] != q.shape[2] ||
		!tc.SameShape(k.shape[:2], v.shape[:2]) || k.shape[0] != q.shape[0] {
		return t.fail("Attention", "want q [N, L, D], k [N, M, D], v [N, M, E], got shapes %v, %v, %v", q.shape, k.shape, v.shape)
	}
	scores := t.product("Attention", t.Scale(q, 1/math.Sqrt(float64(q.shape[2]))), k, false, true)
	if mask == nil {
		scores = t.Softmax(scores, 2)
	} else {
		scores = t.MaskedSoftmax(scores, mask, 2)
	}
	return t.product("Attention", scores, v, false, false)
}

// MaskedSoftmax is Softmax over the elements where mask is not 0; the others are 0, and so is a lane of none.
//
//	mask  broadcasts to x's shape; no gradient flows to it
func (t *Tape) MaskedSoftmax(x, mask *Var, axis int) *Var {
	y := t.Softmax(t.Where(mask, x, t.Fill(lowest)), axis)
	return t.Where(mask, y, t.Fill(0)) // for lanes of none
}

// MaskedLogSumExp is LogSumExp over the elements where mask is not 0; of none it is below -1e29.
func (t *Tape) MaskedLogSumExp(x, mask *Var, axis int) *Var {
	return t.LogSumExp(t.Where(mask, x, t.Fill(lowest)), axis)
}

// Heads cuts the last axis into h heads and makes them part of the batch.
//
//	x       [B, L, h*D]
//	result  [B*h, L, D]
func (t *Tape) Heads(x *Var, h int) *Var {
	if t.bad("Heads", x) {
		return t.deadVar(nil)
	}
	if len(x.shape) != 3 || h < 1 || x.shape[2]%h != 0 {
		return t.fail("Heads", "want [B, L, D] with D a multiple of the heads, got shape %v and %d heads", x.shape, h)
	}
	b, l, d := x.shape[0], x.shape[1], x.shape[2]/h
	return t.Reshape(t.Transpose(t.Reshape(x, b, l, h, d), 0, 2, 1, 3), b*h, l, d)
}

// MergeHeads is the reverse of Heads.
//
//	x       [B*h, L, D]
//	result  [B, L, h*D]
func (t *Tape) MergeHeads(x *Var, h int) *Var {
	if t.bad("MergeHeads", x) {
		return t.deadVar(nil)
	}
	if len(x.shape) != 3 || h < 1 || x.shape[0]%h != 0 {
		return t.fail("MergeHeads", "want [B*heads, L, D], got shape %v and %d heads", x.shape, h)
	}
	b, l, d := x.shape[0]/h, x.shape[1], x.shape[2]
	return t.Reshape(t.Transpose(t.Reshape(x, b, h, l, d), 0, 2, 1, 3), b, l, h*d)
}
