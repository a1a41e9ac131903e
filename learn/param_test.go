package learn

import (
	"bytes"
	"slices"
	"strings"
	"testing"

	"github.com/sluice-stream/sluice/internal/state"
	"github.com/sluice-stream/sluice/tensorcore/autograd"
	"github.com/sluice-stream/sluice/tensorcore/cpu"
)

// number starts element i of row r at 10*r+i.
func number(row int, dst []float32) {
	for i := range dst {
		dst[i] = float32(10*row + i)
	}
}

func TestTableGrowsWithItsMemory(t *testing.T) {
	p := NewTable("t", 2, number)
	p.Grow(2)
	m := p.Slot("m", 0.5)
	m[3] = 9
	p.Row(0)[0] = -1
	p.Grow(5)
	p.Grow(3) // never shrinks
	if want := []float32{-1, 1, 10, 11, 20, 21, 30, 31, 40, 41}; !slices.Equal(p.Data(), want) {
		t.Errorf("values: want %v, got %v", want, p.Data())
	}
	if want := []float32{.5, .5, .5, 9, .5, .5, .5, .5, .5, .5}; !slices.Equal(p.Slot("m", 0), want) {
		t.Errorf("memory: want %v, got %v", want, p.Slot("m", 0))
	}
	if !slices.Equal(p.Shape(), []int{5, 2}) {
		t.Errorf("shape: got %v", p.Shape())
	}
	p.Reinit()
	if p.Row(0)[0] != 0 || p.Slot("m", 7)[3] != 7 {
		t.Error("Reinit kept old values")
	}
	w := NewParam("w", number, 2, 3)
	if w.Grow(9); w.Rows() != 2 {
		t.Error("a whole parameter grew")
	}
	if s := NewParam("s", Constant(2)); s.Rows() != 1 || s.Data()[0] != 2 {
		t.Error("a scalar holds one value")
	}
}

func TestParamWalk(t *testing.T) {
	p := NewTable("t", 2, number)
	p.Grow(3)
	copy(p.Slot("m", 0), []float32{1, 2, 3, 4, 5, 6})
	p.Slot("v", 0.1)
	p.Updates = 12
	var buf bytes.Buffer
	if err := state.WritePart(&buf, p); err != nil {
		t.Fatal(err)
	}
	q := NewTable("t", 2, Constant(0))
	q.Grow(1)
	if err := state.ReadPart(buf.Bytes(), q); err != nil {
		t.Fatal(err)
	}
	p.Grow(4)
	q.Grow(4)
	q.Data()[6], q.Data()[7] = 30, 31 // q's own first values are others
	if !slices.Equal(p.Data(), q.Data()) || !slices.Equal(p.Slot("m", 0), q.Slot("m", 0)) || !slices.Equal(p.Slot("v", 0), q.Slot("v", 0)) || q.Updates != 12 {
		t.Error("what was restored differs")
	}
	for _, other := range []*Param{NewTable("t", 3, number), NewParam("t", number, 5, 2)} {
		if err := state.ReadPart(buf.Bytes(), other); err == nil || !strings.Contains(err.Error(), "param t") {
			t.Errorf("want an error about param t, got %v", err)
		}
	}
}

func TestLookupGradientsAddUp(t *testing.T) {
	p := NewTable("t", 2, number)
	p.Grow(6)
	b := &Batch{Rows: 2, Fields: 2, IDs: []int32{4, 1, 4, 5}}
	tp := autograd.NewTape(cpu.New(1))
	for range 2 { // the second life reuses the buffers
		tp.Reset()
		x := p.Lookup(tp, b.Touched(6))
		if want := []float32{40, 41, 10, 11, 40, 41, 50, 51}; !slices.Equal(x.Float32s(), want) {
			t.Fatalf("values: want %v, got %v", want, x.Float32s())
		}
		us, err := Updates(tp, tp.Sum(tp.Square(x)), nil)
		if err != nil {
			t.Fatal(err)
		}
		if !slices.Equal(us[0].Rows, []int32{4, 1, 5}) || !slices.Equal(us[0].Grad, []float32{160, 164, 20, 22, 100, 102}) {
			t.Fatalf("gradient: got %v for rows %v", us[0].Grad, us[0].Rows)
		}
	}
	each := p.Lookup(tp, b.Touched(6).Distinct())
	if each.Shape()[0] != 3 {
		t.Errorf("want one value a distinct row, got shape %v", each.Shape())
	}
}

func TestUpdatesNamesWhatIsNotFinite(t *testing.T) {
	tp := autograd.NewTape(cpu.New(1))
	w := NewParam("w", Constant(0), 2)
	_, err := Updates(tp, tp.Sum(tp.Log(w.Var(tp))), nil)
	if err == nil || !strings.Contains(err.Error(), "loss is -Inf") {
		t.Errorf("got %v", err)
	}
	tp.Reset()
	_, err = Updates(tp, tp.Sum(tp.Sqrt(w.Var(tp))), nil)
	if err == nil || !strings.Contains(err.Error(), "gradient of w is not finite") {
		t.Errorf("got %v", err)
	}
}
