package autograd

import (
	"math"

	"gorgonia.org/tensor"

	"github.com/sluice-stream/sluice/tensorcore"
)

// Var is a value on a tape. It is valid until the tape's Reset.
type Var struct {
	tape  *Tape
	val   *tensor.Dense
	shape []int // own storage in dims
	dims  [tensorcore.MaxRank]int
	buf   *buffer       // the pool's memory behind val; nil where val came from outside
	view  *tensor.Dense // header of values that lie in another var's memory, kept for reuse
	id    int
	dead  bool
	leaf  bool // came by Tape.Leaf
	gone  bool // its memory was given back
	spent bool // a gradient of Backward: not to be differentiated
	hold  int  // places of a backward pass that hold it as a gradient

	name string
	grad gradFunc
	in   []*Var // inputs that gradients flow to; none for constants
	in0  [3]*Var
	more []*Var // storage for longer inputs, kept for reuse
	at   attrs
}

// attrs are the settings of one use of an op.
type attrs struct {
	p, q    float64
	i, j    int
	ta, tb  bool
	part    bool // of a Slice
	axes    [tensorcore.MaxRank]int
	inverse [tensorcore.MaxRank]int
	idx     []int32
	custom  func(t *Tape, grad *Var) []*Var
	again   func(x ...*Var) *Var // of a Recompute
	args    []*Var
	win     tensorcore.Window
	one     *Var   // a gradient shared by inputs, or
	memo    []*Var // several, for
	memoFor *Var   // this gradient of the result
}

// gradFunc is the vector-Jacobian product of an op: the gradient of input i of y, given the gradient g of y. It is
// written in tape operations, so that it can be differentiated again. nil means zeros. A result of a shape that y
// was broadcast to is summed back to the input's shape by the caller.
type gradFunc func(t *Tape, y, g *Var, i int) *Var

// noGrad is for piecewise constant functions.
func noGrad(*Tape, *Var, *Var, int) *Var { return nil }

// Shape returns the extents; the caller must not change them.
func (v *Var) Shape() []int { return shapeOf(v) }

// Size returns the number of elements.
func (v *Var) Size() int { return tensorcore.Size(shapeOf(v)) }

// Value returns the tensor, in the engine's memory; nil after an error. It is valid until the tape's Reset.
func (v *Var) Value() *tensor.Dense {
	if v == nil {
		return nil
	}
	return v.val
}

// Float32s returns the elements of a float32 var, a view where host memory allows; nil after an error.
func (v *Var) Float32s() []float32 {
	if d := v.host(tensor.Float32); d != nil {
		return d.Float32s()
	}
	return nil
}

// Float64s returns the elements of a float64 var, a view where host memory allows; nil after an error.
func (v *Var) Float64s() []float64 {
	if d := v.host(tensor.Float64); d != nil {
		return d.Float64s()
	}
	return nil
}

// Scalar returns the one element of v; NaN after an error or when v has another size.
func (v *Var) Scalar() float64 {
	if v == nil || v.dead || v.Size() != 1 {
		return math.NaN()
	}
	if v.val.Dtype() == tensor.Float32 {
		return float64(v.Float32s()[0])
	}
	return v.Float64s()[0]
}

func (v *Var) host(dt tensor.Dtype) *tensor.Dense {
	if v == nil || v.dead || v.val.Dtype() != dt {
		return nil
	}
	d, err := v.tape.eng.Host(v.val)
	if err != nil {
		v.tape.fail("Host", "%v", err)
		return nil
	}
	return d
}

func (v *Var) setShape(shape []int) { v.shape = append(v.dims[:0], shape...) }
