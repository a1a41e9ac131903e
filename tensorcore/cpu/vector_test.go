package cpu

import (
	"fmt"
	"math"
	"testing"

	"gorgonia.org/tensor"

	tc "github.com/sluice-stream/sluice/tensorcore"
)

// special are the values that kernels get wrong.
var special = []float32{float32(math.NaN()), float32(math.Inf(1)), float32(math.Inf(-1)), 0, float32(math.Copysign(0, -1)), 1e-42, -1e-42, 3e38, -3e38}

// mixed are random numbers with special ones among them, at an address that is no multiple of a vector.
func mixed(seed uint64, n int) []float32 {
	s := random32(seed, n+1)[1:]
	for i := range s {
		if k := (i + int(seed)) % 17; k < len(special) {
			s[i] = special[k]
		}
	}
	return s
}

func sameBits(a, b float32) bool {
	return math.Float32bits(a) == math.Float32bits(b) || a != a && b != b
}

func vec(s []float32) *tensor.Dense { return tc.NewFloat32([]int{len(s)}, s) }

var lengths = []int{0, 1, 2, 7, 8, 9, 15, 16, 31, 32, 33, 70, 100}

func TestBinarySameBitsInAllKernels(t *testing.T) {
	all := engines(t, 1)
	for op := tc.Add; op <= tc.BCE; op++ {
		for _, n := range lengths {
			for _, sizes := range [][2]int{{n, n}, {1, n}, {n, 1}} {
				a, b := mixed(1, sizes[0]), mixed(5, sizes[1])
				want := make([]float32, n)
				all[0].Binary(op, vec(want), vec(a), vec(b))
				for _, e := range all[1:] {
					got := make([]float32, n)
					e.Binary(op, vec(got), vec(a), vec(b))
					for i := range got {
						if !sameBits(got[i], want[i]) {
							t.Fatalf("%s op %d sizes %v element %d: want %g, got %g", e.Kernels(), op, sizes, i, want[i], got[i])
						}
					}
				}
			}
		}
	}
}

func TestUnarySameBitsInAllKernels(t *testing.T) {
	all := engines(t, 1)
	for op := tc.Affine; op <= tc.InRange; op++ {
		for _, n := range lengths {
			for _, q := range []float64{0.5, 0} {
				x, want := mixed(3, n), make([]float32, n)
				all[0].Unary(op, vec(want), vec(x), -1.5, q)
				for _, e := range all[1:] {
					got := append([]float32(nil), x...)
					e.Unary(op, vec(got), vec(got), -1.5, q) // in place
					for i := range got {
						if !sameBits(got[i], want[i]) {
							t.Fatalf("%s op %d length %d element %d of %g: want %g, got %g", e.Kernels(), op, n, i, x[i], want[i], got[i])
						}
					}
				}
			}
		}
	}
}

// TestUnaryNearFloat64 compares float32 kernels with the float64 functions; the bound is 1 unit in the last place.
func TestUnaryNearFloat64(t *testing.T) {
	x := append(random32(1, 1000), special...)
	for _, e := range engines(t, 1) {
		for op := tc.Exp; op <= tc.Erf; op++ {
			if op == tc.Square || op == tc.Pow || op == tc.Relu || func32(op) != nil { // for these see TestMathNearFloat64
				continue
			}
			got := make([]float32, len(x))
			e.Unary(op, vec(got), vec(x), 0, 0)
			f := scalarFunc(op, 0, 0)
			for i, v := range x {
				want := float32(f(float64(v)))
				if !sameBits(got[i], want) && math.Abs(float64(got[i]-want)) > math.Abs(float64(want))/(1<<23) {
					t.Fatalf("%s op %d of %g: want %g, got %g", e.Kernels(), op, v, want, got[i])
				}
			}
		}
	}
}

