package autograd

import (
	"slices"

	"gorgonia.org/tensor"

	"github.com/sluice-stream/sluice/tensorcore"
)

// Tape records operations and differentiates them. It is for one goroutine.
//
// After the first error every operation returns a dead var and does nothing, so callers chain without checks and
// ask Err, or Grad, at the end.
type Tape struct {
	eng    tensorcore.Engine
	dt     tensor.Dtype
	nodes  []*Var // nodes[:n] are in use; the rest wait to be used again
	n      int
	pool   pool
	keys   map[any]*Var
	leaves []Leaf
	err    error
	fault  error // of the engine: nothing can run
	quiet  int   // depth of NoGrad
	again  int   // depth of Recompute's second runs
	back   backward
	ints   arena[int32]
	vars   arena[*Var]

	backDepth int // Grads in work
}

// Leaf is a trainable value that a tape has used.
type Leaf struct {
	Key  any
	Rows []int32 // rows of the parameter that Var holds; nil for all
	Var  *Var
}

// NewTape returns an empty tape that computes on eng. An engine with a method `Err() error` that returns an error
// cannot run: the tape has that error from the start and after every Reset.
func NewTape(eng tensorcore.Engine) *Tape {
	t := &Tape{eng: eng, keys: map[any]*Var{}, pool: newPool(eng)}
	if e, ok := eng.(interface{ Err() error }); ok {
		t.fault = e.Err()
	}
	t.err = t.fault
	return t
}

// Engine returns the engine the tape computes on.
func (t *Tape) Engine() tensorcore.Engine { return t.eng }

// Reset forgets all vars, leaves and the error, and keeps their memory for the next step. Every Var and every
// value of this life becomes invalid.
func (t *Tape) Reset() {
	t.pool.reset()
	t.ints.reset()
	t.vars.reset()
	for _, v := range t.nodes[:t.n] {
		*v = Var{tape: t, view: v.view, more: v.more}
	}
	t.n, t.err, t.dt = 0, t.fault, tensor.Dtype{}
	clear(t.keys)
	clear(t.leaves)
	t.leaves = t.leaves[:0]
}

// Bytes returns the memory that the tape has taken from the engine and keeps for the next steps.
func (t *Tape) Bytes() int { return t.pool.bytes() }

// Err returns the first error of this life: the operation, the shapes and the line that called it.
func (t *Tape) Err() error { return t.err }

// NoGrad runs f; operations in it are constants to later gradients.
func (t *Tape) NoGrad(f func()) {
	t.quiet++
	defer func() { t.quiet-- }()
	f()
}

// Leaf puts a trainable value on the tape. The tape keeps v, without a copy where the engine can read it, until
// Reset. The second call with one key returns the first var. rows tells which rows of a larger parameter v holds;
// nil means v is the whole parameter.
func (t *Tape) Leaf(key any, rows []int32, v *tensor.Dense) *Var {
	if l, ok := t.keys[key]; ok {
		if !slices.Equal(t.leafRows(l), rows) {
			return t.fail("Leaf", "this parameter is on the tape with other rows: %d before, %d now", len(t.leafRows(l)), len(rows))
		}
		return l
	}
	x := t.input("Leaf", v)
	if !x.dead {
		x.leaf = true
		t.keys[key] = x
		t.leaves = append(t.leaves, Leaf{key, rows, x})
	}
	return x
}

func (t *Tape) leafRows(v *Var) []int32 {
	for _, l := range t.leaves {
		if l.Var == v {
			return l.Rows
		}
	}
	return nil
}

// Leaves returns the trainable values in order of first use.
func (t *Tape) Leaves() []Leaf { return t.leaves }

// Const puts a value on the tape. The tape keeps v, without a copy where the engine can read it, until Reset.
func (t *Tape) Const(v *tensor.Dense) *Var { return t.input("Const", v) }

// Fill returns a constant of the tape's dtype (float32 when it has no value yet), every element v.
func (t *Tape) Fill(v float64, shape ...int) *Var {
	if t.err != nil {
		return t.deadVar(shape)
	}
	if !validShape(shape) {
		return t.fail("Fill", "want at most %d axes of 0 or more, got shape %s", tensorcore.MaxRank, text(shape))
	}
	t.setDtype(tensor.Float32)
	y := t.alloc(shape)
	t.eng.Fill(y.val, v)
	return y
}

func validShape(shape []int) bool {
	for _, d := range shape {
		if d < 0 {
			return false
		}
	}
	return len(shape) <= tensorcore.MaxRank
}

func (t *Tape) setDtype(dt tensor.Dtype) {
	if t.dt.Type == nil {
		t.dt = dt
	}
}

func (t *Tape) input(name string, v *tensor.Dense) *Var {
	if t.err != nil {
		return t.deadVar(nil)
	}
	if v == nil {
		return t.fail(name, "want a tensor, got nil")
	}
	d, err := t.eng.Load(v)
	if err != nil {
		return t.fail(name, "%v", err)
	}
	t.setDtype(d.Dtype())
	if d.Dtype() != t.dt {
		return t.fail(name, "want %v as the tape's first value, got %v; convert it first", t.dt, d.Dtype())
	}
	if d.Dims() > tensorcore.MaxRank {
		return t.fail(name, "want at most %d axes, got shape %v", tensorcore.MaxRank, d.Shape())
	}
	x := t.next()
	x.setShape(d.Shape())
	x.val = d
	return x
}

// next returns an unused var without value.
func (t *Tape) next() *Var {
	if t.n == len(t.nodes) {
		t.nodes = append(t.nodes, &Var{tape: t})
	}
	v := t.nodes[t.n]
	v.id = t.n
	t.n++
	return v
}

// alloc returns a new var of the given shape and undefined content.
func (t *Tape) alloc(shape []int) *Var {
	y := t.next()
	y.setShape(shape)
	y.buf = t.pool.get(t.dt, y.shape)
	y.val = y.buf.d
	return y
}

// alias returns a new var of the given shape over x's memory.
func (t *Tape) alias(shape []int, x *Var) *Var {
	y := t.next()
	y.setShape(shape)
	if y.view == nil || y.view.Dtype() != t.dt {
		y.view = tensorcore.Zeros(t.dt, 0)
	}
	tensorcore.View(y.view, x.val, y.shape)
	y.val = y.view
	if y.buf = x.buf; y.buf != nil {
		y.buf.refs++
	}
	return y
}

// drop gives the memory of v back; v cannot be used any more. Values from outside stay.
func (t *Tape) drop(v *Var) {
	if v.buf == nil {
		return
	}
	t.pool.release(v.buf)
	v.buf, v.val, v.gone = nil, nil, true
}

// record notes how y came to be, and returns it.
func (t *Tape) record(y *Var, name string, grad gradFunc, in ...*Var) *Var {
	y.name = name
	if t.quiet > 0 {
		return y
	}
	y.grad = grad
	if len(in) <= len(y.in0) {
		y.in = append(y.in0[:0], in...)
	} else {
		y.more = append(y.more[:0], in...)
		y.in = y.more
	}
	return y
}

// composite computes a value by operations that leave nothing behind, for an op with a vjp of its own.
func (t *Tape) composite(name string, grad gradFunc, f func() *Var, in ...*Var) *Var {
	from := t.n
	t.quiet++
	y := f()
	t.quiet--
	if t.err != nil {
		return t.deadVar(nil)
	}
	if y.id < from || y.grad != nil { // an input itself: a view of it is the result
		y = t.alias(y.shape, y)
	}
	for _, v := range t.nodes[from:t.n] {
		if v != y {
			t.drop(v)
		}
	}
	return t.record(y, name, grad, in...)
}
