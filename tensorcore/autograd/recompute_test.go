package autograd_test

import (
	"errors"
	"math"
	"slices"
	"strings"
	"testing"

	"gorgonia.org/tensor"

	"github.com/sluice-stream/sluice/tensorcore/autograd"
	"github.com/sluice-stream/sluice/tensorcore/cpu"
)

// deep is a chain of layers whose leaf is captured and used by each of them; again runs every other one under Recompute.
func deep(tp *tape, x *vr, again bool) *vr {
	w := func() *vr { return tp.Leaf("w", nil, random(3, 8, 8)) }
	h := x
	for i := range 4 {
		layer := func(in ...*vr) *vr {
			h := tp.Dropout(tp.Tanh(tp.MatMul(in[0], w())), 0.2, uint64(i))
			inner := func(in ...*vr) *vr { return tp.Mul(tp.Exp(in[0]), tp.MatMul(h, w())) }
			if again {
				return tp.Add(tp.Recompute(inner, h), x)
			}
			return tp.Add(inner(h), x)
		}
		if again && i%2 == 0 {
			h = tp.Recompute(layer, h)
		} else {
			h = layer(h)
		}
	}
	return tp.Mean(tp.Square(tp.Add(h, tp.MatMul(x, w()))))
}

// TestRecomputeEqualsPlain wants equal bits; second derivatives add up in another order, so nearly those.
func TestRecomputeEqualsPlain(t *testing.T) {
	var want []float32
	for _, again := range []bool{false, true} {
		for _, final := range []bool{false, true} {
			for _, order := range []int{1, 2} {
				tp := newTape()
				x := tp.Leaf("x", nil, random(1, 5, 8))
				loss := deep(tp, x, again)
				w := tp.Leaf("w", nil, nil)
				if order == 2 {
					g, err := tp.Grad(loss, x)
					if err != nil {
						t.Fatal(err)
					}
					loss = tp.Add(loss, tp.Sum(tp.Square(g[0])))
				}
				grad := tp.Grad
				if final {
					grad = tp.Backward
				}
				gs, err := grad(loss, x, w)
				if err != nil {
					t.Fatal(err)
				}
				got := slices.Concat(gs[0].Float32s(), gs[1].Float32s())
				at := (order - 1) * len(got)
				if !again && !final {
					want = append(want, got...)
				}
				for i, w := range want[at : at+len(got)] {
					if d := float64(got[i] - w); order == 1 && d != 0 || math.Abs(d) > 1e-4*(1+math.Abs(float64(w))) {
						t.Fatalf("recompute %v final %v order %d element %d: want %g, got %g", again, final, order, i, w, got[i])
					}
				}
			}
		}
	}
}

// TestMemoryIsUsedAgain wants Backward to take less memory than Grad, and Recompute less than that.
func TestMemoryIsUsedAgain(t *testing.T) {
	bytes := func(final, again bool) int {
		tp := autograd.NewTape(cpu.New(1))
		h := tp.Leaf("x", nil, random(1, 256, 32))
		for i := range 12 {
			layer := func(x ...*vr) *vr {
				w := tp.Leaf(i, nil, random(2, 32, 32))
				return tp.Add(x[0], tp.Tanh(tp.MatMul(tp.Exp(tp.Scale(tp.Square(tp.MatMul(x[0], w)), 0.1)), w)))
			}
			if again {
				h = tp.Recompute(layer, h)
			} else {
				h = layer(h)
			}
		}
		grad := tp.Grad
		if final {
			grad = tp.Backward
		}
		if _, err := grad(tp.Mean(h), tp.Leaf("x", nil, nil), tp.Leaf(0, nil, nil)); err != nil {
			t.Fatal(err)
		}
		return tp.Bytes()
	}
	plain, final, again := bytes(false, false), bytes(true, false), bytes(true, true)
	t.Logf("Grad %d, Backward %d, with Recompute %d bytes", plain, final, again)
	if final*2 > plain || again*2 > final {
		t.Errorf("want each at most half of the one before: Grad %d, Backward %d, with Recompute %d bytes", plain, final, again)
	}
}

func TestWhatRecomputeAndBackwardRefuse(t *testing.T) {
	for _, c := range []struct {
		want string
		f    func(tp *tape, x *vr)
	}{
		{"Mul: input 0 belongs to a Recompute or Backward that has ended", func(tp *tape, x *vr) {
			var inside *vr
			y := tp.Recompute(func(x ...*vr) *vr { inside = tp.Exp(x[0]); return tp.Square(inside) }, x)
			tp.Mul(inside, y)
		}},
		{"Recompute: the function returned shape [2] first and [1] in the backward pass", func(tp *tape, x *vr) {
			n := 3
			y := tp.Recompute(func(x ...*vr) *vr { n--; return tp.Slice(x[0], 0, 0, n) }, x)
			_, _ = tp.Grad(tp.Sum(y), x)
		}},
		{"Recompute: input 0 is nil", func(tp *tape, x *vr) { tp.Recompute(func(x ...*vr) *vr { return nil }, x) }},
		{"this loss depends on a gradient of Backward, which is a constant; use Grad for it", func(tp *tape, x *vr) {
			g, err := tp.Backward(tp.Sum(tp.Pow(x, 3)), x)
			if err != nil {
				return
			}
			_, _ = tp.Grad(tp.Sum(g[0]), x)
		}},
	} {
		tp := newTape()
		c.f(tp, tp.Leaf("x", nil, f64([]int{2}, 1, 2)))
		if err := tp.Err(); err == nil || !strings.Contains(err.Error(), c.want) || !strings.Contains(err.Error(), "recompute_test.go:") {
			t.Errorf("want %q and this file's line, got %v", c.want, err)
		}
	}
}

