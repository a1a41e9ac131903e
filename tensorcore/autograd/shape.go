package autograd

import tc "github.com/sluice-stream/sluice/tensorcore"

// Stack joins xs of one shape along a new axis.
//
//	xs      K x [..]
//	result  [.., K, ..]
func (t *Tape) Stack(axis int, xs ...*Var) *Var {
	if t.bad("Stack", xs...) {
		return t.deadVar(nil)
	}
	if len(xs) == 0 {
		return t.fail("Stack", "want at least one input, got none")
	}
	r := len(xs[0].shape)
	if axis < 0 {
		axis += r + 1
	}
	if axis < 0 || axis > r {
		return t.fail("Stack", "want an axis from 0 to %d for shape %v, got %d", r, xs[0].shape, axis)
	}
	parts := t.vars.take(len(xs))
	for i, x := range xs {
		if !tc.SameShape(x.shape, xs[0].shape) {
			return t.fail("Stack", "want one shape, got %v and %v", xs[0].shape, x.shape)
		}
		parts[i] = t.keepAxis(x, axis)
	}
	return t.Concat(axis, parts...)
}

// Split cuts an axis into parts of the given sizes, whose sum is its extent.
func (t *Tape) Split(x *Var, axis int, sizes ...int) []*Var {
	parts := t.vars.take(len(sizes))
	a, ok := t.axis("Split", x, axis)
	total := 0
	for _, n := range sizes {
		total += n
	}
	if ok && total != x.shape[a] {
		t.fail("Split", "want sizes that add up to %d, axis %d of shape %v, got %s", x.shape[a], a, x.shape, text(sizes))
		ok = false
	}
	from := 0
	for i, n := range sizes {
		if !ok {
			parts[i] = t.deadVar(nil)
			continue
		}
		parts[i] = t.Slice(x, a, from, from+n)
		from += n
	}
	return parts
}

// Tile repeats x, as a whole, n times along an axis.
func (t *Tape) Tile(x *Var, axis, n int) *Var {
	a, ok := t.axis("Tile", x, axis)
	if !ok {
		return t.deadVar(nil)
	}
	var room [tc.MaxRank + 1]int
	shape := append(append(append(room[:0], x.shape[:a]...), n), x.shape[a:]...)
	y := t.BroadcastTo(t.keepAxis(x, a), shape...)
	shape = append(room[:0], x.shape...)
	shape[a] *= max(n, 0)
	return t.Reshape(y, shape...)
}

// PadConst adds `before` and `after` elements of value v at the ends of an axis.
func (t *Tape) PadConst(x *Var, axis, before, after int, v float64) *Var {
	a, ok := t.axis("PadConst", x, axis)
	if !ok {
		return t.deadVar(nil)
	}
	if before < 0 || after < 0 {
		return t.fail("PadConst", "want 0 or more elements at each end, got %d and %d", before, after)
	}
	if before+after == 0 {
		return x
	}
	n := x.shape[a]
	if v == 0 {
		return t.Embed(x, a, before, before+n+after)
	}
	var room [tc.MaxRank]int
	shape := append(room[:0], x.shape...)
	shape[a] = before
	left := t.Fill(v, shape...)
	shape[a] = after
	return t.Concat(a, left, x, t.Fill(v, shape...))
}

// PadReflect adds elements at the ends of an axis by mirroring it at its first and last element, which are not
// repeated.
func (t *Tape) PadReflect(x *Var, axis, before, after int) *Var {
	a, ok := t.axis("PadReflect", x, axis)
	if !ok {
		return t.deadVar(nil)
	}
	n := x.shape[a]
	if before < 0 || after < 0 || before >= n || after >= n {
		return t.fail("PadReflect", "want 0 to %d elements at each end of axis %d of shape %v, got %d and %d", n-1, a, x.shape, before, after)
	}
	idx := t.ints.take(before + n + after)
	for i := range idx {
		p := i - before
		if p < 0 {
			p = -p
		}
		if p >= n {
			p = 2*(n-1) - p
		}
		idx[i] = int32(p)
	}
	return t.IndexSelect(x, a, idx)
}
