package nn

import (
	"bytes"
	"slices"
	"strings"
	"testing"

	"github.com/sluice-stream/sluice/internal/state"
	"github.com/sluice-stream/sluice/learn"
	"github.com/sluice-stream/sluice/tensorcore"
	"github.com/sluice-stream/sluice/tensorcore/autograd"
	"github.com/sluice-stream/sluice/tensorcore/cpu"
)

func TestConvAgainstTorch(t *testing.T) {
	w := tensorcore.Window{Size: [2]int{3, 2}, Stride: [2]int{2, 2}, Before: [2]int{1, 1}, After: [2]int{1, 1}}
	c := NewConv2d("c", 2, 3, w, 1)
	against(t, "conv2d", c.Params(), 0.1, func(in input) *autograd.Var { return c.Forward(in.tp, in.x("x")) })
	w = autograd.Square(3, 1, 2)
	w.Dilation = [2]int{2, 2}
	d := NewConv2dNoBias("c", 2, 2, w, 1)
	against(t, "conv2d_dilated", d.Params(), 0.1, func(in input) *autograd.Var { return d.Forward(in.tp, in.x("x")) })
}

func TestConvTransposeAgainstTorch(t *testing.T) {
	c := NewConvTranspose2d("c", 3, 2, autograd.Square(4, 2, 1), 1)
	against(t, "conv_transpose2d", c.Params(), 0.1, func(in input) *autograd.Var { return c.Forward(in.tp, in.x("x")) })
	d := NewConvTranspose2d("c", 2, 2, autograd.Square(3, 2, 1), 1)
	against(t, "conv_transpose2d_to", d.Params(), 0.1, func(in input) *autograd.Var { return d.ForwardTo(in.tp, in.x("x"), 6, 6) })
}

func TestGroupNormAgainstTorch(t *testing.T) {
	for name, groups := range map[string]int{"group_norm": 2, "instance_norm": 4} {
		g := NewGroupNorm("g", groups, 4, DefaultEps)
		against(t, name, g.Params(), 0.1, func(in input) *autograd.Var { return g.Forward(in.tp, in.x("x")) })
	}
}

func TestBatchNormAgainstTorch(t *testing.T) {
	b := NewBatchNorm("b", 4, DefaultEps, DefaultMomentum)
	f := against(t, "batch_norm", b.Params(), 0.1, func(in input) *autograd.Var { return b.Forward(in.tp, in.x("x"), Train(0)) })
	f.Compare("end.running_mean", b.mean, tolerance)
	f.Compare("end.running_var", b.variance, tolerance)
	tp, x := autograd.NewTape(cpu.New(1)), f.Get("x_eval")
	f.Compare("end.eval", b.Forward(tp, tp.Const(tensorcore.NewFloat32(x.Shape, x.Data)), Eval).Float32s(), tolerance)

	var saved bytes.Buffer
	if err := state.WritePart(&saved, b); err != nil {
		t.Fatal(err)
	}
	again := NewBatchNorm("b", 4, DefaultEps, DefaultMomentum)
	if err := state.ReadPart(saved.Bytes(), again); err != nil {
		t.Fatal(err)
	}
	if !slices.Equal(again.mean, b.mean) || !slices.Equal(again.variance, b.variance) {
		t.Error("running statistics were not restored")
	}
	if err := state.ReadPart(saved.Bytes(), NewBatchNorm("b", 3, DefaultEps, DefaultMomentum)); err == nil {
		t.Error("the statistics of another layer were taken")
	}
}

// TestBatchNormOfOneRow: there is no variance, so it is normalised as in evaluation.
func TestBatchNormOfOneRow(t *testing.T) {
	b := NewBatchNorm("b", 2, 0, DefaultMomentum)
	b.mean[0], b.variance[1] = 1, 4
	tp := autograd.NewTape(cpu.New(1))
	y := b.Forward(tp, tp.Const(tensorcore.NewFloat32([]int{1, 2}, []float32{3, 4})), Train(0))
	if got := y.Float32s(); got[0] != 2 || got[1] != 2 || b.mean[0] != 1 {
		t.Errorf("want 2, 2 and running statistics left alone, got %v, %v", got, b.mean)
	}
}

