package autograd

import (
	"slices"

	tc "github.com/sluice-stream/sluice/tensorcore"
)

// Reshape returns x with other extents over the same memory; one extent may be -1, to be worked out.
func (t *Tape) Reshape(x *Var, shape ...int) *Var {
	if t.bad("Reshape", x) {
		return t.deadVar(shape)
	}
	if tc.SameShape(x.shape, shape) {
		return x
	}
	var room [tc.MaxRank]int
	if len(shape) > tc.MaxRank {
		return t.fail("Reshape", "want at most %d axes, got %s", tc.MaxRank, text(shape))
	}
	s := append(room[:0], shape...)
	if i := slices.Index(s, -1); i >= 0 {
		s[i] = 1
		if rest := tc.Size(s); rest > 0 {
			s[i] = x.Size() / rest
		}
	}
	if !validShape(s) || tc.Size(s) != x.Size() {
		return t.fail("Reshape", "shape %s does not hold the %d elements of %v", text(shape), x.Size(), x.shape)
	}
	return t.record(t.alias(s, x), "Reshape", func(t *Tape, y, g *Var, _ int) *Var {
		return t.Reshape(g, y.in[0].shape...)
	}, x)
}

// Transpose returns x with axis i taken from axes[i]; without axes, in reverse order.
func (t *Tape) Transpose(x *Var, axes ...int) *Var {
	if t.bad("Transpose", x) {
		return t.deadVar(nil)
	}
	n := len(x.shape)
	if _, ok := axisSet(axes, n); !ok || len(axes) != 0 && len(axes) != n {
		return t.fail("Transpose", "want each axis of shape %v once, got %s", x.shape, text(axes))
	}
	var perm, shape [tc.MaxRank]int
	for i := range n {
		perm[i] = n - 1 - i
		if len(axes) > 0 {
			perm[i] = (axes[i] + n) % n
		}
		shape[i] = x.shape[perm[i]]
	}
	y := t.alloc(shape[:n])
	y.at.axes = perm // in the var, since what an interface or a recursion is given moves to the heap
	for i, a := range perm[:n] {
		y.at.inverse[a] = i
	}
	t.eng.Permute(y.val, x.val, y.at.axes[:n])
	return t.record(y, "Transpose", func(t *Tape, y, g *Var, _ int) *Var {
		return t.Transpose(g, y.at.inverse[:len(y.shape)]...)
	}, x)
}

// Concat joins xs along an axis; their other extents are equal.
func (t *Tape) Concat(axis int, xs ...*Var) *Var {
	if len(xs) == 0 && t.err == nil {
		return t.fail("Concat", "want at least one input, got none")
	}
	if t.bad("Concat", xs...) {
		return t.deadVar(nil)
	}
	a, ok := t.axis("Concat", xs[0], axis)
	if !ok {
		return t.deadVar(nil)
	}
	var room [tc.MaxRank]int
	shape := append(room[:0], xs[0].shape...)
	for _, x := range xs[1:] {
		if len(x.shape) != len(shape) || !tc.SameShape(x.shape[:a], shape[:a]) || !tc.SameShape(x.shape[a+1:], shape[a+1:]) {
			return t.fail("Concat", "want shapes equal but for axis %d, got %v and %v", a, xs[0].shape, x.shape)
		}
		shape[a] += x.shape[a]
	}
	y := t.alloc(shape)
	y.at.i = a
	from, inner := 0, tc.Size(shape[a+1:])
	for _, x := range xs {
		size := x.shape[a] * inner
		t.eng.Copy(y.val, x.val, tc.CopySpec{Count: tc.Size(shape[:a]), Size: size, DstOff: from, DstStep: shape[a] * inner, SrcStep: size})
		from += size
	}
	return t.record(y, "Concat", concatGrad, xs...)
}

func concatGrad(t *Tape, y, g *Var, i int) *Var {
	from := 0
	for _, x := range y.in[:i] {
		from += x.shape[y.at.i]
	}
	return t.Slice(g, y.at.i, from, from+y.in[i].shape[y.at.i])
}

// Slice returns positions from .. to-1 of an axis.
func (t *Tape) Slice(x *Var, axis, from, to int) *Var {
	a, ok := t.axis("Slice", x, axis)
	if !ok {
		return t.deadVar(nil)
	}
	if from < 0 || to < from || to > x.shape[a] {
		return t.fail("Slice", "want 0 <= from <= to <= %d on axis %d of shape %v, got %d and %d", x.shape[a], a, x.shape, from, to)
	}
	var room [tc.MaxRank]int
	shape := append(room[:0], x.shape...)
	shape[a] = to - from
	y := t.alloc(shape)
	y.at.i, y.at.j, y.at.part = a, from, true
	t.eng.Copy(y.val, x.val, placeOf(x, y).reversed())
	return t.record(y, "Slice", func(t *Tape, y, g *Var, _ int) *Var {
		return t.Embed(g, y.at.i, y.at.j, y.in[0].shape[y.at.i])
	}, x)
}

// place is where the blocks of a slice lie in the whole.
type place tc.CopySpec

func placeOf(x, slice *Var) place {
	a, inner := slice.at.i, tc.Size(slice.shape[slice.at.i+1:])
	size := slice.shape[a] * inner
	return place{Count: tc.Size(slice.shape[:a]), Size: size, SrcStep: size, DstOff: slice.at.j * inner, DstStep: x.shape[a] * inner}
}

// reversed goes from the whole to the slice.
func (p place) reversed() tc.CopySpec {
	return tc.CopySpec{Count: p.Count, Size: p.Size, SrcOff: p.DstOff, SrcStep: p.DstStep, DstOff: p.SrcOff, DstStep: p.SrcStep}
}

// addPart adds the gradient g of slice y to the gradient that x has already, without an Embed of zeros around it, in
// a final pass; false where that cannot be. The bits are the same, but for the sign of a zero.
func (t *Tape) addPart(x, y, g *Var) bool {
	have := t.back.grads[x.id]
	if !y.at.part || t.err != nil || have == nil || !t.owned(have) || g.dead {
		return false
	}
	t.eng.AddBlocks(have.val, g.val, tc.CopySpec(placeOf(x, y)))
	return true
}

// Embed returns zeros of extent n along an axis, with x at positions from and after: the reverse of Slice.
func (t *Tape) Embed(x *Var, axis, from, n int) *Var {
	a, ok := t.axis("Embed", x, axis)
	if !ok {
		return t.deadVar(nil)
	}
	if from < 0 || from+x.shape[a] > n {
		return t.fail("Embed", "shape %v does not fit at %d of %d along axis %d", x.shape, from, n, a)
	}
	var room [tc.MaxRank]int
	shape := append(room[:0], x.shape...)
	shape[a] = n
	y := t.alloc(shape)
	y.at.i, y.at.j = a, from
	t.eng.Fill(y.val, 0)
	inner, size := tc.Size(shape[a+1:]), x.shape[a]*tc.Size(shape[a+1:])
	t.eng.Copy(y.val, x.val, tc.CopySpec{Count: tc.Size(shape[:a]), Size: size, SrcStep: size, DstOff: from * inner, DstStep: n * inner})
	return t.record(y, "Embed", func(t *Tape, y, g *Var, _ int) *Var {
		return t.Slice(g, y.at.i, y.at.j, y.at.j+y.in[0].shape[y.at.i])
	}, x)
}
