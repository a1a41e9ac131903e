package cpu

import (
	"math/rand/v2"
	"slices"
	"testing"

	"gorgonia.org/tensor"

	tc "github.com/sluice-stream/sluice/tensorcore"
)

func noise(n int) []float32 {
	r := rand.New(rand.NewPCG(1, 2))
	s := make([]float32, n)
	for i := range s {
		s[i] = float32(r.NormFloat64())
	}
	return s
}

// TestOtherKernelsOnAnyThreads wants equal bits however the work is cut.
func TestOtherKernelsOnAnyThreads(t *testing.T) {
	window := tc.WindowSpec{
		Window: tc.Window{Size: [2]int{3, 2}, Stride: [2]int{2, 1}, Dilation: [2]int{1, 2}, Before: [2]int{1, 1}, After: [2]int{1, 0}},
		N:      3, H: 7, W: 5, C: 4, Out: [2]int{4, 4},
	}
	cells := 3 * 4 * 4 * 6 * 4
	x := tc.NewFloat32([]int{3, 7, 5, 4}, noise(420))
	cols := tc.NewFloat32([]int{cells}, noise(cells))
	square := tc.NewFloat32([]int{5, 6, 6}, noise(180))
	run := func(e *Engine) (out []float32) {
		keep := func(d *tensor.Dense) { out = append(out, d.Float32s()...) }
		made := func(shape ...int) *tensor.Dense { return tc.Zeros(tensor.Float32, shape...) }
		u, f := made(cells), made(3, 7, 5, 4)
		e.Unfold(u, x, window)
		e.Fold(f, cols, window)
		keep(u)
		keep(f)
		for _, d := range []tc.Distribution{tc.Uniform, tc.Normal, tc.Bernoulli} {
			r := made(101)
			e.Random(r, d, 9, 0.4)
			keep(r)
		}
		idx := make([]int32, 3*2*20)
		e.Order(idx, x, 3, 7, 20, 2, true)
		for _, i := range idx {
			out = append(out, float32(i))
		}
		spd, l, s := made(5, 6, 6), made(5, 6, 6), made(5, 6, 6)
		e.Gemm(spd, square, square, nil, tc.GemmSpec{Batch: 5, I: 6, J: 6, K: 6, TransB: true})
		if bad := e.Cholesky(l, spd, 5, 6); bad >= 0 {
			t.Errorf("matrix %d has no Cholesky factor", bad)
		}
		e.SolveLower(s, l, square, 5, 6, 6, true)
		w, svd := made(5, 7, 6), made(5, 13, 6)
		if e.EigenSym(w, square, 5, 6) >= 0 || e.SVD(svd, square, 5, 6, 6) >= 0 {
			t.Error("want decompositions of all")
		}
		for _, d := range []*tensor.Dense{l, s, w, svd} {
			keep(d)
		}
		return out
	}
	want := run(New(1))
	for _, threads := range []int{2, 3, 4} {
		e := New(threads)
		e.spread = true
		if got := run(e); !slices.Equal(got, want) {
			t.Errorf("%d threads: results differ", threads)
		}
	}
}

func TestDecompositionsNameTheBadMatrix(t *testing.T) {
	e := New(2)
	a := tc.NewFloat64([]int{3, 1, 1}, []float64{1, -2, -3})
	if got := e.Cholesky(tc.Zeros(tensor.Float64, 3, 1, 1), a, 3, 1); got != 1 {
		t.Errorf("want matrix 1, got %d", got)
	}
	if got := e.Cholesky(tc.Zeros(tensor.Float64, 2, 0, 0), tc.Zeros(tensor.Float64, 2, 0, 0), 2, 0); got != -1 {
		t.Errorf("want nothing bad in empty matrices, got %d", got)
	}
}
