package learn

import (
	"fmt"

	"github.com/sluice-stream/sluice/tensorcore/autograd"
)

// Updates differentiates loss by every parameter on the tape and appends the gradients to out, in the order in
// which the parameters were first used. The gradients are the tape's memory, valid until its Reset.
//
//	loss    scalar
//	errors  of the tape; a loss or a gradient that is NaN or infinite, by the parameter's name
func Updates(tp *autograd.Tape, loss *autograd.Var, out []Update) ([]Update, error) {
	leaves := tp.Leaves()
	wrt := make([]*autograd.Var, len(leaves))
	for i, l := range leaves {
		wrt[i] = l.Var
	}
	grads, err := tp.Backward(loss, wrt...)
	if err != nil {
		return out, err
	}
	if v := loss.Scalar(); v-v != 0 {
		return out, fmt.Errorf("loss is %v; want a finite number: lower the learning rate, or look for extreme values in the input", v)
	}
	for i, l := range leaves {
		p, ok := l.Key.(*Param)
		if !ok {
			continue
		}
		u := Update{Param: p, Rows: l.Rows, Grad: grads[i].Float32s()}
		if !finite(u.Grad) {
			return out, fmt.Errorf("gradient of %s is not finite; lower the learning rate, or look for extreme values in the input", p.Name)
		}
		out = append(out, u)
	}
	return out, nil
}

// finite says that no element is NaN or infinite: x-x is 0 for every other x. Four sums, because one would wait
// for itself at every element.
func finite(s []float32) bool {
	var a, b, c, d float32
	i := 0
	for ; i+4 <= len(s); i += 4 {
		x := s[i : i+4 : i+4]
		a += x[0] - x[0]
		b += x[1] - x[1]
		c += x[2] - x[2]
		d += x[3] - x[3]
	}
	for _, x := range s[i:] {
		a += x - x
	}
	return a+b+c+d == 0
}
