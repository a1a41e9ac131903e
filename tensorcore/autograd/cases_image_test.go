package autograd_test

import (
	tc "github.com/sluice-stream/sluice/tensorcore"
	"github.com/sluice-stream/sluice/tensorcore/autograd"
)

var (
	same3   = autograd.Square(3, 1, 1)
	stride2 = autograd.Square(3, 2, 1)
	skewed  = tc.Window{Size: [2]int{2, 3}, Stride: [2]int{1, 2}, Dilation: [2]int{2, 1}, Before: [2]int{1, 0}, After: [2]int{0, 2}}
)

var imageCases = []opCase{
	{"unfold", []input{in(1, 4, 5, 2)}, func(tp *tape, x []*vr) *vr { return tp.Square(tp.Unfold(x[0], skewed)) }},
	{"fold", []input{in(1, 3, 3, 2, 3, 2)}, func(tp *tape, x []*vr) *vr { return tp.Square(tp.Fold(x[0], skewed, 4, 5)) }},
	{"unfold 1x1", []input{in(1, 2, 2, 3)}, func(tp *tape, x []*vr) *vr { return tp.Square(tp.Unfold(x[0], autograd.Square(1, 1, 0))) }},
	{"fold 1x1", []input{in(1, 2, 2, 1, 1, 3)}, func(tp *tape, x []*vr) *vr { return tp.Square(tp.Fold(x[0], autograd.Square(1, 1, 0), 2, 2)) }},
	{"conv", []input{in(2, 4, 3, 2), in(3, 3, 2, 2), in(2)}, func(tp *tape, x []*vr) *vr { return tp.Conv2D(x[0], x[1], x[2], same3) }},
	{"conv stride", []input{in(1, 5, 4, 1), in(3, 3, 1, 2)}, func(tp *tape, x []*vr) *vr { return tp.Conv2D(x[0], x[1], nil, stride2) }},
	{"conv dilated", []input{in(1, 4, 5, 2), in(2, 3, 2, 1)}, func(tp *tape, x []*vr) *vr { return tp.Square(tp.Conv2D(x[0], x[1], nil, skewed)) }},
	{"conv relu", []input{in(1, 3, 3, 2), in(1, 1, 2, 3), in(3)}, func(tp *tape, x []*vr) *vr {
		return tp.Square(tp.Conv2DRelu(x[0], x[1], x[2], autograd.Square(1, 1, 0)))
	}},
	{"conv transpose", []input{in(1, 2, 3, 2), in(2, 3, 3, 2), in(2)}, func(tp *tape, x []*vr) *vr {
		return tp.ConvTranspose2D(x[0], x[1], x[2], stride2, 4, 5)
	}},
	{"max pool", []input{in(1, 4, 4, 2)}, func(tp *tape, x []*vr) *vr { return tp.Square(tp.MaxPool(x[0], stride2)) }},
	{"max pool 2", []input{in(1, 4, 4, 1)}, func(tp *tape, x []*vr) *vr { return tp.Square(tp.MaxPool(x[0], autograd.Square(2, 2, 0))) }},
	{"avg pool", []input{in(2, 4, 3, 1)}, func(tp *tape, x []*vr) *vr { return tp.Square(tp.AvgPool(x[0], same3)) }},
	{"adaptive pool", []input{in(1, 5, 4, 2)}, func(tp *tape, x []*vr) *vr { return tp.Square(tp.AdaptiveAvgPool(x[0], 2, 3)) }},
	{"resize up", []input{in(1, 2, 3, 2)}, func(tp *tape, x []*vr) *vr { return tp.Square(tp.Resize(x[0], 4, 5)) }},
	{"resize down", []input{in(1, 4, 4, 1)}, func(tp *tape, x []*vr) *vr { return tp.Square(tp.Resize(x[0], 2, 4)) }},
	{"map axis", []input{in(2, 3, 4), in(3, 2)}, func(tp *tape, x []*vr) *vr { return tp.MapAxis(x[0], x[1], 1) }},
	{"map last axis", []input{in(2, 3), in(3, 2)}, func(tp *tape, x []*vr) *vr { return tp.MapAxis(x[0], x[1], -1) }},
	{"batch norm", []input{in(4, 3)}, func(tp *tape, x []*vr) *vr { y, _, _ := tp.BatchNorm(x[0], 1e-3); return y }},
	{"batch norm image", []input{in(2, 2, 2, 2)}, func(tp *tape, x []*vr) *vr { y, _, _ := tp.BatchNorm(x[0], 1e-3); return y }},
	{"normalized", []input{in(3, 2), in(2), between(0.5, 1, 2)}, func(tp *tape, x []*vr) *vr { return tp.Normalized(x[0], x[1], x[2], 1e-3) }},
	{"group norm", []input{in(2, 3, 4)}, func(tp *tape, x []*vr) *vr { return tp.GroupNorm(x[0], 2, 1e-3) }},
	{"group norm of one", []input{in(2, 3, 2)}, func(tp *tape, x []*vr) *vr { return tp.GroupNorm(x[0], 1, 1e-3) }},
	{"instance norm", []input{in(2, 4, 2)}, func(tp *tape, x []*vr) *vr { return tp.GroupNorm(x[0], 2, 1e-3) }},
	{"pad reflect", []input{in(2, 4)}, func(tp *tape, x []*vr) *vr { return tp.Square(tp.PadReflect(x[0], 1, 3, 2)) }},
	{"pad const", []input{in(2, 3)}, func(tp *tape, x []*vr) *vr { return tp.Square(tp.PadConst(x[0], 0, 1, 2, 1.5)) }},
	{"pad zero", []input{in(2, 3)}, func(tp *tape, x []*vr) *vr { return tp.Square(tp.PadConst(x[0], 1, 1, 2, 0)) }},
	{"attention", []input{in(2, 2, 3), in(2, 4, 3), in(2, 4, 2)}, func(tp *tape, x []*vr) *vr { return tp.Attention(x[0], x[1], x[2], nil) }},
	{"attention causal", []input{in(2, 3, 2), in(2, 3, 2), in(2, 3, 2)}, func(tp *tape, x []*vr) *vr {
		return tp.Attention(x[0], x[1], x[2], tp.Lower(3))
	}},
	{"attention of nothing", []input{in(1, 2, 2), in(1, 2, 2), in(1, 2, 2)}, func(tp *tape, x []*vr) *vr {
		return tp.Square(tp.Attention(x[0], x[1], x[2], tp.Const(f64([]int{2, 2}, 0, 0, 1, 0))))
	}},
	{"heads", []input{in(2, 3, 4)}, func(tp *tape, x []*vr) *vr { return tp.Square(tp.MergeHeads(tp.Exp(tp.Heads(x[0], 2)), 2)) }},
	{"dropout", []input{in(3, 4)}, func(tp *tape, x []*vr) *vr { return tp.Square(tp.Dropout(x[0], 0.4, 17)) }},
	{"silu", []input{in(5)}, func(tp *tape, x []*vr) *vr { return tp.Silu(x[0]) }},
	{"quick gelu", []input{in(5)}, func(tp *tape, x []*vr) *vr { return tp.QuickGelu(x[0]) }},
	{"leaky relu", []input{in(5)}, func(tp *tape, x []*vr) *vr { return tp.Square(tp.LeakyRelu(x[0], 0.2)) }},
	{"atan", []input{in(5)}, func(tp *tape, x []*vr) *vr { return tp.Atan(x[0]) }},
	{"straight through", []input{in(5)}, func(tp *tape, x []*vr) *vr { return tp.StraightThrough(tp.AddScalar(x[0], 3), x[0]) }},
	{"recompute", []input{in(2, 3), in(3, 2)}, func(tp *tape, x []*vr) *vr {
		return tp.Square(tp.Recompute(func(x ...*vr) *vr { return tp.Tanh(tp.MatMul(tp.Exp(x[0]), x[1])) }, x...))
	}},
}
