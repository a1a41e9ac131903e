package eval

import (
	"math"
	"math/rand/v2"
	"testing"
)

// reference makes the rows for which scikit-learn 1.x and numpy gave the figures below: p from a 64-bit linear
// congruential generator, y = next value < p squared.
func reference(n int) (y, p []float32) {
	x := uint64(1)
	next := func() float64 {
		x = x*6364136223846793005 + 1442695040888963407
		return float64(x>>40) / (1 << 24)
	}
	for range n {
		a, b := float32(next()), next()
		label := float32(0)
		if b < float64(a*a) {
			label = 1
		}
		y, p = append(y, label), append(p, a)
	}
	return y, p
}

func near(t *testing.T, what string, got, want, tol float64) {
	t.Helper()
	if !(math.Abs(got-want) <= tol) {
		t.Errorf("%s: want %.9g within %.1g, got %.9g", what, want, tol, got)
	}
}

func TestExactEqualsScikitLearn(t *testing.T) {
	y, p := reference(2000)
	s := Exact(y, p)
	near(t, "auc", s.AUC, .860636158119759, 1e-12)
	near(t, "logloss", s.LogLoss, .5151611821614556, 1e-12)
	near(t, "ne", s.NE, .8083244717716475, 1e-7) // the reference takes its base rate in float32
	near(t, "ece", s.ECE, .16584670303016902, 1e-7)
	near(t, "AUC", AUC(y, p), s.AUC, 0)
	for i := range p { // eleven distinct values: ties within and across groups
		p[i] = float32(math.RoundToEven(float64(p[i])*10) / 10)
	}
	s = Exact(y, p)
	near(t, "auc of ties", s.AUC, .8556683837972057, 1e-12)
	near(t, "ece of ties", s.ECE, .16495, 5e-6)
}

func TestAUCEqualsCountedPairs(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	for trial := range 50 {
		n := 2 + r.IntN(40)
		y, p := make([]float32, n), make([]float32, n)
		for i := range p {
			y[i], p[i] = float32(r.IntN(2)), float32(r.IntN(7)-3)/2
		}
		y[0], y[1] = 0, 1
		var wins, pairs float64
		for i := range y {
			for j := range y {
				if y[i] == 1 && y[j] == 0 {
					pairs++
					switch {
					case p[i] > p[j]:
						wins++
					case p[i] == p[j]:
						wins += .5
					}
				}
			}
		}
		near(t, "auc", AUC(y, p), wins/pairs, 1e-12)
		if t.Failed() {
			t.Fatalf("trial %d: y %v, p %v", trial, y, p)
		}
	}
}

func TestUndefinedScoresAreLeftOut(t *testing.T) {
	for name, s := range map[string]Scores{
		"no rows":      Exact(nil, nil),
		"one class":    Exact([]float32{1, 1}, []float32{.5, .7}),
		"nan":          Exact([]float32{1, 0}, []float32{float32(math.NaN()), .7}),
		"stream empty": NewPrequential(5).Scores(),
	} {
		m := s.Map()
		if _, ok := m["auc"]; ok || !math.IsNaN(s.AUC) || !math.IsNaN(s.NE) {
			t.Errorf("%s: want no AUC, got %v", name, s)
		}
		for k, v := range m {
			if math.IsNaN(v) || math.IsInf(v, 0) {
				t.Errorf("%s: %s is %v", name, k, v)
			}
		}
	}
	if !math.IsNaN(AUC([]float32{0}, []float32{1})) {
		t.Error("AUC of one row: want NaN")
	}
	s := Exact([]float32{1}, []float32{.5})
	near(t, "logloss of one row", s.LogLoss, math.Ln2, 1e-9)
	near(t, "ece of one row", s.ECE, .5, 1e-9)
}
