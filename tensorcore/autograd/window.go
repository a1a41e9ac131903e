package autograd

import tc "github.com/sluice-stream/sluice/tensorcore"

// Unfold returns the elements under each place of a window over images, zeros beyond the edge.
//
//	x       [N, H, W, C]
//	result  [N, H', W', w.Size[0], w.Size[1], C]
func (t *Tape) Unfold(x *Var, w tc.Window) *Var { return t.unfold("Unfold", x, w) }

func (t *Tape) unfold(name string, x *Var, w tc.Window) *Var {
	s, ok := t.places(name, x, w)
	if !ok {
		return t.deadVar(nil)
	}
	if s.Size == [2]int{1, 1} && s.Out == [2]int{s.H, s.W} && s.Before == [2]int{} {
		return t.Reshape(x, s.N, s.H, s.W, 1, 1, s.C)
	}
	y := t.alloc([]int{s.N, s.Out[0], s.Out[1], s.Size[0], s.Size[1], s.C})
	y.at.win = w
	t.eng.Unfold(y.val, x.val, s)
	return t.record(y, name, func(t *Tape, y, g *Var, _ int) *Var {
		return t.Fold(g, y.at.win, y.in[0].shape[1], y.in[0].shape[2])
	}, x)
}

// Fold adds each element back to where Unfold of an [N, h, w, C] image took it from: the reverse of Unfold.
//
//	x       [N, H', W', w.Size[0], w.Size[1], C], the shape Unfold gives
//	result  [N, height, width, C]
func (t *Tape) Fold(x *Var, w tc.Window, height, width int) *Var {
	return t.fold("Fold", x, w, height, width)
}

func (t *Tape) fold(name string, x *Var, w tc.Window, height, width int) *Var {
	if t.bad(name, x) {
		return t.deadVar(nil)
	}
	if len(x.shape) != 6 {
		return t.fail(name, "want the 6 axes that Unfold gives, got shape %v", x.shape)
	}
	s, ok := windowSpec(w, x.shape[0], height, width, x.shape[5])
	if want := [5]int{s.N, s.Out[0], s.Out[1], s.Size[0], s.Size[1]}; !ok || want != [5]int(x.shape[:5]) {
		return t.fail(name, "shape %v is not what a window %v over %d x %d gives", x.shape, w, height, width)
	}
	y := t.alloc([]int{s.N, s.H, s.W, s.C})
	y.at.win = w
	t.eng.Fold(y.val, x.val, s)
	return t.record(y, name, func(t *Tape, y, g *Var, _ int) *Var { return t.Unfold(g, y.at.win) }, x)
}

// places checks images and a window over them.
func (t *Tape) places(name string, x *Var, w tc.Window) (s tc.WindowSpec, ok bool) {
	if t.bad(name, x) {
		return s, false
	}
	if len(x.shape) != 4 {
		t.fail(name, "want images [N, H, W, C], got shape %v", x.shape)
		return s, false
	}
	if s, ok = windowSpec(w, x.shape[0], x.shape[1], x.shape[2], x.shape[3]); !ok {
		t.fail(name, "the window %v does not fit into images of shape %v", w, x.shape)
	}
	return s, ok
}

// windowSpec works out the places of a window; ok is false when there are none.
func windowSpec(w tc.Window, n, height, width, c int) (s tc.WindowSpec, ok bool) {
	s = tc.WindowSpec{Window: w, N: n, H: height, W: width, C: c}
	ok = n >= 0 && height >= 0 && width >= 0
	for i, extent := range [2]int{height, width} {
		s.Stride[i], s.Dilation[i] = max(w.Stride[i], 1), max(w.Dilation[i], 1)
		span := extent + w.Before[i] + w.After[i] - (s.Dilation[i]*(w.Size[i]-1) + 1)
		ok = ok && w.Size[i] >= 1 && w.Stride[i] >= 0 && w.Dilation[i] >= 0 && w.Before[i] >= 0 && w.After[i] >= 0 && span >= 0
		s.Out[i] = span/s.Stride[i] + 1
	}
	return s, ok
}

// Square is the window of a size x size kernel with one stride and as many zeros added on all sides.
func Square(size, stride, pad int) tc.Window {
	return tc.Window{Size: [2]int{size, size}, Stride: [2]int{stride, stride}, Before: [2]int{pad, pad}, After: [2]int{pad, pad}}
}
