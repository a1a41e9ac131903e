package nn

import (
	"math"
	"slices"
	"testing"

	"github.com/sluice-stream/sluice/learn"
	"github.com/sluice-stream/sluice/tensorcore/autograd"
)

// TestFirstValues: the distributions are those of PyTorch's reset_parameters, the groups those an optimizer tells
// apart, and equal seeds give equal values whatever else was made before.
func TestFirstValues(t *testing.T) {
	conv := func(seed uint64) learn.Module { return NewConv2d("c", 8, 32, autograd.Square(3, 1, 1), seed) }
	for name, c := range map[string]struct {
		make   func(seed uint64) learn.Module
		bounds map[string]float64 // of an even distribution; 0: all equal
	}{
		"conv": {conv, map[string]float64{"c.weight": 1 / math.Sqrt(8*9), "c.bias": 1 / math.Sqrt(8*9)}},
		"transposed": {func(seed uint64) learn.Module {
			return NewConvTranspose2d("c", 8, 16, autograd.Square(3, 2, 1), seed)
		}, map[string]float64{"c.weight": 1 / math.Sqrt(16*9), "c.bias": 1 / math.Sqrt(16*9)}},
		"attention": {func(seed uint64) learn.Module { return NewMultiHeadAttention("a", 32, 4, 0, seed) },
			map[string]float64{"a.in.weight": math.Sqrt(6. / 128), "a.in.bias": 0, "a.out.weight": 1 / math.Sqrt(32), "a.out.bias": 0}},
		"layer norm": {func(uint64) learn.Module { return NewLayerNorm("n", 4, DefaultEps) }, map[string]float64{"n.weight": 0, "n.bias": 0}},
	} {
		a, b, other := c.make(3), c.make(3), c.make(4)
		for i, p := range a.Params() {
			bound, known := c.bounds[p.Name]
			if !known {
				t.Errorf("%s: parameter %s", name, p.Name)
			}
			even(t, p, bound)
			if !slices.Equal(p.Data(), b.Params()[i].Data()) {
				t.Errorf("%s: %s differs between equal seeds", name, p.Name)
			}
			if bound > 0 && slices.Equal(p.Data(), other.Params()[i].Data()) {
				t.Errorf("%s: %s does not depend on the seed", name, p.Name)
			}
		}
	}
	e := NewEmbedding("e", 100, 50, 1).Params()[0]
	var sum, squares float64
	for _, x := range e.Data() {
		sum, squares = sum+float64(x), squares+float64(x)*float64(x)
	}
	if math.Abs(sum/5000) > 0.05 || math.Abs(squares/5000-1) > 0.06 {
		t.Errorf("embedding: want a standard normal, got mean %v, variance %v", sum/5000, squares/5000)
	}
}

func even(t *testing.T, p *learn.Param, bound float64) {
	t.Helper()
	var most, squares float64
	for _, x := range p.Data() {
		most, squares = max(most, math.Abs(float64(x))), squares+float64(x)*float64(x)
	}
	n := float64(len(p.Data()))
	switch {
	case bound == 0 && slices.Max(p.Data()) != slices.Min(p.Data()):
		t.Errorf("%s: want one value, got %v", p.Name, p.Data())
	case bound > 0 && (most > bound || most < 0.8*bound || math.Abs(squares/n/(bound*bound/3)-1) > 4/math.Sqrt(n)):
		t.Errorf("%s: want an even distribution in +-%v, got up to %v, variance %v", p.Name, bound, most, squares/n)
	}
}

// TestGroupsOfParameters: what an optimizer may treat apart is marked.
func TestGroupsOfParameters(t *testing.T) {
	e := NewTransformerEncoder("t", 1, TransformerConfig{Width: 4, Heads: 2, Hidden: 8, FinalNorm: true}, 1)
	got := map[string]int{}
	for _, p := range e.Params() {
		got[p.Group]++
	}
	if got[""] != 4 || got[learn.BiasGroup] != 4 || got[learn.NormGroup] != 6 {
		t.Errorf("want 4 weights, 4 biases and 6 of norms, got %v", got)
	}
}
