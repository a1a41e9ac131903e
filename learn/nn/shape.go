package nn

import (
	"fmt"

	"github.com/sluice-stream/sluice/learn"
	"github.com/sluice-stream/sluice/tensorcore/autograd"
)

// anySize stands for an extent that a layer does not prescribe.
const anySize = -1

// fits says whether x has the given extents. Where it has not, the tape gets an error that names the layer; a tape
// that has failed before keeps its first error.
func fits(tp *autograd.Tape, layer string, x *autograd.Var, want ...int) bool {
	if tp.Err() != nil || x == nil {
		return false
	}
	got := x.Shape()
	ok := len(got) == len(want)
	for i := 0; ok && i < len(want); i++ {
		ok = want[i] == anySize || want[i] == got[i]
	}
	if !ok {
		refuse(tp, "%s: want x %v (-1 for any), got %v", layer, want, got)
	}
	return ok
}

// wide says whether the last axis of x has the given extent, as fits does.
func wide(tp *autograd.Tape, layer string, x *autograd.Var, width int) bool {
	if tp.Err() != nil || x == nil {
		return false
	}
	s := x.Shape()
	if len(s) == 0 || s[len(s)-1] != width {
		refuse(tp, "%s: want x [..., %d], got %v", layer, width, s)
		return false
	}
	return true
}

// refuse gives the tape an error and returns a value that every operation passes on.
func refuse(tp *autograd.Tape, format string, args ...any) *autograd.Var {
	return tp.Custom(fmt.Sprintf(format, args...), nil, nil, nil)
}

// rows sees x [..., width] as [N, width] for f, and gives its result [N, W] the leading axes of x again.
func rows(tp *autograd.Tape, x *autograd.Var, width int, f func(x *autograd.Var) *autograd.Var) *autograd.Var {
	s := x.Shape()
	if len(s) <= 2 || s[len(s)-1] != width {
		return f(x) // also what does not fit: the operation says so
	}
	y := f(tp.Reshape(x, -1, width))
	if tp.Err() != nil {
		return y
	}
	out := append(make([]int, 0, 8), s...)
	out[len(s)-1] = y.Shape()[1]
	return tp.Reshape(y, out...)
}

// paramsOf lists the parameters of layers in order.
func paramsOf(layers ...learn.Module) []*learn.Param {
	var out []*learn.Param
	for _, l := range layers {
		out = append(out, l.Params()...)
	}
	return out
}

// newParam is learn.NewParam in a group.
func newParam(group, name string, init learn.Init, shape ...int) *learn.Param {
	p := learn.NewParam(name, init, shape...)
	p.Group = group
	return p
}
