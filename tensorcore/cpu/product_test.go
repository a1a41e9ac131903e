package cpu

import (
	"fmt"
	"math"
	"math/rand/v2"
	"testing"

	"gorgonia.org/tensor"

	tc "github.com/sluice-stream/sluice/tensorcore"
)

// engines are the engine of each set of kernels this processor has.
func engines(t testing.TB, threads int) []*Engine {
	t.Helper()
	var out []*Engine
	for _, k := range Available() {
		e, err := NewWith(threads, k)
		if err != nil {
			t.Fatal(err)
		}
		out = append(out, e)
	}
	return out
}

func random32(seed uint64, n int) []float32 {
	r := rand.New(rand.NewPCG(seed, 2))
	s := make([]float32, n)
	for i := range s {
		s[i] = float32(r.NormFloat64())
	}
	return s
}

// wantProduct is the product in float64, and for each element the sum of absolute values that bounds its error.
func wantProduct(a, b, bias []float32, s tc.GemmSpec) (want, size []float64) {
	for n := range s.Batch {
		for i := range s.I {
			for j := range s.J {
				sum, abs := 0.0, 0.0
				if bias != nil {
					sum = float64(bias[j])
					abs = math.Abs(sum)
				}
				for k := range s.K {
					ai, bi := n*s.I*s.K+i*s.K+k, n*s.K*s.J+k*s.J+j
					if s.TransA {
						ai = n*s.I*s.K + k*s.I + i
					}
					if s.TransB {
						bi = n*s.K*s.J + j*s.K + k
					}
					x := float64(a[ai]) * float64(b[bi])
					sum, abs = sum+x, abs+math.Abs(x)
				}
				if s.Relu {
					sum = max(sum, 0)
				}
				want, size = append(want, sum), append(size, abs)
			}
		}
	}
	return want, size
}

func runGemm(e *Engine, a, b, bias []float32, s tc.GemmSpec) []float32 {
	dst := make([]float32, s.Batch*s.I*s.J)
	for i := range dst {
		dst[i] = float32(math.NaN()) // every element must be written
	}
	var row *tensor.Dense
	if bias != nil {
		row = tc.NewFloat32([]int{len(bias)}, bias)
	}
	one := func(d []float32) *tensor.Dense { return tc.NewFloat32([]int{len(d)}, d) }
	e.Gemm(one(dst), one(a), one(b), row, s)
	return dst
}

func gemmShapes() []tc.GemmSpec {
	var out []tc.GemmSpec
	for _, d := range [][4]int{{1, 1, 1, 1}, {1, 12, 32, 7}, {1, 13, 33, 9}, {1, 6, 16, 8}, {1, 7, 17, 3}, {1, 5, 8, 16}, {1, 11, 24, 20},
		{1, 64, 1, 128}, {1, 1, 40, 64}, {1, 100, 50, 30}, {1, 97, 31, 600}, {1, 20, 35, 1100}, {3, 15, 15, 16}, {2, 100, 9, 40},
		{1, 3, 0, 4}, {1, 0, 3, 4}, {1, 3, 4, 0}, {0, 3, 4, 2}} {
		for flags := range 8 {
			out = append(out, tc.GemmSpec{Batch: d[0], I: d[1], J: d[2], K: d[3], TransA: flags&1 > 0, TransB: flags&2 > 0, Relu: flags&4 > 0})
		}
	}
	return out
}

func TestGemmAgainstFloat64(t *testing.T) {
	for _, e := range engines(t, 2) {
		for i, s := range gemmShapes() {
			a, b := random32(1, s.Batch*s.I*s.K), random32(2, s.Batch*s.K*s.J)
			var bias []float32
			if i%3 > 0 {
				bias = random32(3, s.J)
			}
			want, size := wantProduct(a, b, bias, s)
			for k, got := range runGemm(e, a, b, bias, s) {
				// the bound of recursive summation: (K+1) roundings of 2^-24
				if !(math.Abs(float64(got)-want[k]) <= size[k]*float64(s.K+1)/(1<<24)) {
					t.Fatalf("%s %+v element %d: want %g, got %g", e.Kernels(), s, k, want[k], got)
				}
			}
		}
	}
}

func TestGemmSameBitsForAnyThreads(t *testing.T) {
	for _, e := range engines(t, 1) {
		for _, s := range []tc.GemmSpec{{Batch: 1, I: 300, J: 200, K: 700}, {Batch: 1, I: 464, J: 256, K: 64, TransA: true}, {Batch: 8, I: 90, J: 70, K: 90, TransB: true}} {
			a, b := random32(1, s.Batch*s.I*s.K), random32(2, s.Batch*s.K*s.J)
			want := runGemm(e, a, b, nil, s)
			for _, threads := range []int{2, 4} {
				many := newEngine(threads, e.kernels)
				many.spread = true
				for k, got := range runGemm(many, a, b, nil, s) {
					if got != want[k] {
						t.Fatalf("%s %+v, %d threads, element %d: want %g, got %g", e.Kernels(), s, threads, k, want[k], got)
					}
				}
			}
		}
	}
}

func TestGemmKeepsNaN(t *testing.T) {
	nan := float32(math.NaN())
	for _, e := range engines(t, 1) {
		got := runGemm(e, []float32{nan, 1}, []float32{1, 1}, nil, tc.GemmSpec{Batch: 1, I: 2, J: 1, K: 1, Relu: true})
		if got[0] == got[0] || got[1] != 1 {
			t.Errorf("%s: want NaN and 1, got %v", e.Kernels(), got)
		}
		inf := runGemm(e, []float32{float32(math.Inf(1))}, []float32{0}, nil, tc.GemmSpec{Batch: 1, I: 1, J: 1, K: 1})
		if inf[0] == inf[0] {
			t.Errorf("%s: want Inf*0 = NaN, got %v", e.Kernels(), inf)
		}
	}
}

func BenchmarkGemm(b *testing.B) {
	for _, s := range []tc.GemmSpec{
		{Batch: 1, I: 64, J: 256, K: 464}, {Batch: 1, I: 16, J: 256, K: 464}, {Batch: 1, I: 16, J: 128, K: 256},
		{Batch: 1, I: 64, J: 464, K: 256, TransB: true}, {Batch: 1, I: 16, J: 464, K: 256, TransB: true},
		{Batch: 1, I: 464, J: 256, K: 64, TransA: true}, {Batch: 1, I: 464, J: 256, K: 16, TransA: true},
		{Batch: 1, I: 512, J: 512, K: 512}, {Batch: 1, I: 2048, J: 2048, K: 2048},
		{Batch: 1, I: 64, J: 1, K: 128},
	} {
		for _, threads := range []int{1, 2} {
			for _, e := range engines(b, threads)[1:] {
				b.Run(fmt.Sprintf("%dx%dx%d/ta=%v/tb=%v/%s/threads=%d", s.I, s.K, s.J, s.TransA, s.TransB, e.Kernels(), threads), func(b *testing.B) {
					x, y, d := tc.NewFloat32([]int{s.I * s.K}, random32(1, s.I*s.K)), tc.NewFloat32([]int{s.K * s.J}, random32(2, s.K*s.J)), tc.Zeros(tensor.Float32, s.I*s.J)
					b.ReportAllocs()
					for b.Loop() {
						e.Gemm(d, x, y, nil, s)
					}
					b.ReportMetric(2*float64(s.I*s.J*s.K)*float64(b.N)/b.Elapsed().Seconds()/1e9, "GFLOP/s")
				})
			}
		}
	}
}
