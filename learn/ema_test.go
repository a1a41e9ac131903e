package learn

import (
	"bytes"
	"math"
	"slices"
	"testing"

	"github.com/sluice-stream/sluice/internal/state"
)

func TestEMAIsTheClosedForm(t *testing.T) {
	p := NewParam("w", number, 3)
	e := NewEMA([]*Param{p})
	const decay, steps = 0.9, 25
	want := float64(p.Data()[1]) * math.Pow(decay, steps)
	for k := range steps {
		p.Data()[1] = float32(k)
		e.Update(decay)
		want += (1 - decay) * math.Pow(decay, float64(steps-1-k)) * float64(k)
	}
	e.Swap()
	if got := float64(p.Data()[1]); math.Abs(got-want) > 1e-5 {
		t.Errorf("want %v, got %v", want, got)
	}
	e.Swap()
	if p.Data()[1] != steps-1 {
		t.Errorf("two swaps change nothing, got %v", p.Data())
	}
}

func TestEMAOfAGrowingTable(t *testing.T) {
	p := NewTable("t", 2, number)
	p.Grow(2)
	e := NewEMA([]*Param{p})
	p.Grow(4)
	p.Data()[0] = 100
	e.Update(0.5)
	teacher := NewTable("t", 2, Constant(0))
	if err := e.Into([]*Param{teacher}); err != nil {
		t.Fatal(err)
	}
	if want := []float32{50, 1, 10, 11, 20, 21, 30, 31}; !slices.Equal(teacher.Data(), want) {
		t.Errorf("want %v, got %v", want, teacher.Data())
	}
	p.Grow(5)
	e.Swap()
	if want := []float32{50, 1, 10, 11, 20, 21, 30, 31, 40, 41}; !slices.Equal(p.Data(), want) {
		t.Errorf("want %v, got %v", want, p.Data())
	}
	if err := e.Into([]*Param{NewParam("w", number, 3)}); err == nil {
		t.Error("want an error for another shape")
	}
	if err := e.Into(nil); err == nil {
		t.Error("want an error for other parameters")
	}
}

func TestEMARestores(t *testing.T) {
	p := NewParam("w", number, 3)
	e := NewEMA([]*Param{p})
	p.Data()[0] = 7
	e.Update(0.3)
	var b bytes.Buffer
	if err := state.WritePart(&b, e); err != nil {
		t.Fatal(err)
	}
	again := NewEMA([]*Param{NewParam("w", number, 3)})
	if err := state.ReadPart(b.Bytes(), again); err != nil {
		t.Fatal(err)
	}
	if !slices.Equal(again.average[0], e.average[0]) {
		t.Errorf("want %v, got %v", e.average[0], again.average[0])
	}
	if err := state.ReadPart(b.Bytes(), NewEMA([]*Param{NewParam("w", number, 2)})); err == nil {
		t.Error("the averages of another model were taken")
	}
}

func TestWarmDecay(t *testing.T) {
	p := NewParam("w", number, 2)
	e := NewEMA([]*Param{p})
	p.Data()[0], p.Data()[1] = 0.1, -0.3
	e.Update(WarmDecay(0.999, 0)) // takes the values over, to the bit
	if !slices.Equal(e.average[0], p.Data()) {
		t.Errorf("want %v, got %v", p.Data(), e.average[0])
	}
	if got := WarmDecay(0.999, 1); got != 0.5 {
		t.Errorf("want 1/2, got %v", got)
	}
	if got := WarmDecay(0.999, 1e6); got != 0.999 {
		t.Errorf("want the decay, got %v", got)
	}
}

func TestClipScale(t *testing.T) {
	us := []Update{{Grad: []float32{3, 0, 0}}, {Grad: []float32{4}}}
	if got, want := (Clip{Norm: 1}).Scale(us), 1/(5+1e-6); math.Abs(got-want) > 1e-12 {
		t.Errorf("want %v, got %v", want, got)
	}
	if got := (Clip{Norm: 6}).Scale(us); got != 1 {
		t.Errorf("short gradients are not scaled, got %v", got)
	}
	if got := (Clip{}).Scale(us); got != 1 {
		t.Errorf("want 1 without a bound, got %v", got)
	}
	c := Clip{Norm: 1, Value: 2} // cut to 2 and 2, then scaled by their norm
	s := c.Scale(us)
	dst := make([]float32, 3)
	c.Apply(dst, us[0].Grad, s)
	if want := float32(2 / (math.Sqrt(8) + 1e-6)); math.Abs(float64(dst[0]-want)) > 1e-7 || dst[1] != 0 {
		t.Errorf("want %v, got %v", want, dst)
	}
}
