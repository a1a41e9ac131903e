package autograd

import tc "github.com/sluice-stream/sluice/tensorcore"

// Conv2D slides kernels over images. Channels are the last axis, so that a place's elements are one row of a matrix
// product; a kernel is not flipped.
//
//	x       [N, H, W, I]
//	w       [KH, KW, I, O]; win.Size is taken from it
//	b       [O], or nil for none
//	result  [N, H', W', O]
func (t *Tape) Conv2D(x, w, b *Var, win tc.Window) *Var { return t.conv("Conv2D", x, w, b, win, false) }

// Conv2DRelu returns max(Conv2D, 0).
func (t *Tape) Conv2DRelu(x, w, b *Var, win tc.Window) *Var {
	return t.conv("Conv2DRelu", x, w, b, win, true)
}

func (t *Tape) conv(name string, x, w, b *Var, win tc.Window, relu bool) *Var {
	if t.bad(name, x, w) || b != nil && t.bad(name, b) {
		return t.deadVar(nil)
	}
	if len(x.shape) != 4 || len(w.shape) != 4 || x.shape[3] != w.shape[2] || b != nil && !tc.SameShape(b.shape, w.shape[3:]) {
		return t.fail(name, "want x [N, H, W, I], w [KH, KW, I, O], b [O], got %v, %v, %v", x.shape, w.shape, shapeOf(b))
	}
	win.Size = [2]int(w.shape[:2])
	u := t.unfold(name, x, win)
	if u.dead {
		return u
	}
	k, o := tc.Size(w.shape[:3]), w.shape[3]
	n, oh, ow := u.shape[0], u.shape[1], u.shape[2]
	y := t.linear(name, t.Reshape(u, n*oh*ow, k), t.Reshape(w, k, o), b, relu)
	return t.Reshape(y, n, oh, ow, o)
}

// ConvTranspose2D is the reverse of a Conv2D of the same window over [N, height, width, O] images: it adds each input
// element times its kernel to the place where that window stands.
//
//	x       [N, H, W, I], H and W the places of the window over height x width
//	w       [I, KH, KW, O]; win.Size is taken from it
//	b       [O], or nil for none
//	result  [N, height, width, O]
func (t *Tape) ConvTranspose2D(x, w, b *Var, win tc.Window, height, width int) *Var {
	const name = "ConvTranspose2D"
	if t.bad(name, x, w) || b != nil && t.bad(name, b) {
		return t.deadVar(nil)
	}
	if len(x.shape) != 4 || len(w.shape) != 4 || x.shape[3] != w.shape[0] || b != nil && !tc.SameShape(b.shape, w.shape[3:]) {
		return t.fail(name, "want x [N, H, W, I], w [I, KH, KW, O], b [O], got %v, %v, %v", x.shape, w.shape, shapeOf(b))
	}
	win.Size = [2]int(w.shape[1:3])
	n, h, wd, i := x.shape[0], x.shape[1], x.shape[2], x.shape[3]
	cols := t.matmul(name, t.Reshape(x, n*h*wd, i), t.Reshape(w, i, tc.Size(w.shape[1:])), false, false)
	y := t.fold(name, t.Reshape(cols, n, h, wd, w.shape[1], w.shape[2], w.shape[3]), win, height, width)
	if b == nil {
		return y
	}
	return t.Add(y, b)
}

// MaxPool returns the largest element of each channel under each place of a window; elements beyond the edge do not
// count. The gradient goes to the first of equal ones.
//
//	x       [N, H, W, C]
//	result  [N, H', W', C]
func (t *Tape) MaxPool(x *Var, w tc.Window) *Var {
	if _, ok := t.places("MaxPool", x, w); !ok {
		return t.deadVar(nil)
	}
	if w.Before != [2]int{} || w.After != [2]int{} {
		x = t.PadConst(t.PadConst(x, 1, w.Before[0], w.After[0], lowest), 2, w.Before[1], w.After[1], lowest)
		w.Before, w.After = [2]int{}, [2]int{}
	}
	return t.Max(t.windowRows("MaxPool", x, w), 3)
}

// lowest is below every number of a model, and finite: it may be multiplied by 0.
const lowest = -1e30

// AvgPool returns the mean of each channel under each place of a window; elements beyond the edge count as zeros.
//
//	x       [N, H, W, C]
//	result  [N, H', W', C]
func (t *Tape) AvgPool(x *Var, w tc.Window) *Var { return t.Mean(t.windowRows("AvgPool", x, w), 3) }

// windowRows is Unfold with the elements of a place on one axis: [N, H', W', KH*KW, C].
func (t *Tape) windowRows(name string, x *Var, w tc.Window) *Var {
	u := t.unfold(name, x, w)
	if u.dead {
		return u
	}
	return t.Reshape(u, u.shape[0], u.shape[1], u.shape[2], u.shape[3]*u.shape[4], u.shape[5])
}
