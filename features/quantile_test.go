package features

import (
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/sluice-stream/sluice/internal/state"
)

func newQuantile(bins, sample int) *quantile {
	return &quantile{cfg: QuantileConfig{Bins: bins, Sample: sample}}
}

func TestQuantileBinsHoldEquallyMany(t *testing.T) {
	q := newQuantile(8, 4000)
	r := rand.New(rand.NewPCG(1, 1))
	x := make([]float64, 12000)
	for i := range x {
		x[i] = r.ExpFloat64()
	}
	out := make([]int64, len(x))
	for i := 0; i < len(x); i += 7 { // pieces: the borders are fixed by the count alone
		q.Bucketize(x[i:min(i+7, len(x))], out[i:min(i+7, len(x))])
	}
	if slices.ContainsFunc(out[:4000], func(b int64) bool { return b != -1 }) {
		t.Error("values of the sample: want category -1")
	}
	counts := map[int64]int{}
	sorted := slices.Clone(x[:4000])
	slices.Sort(sorted)
	for i, b := range out[4000:] {
		counts[b]++
		at, _ := slices.BinarySearch(sorted, x[4000+i])
		if want := int64(at * 8 / 4000); b < want-1 || b > want+1 {
			t.Fatalf("%v: want about bin %d, got %d", x[4000+i], want, b)
		}
	}
	for b := range int64(8) {
		if counts[b] < 850 || counts[b] > 1150 {
			t.Errorf("bin %d: want about 1000 of 8000, got %d", b, counts[b])
		}
	}
}

func TestQuantileOfRepeatedAndOfNoValues(t *testing.T) {
	q := newQuantile(4, 6)
	out := make([]int64, 8)
	q.Bucketize([]float64{5, 5, 5, 5, 5, 9, 4, 9}, out)
	if want := []int64{-1, -1, -1, -1, -1, -1, 0, 0}; !slices.Equal(out, want) || len(q.borders) != 0 {
		t.Errorf("want one bin, got %v, borders %v", out, q.borders)
	}
	none := newQuantile(4, 6)
	none.Freeze()
	none.Bucketize([]float64{1, -1}, out[:2])
	if out[0] != 0 || out[1] != 0 {
		t.Errorf("no values seen: want bin 0, got %v", out[:2])
	}
}

func TestQuantileSurveyEqualsSample(t *testing.T) {
	a, b := newQuantile(4, 50), newQuantile(4, 50)
	x, out := make([]float64, 60), make([]int64, 60)
	for i := range x {
		x[i] = float64(i * 37 % 60)
	}
	a.Survey(x)
	b.Bucketize(x, out)
	if !slices.Equal(a.borders, b.borders) || len(a.borders) != 3 {
		t.Errorf("want the same three borders, got %v and %v", a.borders, b.borders)
	}
	c := newQuantile(4, 50)
	if err := state.ReadPart(part(t, a), c); err != nil || !slices.Equal(a.borders, c.borders) || !c.fixed {
		t.Errorf("restored: want %v, got %v (%v)", a.borders, c.borders, err)
	}
	if err := state.ReadPart(part(t, a), newQuantile(2, 50)); err == nil {
		t.Error("restored into fewer bins: want an error")
	}
	if err := (QuantileConfig{Bins: 1, Sample: 0}).Validate(); err == nil {
		t.Error("one bin: want a violation")
	}
}