// TestBatchNormIsNotMovedAgain: a Recompute passes twice and moves the running statistics once.
func TestBatchNormIsNotMovedAgain(t *testing.T) {
	b := NewBatchNorm("b", 1, DefaultEps, 0.5)
	tp := autograd.NewTape(cpu.New(1))
	x := tp.Const(tensorcore.NewFloat32([]int{2, 1}, []float32{1, 3}))
	y := tp.Recompute(func(x ...*autograd.Var) *autograd.Var { return b.Forward(tp, x[0], Train(0)) }, x)
	if _, err := learn.Updates(tp, tp.Sum(tp.Square(y)), nil); err != nil {
		t.Fatal(err)
	}
	if b.mean[0] != 1 || b.variance[0] != 1.5 {
		t.Errorf("want mean 1 and variance 1.5, got %v and %v", b.mean, b.variance)
	}
}

func TestResNetAgainstTorch(t *testing.T) {
	r, err := NewResNet("r", ResNetConfig{In: 2, Widths: []int{3, 4}, Blocks: []int{1, 1}}, 1)
	if err != nil {
		t.Fatal(err)
	}
	f := against(t, "resnet", r.Params(), 0.1, func(in input) *autograd.Var { return r.Forward(in.tp, in.x("x"), Train(0)) })
	mean, variance := r.stages[1][0].second.norm.Running()
	f.Compare("end.running_mean", mean, tolerance)
	f.Compare("end.running_var", variance, tolerance)
	restoresRunning(t, r, func() learn.Stateful {
		again, _ := NewResNet("r", ResNetConfig{In: 2, Widths: []int{3, 4}, Blocks: []int{1, 1}}, 1)
		return again
	})
	if _, err := NewResNet("r", ResNetConfig{In: 2, Widths: []int{3}}, 1); err == nil || r.Width() != 4 || r.Stages() != 2 {
		t.Errorf("got width %d, %d stages, error %v", r.Width(), r.Stages(), err)
	}
}

func TestUNetAgainstTorch(t *testing.T) {
	c := UNetConfig{In: 1, Out: 1, Widths: []int{2, 4}}
	u, err := NewUNet("u", c, 1)
	if err != nil {
		t.Fatal(err)
	}
	against(t, "unet", u.Params(), 0.1, func(in input) *autograd.Var { return u.Forward(in.tp, in.x("x"), Train(0)) })
	restoresRunning(t, u, func() learn.Stateful {
		again, _ := NewUNet("u", c, 1)
		return again
	})
	tp := autograd.NewTape(cpu.New(1))
	y := u.Forward(tp, tp.Fill(1, 1, 7, 5, 1), Eval) // sizes that two does not divide
	if tp.Err() != nil || !slices.Equal(y.Shape(), []int{1, 7, 5, 1}) {
		t.Errorf("got shape %v, error %v", y.Shape(), tp.Err())
	}
	if _, err := NewUNet("u", UNetConfig{In: 1, Out: 1}, 1); err == nil {
		t.Error("want an error without levels")
	}
}

// restoresRunning saves the state of m into a fresh twin and wants equal bytes of both.
func restoresRunning(t *testing.T, m learn.Stateful, fresh func() learn.Stateful) {
	t.Helper()
	var a, untouched, b bytes.Buffer
	twin := fresh()
	for _, s := range []struct {
		to *bytes.Buffer
		of learn.Stateful
	}{{&a, m}, {&untouched, twin}} {
		if err := state.WritePart(s.to, s.of); err != nil {
			t.Fatal(err)
		}
	}
	if err := state.ReadPart(a.Bytes(), twin); err != nil {
		t.Fatal(err)
	}
	if err := state.WritePart(&b, twin); err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(a.Bytes(), b.Bytes()) || bytes.Equal(a.Bytes(), untouched.Bytes()) {
		t.Error("the running statistics were not restored")
	}
}

