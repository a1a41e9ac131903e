package optfsplanted

import (
	"math"
	"testing"

	"github.com/sluice-stream/sluice/internal/experiment"
	"github.com/sluice-stream/sluice/learn/eval"
)

func TestGeneratedDataAreAsSpecified(t *testing.T) {
	d := generate(1)
	if len(d.data.Labels) != rows || len(d.data.IDs) != rows*fields {
		t.Fatalf("got %d labels and %d ids", len(d.data.Labels), len(d.data.IDs))
	}
	n := 0
	for r, p := range d.planted {
		if p {
			n++
			if f := (r - firstOfData) / values; r < firstOfData || f >= effective {
				t.Errorf("row %d of field %d carries an effect", r, f)
			}
		}
	}
	if n != 240 {
		t.Errorf("want 240 of 1200 values planted, got %d", n)
	}
	var mean, squares float64
	for _, z := range d.logit {
		mean += float64(z) / rows
		squares += float64(z) * float64(z) / rows
	}
	if sd := math.Sqrt(squares - mean*mean); math.Abs(mean+1) > 1e-3 || math.Abs(sd-2) > 1e-3 {
		t.Errorf("want logits of mean -1 and deviation 2, got %g and %g", mean, sd)
	}
	// three draws of another program had .8137 to .8240; the few popular values make draws differ
	if auc := eval.AUC(d.data.Labels, d.logit); math.Abs(auc-.825) > .03 {
		t.Errorf("want a Bayes AUC near .825, got %g", auc)
	}
	// the most popular value has probability 1/H(100) = 0.1928
	most := 0
	for _, c := range d.count[firstOfData : firstOfData+values] {
		most = max(most, c)
	}
	if share := float64(most) / rows; math.Abs(share-.1928) > .01 {
		t.Errorf("want the first value in 19.3 %% of rows, got %g", share)
	}
}

func TestMaskFigures(t *testing.T) {
	d := generate(2)
	out := experiment.Figures{}
	d.score(Arm{Mask: "planted"}.mask(d, 2), out)
	want := experiment.Figures{"ratio": .2, "base_rate": .2, "recall": 1, "recall_rows": 1, "precision": 1}
	for k, v := range want {
		if out[k] != v {
			t.Errorf("%s: want %g for the planted mask, got %g", k, v, out[k])
		}
	}
	d.score(Arm{Mask: "random", Ratio: .24}.mask(d, 2), out)
	if out["ratio"] != .24 || math.Abs(out["precision"]-.2) > .1 {
		t.Errorf("want 24 %% kept at the base rate, got %v", out)
	}
}

func TestWithoutTakesValuesOut(t *testing.T) {
	d := generate(3)
	keep := make([]bool, tableRows)
	keep[d.data.IDs[5]] = true // one value of field 5
	got := d.without(keep)
	if len(got.IDs) != d.count[d.data.IDs[5]] || len(got.Offsets) != rows*fields+1 {
		t.Fatalf("want %d ids, got %d with %d offsets", d.count[d.data.IDs[5]], len(got.IDs), len(got.Offsets))
	}
	if got.Offsets[5] != 0 || got.Offsets[6] != 1 || got.IDs[0] != d.data.IDs[5] {
		t.Error("the kept value is not where it was")
	}
}
