package nn

import (
	"math"
	"testing"

	"github.com/sluice-stream/sluice/tensorcore"
	"github.com/sluice-stream/sluice/tensorcore/autograd"
	"github.com/sluice-stream/sluice/tensorcore/cpu"
)

func TestFirstValuesAreTorchs(t *testing.T) {
	l := NewLinear("l", 100, 50, 3)
	var squares float64
	var most float64
	for _, p := range l.Params() {
		for _, x := range p.Data() {
			squares += float64(x) * float64(x)
			most = max(most, math.Abs(float64(x)))
		}
	}
	if bound := 0.1; most > bound || most < 0.98*bound { // 1/sqrt(100)
		t.Errorf("want values up to %v, got up to %v", bound, most)
	}
	if v := squares / (101 * 50); math.Abs(v-0.01/3) > 0.0002 { // of an even distribution
		t.Errorf("want variance %v, got %v", 0.01/3, v)
	}
	if a, b := NewLinear("l", 100, 50, 3), NewLinear("l", 100, 50, 4); a.weight.Data()[7] != l.weight.Data()[7] || b.weight.Data()[7] == l.weight.Data()[7] {
		t.Error("the seed, and it alone, fixes the values")
	}
}

// TestForwardAgainstLoops computes a two-layer network with plain loops in float64.
func TestForwardAgainstLoops(t *testing.T) {
	m := NewMLP("m", 3, []int{4, 2}, 1)
	if m.Width() != 2 || len(m.Params()) != 4 || m.Params()[2].Name != "m.1.weight" {
		t.Fatalf("got width %d and %d parameters", m.Width(), len(m.Params()))
	}
	x := []float32{1, -2, 3, 0.5, 0, -1}
	tp := autograd.NewTape(cpu.New(1))
	got := m.Forward(tp, tp.Const(tensorcore.NewFloat32([]int{2, 3}, x))).Float32s()
	for row := range 2 {
		h := []float64{float64(x[3*row]), float64(x[3*row+1]), float64(x[3*row+2])}
		for _, l := range m.layers {
			w, b := l.weight.Data(), l.bias.Data()
			next := make([]float64, len(b))
			for j := range next {
				next[j] = float64(b[j])
				for i := range h {
					next[j] += h[i] * float64(w[i*len(b)+j])
				}
				next[j] = max(next[j], 0)
			}
			h = next
		}
		for j, want := range h {
			if math.Abs(want-float64(got[2*row+j])) > 1e-6 {
				t.Errorf("row %d, output %d: want %v, got %v", row, j, want, got[2*row+j])
			}
		}
	}
	if id := NewMLP("none", 3, nil, 1); id.Width() != 3 {
		t.Error("no layers are the identity")
	}
}
