package optim

import (
	"bytes"
	"math"
	"slices"
	"testing"

	"github.com/sluice-stream/sluice/internal/state"
	"github.com/sluice-stream/sluice/learn"
)

// sparse is one random course of training: which rows each step touches, and their gradients.
type sparse struct {
	rows [][]int32
	grad [][]float32
}

func course(seed uint64, steps, rows, width int, share, size float64) sparse {
	var s sparse
	for t := range steps {
		r := learn.NewRand(seed, "course", t)
		ids := []int32{} // nil would mean all rows
		var g []float32
		for i := range rows {
			// early rows are touched often, late ones almost never
			if r.Float64() < share*math.Exp(-8*float64(i)/float64(rows)) || t == 0 {
				ids = append(ids, int32(i))
				for range width {
					g = append(g, float32(r.Normal()*size))
				}
			}
		}
		s.rows, s.grad = append(s.rows, ids), append(s.grad, g)
	}
	return s
}

func (s sparse) run(t *testing.T, o learn.Optimizer, p *learn.Param, from, to int) {
	t.Helper()
	for i := from; i < to; i++ {
		if err := o.Step([]learn.Update{{Param: p, Rows: s.rows[i], Grad: s.grad[i]}}); err != nil {
			t.Fatal(err)
		}
	}
}

func lazyTable(rows, width int) *learn.Param {
	p := learn.NewTable("t", width, learn.Normal(1, "t", 0.1))
	p.Grow(rows)
	return p
}

// TestLazyEqualsDense: the course of dense Adam is the oracle, for gradients far above eps, around it and below, with and without
// a schedule, and for other betas.
func TestLazyEqualsDense(t *testing.T) {
	const rows, width, steps = 60, 3, 1500
	cosine := learn.Choice[learn.Schedule]{}
	s, _ := cosine.Select("cosine")
	s.(*CosineConfig).Steps = 1200
	for name, c := range map[string]struct {
		size         float64
		beta1, beta2 float64
		schedule     learn.Choice[learn.Schedule]
	}{
		"large":      {size: 1, beta1: 0.9, beta2: 0.999},
		"small":      {size: 1e-7, beta1: 0.9, beta2: 0.999},
		"as eps":     {size: 1e-8, beta1: 0.9, beta2: 0.999},
		"below eps":  {size: 1e-9, beta1: 0.9, beta2: 0.999},
		"schedule":   {size: 1e-3, beta1: 0.9, beta2: 0.999, schedule: cosine},
		"gan betas":  {size: 1e-3, beta1: 0.5, beta2: 0.99},
		"no average": {size: 1e-3, beta1: 0, beta2: 0.99},
		"long":       {size: 1e-3, beta1: 0.95, beta2: 0.98},
	} {
		cfg := DefaultAdam()
		cfg.Rate, cfg.Beta1, cfg.Beta2, cfg.Rows, cfg.Schedule = 0.01, c.beta1, c.beta2, "lazy", c.schedule
		lazy := must(NewAdam(cfg))
		cfg.Rows = "dense"
		dense := must(NewAdam(cfg))
		run := course(3, steps, rows, width, 0.5, c.size)
		a, b := lazyTable(rows, width), lazyTable(rows, width)
		worst, moved := 0.0, 0.0
		for _, stop := range [][2]int{{0, 2}, {2, 3}, {3, 10}, {10, 40}, {40, 300}, {300, 310}, {310, steps}} {
			run.run(t, lazy, a, stop[0], stop[1])
			run.run(t, dense, b, stop[0], stop[1])
			lazy.CatchUp(a, nil)
			worst = max(worst, farthest(a.Data(), b.Data()))
			moved = max(moved, farthest(b.Data(), lazyTable(rows, width).Data()))
		}
		t.Logf("%s: moved %.3g, differs by %.3g", name, moved, worst)
		if worst > 1e-5 {
			t.Errorf("%s: weights moved by up to %v; lazy differs from dense by %v", name, moved, worst)
		}
		for _, slot := range []string{"m", "v"} {
			if d := farthest(a.Slot(slot, 0), b.Slot(slot, 0)); d > 1e-5*c.size {
				t.Errorf("%s: %s differs by %v", name, slot, d)
			}
		}
	}
}

func farthest(a, b []float32) (d float64) {
	for i := range a {
		d = max(d, math.Abs(float64(a[i]-b[i])))
	}
	return d
}

// TestLazyRestores: saved in the middle, with rows that are behind, it goes on to the same bits.
func TestLazyRestores(t *testing.T) {
	cfg := DefaultAdam()
	cfg.Rows = "lazy"
	run := course(5, 400, 40, 2, 0.4, 1)
	o, p := must(NewAdam(cfg)), lazyTable(40, 2)
	run.run(t, o, p, 0, 250)
	var params, clocks bytes.Buffer
	if err := state.WritePart(&params, p); err != nil {
		t.Fatal(err)
	}
	if err := state.WritePart(&clocks, o); err != nil {
		t.Fatal(err)
	}
	run.run(t, o, p, 250, 400)
	o2, p2 := must(NewAdam(cfg)), learn.NewTable("t", 2, learn.Constant(0))
	if err := state.ReadPart(params.Bytes(), p2); err != nil {
		t.Fatal(err)
	}
	if err := state.ReadPart(clocks.Bytes(), o2); err != nil {
		t.Fatal(err)
	}
	run.run(t, o2, p2, 250, 400)
	if !slices.Equal(p.Data(), p2.Data()) {
		t.Error("a restored lazy Adam took another course")
	}
}

// TestLazyForgets: after ForgetSlots it is as new, whatever its clocks say.
func TestLazyForgets(t *testing.T) {
	cfg := DefaultAdam()
	cfg.Rows = "lazy"
	run := course(6, 60, 20, 2, 0.4, 1)
	o, p := must(NewAdam(cfg)), lazyTable(20, 2)
	run.run(t, o, p, 0, 60)
	p.Reinit()
	run.run(t, o, p, 0, 60)
	o.CatchUp(p, nil)
	fresh, q := must(NewAdam(cfg)), lazyTable(20, 2)
	run.run(t, fresh, q, 0, 60)
	fresh.CatchUp(q, nil)
	if !slices.Equal(p.Data(), q.Data()) {
		t.Error("memory of before ForgetSlots is still there")
	}
}

// TestLazyGrows: rows that come later start without a past.
func TestLazyGrows(t *testing.T) {
	cfg := DefaultAdam()
	cfg.Rows = "lazy"
	lazy := must(NewAdam(cfg))
	cfg.Rows = "dense"
	dense := must(NewAdam(cfg))
	a, b := lazyTable(10, 2), lazyTable(10, 2)
	for i := range 200 {
		if i%20 == 0 {
			a.Grow(10 + i/10)
			b.Grow(10 + i/10)
		}
		u := learn.Update{Rows: []int32{int32(a.Rows() - 1), int32(i % 9)}, Grad: []float32{1, -1, 0.5, 0.1}}
		for o, p := range map[learn.Optimizer]*learn.Param{lazy: a, dense: b} {
			u.Param = p
			if err := o.Step([]learn.Update{u}); err != nil {
				t.Fatal(err)
			}
		}
	}
	lazy.CatchUp(a, nil)
	if d := farthest(a.Data(), b.Data()); d > 1e-5 {
		t.Errorf("differs from dense by %v", d)
	}
}