func TestStableFunctionsAtExtremes(t *testing.T) {
	for _, c := range []struct {
		op      tc.UnaryOp
		x, want float64
	}{
		{tc.Sigmoid, 1000, 1}, {tc.Sigmoid, -1000, 0}, {tc.Sigmoid, 0, 0.5},
		{tc.LogSigmoid, -1000, -1000}, {tc.LogSigmoid, 1000, 0}, {tc.LogSigmoid, 0, -math.Ln2},
		{tc.Softplus, 1000, 1000}, {tc.Softplus, -1000, 0}, {tc.Softplus, 0, math.Ln2},
		{tc.Gelu, 0, 0}, {tc.Gelu, 20, 20}, {tc.Gelu, -40, 0}, {tc.Gelu, 1, 0.8413447460685429},
		{tc.Sign, -3, -1}, {tc.Sign, 0, 0},
	} {
		if got := scalarFunc(c.op, 0, 0)(c.x); math.Abs(got-c.want) > 1e-15 {
			t.Errorf("op %d of %g: want %g, got %g", c.op, c.x, c.want, got)
		}
	}
}

func TestSumsSameBitsInAllKernelsAndThreads(t *testing.T) {
	for _, s := range [][3]int{{1, 100000, 1}, {7, 45, 1}, {3, 31, 1}, {5, 32, 1}, {1, 1000, 37}, {4, 29, 16}, {2, 300, 8}, {2, 0, 3}, {0, 3, 3}, {3, 4, 0}, {1, 1, 1}} {
		outer, n, inner := s[0], s[1], s[2]
		x := random32(9, outer*n*inner)
		want := make([]float32, outer*inner)
		engines(t, 1)[0].Reduce(tc.Sum, vec(want), vec(x), outer, n, inner)
		for k := range want {
			sum, abs := 0.0, 0.0
			for i := range n {
				v := float64(x[k/inner*n*inner+i*inner+k%inner])
				sum, abs = sum+v, abs+math.Abs(v)
			}
			if math.Abs(sum-float64(want[k])) > abs*300/(1<<24) {
				t.Fatalf("%v element %d: want %g, got %g", s, k, sum, want[k])
			}
		}
		for _, e := range engines(t, 1) {
			for _, threads := range []int{1, 2, 4} {
				many := newEngine(threads, e.kernels)
				many.spread = threads > 1
				got := make([]float32, outer*inner)
				many.Reduce(tc.Sum, vec(got), vec(x), outer, n, inner)
				if fmt.Sprint(got) != fmt.Sprint(want) {
					t.Fatalf("%v, %s, %d threads: sums differ in bits", s, e.Kernels(), threads)
				}
			}
		}
	}
}

func TestScatterAndSegmentSameBitsInAllKernels(t *testing.T) {
	for _, width := range []int{1, 3, 8, 16, 19} {
		x := random32(4, 50*width)
		idx, offsets := make([]int32, 50), []int32{0, 7, 7, 30, 50}
		for i := range idx {
			idx[i] = int32(i * i % 11)
		}
		all := engines(t, 1)
		scatter, segment := make([]float32, 11*width), make([]float32, 4*width)
		all[0].ScatterAdd(vec(scatter), vec(x), idx, width)
		all[0].SegmentSum(vec(segment), vec(x), offsets, width)
		for i, r := range idx { // what is left after taking all rows away is rounding
			for k := range width {
				scatter[int(r)*width+k] -= x[i*width+k]
			}
		}
		for i, v := range scatter {
			if math.Abs(float64(v)) > 1e-5 {
				t.Fatalf("width %d: element %d is off by %g", width, i, v)
			}
		}
		all[0].ScatterAdd(vec(scatter), vec(x), idx, width)
		for _, e := range all[1:] {
			a, b := make([]float32, 11*width), make([]float32, 4*width)
			e.ScatterAdd(vec(a), vec(x), idx, width)
			e.SegmentSum(vec(b), vec(x), offsets, width)
			if fmt.Sprint(a, b) != fmt.Sprint(scatter, segment) {
				t.Fatalf("%s, width %d: sums differ in bits", e.Kernels(), width)
			}
		}
	}
}
