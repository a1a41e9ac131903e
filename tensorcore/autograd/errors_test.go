package autograd_test

import (
	"errors"
	"reflect"
	"strings"
	"testing"

	"github.com/sluice-stream/sluice/tensorcore/autograd"
)

func TestErrorsOfTheOtherOps(t *testing.T) {
	two := autograd.Square(2, 1, 0)
	for _, c := range []struct {
		want string
		f    func(tp *tape, x *vr) // x is [2, 3]
	}{
		{"Unfold: want images [N, H, W, C], got shape [2 3]", func(tp *tape, x *vr) { tp.Unfold(x, two) }},
		{"MaxPool: the window {[4 4]", func(tp *tape, x *vr) { tp.MaxPool(tp.Fill(0, 1, 3, 3, 1), autograd.Square(4, 1, 0)) }},
		{"Fold: want the 6 axes that Unfold gives, got shape [2 3]", func(tp *tape, x *vr) { tp.Fold(x, two, 2, 2) }},
		{"Fold: shape [1 2 2 1 1 1] is not what a window", func(tp *tape, x *vr) { tp.Fold(tp.Fill(0, 1, 2, 2, 1, 1, 1), two, 2, 2) }},
		{"Conv2D: want x [N, H, W, I], w [KH, KW, I, O], b [O], got [2 3], [2 3], []", func(tp *tape, x *vr) { tp.Conv2D(x, x, nil, two) }},
		{"ConvTranspose2D: want x [N, H, W, I], w [I, KH, KW, O]", func(tp *tape, x *vr) { tp.ConvTranspose2D(x, x, nil, two, 2, 2) }},
		{"Resize: want images [N, H, W, C] and extents of 1 or more, got shape [2 3] and 2 x 2", func(tp *tape, x *vr) { tp.Resize(x, 2, 2) }},
		{"MapAxis: want a matrix of 3 rows for axis 1 of shape [2 3], got shape [2 3]", func(tp *tape, x *vr) { tp.MapAxis(x, x, 1) }},
		{"BatchNorm: want [..., C] with at least one row, got shape [0 3]", func(tp *tape, x *vr) { tp.BatchNorm(tp.Fill(0, 0, 3), 1) }},
		{"GroupNorm: want [N, ..., C] with C a multiple of the groups, got shape [2 3] and 2 groups", func(tp *tape, x *vr) { tp.GroupNorm(x, 2, 1) }},
		{"PadReflect: want 0 to 2 elements at each end of axis 1 of shape [2 3], got 3 and 0", func(tp *tape, x *vr) { tp.PadReflect(x, 1, 3, 0) }},
		{"PadConst: want 0 or more elements at each end, got -1 and 0", func(tp *tape, x *vr) { tp.PadConst(x, 1, -1, 0, 0) }},
		{"IndexSelect: want indices from 0 to 2, got 3 at position 1", func(tp *tape, x *vr) { tp.IndexSelect(x, 1, []int32{0, 3}) }},
		{"TakeAlong: want 4 indices, 2 for each lane along axis 1 of shape [2 3], got 1", func(tp *tape, x *vr) { tp.TakeAlong(x, 1, []int32{0}, 2) }},
		{"PutAlong: want indices from 0 to -1, got 0", func(tp *tape, x *vr) { tp.PutAlong(x, 1, make([]int32, 6), -1) }},
		{"Stack: want one shape, got [2 3] and [3]", func(tp *tape, x *vr) { tp.Stack(0, x, tp.Fill(0, 3)) }},
		{"Stack: want an axis from 0 to 2", func(tp *tape, x *vr) { tp.Stack(3, x) }},
		{"Split: want sizes that add up to 3, axis 1 of shape [2 3], got [1 1]", func(tp *tape, x *vr) { tp.Split(x, 1, 1, 1) }},
		{"TopK: want 0 to 3 elements along axis 1 of shape [2 3], got 4", func(tp *tape, x *vr) { tp.TopK(x, 1, 4) }},
		{"Sparsemax: want at least one element", func(tp *tape, x *vr) { tp.Sparsemax(tp.Fill(0, 2, 0)) }},
		{"OneHot: want labels below 2, got 2 at position 1", func(tp *tape, x *vr) { tp.OneHot([]int32{0, 2}, 2) }},
		{"Trace: want square matrices [.., N, N], got shape [2 3]", func(tp *tape, x *vr) { tp.Trace(x) }},
		{"Cholesky: want square matrices", func(tp *tape, x *vr) { tp.LogDetSPD(x) }},
		{"Cholesky: matrix 0 of shape [2 2] is not positive definite; add a multiple of the identity", func(tp *tape, x *vr) { tp.InverseSPD(tp.Fill(-1, 2, 2)) }},
		{"EigenSym: matrix 1 of shape [2 1 1] has no eigenvalues: NaN or infinity in it", func(tp *tape, x *vr) {
			tp.EigenSym(tp.Log(tp.Const(f64([]int{2, 1, 1}, 1, -1))))
		}},
		{"SVD: want matrices [.., M, N], got shape []", func(tp *tape, x *vr) { tp.SVD(tp.Fill(0)) }},
		{"SolveLower: want [.., N, N] and [.., N, M], got shapes [2 2] and [3]", func(tp *tape, x *vr) { tp.SolveLower(tp.Fill(1, 2, 2), tp.Fill(1, 3), false) }},
		{"SquaredDistances: want a [N, D] and b [M, D], got shapes [2 3] and [2]", func(tp *tape, x *vr) { tp.RBF(x, tp.Fill(0, 2), 1) }},
		{"RBF: want sigma > 0, got 0", func(tp *tape, x *vr) { tp.RBF(x, x, 0) }},
		{"Attention: want q [N, L, D], k [N, M, D], v [N, M, E], got shapes [2 3]", func(tp *tape, x *vr) { tp.Attention(x, x, x, nil) }},
		{"Heads: want [B, L, D] with D a multiple of the heads, got shape [2 3] and 2 heads", func(tp *tape, x *vr) { tp.Heads(x, 2) }},
		{"MergeHeads: want [B*heads, L, D], got shape [2 3] and 2 heads", func(tp *tape, x *vr) { tp.MergeHeads(x, 2) }},
		{"EmbeddingBag: want one weight a lookup, 1, got shape [2 3]", func(tp *tape, x *vr) { tp.EmbeddingBag(x, []int32{0}, []int32{0, 1}, x) }},
		{"Dropout: want a probability of at least 0 and below 1, got 1", func(tp *tape, x *vr) { tp.Dropout(x, 1, 0) }},
		{"Bernoulli: want a probability from 0 to 1, got 2", func(tp *tape, x *vr) { tp.Bernoulli(1, 2, 3) }},
		{"StraightThrough: want one shape, got [2 3] and [3]", func(tp *tape, x *vr) { tp.StraightThrough(x, tp.Fill(0, 3)) }},
		{"CrossEntropy: want logits and targets [B, C], got [2 3] and [3]", func(tp *tape, x *vr) { tp.CrossEntropy(x, tp.Fill(0, 3), nil) }},
		{"CrossEntropy: want weights of shape [2], got [3]", func(tp *tape, x *vr) { tp.CrossEntropy(x, x, tp.Fill(0, 3)) }},
		{"NLL: want [B, C] and B labels, got shape [2 3] and 1 labels", func(tp *tape, x *vr) { tp.NLL(x, []int32{0}, nil) }},
		{"CrossEntropyLabels: want indices from 0 to 2, got 3", func(tp *tape, x *vr) { tp.CrossEntropyLabels(x, []int32{0, 3}, nil) }},
		{"InfoNCE: want a temperature > 0, got 0", func(tp *tape, x *vr) { tp.InfoNCE(x, x, 0) }},
		{"Huber: want delta > 0, got -1", func(tp *tape, x *vr) { tp.Huber(x, x, -1) }},
		{"FocalLoss: want gamma >= 1, got 0", func(tp *tape, x *vr) { tp.FocalLoss(x, x, 0.5, 0) }},
		{"PairLoss: want logits [N, M], got shape []", func(tp *tape, x *vr) { tp.PairLoss(tp.Fill(0), x, x) }},
	} {
		tp := newTape()
		c.f(tp, tp.Leaf("x", nil, f64([]int{2, 3}, 1, 2, 3, 4, 5, 6)))
		err := tp.Err()
		if err == nil || !strings.Contains(err.Error(), c.want) || !strings.Contains(err.Error(), "(at errors_test.go:") {
			t.Errorf("want %q and this file's line, got %v", c.want, err)
		}
		if err != nil && !errors.Is(err, autograd.ErrShape) {
			t.Errorf("%v is not an ErrShape", err)
		}
	}
}

