package autograd

import tc "github.com/sluice-stream/sluice/tensorcore"

// TopK returns the k largest elements of each lane along an axis, largest first, and their positions, row-major of
// the result's shape. Equal elements keep their order; NaN comes last. Gradients flow to the elements taken.
//
//	x       [.., n, ..], n >= k
//	values  [.., k, ..]
func (t *Tape) TopK(x *Var, axis, k int) (values *Var, idx []int32) {
	return t.best("TopK", x, axis, k, true)
}

// Sort returns the elements of each lane along an axis in rising order, and their positions, as TopK does.
func (t *Tape) Sort(x *Var, axis int) (values *Var, idx []int32) {
	a, ok := t.axis("Sort", x, axis)
	if !ok {
		return t.deadVar(nil), nil
	}
	return t.best("Sort", x, a, x.shape[a], false)
}

func (t *Tape) best(name string, x *Var, axis, k int, largest bool) (*Var, []int32) {
	idx := t.order(name, x, axis, k, largest)
	if t.err != nil {
		return t.deadVar(nil), nil
	}
	return t.TakeAlong(x, axis, idx, k), idx
}

// ArgMax returns the position of the largest element of each lane along an axis, row-major over the other axes; the
// first of equal ones. The slice is the tape's, valid until Reset.
func (t *Tape) ArgMax(x *Var, axis int) []int32 { return t.order("ArgMax", x, axis, 1, true) }

// ArgTopK returns the positions TopK would, without the values.
func (t *Tape) ArgTopK(x *Var, axis, k int) []int32 { return t.order("ArgTopK", x, axis, k, true) }

// ArgSort returns the positions of each lane's elements along an axis in rising order.
func (t *Tape) ArgSort(x *Var, axis int) []int32 {
	a, ok := t.axis("ArgSort", x, axis)
	if !ok {
		return nil
	}
	return t.order("ArgSort", x, a, x.shape[a], false)
}

func (t *Tape) order(name string, x *Var, axis, k int, largest bool) []int32 {
	a, ok := t.axis(name, x, axis)
	if !ok {
		return nil
	}
	if k < 0 || k > x.shape[a] {
		t.fail(name, "want 0 to %d elements along axis %d of shape %v, got %d", x.shape[a], a, x.shape, k)
		return nil
	}
	outer, inner := tc.Size(x.shape[:a]), tc.Size(x.shape[a+1:])
	idx := t.ints.take(outer * k * inner)
	t.eng.Order(idx, x.val, outer, x.shape[a], inner, k, largest)
	return idx
}

// Sparsemax returns the point of the simplex nearest to each row: a softmax with zeros.
//
//	x       [.., n], n >= 1
//	source  Martins, Astudillo 2016
func (t *Tape) Sparsemax(x *Var) *Var {
	a, ok := t.axis("Sparsemax", x, -1)
	if !ok {
		return t.deadVar(shapeOf(x))
	}
	n := x.shape[a]
	if n == 0 {
		return t.fail("Sparsemax", "want at least one element along the last axis, got shape %v", x.shape)
	}
	z, _ := t.TopK(x, a, n)
	rank := t.AddScalar(t.Iota(n), 1)
	inside := t.Greater(t.AddScalar(t.Mul(rank, z), 1), t.CumSum(z, a)) // 1 for the elements that stay above 0
	theta := t.Div(t.AddScalar(t.SumKeep(t.Mul(z, inside), a), -1), t.SumKeep(inside, a))
	return t.Relu(t.Sub(x, theta))
}