func TestReplayingTellsTheSecondRun(t *testing.T) {
	tp := newTape()
	x := tp.Leaf("x", nil, f64(nil, 2))
	var runs []bool
	y := tp.Recompute(func(x ...*vr) *vr { runs = append(runs, tp.Replaying()); return tp.Square(x[0]) }, x)
	g, err := tp.Backward(y, x)
	if err != nil || !slices.Equal(runs, []bool{false, true}) || g[0].Scalar() != 4 {
		t.Fatalf("want a first and a second run and gradient 4, got %v, %v, %v", runs, g, err)
	}
}

// TestBackwardKeepsTheForwardPass wants predictions to be readable afterwards.
func TestBackwardKeepsTheForwardPass(t *testing.T) {
	tp := newTape()
	x := tp.Leaf("x", nil, f64([]int{2}, 1, 2))
	p := tp.Exp(x)
	loss := tp.Sum(tp.Mul(p, p))
	before, value := slices.Clone(p.Float64s()), loss.Scalar()
	if _, err := tp.Backward(loss, x); err != nil || !slices.Equal(p.Float64s(), before) || loss.Scalar() != value {
		t.Fatalf("want %v and %g, got %v and %g, %v", before, value, p.Float64s(), loss.Scalar(), err)
	}
	g, err := tp.Grad(loss, p, x) // the graph is whole
	if err != nil || g[0].Float64s()[1] != 2*before[1] {
		t.Fatalf("got %v, %v", g, err)
	}
}

// TestSharedGradientsAreNotOverwritten gives one gradient to several inputs, of which one gets more.
func TestSharedGradientsAreNotOverwritten(t *testing.T) {
	for _, c := range []struct {
		name   string
		f      func(tp *tape, x, z *vr) *vr
		dx, dz float64 // at x = 3
	}{
		{"sum", func(tp *tape, x, z *vr) *vr {
			early := tp.Square(x)
			return tp.Add(tp.Add(x, z), early)
		}, 1 + 6, 1},
		{"views of one gradient", func(tp *tape, x, z *vr) *vr {
			early := tp.Square(x)
			return tp.Add(tp.Add(tp.Reshape(x, 1, 1), tp.Reshape(z, 1, 1)), early)
		}, 1 + 6, 1},
		{"custom", func(tp *tape, x, z *vr) *vr {
			return tp.Custom("three", []*vr{x, x, z}, f64([]int{1}, 0), func(tp *tape, g *vr) []*vr {
				d := tp.Scale(g, 2)
				return []*vr{d, tp.Scale(g, 5), d}
			})
		}, 2 + 5, 2},
	} {
		tp := newTape()
		x, z := tp.Leaf("x", nil, f64([]int{1}, 3)), tp.Leaf("z", nil, f64([]int{1}, 4))
		g, err := tp.Backward(tp.Sum(c.f(tp, x, z)), x, z)
		if err != nil {
			t.Fatal(err)
		}
		if a, b := g[0].Scalar(), g[1].Scalar(); a != c.dx || b != c.dz {
			t.Errorf("%s: want %g and %g, got %g and %g", c.name, c.dx, c.dz, a, b)
		}
	}
}

// TestGradientsOfTheUsersOwnVarsStay returns vars of the forward pass as gradients.
func TestGradientsOfTheUsersOwnVarsStay(t *testing.T) {
	tp := newTape()
	x := tp.Leaf("x", nil, f64([]int{1}, 3))
	own := tp.Fill(5, 1)
	give := func(in *vr) *vr {
		return tp.Custom("own", []*vr{in}, f64([]int{1}, 0), func(*tape, *vr) []*vr { return []*vr{own} })
	}
	scaled := give(tp.Scale(x, 2))
	early := tp.Square(x)
	g, err := tp.Backward(tp.Sum(tp.Add(tp.Add(scaled, early), give(x))), x)
	if err != nil {
		t.Fatal(err)
	}
	if got := g[0].Scalar(); got != 5+10+6 || own.Scalar() != 5 {
		t.Errorf("want gradient 21 and 5 left, got %g and %g", got, own.Scalar())
	}
}

// brokenEngine is an engine with a fault.
type brokenEngine struct{ *cpu.Engine }

var errBroken = errors.New("no such kernels")

func (brokenEngine) Err() error { return errBroken }

func TestFaultOfTheEngineIsTheTapesError(t *testing.T) {
	tp := autograd.NewTape(brokenEngine{cpu.New(1)})
	for range 2 {
		y := tp.Exp(tp.Fill(1, 2))
		if !errors.Is(tp.Err(), errBroken) || y.Value() != nil {
			t.Fatalf("want the engine's error and no value, got %v and %v", tp.Err(), y.Value())
		}
		if l := tp.Leaf("x", nil, tensor.New(tensor.WithBacking([]float32{1}))); l.Value() != nil {
			t.Error("want no value")
		}
		tp.Reset()
	}
}

// TestStepAllocatesNothing wants a steady step of each model to allocate nothing.
func TestStepAllocatesNothing(t *testing.T) {
	for name, f := range map[string]step{
		"mlp": newMLP(), "deep fm": newDeepFM(64), "transformer": newTransformer(2, false), "recompute": newTransformer(2, true),
	} {
		tp := autograd.NewTape(cpu.New(1))
		f(t, tp)
		f(t, tp)
		if n := testing.AllocsPerRun(10, func() { f(t, tp) }); n > 0 {
			t.Errorf("%s: want no allocation a step, got %g", name, n)
		}
	}
}
