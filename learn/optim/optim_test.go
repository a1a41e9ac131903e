package optim

import (
	"bytes"
	"math"
	"slices"
	"strings"
	"testing"

	"github.com/sluice-stream/sluice/check"
	"github.com/sluice-stream/sluice/internal/state"
	"github.com/sluice-stream/sluice/learn"
)

// twin is an optimizer of one weight in float64, straight from its paper.
type twin interface{ step(w, g float64) float64 }

type adamTwin struct {
	c    AdamConfig
	m, v float64
	t    float64
}

func (a *adamTwin) step(w, g float64) float64 {
	g += a.c.WeightDecay * w
	a.t++
	a.m = a.c.Beta1*a.m + (1-a.c.Beta1)*g
	a.v = a.c.Beta2*a.v + (1-a.c.Beta2)*g*g
	return w - a.c.Rate*(a.m/(1-math.Pow(a.c.Beta1, a.t)))/(math.Sqrt(a.v/(1-math.Pow(a.c.Beta2, a.t)))+a.c.Eps)
}

type adagradTwin struct {
	c AdaGradConfig
	s float64
}

func (a *adagradTwin) step(w, g float64) float64 {
	a.s += g * g
	return w - a.c.Rate*g/(math.Sqrt(a.s)+a.c.Eps)
}

type sgdTwin struct {
	c SGDConfig
	b float64
}

func (s *sgdTwin) step(w, g float64) float64 {
	s.b = s.c.Momentum*s.b + g + s.c.WeightDecay*w
	return w - s.c.Rate*s.b
}

// ftrlTwin is algorithm 1 of McMahan et al.: w is computed from z and n before the gradient is taken at it.
type ftrlTwin struct {
	c    FTRLConfig
	z, n float64
}

func (f *ftrlTwin) step(w, g float64) float64 {
	sigma := (math.Sqrt(f.n+g*g) - math.Sqrt(f.n)) / f.c.Alpha
	f.z += g - sigma*w
	f.n += g * g
	if math.Abs(f.z) <= f.c.L1 {
		return 0
	}
	sign := math.Copysign(1, f.z)
	return -1 / ((f.c.Beta+math.Sqrt(f.n))/f.c.Alpha + f.c.L2) * (f.z - sign*f.c.L1)
}

func TestAgainstTheFormulas(t *testing.T) {
	ac := DefaultAdam()
	ac.WeightDecay, ac.Rate = 0.02, 0.01
	gc := AdaGradConfig{Rate: 0.1, Eps: 1e-10, Initial: 0.3}
	sc := SGDConfig{Rate: 0.02, Momentum: 0.8, WeightDecay: 0.1}
	fc := FTRLConfig{Alpha: 0.3, Beta: 1, L1: 0.4, L2: 0.05}
	cases := map[string]struct {
		o     learn.Optimizer
		twin  func() twin
		start float32
	}{
		"adam":    {must(NewAdam(ac)), func() twin { return &adamTwin{c: ac} }, 0.7},
		"adagrad": {must(NewAdaGrad(gc)), func() twin { return &adagradTwin{gc, gc.Initial} }, 0.7},
		"sgd":     {must(NewSGD(sc)), func() twin { return &sgdTwin{c: sc} }, 0.7},
		"ftrl":    {must(NewFTRL(fc)), func() twin { return &ftrlTwin{c: fc} }, 0},
	}
	for name, c := range cases {
		const n = 5
		p := learn.NewParam("w", learn.Constant(c.start), n)
		want, twins := make([]float64, n), make([]twin, n)
		for i := range n {
			want[i], twins[i] = float64(c.start), c.twin()
		}
		r := learn.NewRand(1, name, 0)
		for range 300 {
			g := make([]float32, n)
			for i := range g {
				g[i] = float32(r.Normal())
				want[i] = twins[i].step(want[i], float64(g[i]))
			}
			if err := c.o.Step([]learn.Update{{Param: p, Grad: g}}); err != nil {
				t.Fatal(err)
			}
		}
		for i := range n {
			if math.Abs(want[i]-float64(p.Data()[i])) > 2e-5 {
				t.Errorf("%s: want %v, got %v", name, want[i], p.Data()[i])
			}
		}
	}
}

