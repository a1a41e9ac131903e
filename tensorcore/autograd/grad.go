package autograd

import tc "github.com/sluice-stream/sluice/tensorcore"

// Grad returns the gradient of the one-element var loss with respect to each of wrt, of its shape; zeros where loss
// does not depend on it. The gradients are vars on the tape and can be differentiated again. The slice is the
// tape's, valid until Reset.
func (t *Tape) Grad(loss *Var, wrt ...*Var) ([]*Var, error) {
	return t.gradients("Grad", loss, wrt, false)
}

// Backward is Grad for the last use of the graph in a step: the same gradients to the bit, but they cannot be
// differentiated again, and all memory on the way to them is used again as soon as it can be. Values of the forward
// pass stay readable.
func (t *Tape) Backward(loss *Var, wrt ...*Var) ([]*Var, error) {
	return t.gradients("Backward", loss, wrt, true)
}

func (t *Tape) gradients(name string, loss *Var, wrt []*Var, final bool) ([]*Var, error) {
	if t.bad(name, loss) || t.bad(name, wrt...) {
		return nil, t.err
	}
	if loss.Size() != 1 {
		t.fail(name, "want a loss of one element, got shape %v; take Sum or Mean", loss.shape)
		return nil, t.err
	}
	outer := t.back // a vjp may itself call Grad
	if t.backDepth++; t.backDepth > 1 {
		t.back = backward{}
	}
	t.back.final, t.back.base = final, t.n
	t.mark(loss, wrt)
	if t.err == nil && t.back.state[loss.id] != 0 {
		t.back.set(loss, t.Fill(1, loss.shape...))
		t.sweep(loss.id, 0)
	}
	out := t.results(loss, wrt)
	if t.backDepth--; t.backDepth > 0 {
		t.back = outer
	}
	if t.err != nil {
		return nil, t.err
	}
	return out, nil
}

func (t *Tape) results(loss *Var, wrt []*Var) []*Var {
	out := t.vars.take(len(wrt))
	for i, w := range wrt {
		out[i] = nil
		if w.id <= loss.id {
			out[i] = t.back.grads[w.id]
		}
		if out[i] == nil {
			out[i] = t.Fill(0, w.shape...)
		}
		if t.back.final && out[i].id >= t.back.base {
			out[i].spent = true
		}
	}
	return out
}

// backward is the state of one Grad, by var id up to the loss, and beyond for what a Recompute runs again.
type backward struct {
	state []uint8 // 0 where nothing asked for is below
	grads []*Var
	final bool // of Backward
	base  int  // vars from here on are the pass's own
}

const (
	active = 1 // depends on a var that is asked for
	asked  = 2
)

// set puts g in the place of y's gradient.
func (b *backward) set(y, g *Var) {
	if old := b.grads[y.id]; old != nil {
		old.hold--
	}
	b.grads[y.id] = g
	if g != nil {
		g.hold++
	}
}

// mark finds which vars depend on one of wrt.
func (t *Tape) mark(loss *Var, wrt []*Var) {
	n := loss.id + 1
	clear(t.back.grads)
	t.back.state = append(t.back.state[:0], make([]uint8, n)...)
	t.back.grads = append(t.back.grads[:0], make([]*Var, n)...)
	for _, w := range wrt {
		if w.id < n {
			t.back.state[w.id] = active | asked
		}
	}
	t.markFrom(0)
}

func (t *Tape) markFrom(from int) {
	state := t.back.state
	for id, v := range t.nodes[from:len(state)] {
		for _, x := range v.in {
			state[from+id] |= state[x.id] & active
		}
	}
}

// sweep runs the vjps of vars from .. to, downwards.
func (t *Tape) sweep(from, to int) {
	for id := from; id >= to && t.err == nil; id-- {
		y, g := t.nodes[id], t.back.grads[id]
		if g == nil || t.back.state[id] == 0 {
			continue
		}
		if y.spent && t.back.state[id] == active {
			t.fail("Grad", "this loss depends on a gradient of Backward, which is a constant; use Grad for it")
			return
		}
		start := t.n
		if y.at.again != nil && len(y.in) > 0 {
			t.replay(y, g)
		} else {
			for i, x := range y.in {
				if t.back.state[x.id] != 0 && !t.addPart(x, y, g) {
					t.accumulate(x, y.grad(t, y, g, i), y.at.memo == nil && y.at.one == nil)
				}
			}
		}
		if t.back.final {
			t.tidy(y, g, start)
		}
	}
}

// accumulate adds d, summed back where x was broadcast, to the gradient x has.
func (t *Tape) accumulate(x, d *Var, mayReuse bool) {
	if d == nil || t.err != nil {
		return
	}
	d = t.sumTo(d, x.shape)
	have := t.back.grads[x.id]
	switch {
	case have == nil:
	case mayReuse && t.owned(have) && have != d && !d.dead:
		t.eng.Binary(tc.Add, have.val, have.val, d.val)
		return
	default:
		d = t.Add(have, d)
	}
	t.back.set(x, d)
}

// owned reports whether nothing but one place of this final pass needs v.
func (t *Tape) owned(v *Var) bool {
	return t.back.final && v.id >= t.back.base && v.hold == 1 && v.buf != nil && v.buf.refs == 1
}

// tidy gives back what the vjp of y left, and y's gradient when nobody asked for it.
func (t *Tape) tidy(y, g *Var, start int) {
	y.at.one, y.at.memo, y.at.memoFor = nil, nil, nil
	if t.back.state[y.id]&asked == 0 {
		t.back.set(y, nil)
		if g.hold == 0 && g.id >= t.back.base {
			t.drop(g)
		}
	}
	for _, v := range t.nodes[start:t.n] {
		if v.hold == 0 {
			t.drop(v)
		}
	}
}
