package autograd

import tc "github.com/sluice-stream/sluice/tensorcore"

// EmbeddingBag returns the sum of each bag's table rows, times their weights.
//
//	table    [U, D...]
//	idx      table rows, bag after bag
//	offsets  bag b is idx[offsets[b]:offsets[b+1]]; rise from 0 to len(idx)
//	weights  [len(idx)], one a lookup; nil for all 1
//	result   [len(offsets)-1, D...]; zeros for an empty bag
//
// idx and offsets are kept until Reset.
func (t *Tape) EmbeddingBag(table *Var, idx, offsets []int32, weights *Var) *Var {
	rows := t.Gather(table, idx)
	if weights != nil && !rows.dead && !t.bad("EmbeddingBag", weights) {
		if len(weights.shape) != 1 || weights.shape[0] != len(idx) {
			return t.fail("EmbeddingBag", "want one weight a lookup, %d, got shape %v", len(idx), weights.shape)
		}
		rows = t.Mul(rows, t.perRow(weights, rows))
	}
	return t.SegmentSum(rows, offsets)
}

// EmbeddingBagMean is EmbeddingBag without weights, divided by the number of rows in the bag; zeros for an empty bag.
func (t *Tape) EmbeddingBagMean(table *Var, idx, offsets []int32) *Var {
	sum := t.EmbeddingBag(table, idx, offsets, nil)
	if sum.dead {
		return sum
	}
	ones := t.SegmentSum(t.Fill(1, len(idx)), offsets)
	return t.Div(sum, t.perRow(t.Maximum(ones, t.Fill(1)), sum))
}

// perRow gives w [N] axes of size 1, so that it broadcasts over the rows of x [N, ..].
func (t *Tape) perRow(w, x *Var) *Var {
	if w.dead || x.dead {
		return t.deadVar(nil)
	}
	var room [tc.MaxRank]int
	for i := range room {
		room[i] = 1
	}
	room[0] = w.shape[0]
	return t.Reshape(w, room[:len(x.shape)]...)
}
