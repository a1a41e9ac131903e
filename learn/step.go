package learn

import (
	"fmt"

	"github.com/sluice-stream/sluice/tensorcore/autograd"
	"github.com/sluice-stream/sluice/tensorcore/cpu"
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
		if !cpu.Finite(u.Grad) {
			return out, fmt.Errorf("gradient of %s is not finite; lower the learning rate, or look for extreme values in the input", p.Name)
		}
		out = append(out, u)
	}
	return out, nil
}
