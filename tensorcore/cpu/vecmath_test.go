package cpu

import (
	"math"
	"math/rand/v2"
	"testing"

	tc "github.com/sluice-stream/sluice/tensorcore"
)

// everywhere are numbers of every size and sign, those at which a function changes its formula, and special ones.
func everywhere(n int) []float32 {
	r := rand.New(rand.NewPCG(1, 2))
	out := append([]float32{}, special...)
	for _, c := range []float32{tanhSmall, tailMost, upperAt, expMost, expLeast, 88.72283, 88.72284, -87.33655, -103.97, 1, math.Sqrt2, 0x1p-126, 0x1p-149} {
		for _, s := range []float32{c, -c} {
			out = append(out, math.Nextafter32(s, 0), s, math.Nextafter32(s, 2*s))
		}
	}
	for len(out) < n {
		out = append(out, math.Float32frombits(r.Uint32()), float32(r.NormFloat64()*10), float32(r.NormFloat64()))
	}
	return out
}

// ulps is how far got is from want, in units of the last place of want's binade; small numbers count as the
// smallest normal one's.
func ulps(got float32, want float64) float64 {
	if got == float32(want) || got != got && want != want {
		return 0
	}
	e := math.Floor(math.Log2(math.Max(math.Abs(want), 0x1p-126)))
	return math.Abs(float64(got)-want) / math.Exp2(e-23)
}

// TestMathNearFloat64 states how good each function is: relative, in units of the last place, and absolute.
func TestMathNearFloat64(t *testing.T) {
	x := everywhere(200_000)
	for name, c := range map[string]struct {
		op       tc.UnaryOp
		ulps     float64 // all results with an error beyond abs
		abs      float64
		from, to float64
	}{
		"exp":        {op: tc.Exp, ulps: 1.5, from: -200, to: 200},
		"log":        {op: tc.Log, ulps: 1.5, from: 0, to: math.MaxFloat32},
		"sigmoid":    {op: tc.Sigmoid, ulps: 3, abs: 1e-37, from: -200, to: 200},
		"logsigmoid": {op: tc.LogSigmoid, ulps: 3, from: -200, to: 200},
		"softplus":   {op: tc.Softplus, ulps: 3, from: -200, to: 200},
		"tanh":       {op: tc.Tanh, ulps: 3, from: -200, to: 200},
		"erf":        {op: tc.Erf, ulps: 3, from: -200, to: 200},
		"gelu":       {op: tc.Gelu, ulps: 8, abs: 3e-8, from: -200, to: 200},
		"gelu slope": {op: tc.GeluSlope, ulps: 8, abs: 1e-7, from: -200, to: 200},
		"sqrt":       {op: tc.Sqrt, ulps: .5, from: 0, to: math.MaxFloat32},
	} {
		for _, e := range engines(t, 1) {
			got := make([]float32, len(x))
			e.Unary(c.op, vec(got), vec(x), 0, 0)
			f, worst, at := scalarFunc(c.op, 0, 0), 0.0, float32(0)
			for i, v := range x {
				want := f(float64(v))
				if d := math.Abs(float64(got[i]) - want); d <= c.abs || float64(v) < c.from || float64(v) > c.to {
					continue
				}
				if d := ulps(got[i], want); !(d <= worst) {
					worst, at = d, v
				}
			}
			if !(worst <= c.ulps) {
				t.Errorf("%s %s: %.2f units in the last place at %g, want at most %g", e.Kernels(), name, worst, at, c.ulps)
			} else {
				t.Logf("%s %s: %.2f units in the last place, at %g", e.Kernels(), name, worst, at)
			}
		}
	}
}

// TestGeluTail: far below 0, where Gelu is tiny, it keeps its digits.
func TestGeluTail(t *testing.T) {
	for x := float32(-1); x > -12.5; x -= 0.00137 {
		want := scalarFunc(tc.Gelu, 0, 0)(float64(x))
		if got := gelu32(x); math.Abs(float64(got)/want-1) > 6e-6 {
			t.Fatalf("of %g: want %g, got %g", x, want, got)
		}
	}
}

// TestMathSameBits: assembly and Go round alike.
func TestMathSameBits(t *testing.T) {
	x := everywhere(100_000)
	all := engines(t, 1)
	for op := tc.Affine; op <= tc.GeluSlope; op++ {
		want := make([]float32, len(x))
		all[0].Unary(op, vec(want), vec(x), 1.5, .5)
		for _, e := range all[1:] {
			got := make([]float32, len(x))
			e.Unary(op, vec(got), vec(x), 1.5, .5)
			for i := range got {
				if !sameBits(got[i], want[i]) {
					t.Fatalf("%s op %d of %g: want %g, got %g", e.Kernels(), op, x[i], want[i], got[i])
				}
			}
		}
	}
}

// TestLogisticLossNearFloat64 wants the float32 loss within a rounding of its two parts.
func TestLogisticLossNearFloat64(t *testing.T) {
	f := pairFunc[float64](tc.BCE)
	x := everywhere(20_000)
	for _, target := range []float32{0, 1, .3} {
		y := make([]float32, len(x))
		fill(y, target)
		for _, e := range engines(t, 1) {
			got := make([]float32, len(x))
			e.Binary(tc.BCE, vec(got), vec(x), vec(y))
			for i, v := range x {
				want := f(float64(v), float64(target))
				if math.IsInf(want, 0) || want != want || want > math.MaxFloat32 {
					continue
				}
				if d := math.Abs(float64(got[i]) - want); !(d <= 4e-7*want+1.2e-7*math.Abs(float64(v))*float64(target)+0x1p-149) {
					t.Fatalf("%s of %g for %g: want %g, got %g", e.Kernels(), v, target, want, got[i])
				}
			}
		}
	}
}
