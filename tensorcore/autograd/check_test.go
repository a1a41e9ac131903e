package autograd_test

import (
	"math"
	"math/rand/v2"
	"slices"
	"testing"

	tc "github.com/sluice-stream/sluice/tensorcore"
	"github.com/sluice-stream/sluice/tensorcore/autograd"
	"github.com/sluice-stream/sluice/tensorcore/cpu"
)

type (
	tape = autograd.Tape
	vr   = autograd.Var
)

func newTape() *tape { return autograd.NewTape(cpu.New(1)) }

// values are float64 numbers from lo to hi.
func values(seed uint64, lo, hi float64, n int) []float64 {
	r := rand.New(rand.NewPCG(seed, 1))
	s := make([]float64, n)
	for i := range s {
		s[i] = lo + (hi-lo)*r.Float64()
	}
	return s
}

// input is one argument of an op under test.
type input struct {
	shape  []int
	lo, hi float64
}

func in(shape ...int) input                      { return input{shape, -2, 2} }
func between(lo, hi float64, shape ...int) input { return input{shape, lo, hi} }

// weighted turns any result into a scalar that weighs every element differently.
func weighted(tp *tape, y *vr) *vr {
	w := values(99, 0.5, 1.5, y.Size())
	return tp.Sum(tp.Mul(y, tp.Const(tc.NewFloat64(y.Shape(), w))))
}

// scalarAt evaluates weighted(f) at data; second also adds the squares of the first gradients.
func scalarAt(t *testing.T, f func(*tape, []*vr) *vr, in []input, data [][]float64, second bool) (float64, [][]float64) {
	t.Helper()
	tp := newTape()
	xs := make([]*vr, len(in))
	for i := range in {
		xs[i] = tp.Leaf(i, nil, tc.NewFloat64(in[i].shape, data[i]))
	}
	loss := weighted(tp, f(tp, xs))
	if second {
		gs, err := tp.Grad(loss, xs...)
		if err != nil {
			t.Fatal(err)
		}
		loss = tp.Fill(0)
		for _, g := range gs {
			loss = tp.Add(loss, weighted(tp, tp.Square(g)))
		}
	}
	gs, err := tp.Grad(loss, xs...)
	if err != nil {
		t.Fatal(err)
	}
	out := make([][]float64, len(gs))
	for i, g := range gs {
		if !tc.SameShape(g.Shape(), in[i].shape) {
			t.Fatalf("gradient %d: want shape %v, got %v", i, in[i].shape, g.Shape())
		}
		out[i] = append([]float64(nil), g.Float64s()...)
	}
	return loss.Scalar(), out
}

// checkGrad compares gradients with central differences.
func checkGrad(t *testing.T, f func(*tape, []*vr) *vr, in []input, second bool) {
	t.Helper()
	data := make([][]float64, len(in))
	for i, a := range in {
		data[i] = values(uint64(i+1), a.lo, a.hi, tc.Size(a.shape))
	}
	_, got := scalarAt(t, f, in, data, second)
	const h = 1e-5
	for i := range data {
		for k, x := range data[i] {
			data[i][k] = x + h
			up, _ := scalarAt(t, f, in, data, second)
			data[i][k] = x - h
			down, _ := scalarAt(t, f, in, data, second)
			data[i][k] = x
			want := (up - down) / (2 * h)
			if math.Abs(want-got[i][k]) > 2e-6*(1+math.Abs(want)) {
				t.Fatalf("input %d element %d (second order %v): want %.9g by differences, got %.9g", i, k, second, want, got[i][k])
			}
		}
	}
}

// checkBackward wants the gradients of Backward, and of Grad and Backward through a Recompute, to be those of Grad to
// the bit.
func checkBackward(t *testing.T, f func(*tape, []*vr) *vr, in []input) {
	t.Helper()
	var want [][]float64
	for _, again := range []bool{false, true} {
		for _, final := range []bool{false, true} {
			tp := newTape()
			xs := make([]*vr, len(in))
			for i, a := range in {
				xs[i] = tp.Leaf(i, nil, tc.NewFloat64(a.shape, values(uint64(i+1), a.lo, a.hi, tc.Size(a.shape))))
			}
			y := f(tp, xs)
			if again {
				y = tp.Recompute(func(x ...*vr) *vr { return f(tp, x) }, xs...)
			}
			grad := tp.Grad
			if final {
				grad = tp.Backward
			}
			gs, err := grad(weighted(tp, y), xs...)
			if err != nil {
				t.Fatal(err)
			}
			for i, g := range gs {
				if want == nil || len(want) < len(gs) {
					want = append(want, append([]float64(nil), g.Float64s()...))
				}
				if !slices.Equal(g.Float64s(), want[i]) {
					t.Fatalf("recompute %v final %v input %d: want %v, got %v", again, final, i, want[i], g.Float64s())
				}
			}
		}
	}
}
