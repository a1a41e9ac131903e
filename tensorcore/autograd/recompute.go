package autograd

import "slices"

// Recompute returns f(x...) and keeps none of the values between x and the result: the backward pass runs f again
// when it gets there. Gradients equal those of f(x...) to the bit, those of what f uses beyond x too; gradients of
// gradients add up in another order.
//
// f must compute the same again: randomness comes from keys, and what f changes outside the tape (running
// statistics) it must leave alone while Replaying. Vars made inside f cannot be used outside, but for leaves.
func (t *Tape) Recompute(f func(x ...*Var) *Var, x ...*Var) *Var {
	if t.bad("Recompute", x...) {
		return t.deadVar(nil)
	}
	args := t.vars.take(len(x))
	copy(args, x)
	from := t.n
	z := f(args...)
	if t.err != nil || t.bad("Recompute", z) {
		return t.deadVar(nil)
	}
	to := t.n
	y := t.alias(z.shape, z)
	y.name = "Recompute"
	if t.quiet == 0 {
		y.more = t.uses(y.more[:0], z, from, to)
		y.in, y.at.again, y.at.args = y.more, f, args
	}
	for _, v := range t.nodes[from:to] {
		v.in, v.grad = nil, nil
		t.drop(v)
	}
	return y
}

// Replaying reports whether a Recompute runs its function for the second time.
func (t *Tape) Replaying() bool { return t.again > 0 }

// uses appends the vars from before `from`, and the leaves, that gradients of z can reach through vars from .. to-1.
func (t *Tape) uses(dst []*Var, z *Var, from, to int) []*Var {
	if z.id < from {
		return append(dst, z)
	}
	for _, v := range t.nodes[from:to] {
		for _, x := range v.in {
			if (x.id < from || x.leaf) && !slices.Contains(dst, x) {
				dst = append(dst, x)
			}
		}
	}
	if z.leaf && !slices.Contains(dst, z) {
		dst = append(dst, z)
	}
	return dst
}

// replay runs a Recompute again and the backward pass through it.
func (t *Tape) replay(y, g *Var) {
	from, quiet := t.n, t.quiet
	t.quiet = 0
	t.again++
	z := y.at.again(y.at.args...)
	t.again--
	t.quiet = quiet
	if t.err != nil || t.bad("Recompute", z) {
		return
	}
	if !slices.Equal(z.shape, y.shape) {
		t.fail("Recompute", "the function returned shape %v first and %v in the backward pass; it must compute the same again", y.shape, z.shape)
		return
	}
	b, last := &t.back, t.n-1
	b.state = append(b.state, make([]uint8, t.n-len(b.state))...)
	b.grads = append(b.grads, make([]*Var, t.n-len(b.grads))...)
	t.markFrom(from)
	if b.state[z.id] == 0 {
		return
	}
	t.accumulate(z, g, true)
	t.sweep(last, from)
}