// TestLayersRefuseShapes: the error names the layer or the operation and both shapes, and nothing panics.
func TestLayersRefuseShapes(t *testing.T) {
	a := NewMultiHeadAttention("a", 8, 2, 0, 1)
	u, _ := NewUNet("u", UNetConfig{In: 1, Out: 1, Widths: []int{2, 4}}, 1)
	for want, f := range map[string]func(tp *autograd.Tape) *autograd.Var{
		"n.weight: want x [..., 6], got [2 1]": func(tp *autograd.Tape) *autograd.Var {
			return NewLayerNorm("n", 6, DefaultEps).Forward(tp, tp.Fill(1, 2, 1))
		},
		"b.weight: want x [..., 6], got []": func(tp *autograd.Tape) *autograd.Var {
			return NewBatchNorm("b", 6, DefaultEps, 0.1).Forward(tp, tp.Fill(1), Train(0))
		},
		"g.weight: want x [..., 4]": func(tp *autograd.Tape) *autograd.Var {
			return NewGroupNorm("g", 2, 4, DefaultEps).Forward(tp, tp.Fill(1, 2, 3))
		},
		"want [N, ..., C] with C a multiple": func(tp *autograd.Tape) *autograd.Var {
			return NewGroupNorm("g", 3, 4, DefaultEps).Forward(tp, tp.Fill(1, 2, 4))
		},
		"Linear: want x [B, I]": func(tp *autograd.Tape) *autograd.Var {
			return NewLinear("l", 3, 2, 1).Forward(tp, tp.Fill(1, 2, 2, 4))
		},
		"a.in.weight: want x [-1 -1 8]": func(tp *autograd.Tape) *autograd.Var {
			return a.Self(tp, tp.Fill(1, 2, 8), nil, Eval)
		},
		"want as many sequences in memory": func(tp *autograd.Tape) *autograd.Var {
			return a.Cross(tp, tp.Fill(1, 2, 3, 8), tp.Fill(1, 1, 3, 8), nil, Eval)
		},
		"want a mask for each of 2 sequences": func(tp *autograd.Tape) *autograd.Var {
			return a.Self(tp, tp.Fill(1, 2, 3, 8), tp.Fill(1, 3, 1, 3), Eval)
		},
		"want heads that divide": func(tp *autograd.Tape) *autograd.Var {
			return NewMultiHeadAttention("a", 8, 3, 0, 1).Self(tp, tp.Fill(1, 2, 3, 8), nil, Eval)
		},
		"Gather: want indices": func(tp *autograd.Tape) *autograd.Var {
			return NewEmbedding("e", 3, 2, 1).Forward(tp, []int32{3})
		},
		"c.weight: want x [-1 -1 -1 2]": func(tp *autograd.Tape) *autograd.Var {
			return NewConvTranspose2d("c", 2, 2, autograd.Square(2, 2, 0), 1).Forward(tp, tp.Fill(1, 2, 3))
		},
		"Conv2D: want x [N, H, W, I]": func(tp *autograd.Tape) *autograd.Var {
			return NewConv2d("c", 2, 2, autograd.Square(2, 2, 0), 1).Forward(tp, tp.Fill(1, 2, 3, 3, 3))
		},
		"want 2 levels": func(tp *autograd.Tape) *autograd.Var { return u.Up(tp, nil, Eval) },
		"Dropout: want a probability": func(tp *autograd.Tape) *autograd.Var {
			return NewDropout("d", 1, 1).Forward(tp, tp.Fill(1, 2), Train(0))
		},
	} {
		tp := autograd.NewTape(cpu.New(1))
		f(tp)
		if tp.Err() == nil || !strings.Contains(tp.Err().Error(), want) {
			t.Errorf("want %q, got %v", want, tp.Err())
		}
		f(tp) // a tape that has failed is passed through
	}
}
