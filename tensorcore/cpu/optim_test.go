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
	s := AdamStep{Step: 1e-3, Root: 0.3, Eps: 1e-8, Decay: 1e-2, Shrink: 1e-3, Rate1: 0.1, Rate2: 0.001}
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

// TestStepsOfRows: rows by number, in any set of kernels and on any number of threads, are steps of single rows.
func TestStepsOfRows(t *testing.T) {
	const tableRows = 50
	adam, ada := AdamStep{Step: 1e-3, Root: 0.3, Eps: 1e-8, Decay: 1e-2, Rate1: 0.1, Rate2: 0.001}, AdaGradStep{Step: 0.1, Eps: 1e-10}
	rows := []int32{49, 3, 0, 17, 4, 5, 6, 30, 31, 12, 48, 2}
	oldSteps, oldBest := steps, bestVectors
	defer func() { steps, bestVectors = oldSteps, oldBest }()
	for _, width := range []int{1, 3, 8, 15, 16, 17, 40} {
		n := tableRows * width
		g := random32(4, len(rows)*width)
		tables := func() [3][]float32 { return [3][]float32{random32(1, n), random32(2, n), positive(random32(3, n))} }
		want, wantAda := tables(), tables()
		for i, r := range rows {
			from, to := int(r)*width, (int(r)+1)*width
			adam.run(want[0][from:to], want[1][from:to], want[2][from:to], g[i*width:(i+1)*width])
			ada.run(wantAda[0][from:to], wantAda[2][from:to], g[i*width:(i+1)*width])
		}
		for _, k := range Available() {
			for _, threads := range []int{1, 2, 4} {
				steps, bestVectors = newEngine(threads, k), vectorsOf(k)
				steps.spread = threads > 1
				got, gotAda := tables(), tables()
				adam.Rows(got[0], got[1], got[2], g, rows, width)
				ada.Rows(gotAda[0], gotAda[2], g, rows, width)
				for p := range got {
					for i := range got[p] {
						if !sameBits(got[p][i], want[p][i]) || !sameBits(gotAda[p][i], wantAda[p][i]) {
							t.Fatalf("%s, %d threads, width %d, array %d, element %d differs", k, threads, width, p, i)
						}
					}
				}
			}
		}
	}
}

func TestRowOutsideTheTablePanics(t *testing.T) {
	for _, row := range []int32{-1, 2} {
		func() {
			defer func() {
				if recover() == nil {
					t.Errorf("row %d of 2: want a panic", row)
				}
			}()
			AdaGradStep{Step: 1, Eps: 1}.Rows(make([]float32, 6), make([]float32, 6), make([]float32, 3), []int32{row}, 3)
		}()
	}
}

func TestSigmoidSlopeSameBitsAsGo(t *testing.T) {
	oldBest := bestVectors
	defer func() { bestVectors = oldBest }()
	x := everywhere(5000)
	start := random32(2, len(x))
	want := append([]float32{}, start...)
	addSlope(want, x, 3, .25)
	for _, k := range Available() {
		bestVectors = vectorsOf(k)
		got := append([]float32{}, start...)
		AddSigmoidSlope(got, x, 3, .25)
		for i, v := range x {
			if !sameBits(got[i], want[i]) {
				t.Fatalf("%s of %g: want %g, got %g", k, v, want[i], got[i])
			}
			e := math.Exp(-math.Abs(3 * float64(v)))
			if w := float64(start[i]) + .25*e/((1+e)*(1+e)); math.Abs(float64(got[i])-w) > 1e-6*max(1, math.Abs(w)) {
				t.Fatalf("%s of %g: want %g, got %g", k, v, w, got[i])
			}
		}
	}
}

func TestFinite(t *testing.T) {
	oldBest := bestVectors
	defer func() { bestVectors = oldBest }()
	for _, k := range Available() {
		bestVectors = vectorsOf(k)
		for n := range 80 {
			x := random32(1, n)
			if !Finite(x) {
				t.Fatalf("%s: %d numbers: want finite", k, n)
			}
			for i := range x {
				for _, odd := range []float64{math.NaN(), math.Inf(1), math.Inf(-1)} {
					old := x[i]
					x[i] = float32(odd)
					if Finite(x) {
						t.Fatalf("%s: %g at %d of %d: want not finite", k, odd, i, n)
					}
					x[i] = old
				}
			}
		}
	}
}
