package optim

import (
	"fmt"

	"github.com/sluice-stream/sluice/learn"
)

// widen turns updates of touched rows into updates of whole parameters; it owns the memory.
type widen struct {
	grad  []float32
	zeros int // so many elements of grad, from the start, are 0 between updates
}

// whole returns the gradient of every element of u.Param: zero for rows that were not touched, plus the penalty's.
// The result is valid until done.
func (w *widen) whole(u learn.Update) []float32 {
	n := len(u.Param.Data())
	if u.Rows == nil && u.Param.Penalty == nil {
		return u.Grad
	}
	if cap(w.grad) < n {
		w.grad, w.zeros = make([]float32, n, n+n/4), n+n/4
	}
	w.grad = w.grad[:n]
	if u.Rows == nil {
		copy(w.grad, u.Grad)
	} else {
		if w.zeros < n {
			clear(w.grad)
			w.zeros = n
		}
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

// done forgets the gradient that whole made for u. Most rows of a large table are still 0, and are not written again.
func (w *widen) done(u learn.Update) {
	if u.Rows == nil || u.Param.Penalty != nil {
		w.zeros = 0
		return
	}
	width := u.Param.Width()
	for _, r := range u.Rows {
		clear(w.grad[int(r)*width : (int(r)+1)*width])
	}
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
