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

func randomOf[T float](seed uint64, n int) []T {
	out := make([]T, n)
	for i, v := range random32(seed, n) {
		out[i] = T(v)
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
func wantProduct[T float](a, b, bias []T, s tc.GemmSpec) (want, size []float64) {
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

// runGemm runs a product on slices that begin in the middle of an array, with NaN around and in the result's place:
// every element must be written, and none beside.
func runGemm[T float](t testing.TB, e *Engine, a, b, bias []T, s tc.GemmSpec) []T {
	nan, n := T(math.NaN()), s.Batch*s.I*s.J
	room := make([]T, n+30)
	for i := range room {
		room[i] = nan
	}
	shifted := func(s []T) *tensor.Dense {
		if s == nil {
			return nil
		}
		return denseOf(append(append(make([]T, 0, len(s)+1), nan), s...)[1:])
	}
	e.Gemm(denseOf(room[13:13+n:13+n]), shifted(a), shifted(b), shifted(bias), s)
	for i, v := range room {
		if (i < 13 || i >= 13+n) && v == v {
			t.Fatalf("%s %+v: wrote %v beside the result, at %d of %d", e.Kernels(), s, v, i-13, n)
		}
	}
	return room[13 : 13+n]
}

func denseOf[T float](s []T) *tensor.Dense {
	if d, ok := any(s).([]float32); ok {
		return tc.NewFloat32([]int{len(d)}, d)
	}
	return tc.NewFloat64([]int{len(s)}, any(s).([]float64))
}

func gemmShapes() []tc.GemmSpec {
	var out []tc.GemmSpec
	for _, d := range [][4]int{{1, 1, 1, 1}, {1, 12, 32, 7}, {1, 13, 33, 9}, {1, 6, 16, 8}, {1, 7, 17, 3}, {1, 5, 8, 16}, {1, 11, 24, 20},
		{1, 64, 1, 128}, {1, 200, 3, 60}, {1, 1, 40, 64}, {1, 100, 50, 30}, {1, 97, 31, 600}, {1, 20, 35, 700}, {1, 110, 100, 330},
		{3, 15, 15, 16}, {2, 100, 9, 40}, {2, 9, 60, 11}, {3, 40, 1, 9}, {1, 3, 0, 4}, {1, 0, 3, 4}, {1, 3, 4, 0}, {0, 3, 4, 2}} {
		for flags := range 8 {
			out = append(out, tc.GemmSpec{Batch: d[0], I: d[1], J: d[2], K: d[3], TransA: flags&1 > 0, TransB: flags&2 > 0, Relu: flags&4 > 0})
		}
	}
	return out
}

func TestGemmAgainstFloat64(t *testing.T) {
	t.Run("float32", func(t *testing.T) { againstFloat64[float32](t, 0x1p-24) })
	t.Run("float64", func(t *testing.T) { againstFloat64[float64](t, 0x1p-52) }) // half of it for the reference
}

func againstFloat64[T float](t *testing.T, unit float64) {
	for i, s := range gemmShapes() {
		a, b := randomOf[T](1, s.Batch*s.I*s.K), randomOf[T](2, s.Batch*s.K*s.J)
		var bias []T
		if i%3 > 0 {
			bias = randomOf[T](3, s.J)
		}
		want, size := wantProduct(a, b, bias, s)
		for _, e := range engines(t, 2) {
			for k, got := range runGemm(t, e, a, b, bias, s) {
				// the bound of recursive summation: K+1 roundings
				if !(math.Abs(float64(got)-want[k]) <= size[k]*float64(s.K+1)*unit) {
					t.Fatalf("%s %+v element %d: want %g, got %g", e.Kernels(), s, k, want[k], got)
				}
			}
		}
	}
}

func TestGemmSameBitsForAnyThreads(t *testing.T) {
	for _, e := range engines(t, 1) {
		for _, s := range []tc.GemmSpec{{Batch: 1, I: 300, J: 200, K: 700}, {Batch: 1, I: 464, J: 256, K: 64, TransA: true},
			{Batch: 8, I: 90, J: 70, K: 90, TransB: true}, {Batch: 1, I: 50, J: 300, K: 90, TransB: true}, {Batch: 1, I: 40, J: 500, K: 60}} {
			a, b := random32(1, s.Batch*s.I*s.K), random32(2, s.Batch*s.K*s.J)
			want := runGemm(t, e, a, b, nil, s)
			for _, threads := range []int{2, 4} {
				many := newEngine(threads, e.kernels)
				many.spread = true
				equalBits(t, fmt.Sprintf("%s %+v, %d threads", e.Kernels(), s, threads), runGemm(t, many, a, b, nil, s), want)
			}
		}
	}
}

func equalBits(t *testing.T, what string, got, want []float32) {
	t.Helper()
	for k := range want {
		if math.Float32bits(got[k]) != math.Float32bits(want[k]) {
			t.Fatalf("%s, element %d: want %g, got %g", what, k, want[k], got[k])
		}
	}
}

// TestGemmRowAlone wants a row's result not to depend on how many rows and columns there are besides, and the two sets
// of assembly to agree.
func TestGemmRowAlone(t *testing.T) {
	const k, j = 350, 99
	var first []float32
	for _, e := range engines(t, 1)[1:] {
		for _, transB := range []bool{false, true} {
			a, b, bias := random32(1, 200*k), random32(2, k*j), random32(3, j)
			if transB {
				turned := make([]float32, k*j)
				transposeRows(turned, b, j, k)
				b = turned
			}
			for _, bias := range [][]float32{bias, nil} {
				all := runGemm(t, e, a, b, bias, tc.GemmSpec{Batch: 1, I: 200, J: j, K: k, TransB: transB})
				for _, rows := range []int{1, 2, 7, 16, 30, 97} {
					got := runGemm(t, e, a[:rows*k], b, bias, tc.GemmSpec{Batch: 1, I: rows, J: j, K: k, TransB: transB})
					equalBits(t, fmt.Sprintf("%s %d rows, transposed %v", e.Kernels(), rows, transB), got, all[:rows*j])
				}
				if bias != nil {
					if first == nil {
						first = all
					}
					equalBits(t, string(e.Kernels()), all, first)
				}
			}
		}
	}
}

func transposeRows(dst, src []float32, columns, rows int) {
	for r := range rows {
		for c := range columns {
			dst[c*rows+r] = src[r*columns+c]
		}
	}
}

// TestGemmOfOddNumbers compares with the twin where numbers are NaN, infinite, denormal and zero with a sign.
func TestGemmOfOddNumbers(t *testing.T) {
	odd := []float32{float32(math.NaN()), float32(math.Inf(1)), float32(math.Inf(-1)), 1e-42, -1e-44, 0, float32(math.Copysign(0, -1)), 3e38, 1, -2}
	for i, s := range gemmShapes() {
		a, b := random32(1, s.Batch*s.I*s.K), random32(2, s.Batch*s.K*s.J)
		for k := i % 7; k < len(a); k += 61 {
			a[k] = odd[k%len(odd)]
		}
		for k := i % 5; k < len(b); k += 97 {
			b[k] = odd[k%len(odd)]
		}
		want, _ := wantProduct(a, b, nil, s)
		for _, e := range engines(t, 1) {
			for k, got := range runGemm(t, e, a, b, nil, s) {
				// a sum beyond float32 may be infinite, and NaN when both signs occur on the way
				if math.Abs(want[k]) < 1e38 && got-got != 0 && s.K < 2 || want[k] != want[k] && got == got {
					t.Fatalf("%s %+v element %d: want %g, got %g", e.Kernels(), s, k, want[k], got)
				}
			}
		}
	}
	for _, e := range engines(t, 1) {
		tiny := runGemm(t, e, []float32{1e-42, 1}, []float32{0.5, 1e-44}, nil, tc.GemmSpec{Batch: 1, I: 1, J: 1, K: 2})
		if want := float32(1e-42)*0.5 + 1e-44; tiny[0] != want {
			t.Errorf("%s: denormals: want %g, got %g", e.Kernels(), want, tiny[0])
		}
	}
}

func TestGemmKeepsNaN(t *testing.T) {
	nan := float32(math.NaN())
	for _, e := range engines(t, 1) {
		got := runGemm(t, e, []float32{nan, 1}, []float32{1, 1}, nil, tc.GemmSpec{Batch: 1, I: 2, J: 1, K: 1, Relu: true})
		if got[0] == got[0] || got[1] != 1 {
			t.Errorf("%s: want NaN and 1, got %v", e.Kernels(), got)
		}
		inf := runGemm(t, e, []float32{float32(math.Inf(1))}, []float32{0}, nil, tc.GemmSpec{Batch: 1, I: 1, J: 1, K: 1})
		if inf[0] == inf[0] {
			t.Errorf("%s: want Inf*0 = NaN, got %v", e.Kernels(), inf)
		}
	}
}

// FuzzGemm compares all kernels with the float64 reference on shapes of the fuzzer's choice.
func FuzzGemm(f *testing.F) {
	f.Add(uint64(1), uint8(1), uint8(16), uint8(33), uint16(70), uint8(0))
	f.Add(uint64(2), uint8(2), uint8(100), uint8(48), uint16(333), uint8(3))
	f.Add(uint64(3), uint8(1), uint8(30), uint8(1), uint16(9), uint8(14))
	f.Fuzz(func(t *testing.T, seed uint64, batch, i, j uint8, k uint16, flags uint8) {
		s := tc.GemmSpec{Batch: int(batch % 4), I: int(i), J: int(j), K: int(k % 700), TransA: flags&1 > 0, TransB: flags&2 > 0, Relu: flags&4 > 0}
		a, b := random32(seed, s.Batch*s.I*s.K), random32(seed+1, s.Batch*s.K*s.J)
		var bias []float32
		if flags&8 > 0 {
			bias = random32(seed+2, s.J)
		}
		want, size := wantProduct(a, b, bias, s)
		for _, e := range engines(t, 2) {
			for n, got := range runGemm(t, e, a, b, bias, s) {
				if !(math.Abs(float64(got)-want[n]) <= size[n]*float64(s.K+1)/(1<<24)) {
					t.Fatalf("%s %+v element %d: want %g, got %g", e.Kernels(), s, n, want[n], got)
				}
			}
		}
	})
}
