package autograd

// Grad returns the gradient of the one-element var loss with respect to each of wrt, of its shape; zeros where loss
// does not depend on it. The gradients are vars on the tape and can be differentiated again.
func (t *Tape) Grad(loss *Var, wrt ...*Var) ([]*Var, error) {
	if t.bad("Grad", loss) || t.bad("Grad", wrt...) {
		return nil, t.err
	}
	if loss.Size() != 1 {
		t.fail("Grad", "want a loss of one element, got shape %v; take Sum or Mean", loss.shape)
		return nil, t.err
	}
	outer := t.back // a vjp may itself call Grad
	defer func() { t.back = outer }()
	if t.backDepth++; t.backDepth > 1 {
		t.back = backward{}
	}
	defer func() { t.backDepth-- }()
	t.mark(loss, wrt)
	t.backward(loss)
	out := make([]*Var, len(wrt))
	for i, w := range wrt {
		if w.id <= loss.id && t.back.grads[w.id] != nil {
			out[i] = t.back.grads[w.id]
		} else {
			out[i] = t.Fill(0, w.shape...)
		}
	}
	if t.backDepth == 1 {
		outer = t.back // keep the memory
	}
	if t.err != nil {
		return nil, t.err
	}
	return out, nil
}

// backward is the state of one Grad, by var id up to the loss.
type backward struct {
	active []bool // depends on a var that is asked for
	grads  []*Var
}

// mark finds which vars depend on one of wrt.
func (t *Tape) mark(loss *Var, wrt []*Var) {
	n := loss.id + 1
	m := append(t.back.active[:0], make([]bool, n)...)
	clear(t.back.grads)
	t.back = backward{m, append(t.back.grads[:0], make([]*Var, n)...)}
	for _, w := range wrt {
		if w.id < n {
			m[w.id] = true
		}
	}
	for id, v := range t.nodes[:n] {
		for _, x := range v.in {
			m[id] = m[id] || m[x.id]
		}
	}
}

func (t *Tape) backward(loss *Var) {
	if !t.back.active[loss.id] {
		return
	}
	t.back.grads[loss.id] = t.Fill(1, loss.shape...)
	for id := loss.id; id >= 0 && t.err == nil; id-- {
		y, g := t.nodes[id], t.back.grads[id]
		if g == nil || !t.back.active[id] {
			continue
		}
		for i, x := range y.in {
			if t.back.active[x.id] {
				t.accumulate(x, y.grad(t, y, g, i))
			}
		}
	}
}

// accumulate adds d, summed back where x was broadcast, to the gradient x has.
func (t *Tape) accumulate(x, d *Var) {
	if d == nil || t.err != nil {
		return
	}
	d = t.sumTo(d, x.shape)
	if have := t.back.grads[x.id]; have != nil {
		d = t.Add(have, d)
	}
	t.back.grads[x.id] = d
}
