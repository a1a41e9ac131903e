package nn

import (
	"math"
	"testing"

	"github.com/sluice-stream/sluice/learn"
	"github.com/sluice-stream/sluice/learn/nn/reference"
	"github.com/sluice-stream/sluice/learn/optim"
	"github.com/sluice-stream/sluice/tensorcore"
	"github.com/sluice-stream/sluice/tensorcore/autograd"
	"github.com/sluice-stream/sluice/tensorcore/cpu"
)

const tolerance = 1e-5

// input gives a case the values of its file: x("x") is a trainable leaf, so that its gradient is compared too.
type input struct {
	tp   *autograd.Tape
	file *reference.File
	keys map[string]*string // leaves that are no parameters
}

func (in input) x(name string) *autograd.Var {
	v := in.file.Get(name)
	key := in.keys[name]
	if key == nil {
		key = &name
		in.keys[name] = key
	}
	return in.tp.Leaf(key, nil, tensorcore.NewFloat32(v.Shape, v.Data))
}

func (in input) ids(name string) []int32 {
	var out []int32
	for _, v := range in.file.Get(name).Data {
		out = append(out, int32(v))
	}
	return out
}

// against does what experiments/reference/nn.py does: output, gradients, five steps of SGD.
func against(t *testing.T, name string, params []*learn.Param, lr float64, forward func(in input) *autograd.Var) *reference.File {
	t.Helper()
	f := reference.Read(t, name+".txt")
	f.Load("start.", params)
	opt, err := optim.NewSGD(optim.SGDConfig{Rate: lr, Momentum: 0.9})
	if err != nil {
		t.Fatal(err)
	}
	in := input{autograd.NewTape(cpu.New(1)), f, map[string]*string{}}
	r, losses := f.Get("r"), []float32(nil)
	for step := range 5 {
		in.tp.Reset()
		y := forward(in)
		loss := in.tp.Sum(in.tp.Mul(y, in.tp.Const(tensorcore.NewFloat32(r.Shape, r.Data))))
		updates, err := learn.Updates(in.tp, loss, nil)
		if err != nil {
			t.Fatal(err)
		}
		losses = append(losses, float32(loss.Scalar()))
		if step == 0 {
			f.Compare("y", y.Float32s(), tolerance)
			for _, u := range updates {
				f.Compare("grad."+u.Param.Name, u.Grad, tolerance)
			}
			inputGrads(t, in, loss)
		}
		if len(updates) != len(params) {
			t.Fatalf("%s: want gradients of %d parameters, got %d", name, len(params), len(updates))
		}
		if err := opt.Step(updates); err != nil {
			t.Fatal(err)
		}
	}
	f.Compare("losses", losses, tolerance)
	for _, p := range params {
		f.Compare("end."+p.Name, p.Data(), tolerance)
	}
	return f
}

func inputGrads(t *testing.T, in input, loss *autograd.Var) {
	t.Helper()
	for name, key := range in.keys {
		for _, l := range in.tp.Leaves() {
			if l.Key != any(key) {
				continue
			}
			g, err := in.tp.Grad(loss, l.Var)
			if err != nil {
				t.Fatal(err)
			}
			in.file.Compare("grad."+name, g[0].Float32s(), tolerance)
		}
	}
}

func TestLinearAgainstTorch(t *testing.T) {
	l := NewLinear("l", 5, 3, 1)
	against(t, "linear", l.Params(), 0.1, func(in input) *autograd.Var { return l.Forward(in.tp, in.x("x")) })
	m := NewMLP("m", 5, []int{6, 4}, 1)
	against(t, "mlp", m.Params(), 0.1, func(in input) *autograd.Var { return m.Forward(in.tp, in.x("x")) })
}

func TestEmbeddingAgainstTorch(t *testing.T) {
	e := NewEmbedding("e", 6, 3, 1)
	against(t, "embedding", e.Params(), 0.1, func(in input) *autograd.Var { return e.Forward(in.tp, in.ids("ids")) })
}

func TestLayerNormAgainstTorch(t *testing.T) {
	l := NewLayerNorm("n", 6, DefaultEps)
	against(t, "layer_norm", l.Params(), 0.1, func(in input) *autograd.Var { return l.Forward(in.tp, in.x("x")) })
}

func TestActivationsAgainstTorch(t *testing.T) {
	for name, f := range map[string]Activation{"relu": Relu, "gelu": Gelu, "silu": Silu, "quick_gelu": QuickGelu, "leaky_relu": LeakyRelu(0.2)} {
		against(t, name, nil, 0.1, func(in input) *autograd.Var { return f(in.tp, in.x("x")) })
	}
}

