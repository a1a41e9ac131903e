package optim

import (
	"fmt"
	"math"
	"testing"

	"github.com/sluice-stream/sluice/learn"
	"github.com/sluice-stream/sluice/learn/nn/reference"
)

var (
	startT  = []float32{0.1, 0.2, -0.3, 0.4, 0.5, -0.6, 0.7, 0.8}
	grads   = [][]float32{{0.1, -0.2, 0.3, -0.4}, {0.05, 0, -0.3, 0.2}, {-1, 0.5, 0.25, 0.125}, {0.01, 0.02, -0.03, 0.04}, {0.3, 0.3, 0.3, -0.3}}
	touched = [][]int32{{0, 2}, {2, 1}, {0, 2}, {3, 1}, {0, 1}}
)

func from(values []float32) learn.Init {
	return func(row int, dst []float32) { copy(dst, values[row*len(dst):]) }
}

func schedule(name string, set func(settings any)) learn.Choice[learn.Schedule] {
	var c learn.Choice[learn.Schedule]
	settings, ok := c.Select(name)
	if !ok {
		panic("no schedule " + name)
	}
	set(settings)
	return c
}

// TestAgainstTorch makes the five steps of experiments/reference/optim.py.
func TestAgainstTorch(t *testing.T) {
	f := reference.Read(t, "optim.txt")
	adam := func(rate, decay float64, rows string) learn.Optimizer {
		c := DefaultAdam()
		c.Rate, c.WeightDecay, c.Rows = rate, decay, rows
		return must(NewAdam(c))
	}
	adamw := DefaultAdamW()
	adamw.Rate, adamw.WeightDecay, adamw.Rows = 0.1, 0.1, "dense"
	falling := adamw
	falling.Schedule = schedule("cosine", func(s any) { *s.(*CosineConfig) = CosineConfig{Steps: 4, Floor: 0.1} })
	rms := RMSPropConfig{Rate: 0.02, Alpha: 0.9, Eps: 1e-8, WeightDecay: 0.01}
	moving := RMSPropConfig{Rate: 0.02, Alpha: 0.9, Eps: 1e-8, Momentum: 0.8}
	run := func(name string, o learn.Optimizer) { fiveSteps(t, f, name, o) }
	run("sgd", must(NewSGD(SGDConfig{Rate: 0.1, Momentum: 0.9, WeightDecay: 0.01})))
	run("sgd_nesterov", must(NewSGD(SGDConfig{Rate: 0.1, Momentum: 0.9, Nesterov: true, WeightDecay: 0.01})))
	run("adagrad", must(NewAdaGrad(AdaGradConfig{Rate: 0.1, Eps: 1e-10, Initial: 0.1})))
	run("adagrad_table", must(NewAdaGrad(AdaGradConfig{Rate: 0.1, Eps: 1e-10})))
	run("adam", adam(0.1, 0.01, "dense"))
	run("adam_dense_table", adam(0.1, 0.01, "dense"))
	run("adam_lazy_table", adam(0.1, 0, "lazy"))
	run("adam_touched_table", adam(0.1, 0, "touched"))
	run("adamw", must(NewAdamW(adamw)))
	run("adamw_dense_table", must(NewAdamW(adamw)))
	run("scheduled", must(NewAdamW(falling)))
	run("rmsprop", must(NewRMSProp(rms)))
	run("rmsprop_momentum", must(NewRMSProp(moving)))
	run("clip_norm", must(NewSGD(SGDConfig{Rate: 0.1, Shared: Shared{Clip: learn.Clip{Norm: 0.4}}})))
	run("clip_value", must(NewSGD(SGDConfig{Rate: 0.1, Shared: Shared{Clip: learn.Clip{Value: 0.15}}})))
	averages(t, f, adam(0.1, 0.01, "dense"))
	factors(t, f)
}

// fiveSteps compares the weight, or the table, after every step.
func fiveSteps(t *testing.T, f *reference.File, name string, o learn.Optimizer) {
	t.Helper()
	w, table := learn.NewParam("w", from(f.Get("start.w").Data), 4), learn.NewTable("table", 2, from(f.Get("start.table").Data))
	table.Grow(4)
	rows := f.Get("touched").Data
	for i := range 5 {
		want := fmt.Sprintf("%s.%d", name, i+1)
		g := f.Get("grads").Data[4*i : 4*i+4]
		u := learn.Update{Param: w, Grad: g}
		if len(f.Get(want).Data) == 8 {
			u = learn.Update{Param: table, Rows: []int32{int32(rows[2*i]), int32(rows[2*i+1])}, Grad: g}
		}
		if err := o.Step([]learn.Update{u}); err != nil {
			t.Fatal(err)
		}
		if l, ok := o.(learn.Lagging); ok {
			l.CatchUp(u.Param, nil)
		}
		f.Compare(want, u.Param.Data(), 3e-7)
	}
}

func averages(t *testing.T, f *reference.File, o learn.Optimizer) {
	w := learn.NewParam("w", from(f.Get("start.w").Data), 4)
	ema := learn.NewEMA([]*learn.Param{w})
	for i := range 5 {
		if err := o.Step([]learn.Update{{Param: w, Grad: f.Get("grads").Data[4*i : 4*i+4]}}); err != nil {
			t.Fatal(err)
		}
		ema.Update(0.9)
	}
	ema.Swap()
	f.Compare("ema", w.Data(), 3e-7)
}

func factors(t *testing.T, f *reference.File) {
	cosine := schedule("cosine", func(s any) { *s.(*CosineConfig) = CosineConfig{Steps: 8} })
	for name, c := range map[string]learn.Choice[learn.Schedule]{
		"step":      schedule("step", func(s any) { *s.(*StepConfig) = StepConfig{Every: 3, Factor: 0.5} }),
		"step_at":   schedule("step", func(s any) { *s.(*StepConfig) = StepConfig{Every: 1, At: []int{2, 7}, Factor: 0.1} }),
		"cosine":    schedule("cosine", func(s any) { *s.(*CosineConfig) = CosineConfig{Steps: 10, Floor: 0.05} }),
		"warmup":    schedule("warmup", func(s any) { *s.(*WarmupConfig) = WarmupConfig{Steps: 4, Start: 0.01, Then: cosine} }),
		"one_cycle": schedule("one_cycle", func(s any) { s.(*OneCycleConfig).Steps = 20 }),
		"constant":  schedule("constant", func(s any) { *s.(*ConstantConfig) = ConstantConfig{Factor: 0.25, Steps: 3} }),
	} {
		s := must(c.Build())
		for i, want := range f.Get("schedule." + name).Data {
			if got := s.Factor(i); math.Abs(got-float64(want)) > 1e-7 {
				t.Errorf("%s: factor of update %d: want %v, got %v", name, i, want, got)
			}
		}
	}
}

// TestSchedulesSettle: far behind their end the factors stay, and are finite and not negative.
func TestSchedulesSettle(t *testing.T) {
	for name, want := range map[string]float64{"constant": 1, "cosine": 0, "warmup": 1, "one_cycle": 1e-4 / 25, "step": 0} {
		s := must(schedule(name, func(any) {}).Build())
		last := s.Factor(0)
		for _, at := range []int{1, 10, 1000, 10000, 1e6, 1e9} {
			last = s.Factor(at)
			if !(last >= 0 && last <= 1) {
				t.Errorf("%s: factor %v at %d", name, last, at)
			}
		}
		if math.Abs(last-want) > 1e-12 {
			t.Errorf("%s: want %v at the end, got %v", name, want, last)
		}
	}
}

func must[T any](o T, err error) T {
	if err != nil {
		panic(err)
	}
	return o
}
