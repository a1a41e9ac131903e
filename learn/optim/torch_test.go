package optim

import (
	"math"
	"testing"

	"github.com/sluice-stream/sluice/learn"
)

// What experiments/reference/optim.py prints.
var torch = map[string][]float32{
	"sgd":                {0.674235284, -1.07443619, 0.135324687, 2.05686855},
	"adagrad":            {0.521446288, -1.07309592, 0.15470174, 2.05959129},
	"adagrad table":      {0.0708998367, 0.158485904, -0.260584205, 0.363086075, 0.320060015, -0.529827476, 0.599999964, 0.699999988},
	"adam":               {0.425444663, -0.949008644, 0.0609959327, 2.12298799},
	"adam dense table":   {0.0622626543, 0.23962757, -0.0195280779, 0.122188404, 0.0999622494, -0.349960655, 0.219980061, 0.333465934},
	"adam touched table": {0.0848500207, 0.209982619, -0.171582907, 0.278216004, 0.234320909, -0.402632415, 0.641888976, 0.741888106},
}

var (
	startW  = []float32{0.5, -1.0, 0.25, 2.0}
	startT  = []float32{0.1, 0.2, -0.3, 0.4, 0.5, -0.6, 0.7, 0.8}
	grads   = [][]float32{{0.1, -0.2, 0.3, -0.4}, {0.05, 0, -0.3, 0.2}, {-1, 0.5, 0.25, 0.125}, {0.01, 0.02, -0.03, 0.04}, {0.3, 0.3, 0.3, -0.3}}
	touched = [][]int32{{0, 2}, {2, 1}, {0, 2}, {3, 1}, {0, 1}}
)

func from(values []float32) learn.Init {
	return func(row int, dst []float32) { copy(dst, values[row*len(dst):]) }
}

func TestAgainstTorch(t *testing.T) {
	dense := DefaultAdam()
	dense.Rate, dense.WeightDecay, dense.Rows = 0.1, 0.01, "dense"
	sparse := DefaultAdam()
	sparse.Rate = 0.1
	for name, o := range map[string]learn.Optimizer{
		"sgd":                must(NewSGD(SGDConfig{Rate: 0.1, Momentum: 0.9, WeightDecay: 0.01})),
		"adagrad":            must(NewAdaGrad(AdaGradConfig{Rate: 0.1, Eps: 1e-10, Initial: 0.1})),
		"adagrad table":      must(NewAdaGrad(AdaGradConfig{Rate: 0.1, Eps: 1e-10})),
		"adam":               must(NewAdam(dense)),
		"adam dense table":   must(NewAdam(dense)),
		"adam touched table": must(NewAdam(sparse)),
	} {
		w, table := learn.NewParam("w", from(startW), 4), learn.NewTable("t", 2, from(startT))
		table.Grow(4)
		for i, g := range grads {
			us := []learn.Update{{Param: w, Grad: g}, {Param: table, Rows: touched[i], Grad: g}}
			if err := o.Step(us); err != nil {
				t.Fatal(err)
			}
		}
		got := w.Data()
		if len(torch[name]) == 8 {
			got = table.Data()
		}
		for i, want := range torch[name] {
			if math.Abs(float64(got[i]-want)) > 3e-7*math.Max(1, math.Abs(float64(want))) {
				t.Errorf("%s: value %d: want %.9g, got %.9g", name, i, want, got[i])
			}
		}
	}
}

func must[T any](o T, err error) T {
	if err != nil {
		panic(err)
	}
	return o
}