func TestAttentionAgainstTorch(t *testing.T) {
	a := NewMultiHeadAttention("a", 8, 2, 0, 1)
	against(t, "attention_self", a.Params(), 0.1, func(in input) *autograd.Var {
		return a.Self(in.tp, in.x("x"), in.tp.Lower(5), Eval)
	})
	a = NewMultiHeadAttention("a", 8, 4, 0, 1)
	against(t, "attention_cross", a.Params(), 0.1, func(in input) *autograd.Var {
		return a.Cross(in.tp, in.x("x"), in.x("memory"), in.tp.Const(LengthMask([]int{3, 4}, 4)), Eval)
	})
}

func TestTransformersAgainstTorch(t *testing.T) {
	post := TransformerConfig{Width: 6, Heads: 2, Hidden: 8}
	pre := TransformerConfig{Width: 6, Heads: 2, Hidden: 8, NormFirst: true, FinalNorm: true}
	gelu := pre
	gelu.Activation = Gelu
	for name, c := range map[string]TransformerConfig{"encoder_post": post, "encoder_pre": gelu} {
		e := NewTransformerEncoder("t", 2, c, 1)
		against(t, name, e.Params(), 0.02, func(in input) *autograd.Var { return e.Forward(in.tp, in.x("x"), nil, Train(0)) })
	}
	for name, c := range map[string]TransformerConfig{"decoder_post": post, "decoder_pre": pre} {
		d := NewTransformerDecoder("t", 1, c, 1)
		against(t, name, d.Params(), 0.02, func(in input) *autograd.Var {
			return d.Forward(in.tp, in.x("x"), in.x("memory"), Masks{Self: in.tp.Lower(4)}, Train(0))
		})
	}
}

// TestAttentionWithDropout: the path that drops weights gives the same where the share is too small to hit one, and
// repeats a mask for each sequence over its heads.
func TestAttentionWithDropout(t *testing.T) {
	plain, drops := NewMultiHeadAttention("a", 8, 2, 0, 1), NewMultiHeadAttention("a", 8, 2, 1e-9, 1)
	tp := autograd.NewTape(cpu.New(1))
	x := tp.Const(tensorcore.NewFloat32([]int{2, 3, 8}, normal(2*3*8)))
	own := tp.Const(LengthMask([]int{2, 3}, 3))
	for name, mask := range map[string]*autograd.Var{"none": nil, "causal": tp.Lower(3), "own": own} {
		a, b := plain.Self(tp, x, mask, Eval).Float32s(), drops.Self(tp, x, mask, Train(3)).Float32s()
		for i := range a {
			if math.Abs(float64(a[i]-b[i])) > 1e-6 {
				t.Fatalf("%s: want %v, got %v", name, a, b)
			}
		}
	}
	if tp.Err() != nil {
		t.Fatal(tp.Err())
	}
}

func normal(n int) []float32 {
	out := make([]float32, n)
	learn.Normal(3, "x", 1)(0, out)
	return out
}

// TestDropout: the share, the scale, the key and what is off in evaluation.
func TestDropout(t *testing.T) {
	const n, share = 20000, 0.3
	ones := make([]float32, n)
	for i := range ones {
		ones[i] = 1
	}
	run := func(d *Dropout, pass Pass) []float32 {
		tp := autograd.NewTape(cpu.New(1))
		y := d.Forward(tp, tp.Const(tensorcore.NewFloat32([]int{n / 10, 10}, ones)), pass)
		if tp.Err() != nil {
			t.Fatal(tp.Err())
		}
		return append([]float32(nil), y.Float32s()...)
	}
	equal := func(a, b []float32) (same float64) {
		for i := range a {
			if a[i] == b[i] {
				same += 1 / float64(n)
			}
		}
		return same
	}
	d := NewDropout("d", share, 7)
	first := run(d, Train(5))
	var sum float64
	for _, x := range first {
		if x != 0 && x != float32(1/(1-share)) {
			t.Fatalf("value %v", x)
		}
		sum += float64(x)
	}
	if math.Abs(sum/n-1) > 0.02 {
		t.Errorf("want mean 1, got %v", sum/n)
	}
	other := run(d, Train(6))
	if same := equal(first, other); math.Abs(same-(share*share+(1-share)*(1-share))) > 0.02 {
		t.Errorf("two steps agree in %v of the values", same)
	}
	if equal(first, run(d, Train(5))) < 1-1e-9 || equal(first, run(NewDropout("d", share, 7), Train(5))) < 1-1e-9 {
		t.Error("a step's values depend on more than its key")
	}
	if equal(first, run(NewDropout("e", share, 7), Train(5))) > 0.7 || equal(first, run(NewDropout("d", share, 8), Train(5))) > 0.7 {
		t.Error("name and seed do not matter")
	}
	if equal(run(d, Eval), ones) < 1-1e-9 {
		t.Error("evaluation drops values")
	}
}
