package autograd

import (
	"slices"

	tc "github.com/sluice-stream/sluice/tensorcore"
)

// Sum returns the sum over the given axes, which are dropped; without axes, over all. Negative axes count from the end.
func (t *Tape) Sum(x *Var, axes ...int) *Var { return t.sum("Sum", x, axes, false) }

// SumKeep is Sum with the axes kept at size 1.
func (t *Tape) SumKeep(x *Var, axes ...int) *Var { return t.sum("SumKeep", x, axes, true) }

// Mean returns the mean over the given axes, which are dropped; without axes, over all. It is NaN over no elements.
func (t *Tape) Mean(x *Var, axes ...int) *Var { return t.mean("Mean", x, axes, false) }

// MeanKeep is Mean with the axes kept at size 1.
func (t *Tape) MeanKeep(x *Var, axes ...int) *Var { return t.mean("MeanKeep", x, axes, true) }

func (t *Tape) mean(name string, x *Var, axes []int, keep bool) *Var {
	s := t.sum(name, x, axes, keep)
	if s.dead {
		return s
	}
	return t.Scale(s, float64(s.Size())/float64(x.Size()))
}

func (t *Tape) sum(name string, x *Var, axes []int, keep bool) *Var {
	if t.bad(name, x) {
		return t.deadVar(nil)
	}
	drop, ok := axisSet(axes, len(x.shape))
	if !ok {
		return t.fail(name, "want distinct axes of shape %v, got %s", x.shape, text(axes))
	}
	var kept, dropped [tc.MaxRank]int
	k, d := kept[:0], dropped[:0]
	for i, n := range x.shape {
		if drop[i] {
			k = append(k, 1)
		} else {
			k, d = append(k, n), append(d, n)
		}
	}
	y := x
	for i := len(x.shape) - 1; i >= 0; i-- { // runs of neighbouring axes, the last first
		if !drop[i] {
			continue
		}
		from := i
		for from > 0 && drop[from-1] {
			from--
		}
		y = t.sumRun(name, y, from, i+1)
		i = from
	}
	if keep {
		return t.Reshape(y, k...)
	}
	return t.Reshape(y, d...)
}

// sumRun sums axes from .. to-1, and keeps them at size 1.
func (t *Tape) sumRun(name string, x *Var, from, to int) *Var {
	var room [tc.MaxRank]int
	shape := append(room[:0], x.shape...)
	for i := from; i < to; i++ {
		shape[i] = 1
	}
	y := t.alloc(shape)
	t.eng.Reduce(tc.Sum, y.val, x.val, tc.Size(x.shape[:from]), tc.Size(x.shape[from:to]), tc.Size(x.shape[to:]))
	return t.record(y, name, func(t *Tape, y, g *Var, _ int) *Var { return t.BroadcastTo(g, y.in[0].shape...) }, x)
}

// axisSet marks the given axes of rank n, all of them when there are none.
func axisSet(axes []int, n int) (set [tc.MaxRank]bool, ok bool) {
	for i := range n {
		set[i] = len(axes) == 0
	}
	for _, a := range axes {
		if a < 0 {
			a += n
		}
		if a < 0 || a >= n || set[a] {
			return set, false
		}
		set[a] = true
	}
	return set, true
}

// axis checks one axis and counts negative ones from the end.
func (t *Tape) axis(name string, x *Var, axis int) (a int, ok bool) {
	if t.bad(name, x) {
		return 0, false
	}
	a = axis
	if a < 0 {
		a += len(x.shape)
	}
	if a < 0 || a >= len(x.shape) {
		t.fail(name, "shape %v has no axis %d", x.shape, axis)
		return 0, false
	}
	return a, true
}

// Max returns the largest element along an axis, which is dropped; the gradient goes to the first of equal ones.
func (t *Tape) Max(x *Var, axis int) *Var {
	return t.reduceAxis("Max", tc.Maximum, x, axis, func(t *Tape, y, g *Var, _ int) *Var {
		x, a := y.in[0], y.at.i
		first := t.along("FirstMax", tc.FirstMax, x, a, 0, noGrad)
		return t.Mul(first, t.keepAxis(g, a))
	})
}

// LogSumExp returns the log of the sum of e^x along an axis, which is dropped, without overflow.
func (t *Tape) LogSumExp(x *Var, axis int) *Var {
	return t.reduceAxis("LogSumExp", tc.LogSumExp, x, axis, func(t *Tape, y, g *Var, _ int) *Var {
		return t.Mul(t.Softmax(y.in[0], y.at.i), t.keepAxis(g, y.at.i))
	})
}

func (t *Tape) reduceAxis(name string, f tc.ReduceOp, x *Var, axis int, grad gradFunc) *Var {
	a, ok := t.axis(name, x, axis)
	if !ok {
		return t.deadVar(nil)
	}
	if x.shape[a] == 0 {
		return t.fail(name, "want at least one element along axis %d, got shape %v", a, x.shape)
	}
	var room [tc.MaxRank]int
	shape := slices.Delete(append(room[:0], x.shape...), a, a+1)
	y := t.alloc(shape)
	y.at.i = a
	t.eng.Reduce(f, y.val, x.val, tc.Size(x.shape[:a]), x.shape[a], tc.Size(x.shape[a+1:]))
	return t.record(y, name, grad, x)
}

// keepAxis gives x back an axis of size 1 at position a.
func (t *Tape) keepAxis(x *Var, a int) *Var {
	var room [tc.MaxRank + 1]int
	return t.Reshape(x, slices.Insert(append(room[:0], x.shape...), a, 1)...)
}