func TestFTRLKeepsFirstValuesAndMakesZeros(t *testing.T) {
	o := must(NewFTRL(FTRLConfig{Alpha: 0.1, Beta: 1, L1: 0.01, L2: 0.1}))
	p := learn.NewParam("w", from([]float32{0.3, -0.3, 0, 0.3}), 4)
	if err := o.Step([]learn.Update{{Param: p, Grad: []float32{1e-6, 1e-6, 0, 0}}}); err != nil {
		t.Fatal(err)
	}
	for i, w := range []float32{0.3, -0.3, 0, 0.3} {
		if math.Abs(float64(p.Data()[i]-w)) > 1e-5 {
			t.Errorf("weight %d: a tiny gradient moved it from %v to %v", i, w, p.Data()[i])
		}
	}
	o = must(NewFTRL(FTRLConfig{Alpha: 0.1, Beta: 1, L1: 5}))
	p = learn.NewParam("w", learn.Constant(0), 2)
	for range 10 {
		_ = o.Step([]learn.Update{{Param: p, Grad: []float32{0.1, -1}}})
	}
	if p.Data()[0] != 0 || p.Data()[1] <= 0 {
		t.Errorf("want the weak weight exactly 0 and the strong one above, got %v", p.Data())
	}
}

// TestPenaltyIsDense: a penalty moves every row, also those no batch touched, by every optimizer.
func TestPenaltyIsDense(t *testing.T) {
	for name, o := range all() {
		p := learn.NewTable("g", 1, learn.Constant(0.5))
		p.Grow(4)
		p.Penalty = func(value, grad []float32) {
			for i := range value {
				grad[i] += 0.25
			}
		}
		if err := o.Step([]learn.Update{{Param: p, Rows: []int32{2}, Grad: []float32{-1}}}); err != nil {
			t.Fatal(err)
		}
		d := p.Data()
		if d[0] >= 0.5 || d[0] != d[1] || d[1] != d[3] || d[2] <= 0.5 {
			t.Errorf("%s: got %v", name, d)
		}
	}
}

func TestGatesHaveNoWeightDecay(t *testing.T) {
	c := DefaultAdam()
	c.WeightDecay, c.Rows = 0.5, "dense"
	o := must(NewAdam(c))
	p := learn.NewParam("g", learn.Constant(1), 2)
	p.Group = learn.GateGroup
	_ = o.Step([]learn.Update{{Param: p, Grad: []float32{0, 0}}})
	if p.Data()[0] != 1 {
		t.Errorf("a gate without gradient moved to %v", p.Data()[0])
	}
}

// TestRestoredEqualsUninterrupted saves between two steps and goes on with a new optimizer.
func TestRestoredEqualsUninterrupted(t *testing.T) {
	for name, o := range all() {
		table := learn.NewTable("t", 2, from(startT))
		table.Grow(4)
		var buf bytes.Buffer
		for i, g := range grads {
			if i == 3 {
				if err := state.WritePart(&buf, table); err != nil {
					t.Fatal(err)
				}
			}
			_ = o.Step([]learn.Update{{Param: table, Rows: touched[i], Grad: g}})
		}
		again := learn.NewTable("t", 2, learn.Constant(0))
		if err := state.ReadPart(buf.Bytes(), again); err != nil {
			t.Fatal(err)
		}
		fresh := all()[name]
		for i := 3; i < len(grads); i++ {
			_ = fresh.Step([]learn.Update{{Param: again, Rows: touched[i], Grad: grads[i]}})
		}
		if !slices.Equal(table.Data(), again.Data()) {
			t.Errorf("%s: want %v, got %v", name, table.Data(), again.Data())
		}
	}
}

func all() map[string]learn.Optimizer {
	out := map[string]learn.Optimizer{}
	for _, name := range (&learn.Choice[learn.Optimizer]{}).Names() {
		c := learn.Choice[learn.Optimizer]{}
		c.Select(name)
		out[name] = must(c.Build())
	}
	return out
}

func TestSettingsOutOfRange(t *testing.T) {
	for _, err := range []error{
		SGDConfig{Rate: 0, Momentum: 1, WeightDecay: -1}.Validate(),
		AdaGradConfig{Rate: -1, Eps: 0, Initial: -1}.Validate(),
		FTRLConfig{Alpha: 0, Beta: 0, L1: -1, L2: 0}.Validate(),
		AdamConfig{Rate: 0, Beta1: 1, Beta2: 0.9, Eps: 1, Rows: "touched"}.Validate(),
	} {
		if n := len(check.Of(err)); n < 2 {
			t.Errorf("want every violation, got %d: %v", n, err)
		}
	}
	if _, err := NewAdam(AdamConfig{Rate: 1, Eps: 1, Rows: "tuched"}); err == nil || !strings.Contains(err.Error(), `did you mean "touched"`) {
		t.Errorf("got %v", err)
	}
	p := learn.NewParam("w", learn.Constant(0), 3)
	for name, o := range all() {
		if err := o.Step([]learn.Update{{Param: p, Grad: []float32{1}}}); err == nil || !strings.Contains(err.Error(), "want 3 gradient values for w, got 1") {
			t.Errorf("%s: got %v", name, err)
		}
	}
}
