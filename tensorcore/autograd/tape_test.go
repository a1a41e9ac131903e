package autograd_test

import (
	"errors"
	"math"
	"strings"
	"testing"

	"gorgonia.org/tensor"

	tc "github.com/sluice-stream/sluice/tensorcore"
	"github.com/sluice-stream/sluice/tensorcore/autograd"
)

func f64(shape []int, data ...float64) *tensor.Dense { return tc.NewFloat64(shape, data) }

func near(t *testing.T, what string, got, want float64) {
	t.Helper()
	if !(math.Abs(got-want) <= 1e-12*(1+math.Abs(want))) {
		t.Errorf("%s: want %.15g, got %.15g", what, want, got)
	}
}

func TestErrorsNameOpShapesAndLine(t *testing.T) {
	for _, c := range []struct {
		want string
		f    func(tp *tape, x *vr) *vr // x is [2, 3]
	}{
		{"MatMul: inner sizes differ: shapes [2 3] and [2 3]", func(tp *tape, x *vr) *vr { return tp.MatMul(x, x) }},
		{"Add: shapes [2 3] and [2] do not broadcast", func(tp *tape, x *vr) *vr { return tp.Add(x, tp.Fill(0, 2)) }},
		{"Reshape: shape [4] does not hold the 6 elements of [2 3]", func(tp *tape, x *vr) *vr { return tp.Reshape(x, 4) }},
		{"Reshape: shape [-1 4]", func(tp *tape, x *vr) *vr { return tp.Reshape(x, -1, 4) }},
		{"Sum: want distinct axes of shape [2 3], got [2]", func(tp *tape, x *vr) *vr { return tp.Sum(x, 2) }},
		{"Softmax: shape [2 3] has no axis 2", func(tp *tape, x *vr) *vr { return tp.Softmax(x, 2) }},
		{"Gather: want indices from 0 to 1, got 2 at position 1", func(tp *tape, x *vr) *vr { return tp.Gather(x, []int32{0, 2}) }},
		{"ScatterAdd: want one index a row", func(tp *tape, x *vr) *vr { return tp.ScatterAdd(x, []int32{0}, 2) }},
		{"SegmentSum: want offsets that rise from 0 to the 2 rows", func(tp *tape, x *vr) *vr { return tp.SegmentSum(x, []int32{0, 3}) }},
		{"SegmentSpread: want offsets", func(tp *tape, x *vr) *vr { return tp.SegmentSpread(x, []int32{0, 3, 2}) }},
		{"Linear: want x [B, I], w [I, O], b [O], got [2 3], [2 3], []", func(tp *tape, x *vr) *vr { return tp.Linear(x, x, nil) }},
		{"Slice: want 0 <= from <= to <= 3 on axis 1", func(tp *tape, x *vr) *vr { return tp.Slice(x, 1, 2, 4) }},
		{"Embed: shape [2 3] does not fit at 1 of 3 along axis 1", func(tp *tape, x *vr) *vr { return tp.Embed(x, 1, 1, 3) }},
		{"Concat: want shapes equal but for axis 0, got [2 3] and [3]", func(tp *tape, x *vr) *vr { return tp.Concat(0, x, tp.Fill(0, 3)) }},
		{"Transpose: want each axis of shape [2 3] once, got [0 0]", func(tp *tape, x *vr) *vr { return tp.Transpose(x, 0, 0) }},
		{"BroadcastTo: shape [2 3] does not broadcast to [3]", func(tp *tape, x *vr) *vr { return tp.BroadcastTo(x, 3) }},
		{"CrossEntropyDiag: want logits [B, B], got [2 3]", func(tp *tape, x *vr) *vr { return tp.CrossEntropyDiag(x) }},
		{"BCEWithLogits: want targets and weights of the logits' shape [2 3], got [3]", func(tp *tape, x *vr) *vr { return tp.BCEWithLogits(x, tp.Fill(0, 3), nil) }},
		{"Clip: want lo <= hi, got 2 and 1", func(tp *tape, x *vr) *vr { return tp.Clip(x, 2, 1) }},
		{"Max: want at least one element along axis 0, got shape [0 2]", func(tp *tape, x *vr) *vr { return tp.Max(tp.Fill(0, 0, 2), 0) }},
		{"Grad: want a loss of one element, got shape [2 3]; take Sum or Mean", func(tp *tape, x *vr) *vr { _, _ = tp.Grad(x, x); return nil }},
		{"Mul: input 1 is nil", func(tp *tape, x *vr) *vr { return tp.Mul(x, nil) }},
		{"Mul: input 1 belongs to another tape", func(tp *tape, x *vr) *vr { return tp.Mul(x, newTape().Fill(1)) }},
		{"Const: want float64 as the tape's first value, got float32", func(tp *tape, x *vr) *vr { return tp.Const(tc.Zeros(tensor.Float32, 2)) }},
		{"Const: want float32 or float64, got int", func(tp *tape, x *vr) *vr { return tp.Const(tensor.New(tensor.WithBacking([]int{1}))) }},
		{"Const: want a tensor, got nil", func(tp *tape, x *vr) *vr { return tp.Const(nil) }},
		{"Fill: want at most 8 axes of 0 or more, got shape [-1]", func(tp *tape, x *vr) *vr { return tp.Fill(0, -1) }},
		{"mine: want 1 gradients of its vjp, got 0", func(tp *tape, x *vr) *vr {
			y := tp.Custom("mine", []*vr{x}, f64(nil, 1), func(*tape, *vr) []*vr { return nil })
			_, _ = tp.Grad(y, x)
			return nil
		}},
		{"mine: want gradient 0 of shape [2 3] of its vjp, got []", func(tp *tape, x *vr) *vr {
			y := tp.Custom("mine", []*vr{x}, f64(nil, 1), func(_ *tape, g *vr) []*vr { return []*vr{g} })
			_, _ = tp.Grad(y, x)
			return nil
		}},
	} {
		tp := newTape()
		c.f(tp, tp.Leaf("x", nil, f64([]int{2, 3}, 1, 2, 3, 4, 5, 6)))
		err := tp.Err()
		if err == nil || !strings.Contains(err.Error(), c.want) || !strings.Contains(err.Error(), "(at tape_test.go:") {
			t.Errorf("want %q and this file's line, got %v", c.want, err)
		}
		if err != nil && !errors.Is(err, autograd.ErrShape) {
			t.Errorf("%v is not an ErrShape", err)
		}
	}
}

