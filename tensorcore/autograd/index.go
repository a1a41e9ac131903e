package autograd

import tc "github.com/sluice-stream/sluice/tensorcore"

// IndexSelect returns the positions idx of an axis, in that order.
//
//	x       [.., n, ..]
//	result  [.., len(idx), ..]
func (t *Tape) IndexSelect(x *Var, axis int, idx []int32) *Var {
	a, ok := t.axis("IndexSelect", x, axis)
	if !ok || !t.indices("IndexSelect", idx, x.shape[a]) {
		return t.deadVar(nil)
	}
	var room [tc.MaxRank]int
	shape := append(room[:0], x.shape...)
	shape[a] = len(idx)
	outer, n, inner := tc.Size(shape[:a]), x.shape[a], tc.Size(shape[a+1:])
	if a > 0 {
		at := t.ints.take(outer * len(idx))
		for o := range outer {
			for k, i := range idx {
				at[o*len(idx)+k] = int32(o*n) + i
			}
		}
		idx = at
	}
	return t.Reshape(t.Gather(t.Reshape(x, outer*n, inner), idx), shape...)
}

// TakeAlong picks elements along an axis, k for each lane: result[o, j, i] = x[o, idx[o, j, i], i].
//
//	x       [outer.., n, inner..]
//	idx     [outer.., k, inner..], row-major, as TopK gives them
//	result  [outer.., k, inner..]
func (t *Tape) TakeAlong(x *Var, axis int, idx []int32, k int) *Var {
	at, a, ok := t.laneIndices("TakeAlong", x, axis, idx, k)
	if !ok {
		return t.deadVar(nil)
	}
	var room [tc.MaxRank]int
	shape := append(room[:0], x.shape...)
	shape[a] = k
	return t.Reshape(t.Gather(t.Reshape(x, x.Size()), at), shape...)
}

// PutAlong adds elements along an axis of zeros: the reverse of TakeAlong.
//
//	x       [outer.., k, inner..]
//	idx     of x's shape, row-major, from 0 to n-1
//	result  [outer.., n, inner..]
func (t *Tape) PutAlong(x *Var, axis int, idx []int32, n int) *Var {
	a, ok := t.axis("PutAlong", x, axis)
	if !ok {
		return t.deadVar(nil)
	}
	var room [tc.MaxRank]int
	shape := append(room[:0], x.shape...)
	shape[a] = max(n, 0)
	at, ok := t.flatten("PutAlong", shape, a, idx, x.shape[a])
	if !ok {
		return t.deadVar(nil)
	}
	return t.Reshape(t.ScatterAdd(t.Reshape(x, x.Size()), at, tc.Size(shape)), shape...)
}

func (t *Tape) laneIndices(name string, x *Var, axis int, idx []int32, k int) (at []int32, a int, ok bool) {
	if a, ok = t.axis(name, x, axis); !ok {
		return nil, a, false
	}
	var room [tc.MaxRank]int
	at, ok = t.flatten(name, append(room[:0], x.shape...), a, idx, k)
	return at, a, ok
}

// flatten turns positions along axis a of a tensor of the given shape, k for each lane, into positions in memory.
func (t *Tape) flatten(name string, shape []int, a int, idx []int32, k int) ([]int32, bool) {
	outer, n, inner := tc.Size(shape[:a]), shape[a], tc.Size(shape[a+1:])
	if k < 0 || len(idx) != outer*k*inner {
		t.fail(name, "want %d indices, %d for each lane along axis %d of shape %s, got %d", outer*k*inner, k, a, text(shape), len(idx))
		return nil, false
	}
	if !t.indices(name, idx, n) {
		return nil, false
	}
	at := t.ints.take(len(idx))
	for o := range outer {
		for j := range k {
			row := (o*k + j) * inner
			for i := range inner {
				at[row+i] = int32((o*n+int(idx[row+i]))*inner + i)
			}
		}
	}
	return at, true
}

// Flip reverses an axis.
func (t *Tape) Flip(x *Var, axis int) *Var {
	a, ok := t.axis("Flip", x, axis)
	if !ok {
		return t.deadVar(nil)
	}
	n := x.shape[a]
	idx := t.ints.take(n)
	for i := range idx {
		idx[i] = int32(n - 1 - i)
	}
	return t.IndexSelect(x, a, idx)
}

// Roll moves elements by `shift` positions along an axis; what leaves at one end enters at the other.
func (t *Tape) Roll(x *Var, axis, shift int) *Var {
	a, ok := t.axis("Roll", x, axis)
	if !ok {
		return t.deadVar(nil)
	}
	n := x.shape[a]
	if n == 0 {
		return x
	}
	cut := n - (shift%n+n)%n
	if cut == n {
		return x
	}
	return t.Concat(a, t.Slice(x, a, cut, n), t.Slice(x, a, 0, cut))
}

// Diag returns the diagonals of matrices.
//
//	x       [.., N, N]
//	result  [.., N]
func (t *Tape) Diag(x *Var) *Var {
	if !t.square("Diag", x) {
		return t.deadVar(nil)
	}
	r := len(x.shape)
	idx := t.diagonal(tc.Size(x.shape[:r-2]), x.shape[r-1])
	return t.Reshape(t.Gather(t.Reshape(x, x.Size()), idx), x.shape[:r-1]...)
}

// DiagEmbed returns matrices of zeros with x on their diagonals: the reverse of Diag.
//
//	x       [.., N]
//	result  [.., N, N]
func (t *Tape) DiagEmbed(x *Var) *Var {
	if !t.rows("DiagEmbed", x) {
		return t.deadVar(nil)
	}
	r := len(x.shape)
	n := x.shape[r-1]
	var room [tc.MaxRank + 1]int
	idx := t.diagonal(tc.Size(x.shape[:r-1]), n)
	return t.Reshape(t.ScatterAdd(t.Reshape(x, x.Size()), idx, x.Size()*n), append(append(room[:0], x.shape...), n)...)
}

func (t *Tape) diagonal(batch, n int) []int32 {
	idx := t.ints.take(batch * n)
	for i := range idx {
		idx[i] = int32(i/n*n*n + i%n*(n+1))
	}
	return idx
}

// Trace returns the sums of the diagonals of matrices [.., N, N].
func (t *Tape) Trace(x *Var) *Var {
	if !t.square("Trace", x) {
		return t.deadVar(nil)
	}
	return t.Sum(t.Diag(x), -1)
}

func (t *Tape) square(name string, x *Var) bool {
	if t.bad(name, x) {
		return false
	}
	if r := len(x.shape); r < 2 || x.shape[r-1] != x.shape[r-2] {
		t.fail(name, "want square matrices [.., N, N], got shape %v", x.shape)
		return false
	}
	return true
}
