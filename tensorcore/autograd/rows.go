package autograd

import (
	"slices"

	tc "github.com/sluice-stream/sluice/tensorcore"
)

// Gather returns rows of x by index; idx is kept until Reset.
//
//	x       [U, D...]
//	result  [len(idx), D...]
func (t *Tape) Gather(x *Var, idx []int32) *Var {
	if !t.rows("Gather", x) || !t.indices("Gather", idx, x.shape[0]) {
		return t.deadVar(nil)
	}
	y := t.allocRows(x, len(idx))
	y.at.idx = idx
	t.eng.Gather(y.val, x.val, idx, tc.Size(x.shape[1:]))
	return t.record(y, "Gather", func(t *Tape, y, g *Var, _ int) *Var {
		return t.ScatterAdd(g, y.at.idx, y.in[0].shape[0])
	}, x)
}

// ScatterAdd returns `rows` rows; row r is the sum of g's rows i with idx[i] = r, in order. idx is kept until Reset.
//
//	g       [len(idx), D...]
//	result  [rows, D...]
func (t *Tape) ScatterAdd(g *Var, idx []int32, rows int) *Var {
	if !t.rows("ScatterAdd", g) {
		return t.deadVar(nil)
	}
	if len(idx) != g.shape[0] || rows < 0 {
		return t.fail("ScatterAdd", "want one index a row of shape %v and rows >= 0, got %d indices and %d rows", g.shape, len(idx), rows)
	}
	if !t.indices("ScatterAdd", idx, rows) {
		return t.deadVar(nil)
	}
	y := t.allocRows(g, rows)
	y.at.idx = idx
	t.eng.ScatterAdd(y.val, g.val, idx, tc.Size(g.shape[1:]))
	return t.record(y, "ScatterAdd", func(t *Tape, y, g *Var, _ int) *Var { return t.Gather(g, y.at.idx) }, g)
}

// SegmentSum returns one row a segment: row s is the sum of x's rows offsets[s] .. offsets[s+1]-1, zeros for none.
// offsets rise from 0 to the number of rows and are kept until Reset.
//
//	x       [N, D...]
//	result  [len(offsets)-1, D...]
func (t *Tape) SegmentSum(x *Var, offsets []int32) *Var {
	if !t.rows("SegmentSum", x) || !t.offsets("SegmentSum", offsets, x.shape[0]) {
		return t.deadVar(nil)
	}
	y := t.allocRows(x, len(offsets)-1)
	y.at.idx = offsets
	t.eng.SegmentSum(y.val, x.val, offsets, tc.Size(x.shape[1:]))
	return t.record(y, "SegmentSum", func(t *Tape, y, g *Var, _ int) *Var { return t.SegmentSpread(g, y.at.idx) }, x)
}

// SegmentSpread repeats row s of x for rows offsets[s] .. offsets[s+1]-1: the reverse of SegmentSum.
//
//	x       [len(offsets)-1, D...]
//	result  [N, D...], N the last offset
func (t *Tape) SegmentSpread(x *Var, offsets []int32) *Var {
	if !t.rows("SegmentSpread", x) {
		return t.deadVar(nil)
	}
	if len(offsets) != x.shape[0]+1 {
		return t.fail("SegmentSpread", "want one offset more than rows of shape %v, got %d", x.shape, len(offsets))
	}
	last := int(offsets[len(offsets)-1])
	if !t.offsets("SegmentSpread", offsets, last) {
		return t.deadVar(nil)
	}
	y := t.allocRows(x, last)
	y.at.idx = offsets
	t.eng.SegmentSpread(y.val, x.val, offsets, tc.Size(x.shape[1:]))
	return t.record(y, "SegmentSpread", func(t *Tape, y, g *Var, _ int) *Var { return t.SegmentSum(g, y.at.idx) }, x)
}

// allocRows returns a new var of x's shape but for the number of rows.
func (t *Tape) allocRows(x *Var, rows int) *Var {
	var room [tc.MaxRank]int
	s := append(room[:0], x.shape...)
	s[0] = rows
	return t.alloc(s)
}

func (t *Tape) rows(name string, x *Var) bool {
	if t.bad(name, x) {
		return false
	}
	if len(x.shape) == 0 {
		t.fail(name, "want rows, got a scalar")
		return false
	}
	return true
}

func (t *Tape) indices(name string, idx []int32, rows int) bool {
	for i, r := range idx {
		if r < 0 || int(r) >= rows {
			t.fail(name, "want indices from 0 to %d, got %d at position %d", rows-1, r, i)
			return false
		}
	}
	return true
}

func (t *Tape) offsets(name string, offsets []int32, rows int) bool {
	if len(offsets) == 0 || offsets[0] != 0 || int(offsets[len(offsets)-1]) != rows || !slices.IsSorted(offsets) {
		t.fail(name, "want offsets that rise from 0 to the %d rows, got %d of them from %v to %v", rows, len(offsets), first(offsets), last(offsets))
		return false
	}
	return true
}

func first(s []int32) int32 {
	if len(s) == 0 {
		return -1
	}
	return s[0]
}

func last(s []int32) int32 {
	if len(s) == 0 {
		return -1
	}
	return s[len(s)-1]
}
