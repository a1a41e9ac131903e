package optim

import (
	"fmt"

	"github.com/sluice-stream/sluice/learn"
)

// widen turns updates of touched rows into updates of whole parameters; it owns the memory.
type widen struct{ grad []float32 }

// whole returns the gradient of every element of u.Param: zero for rows that were not touched, plus the penalty's.
// The result is valid until the next call.
func (w *widen) whole(u learn.Update) []float32 {
	n := len(u.Param.Data())
	if u.Rows == nil && u.Param.Penalty == nil {
		return u.Grad
	}
	if cap(w.grad) < n {
		w.grad = make([]float32, n, n+n/4)
	}
	w.grad = w.grad[:n]
	if u.Rows == nil {
		copy(w.grad, u.Grad)
	} else {
		clear(w.grad)
		width := u.Param.Width()
		for i, r := range u.Rows {
			copy(w.grad[int(r)*width:], u.Grad[i*width:(i+1)*width])
		}
	}
	if u.Param.Penalty != nil {
		u.Param.Penalty(u.Param.Data(), w.grad)
	}
	return w.grad
}

// checkUpdate wants a gradient as long as what it is for.
func checkUpdate(name string, u learn.Update) error {
	want := len(u.Param.Data())
	if u.Rows != nil {
		want = len(u.Rows) * u.Param.Width()
	}
	if len(u.Grad) != want {
		return fmt.Errorf("%s: want %d gradient values for %s, got %d", name, want, u.Param.Name, len(u.Grad))
	}
	return nil
}