// TestNoOpPanics calls every operation with nil and with dead vars, and wants an error from each.
func TestNoOpPanics(t *testing.T) {
	skip := map[string]bool{"Leaf": true, "Const": true, "Custom": true, "Recompute": true, "NoGrad": true, "Reset": true}
	kind := reflect.TypeFor[*tape]()
	for i := range kind.NumMethod() {
		m := kind.Method(i)
		if skip[m.Name] {
			continue
		}
		for _, dead := range []bool{false, true} {
			tp := newTape()
			var v *vr
			if dead {
				v = tp.MatMul(tp.Fill(1), nil)
			}
			args, takesVar := []reflect.Value{reflect.ValueOf(tp)}, false
			for k := 1; k < m.Type.NumIn(); k++ {
				in := m.Type.In(k)
				if in == reflect.TypeFor[*vr]() {
					args, takesVar = append(args, reflect.ValueOf(v)), true
					continue
				}
				if m.Type.IsVariadic() && k == m.Type.NumIn()-1 {
					continue
				}
				args = append(args, reflect.Zero(in))
			}
			func() {
				defer func() {
					if r := recover(); r != nil {
						t.Errorf("%s (dead %v): %v", m.Name, dead, r)
					}
				}()
				m.Func.Call(args)
			}()
			if takesVar && tp.Err() == nil {
				t.Errorf("%s: want an error", m.Name)
			}
		}
	}
}
