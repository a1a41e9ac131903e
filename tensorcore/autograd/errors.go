package autograd

import (
	"errors"
	"fmt"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
)

// ErrShape is the class of all errors of a tape: shapes, dtypes or settings an operation cannot work with.
var ErrShape = errors.New("tape")

// fail keeps the first error and returns a dead var.
func (t *Tape) fail(name, format string, args ...any) *Var {
	if t.err == nil {
		t.err = fmt.Errorf("%w: %s: %s (at %s)", ErrShape, name, fmt.Sprintf(format, args...), caller())
	}
	return t.deadVar(nil)
}

func (t *Tape) deadVar(shape []int) *Var {
	v := &Var{tape: t, dead: true}
	if len(shape) <= len(v.dims) {
		v.setShape(shape)
	}
	return v
}

// bad reports whether an operation cannot run, and notes why when that is new.
func (t *Tape) bad(name string, in ...*Var) bool {
	for i, v := range in {
		if t.err != nil {
			return true
		}
		switch {
		case v == nil:
			t.fail(name, "input %d is nil", i)
		case v.tape != t:
			t.fail(name, "input %d belongs to another tape", i)
		case v.gone:
			t.fail(name, "input %d belongs to a Recompute or Backward that has ended; return it from the function, or use Grad", i)
		case v.dead || v.val == nil:
			t.fail(name, "input %d is from before the tape's Reset", i)
		}
	}
	return t.err != nil
}

// caller is file:line of the first frame outside this package.
func caller() string {
	var pcs [32]uintptr
	frames := runtime.CallersFrames(pcs[:runtime.Callers(2, pcs[:])])
	for {
		f, more := frames.Next()
		if !strings.Contains(f.Function, "tensorcore/autograd.") {
			return fmt.Sprintf("%s:%d", filepath.Base(f.File), f.Line)
		}
		if !more {
			return "unknown line"
		}
	}
}

// text writes a shape as fmt does. Unlike fmt it does not move the caller's array to the heap.
func text(s []int) string {
	b := []byte{'['}
	for i, d := range s {
		if i > 0 {
			b = append(b, ' ')
		}
		b = strconv.AppendInt(b, int64(d), 10)
	}
	return string(append(b, ']'))
}