func TestFirstErrorStays(t *testing.T) {
	tp := newTape()
	x := tp.Leaf("x", nil, f64([]int{2}, 1, 2))
	bad := tp.MatMul(x, x)
	first := tp.Err()
	y := tp.Mean(tp.Mul(tp.Relu(tp.Reshape(bad, 7)), tp.Gather(bad, []int32{9})))
	if tp.Err() != first {
		t.Errorf("want the first error to stay, got %v", tp.Err())
	}
	if y.Value() != nil || y.Float32s() != nil || y.Float64s() != nil || !math.IsNaN(y.Scalar()) {
		t.Error("want no value after an error")
	}
	if _, err := tp.Grad(y, x); err != first {
		t.Errorf("Grad: want the first error, got %v", err)
	}
	if s := tp.Relu(x).Shape(); len(s) != 1 || s[0] != 2 {
		t.Errorf("want the shape to be kept, got %v", s)
	}
	tp.Reset()
	if tp.Err() != nil || tp.Fill(1).Scalar() != 1 {
		t.Error("want Reset to forget the error")
	}
	var none *vr
	if none.Shape() != nil || none.Value() != nil || none.Float32s() != nil || !math.IsNaN(none.Scalar()) {
		t.Error("want a nil var to have nothing")
	}
}

func TestLeafIsMemoised(t *testing.T) {
	tp := newTape()
	a := tp.Leaf("a", []int32{4, 7}, f64([]int{2}, 1, 2))
	b := tp.Leaf("b", nil, f64(nil, 3))
	if tp.Leaf("a", []int32{4, 7}, f64([]int{2}, 9, 9)) != a || len(tp.Leaves()) != 2 {
		t.Error("want one leaf a key")
	}
	if l := tp.Leaves(); l[0].Key != "a" || l[0].Rows[1] != 7 || l[0].Var != a || l[1].Var != b || l[1].Rows != nil {
		t.Errorf("want leaves in order of use, got %v", l)
	}
	tp.Leaf("a", []int32{4, 8}, f64([]int{2}, 1, 2))
	if err := tp.Err(); err == nil || !strings.Contains(err.Error(), "on the tape with other rows") {
		t.Errorf("want an error about rows, got %v", err)
	}
	tp.Reset()
	if len(tp.Leaves()) != 0 {
		t.Error("want Reset to forget leaves")
	}
}

func TestGradOfWhatLossDoesNotUse(t *testing.T) {
	tp := newTape()
	x, y := tp.Leaf("x", nil, f64([]int{2}, 1, 2)), tp.Leaf("y", nil, f64([]int{3}, 1, 2, 3))
	var quiet *vr
	tp.NoGrad(func() { quiet = tp.Square(y) })
	loss := tp.Sum(tp.Mul(tp.Square(x), tp.Sum(quiet)))
	loss = tp.Add(loss, tp.Sum(tp.StopGradient(tp.Exp(y))))
	late := tp.Square(x)
	g, err := tp.Grad(loss, x, y, late)
	if err != nil {
		t.Fatal(err)
	}
	near(t, "dx", g[0].Float64s()[1], 2*2*14)
	for _, z := range append(g[1].Float64s(), g[2].Float64s()...) {
		near(t, "unused", z, 0)
	}
}

