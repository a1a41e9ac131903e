package cpu

import (
	"math"
	"testing"
)

func positive(s []float32) []float32 {
	for i, v := range s {
		s[i] = v * v
	}
	return s
}

func TestAdamStepSameBitsAsGo(t *testing.T) {
	s := AdamStep{Step: 1e-3, Root: 0.3, Eps: 1e-8, Decay: 1e-2, Rate1: 0.1, Rate2: 0.001}
	for _, n := range lengths {
		g := random32(4, n)
		var got, want [3][]float32
		for _, p := range []*[3][]float32{&got, &want} {
			p[0], p[1], p[2] = random32(1, n), random32(2, n), positive(random32(3, n))
		}
		s.Run(got[0], got[1], got[2], g)
		s.run(want[0], want[1], want[2], g)
		for k := range got {
			for i := range got[k] {
				if !sameBits(got[k][i], want[k][i]) {
					t.Fatalf("length %d array %d element %d: want %g, got %g", n, k, i, want[k][i], got[k][i])
				}
			}
		}
	}
}

// TestAdamStepByHand is the first step from rest: the weight moves by lr against the gradient's sign.
func TestAdamStepByHand(t *testing.T) {
	w, m, v := make([]float32, 9), make([]float32, 9), make([]float32, 9)
	g := []float32{1, -2, 3, -4, 5, -6, 7, -8, 9}
	AdamStep{Step: 0.01 / 0.1, Root: float32(math.Sqrt(0.001)), Eps: 1e-8, Rate1: 0.1, Rate2: 0.001}.Run(w, m, v, g)
	for i := range w {
		want := -0.01 * math.Copysign(1, float64(g[i]))
		if math.Abs(float64(w[i])-want) > 1e-7 {
			t.Errorf("element %d: want %g, got %g", i, want, w[i])
		}
	}
}

func TestAdaGradStepSameBitsAsGo(t *testing.T) {
	s := AdaGradStep{Step: 0.1, Eps: 1e-10}
	for _, n := range lengths {
		g := random32(4, n)
		w, v := random32(1, n), positive(random32(3, n))
		w2, v2 := random32(1, n), positive(random32(3, n))
		s.Run(w, v, g)
		s.run(w2, v2, g)
		for i := range w {
			if !sameBits(w[i], w2[i]) || !sameBits(v[i], v2[i]) {
				t.Fatalf("length %d element %d: want %g, got %g", n, i, w2[i], w[i])
			}
			if want := float64(v2[i]); want < 0 {
				t.Fatal("a sum of squares fell below 0")
			}
		}
	}
}
