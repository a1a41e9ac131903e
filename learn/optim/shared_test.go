package optim

import (
	"math"
	"strings"
	"testing"

	"github.com/sluice-stream/sluice/learn"
)

func ptr(v float64) *float64 { return &v }

// TestGroups: each group of parameters has its own rate and decay, the rest the optimizer's.
func TestGroups(t *testing.T) {
	c := SGDConfig{Rate: 0.1, WeightDecay: 0.5, Shared: Shared{Groups: map[string]Group{
		learn.BiasGroup: {WeightDecay: ptr(0)},
		learn.GateGroup: {Rate: ptr(1), WeightDecay: ptr(0.25)},
		"slow":          {Rate: ptr(0.01)},
	}}}
	o := must(NewSGD(c))
	for group, want := range map[string]float32{
		"":              1 - 0.1*(1+0.5),
		learn.BiasGroup: 1 - 0.1,
		learn.NormGroup: 1 - 0.1*(1+0.5),
		learn.GateGroup: 1 - 1.25,
		"slow":          1 - 0.01*(1+0.5),
	} {
		p := learn.NewParam("w", learn.Constant(1), 1)
		p.Group = group
		if err := o.Step([]learn.Update{{Param: p, Grad: []float32{1}}}); err != nil {
			t.Fatal(err)
		}
		if got := p.Data()[0]; math.Abs(float64(got-want)) > 1e-7 {
			t.Errorf("group %q: want %v, got %v", group, want, got)
		}
	}
	if got := o.LR(); got != 0.1 {
		t.Errorf("want the optimizer's own rate, got %v", got)
	}
}

func TestSharedSettingsOutOfRange(t *testing.T) {
	s := Shared{Clip: learn.Clip{Norm: -1, Value: -1}, Groups: map[string]Group{"gate": {Rate: ptr(0), WeightDecay: ptr(0.1)}}}
	_, err := NewAdaGrad(AdaGradConfig{Rate: 1, Eps: 1, Shared: s})
	for _, want := range []string{"clip.norm", "clip.value", "groups.gate.lr", "groups.gate.weight_decay"} {
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("want %s in %v", want, err)
		}
	}
	c := DefaultAdam()
	c.Rows, c.WeightDecay, c.Beta2 = "lazy", 0.1, 0.5
	c.Groups = map[string]Group{"bias": {WeightDecay: ptr(0.1)}}
	_, err = NewAdam(c)
	for _, want := range []string{"weight_decay: want 0 with rows: lazy", "beta2", "groups.bias.weight_decay"} {
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("want %s in %v", want, err)
		}
	}
	if _, err := NewSGD(SGDConfig{Rate: 1, Nesterov: true}); err == nil {
		t.Error("nesterov needs momentum")
	}
	bad := schedule("warmup", func(s any) { s.(*WarmupConfig).Steps = 0 })
	if _, err := NewSGD(SGDConfig{Rate: 1, Shared: Shared{Schedule: bad}}); err == nil {
		t.Error("a schedule out of range was built")
	}
}

// TestScheduleCountsUpdates: the count is the parameter's own and starts anew when its memory is forgotten.
func TestScheduleCountsUpdates(t *testing.T) {
	c := SGDConfig{Rate: 1, Shared: Shared{Schedule: schedule("step", func(s any) { *s.(*StepConfig) = StepConfig{Factor: 0.5, Every: 1} })}}
	o := must(NewSGD(c))
	p, q := learn.NewParam("p", learn.Constant(0), 1), learn.NewParam("q", learn.Constant(0), 1)
	step := func(p *learn.Param) float32 {
		before := p.Data()[0]
		if err := o.Step([]learn.Update{{Param: p, Grad: []float32{-1}}}); err != nil {
			t.Fatal(err)
		}
		return p.Data()[0] - before
	}
	for i, want := range []float32{1, 0.5, 0.25} {
		if got := step(p); got != want {
			t.Errorf("update %d: want %v, got %v", i, want, got)
		}
	}
	if got := step(q); got != 1 {
		t.Errorf("another parameter's first update: want 1, got %v", got)
	}
	p.ForgetSlots()
	if got := step(p); got != 1 {
		t.Errorf("after its memory was forgotten: want 1, got %v", got)
	}
}

// TestClipDoesNotTouchTheTape: gradients may be shared by two parameters, so they are not scaled in place; and a
// penalty is not clipped.
func TestClipDoesNotTouchTheTape(t *testing.T) {
	o := must(NewSGD(SGDConfig{Rate: 1, Shared: Shared{Clip: learn.Clip{Norm: 1}}}))
	p, q := learn.NewParam("p", learn.Constant(0), 2), learn.NewParam("q", learn.Constant(0), 2)
	q.Penalty = func(value, grad []float32) {
		for i := range grad {
			grad[i] += 10
		}
	}
	g := []float32{-3, -4}
	if err := o.Step([]learn.Update{{Param: p, Grad: g}, {Param: q, Grad: g}}); err != nil {
		t.Fatal(err)
	}
	k := 1 / (math.Sqrt(50) + 1e-6)
	for i, want := range []float64{3 * k, 4 * k} {
		if got := float64(p.Data()[i]); math.Abs(got-want) > 1e-7 {
			t.Errorf("p: want %v, got %v", want, got)
		}
		if got := float64(q.Data()[i]); math.Abs(got-(want-10)) > 1e-6 {
			t.Errorf("q: want %v, got %v", want-10, got)
		}
	}
	if g[0] != -3 || g[1] != -4 {
		t.Errorf("the gradient became %v", g)
	}
}

// TestFTRLUnderASchedule: the oracle is the algorithm for any sequence of rates, with the rate of the last step
// kept: 1/eta = (beta+sqrt(n))/alpha, z += g - (1/eta - 1/eta_before) w.
func TestFTRLUnderASchedule(t *testing.T) {
	half := schedule("step", func(s any) { *s.(*StepConfig) = StepConfig{Factor: 0.5, Every: 4} })
	c := FTRLConfig{Alpha: 0.5, Beta: 1, L1: 0.3, L2: 0.05, Shared: Shared{Schedule: half}}
	o := must(NewFTRL(c))
	p := learn.NewParam("w", learn.Constant(0), 1)
	r := learn.NewRand(2, "ftrl", 0)
	var w, z, n, before float64
	for i := range 40 {
		g := float32(r.Normal())
		if err := o.Step([]learn.Update{{Param: p, Grad: []float32{g}}}); err != nil {
			t.Fatal(err)
		}
		n += float64(g) * float64(g)
		inverse := (c.Beta + math.Sqrt(n)) / (c.Alpha * math.Pow(0.5, float64(i/4)))
		z += float64(g) - (inverse-before)*w
		before = inverse
		w = 0
		if math.Abs(z) > c.L1 {
			w = -(z - math.Copysign(c.L1, z)) / (inverse + c.L2)
		}
		if got := float64(p.Data()[0]); math.Abs(got-w) > 1e-5 {
			t.Fatalf("step %d: want %v, got %v", i, w, got)
		}
	}
}