func TestGradOfAnIntermediateVar(t *testing.T) {
	tp := newTape()
	x := tp.Const(f64([]int{2}, 1, 2))
	h := tp.Square(x)
	g, err := tp.Grad(tp.Sum(tp.Mul(h, h)), h, x)
	if err != nil {
		t.Fatal(err)
	}
	near(t, "dh", g[0].Float64s()[1], 2*4)
	near(t, "dx", g[1].Float64s()[1], 4*8)
}

func TestThirdDerivative(t *testing.T) {
	tp := newTape()
	x := tp.Leaf("x", nil, f64(nil, 0.7))
	y := tp.Exp(tp.Scale(x, 2))
	for k := 1; k <= 4; k++ {
		g, err := tp.Grad(y, x)
		if err != nil {
			t.Fatal(err)
		}
		y = g[0]
		near(t, "derivative of e^2x", y.Scalar(), math.Pow(2, float64(k))*math.Exp(1.4))
	}
}

func TestCustomGradientMayCallGrad(t *testing.T) {
	tp := newTape()
	x := tp.Leaf("x", nil, f64(nil, 3))
	y := tp.Custom("cube", []*vr{x}, f64(nil, 27), func(tp *tape, g *vr) []*vr {
		inner, err := tp.Grad(tp.Pow(x, 3), x)
		if err != nil {
			return nil
		}
		return []*vr{tp.Mul(g, inner[0])}
	})
	g, err := tp.Grad(tp.Square(y), x)
	if err != nil {
		t.Fatal(err)
	}
	near(t, "d x^6", g[0].Scalar(), 6*243)
	g, err = tp.Grad(g[0], x)
	if err != nil {
		t.Fatal(err)
	}
	near(t, "d2 x^6", g[0].Scalar(), 30*81)
}

func TestCustomSharesOneCall(t *testing.T) {
	tp := newTape()
	a, b := tp.Leaf("a", nil, f64(nil, 3)), tp.Leaf("b", nil, f64(nil, 5))
	calls := 0
	y := tp.Custom("product", []*vr{a, b}, f64(nil, 15), func(tp *tape, g *vr) []*vr {
		calls++
		return []*vr{tp.Mul(g, b), tp.Mul(g, a)}
	})
	g, err := tp.Grad(y, a, b)
	if err != nil || calls != 1 {
		t.Fatalf("want one call, got %d, %v", calls, err)
	}
	near(t, "da", g[0].Scalar(), 5)
	near(t, "db", g[1].Scalar(), 3)
}

func TestKnownValues(t *testing.T) {
	tp := newTape()
	eye := f64([]int{4, 4}, 1, 0, 0, 0, 0, 1, 0, 0, 0, 0, 1, 0, 0, 0, 0, 1)
	near(t, "four orthonormal rows: ln(e+3) - 1", tp.CrossEntropyDiag(tp.Const(eye)).Scalar(), math.Log(math.E+3)-1)
	z, y, w := tp.Const(f64([]int{2}, 0, math.Log(3))), tp.Const(f64([]int{2}, 1, 0)), tp.Const(f64([]int{2}, 1, 3))
	near(t, "mean of ln 2 and ln 4", tp.BCEWithLogits(z, y, nil).Scalar(), 1.5*math.Ln2)
	near(t, "weighted", tp.BCEWithLogits(z, y, w).Scalar(), (math.Ln2+3*2*math.Ln2)/4)
	far := tp.Const(f64([]int{2}, 1e4, -1e4))
	near(t, "extreme logits, right", tp.BCEWithLogits(far, tp.Const(f64([]int{2}, 1, 0)), nil).Scalar(), 0)
	near(t, "extreme logits, wrong", tp.BCEWithLogits(far, tp.Const(f64([]int{2}, 0, 1)), nil).Scalar(), 1e4)
	near(t, "log-sum-exp far out", tp.LogSumExp(far, 0).Scalar(), 1e4)
	near(t, "layer norm", tp.LayerNorm(tp.Const(f64([]int{1, 2}, 1, 3)), 0).Float64s()[1], 1)
	near(t, "max", tp.Max(tp.Const(f64([]int{3}, 1, 7, 2)), 0).Scalar(), 7)
	near(t, "mean", tp.Mean(tp.Const(f64([]int{3}, 1, 7, 4))).Scalar(), 4)
	if err := tp.Err(); err != nil {
		t.Fatal(err)
	}
}

func TestZeroRowNormalizesToZero(t *testing.T) {
	tp := newTape()
	x := tp.Leaf("x", nil, tc.Zeros(tensor.Float32, 2, 3))
	y := tp.NormalizeRows(x)
	g, err := tp.Grad(tp.Sum(y), x)
	if err != nil {
		t.Fatal(err)
	}
	for _, v := range append(y.Float32s(), g[0].Float32s()...) {
		if v != 0 {
			t.Fatalf("want zeros, got %v and gradient %v", y.Float32s(), g[0].Float32s())
		}
	}
}
