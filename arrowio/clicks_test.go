package arrowio

import (
	"math"
	"testing"
)

func TestClicksRestoreAtAnyRow(t *testing.T) {
	env := kafkaEnv(t, nil)
	all := pollAll(t, clicksOf(t, env, 1000), 64)
	for at := 0; at <= 1000; at += 37 {
		first := clicksOf(t, env, 1000)
		head := pollRows(t, first, at)
		second := clicksOf(t, env, 1000)
		keepState(first).restore(t, second)
		equalRows(t, append(head, pollAll(t, second, 99)...), all)
	}
	c := clicksOf(t, env, 1000)
	pollRows(t, c, 10)
	if err := c.Rewind(t.Context()); err != nil {
		t.Fatal(err)
	}
	equalRows(t, pollAll(t, c, 500), all)
}

func TestClicksSeeds(t *testing.T) {
	env := kafkaEnv(t, nil)
	pipeline := pollAll(t, clicksOf(t, env, 100), 64)
	env.Seed++
	other := pollAll(t, clicksOf(t, env, 100), 64)
	if pipeline[0] == other[0] && pipeline[1] == other[1] {
		t.Fatal("want other rows for another seed")
	}
	c := ClicksConfig{Rows: 100, Users: 200, Items: 50, Cities: 9, Informative: 0.2, Positives: 0.22, Seed: 7}
	own, err := NewClicks(c)
	if err != nil {
		t.Fatal(err)
	}
	if err := own.Open(t.Context(), env); err != nil {
		t.Fatal(err)
	}
	equalRows(t, pollAll(t, own, 64), pipeline)
}

// TestClicksTruth counts what the truth claims: the share of clicks, of informative values, that noise values
// have the mean of all, and that the AUC of the true chances on drawn labels is the one that is promised.
func TestClicksTruth(t *testing.T) {
	const rows = 100_000
	for seed := range uint64(3) {
		truth := NewClicksTruth(ClicksConfig{Rows: rows, Users: 2000, Items: 500, Cities: 50, Informative: 0.2, Positives: 0.22}, seed+1)
		clicks, informed, auc := 0, 0, rankSum{}
		for i := range int64(rows) {
			r := truth.draw(i)
			clicks += int(r.click)
			if truth.user.effect[r.user] != 0 {
				informed++
			}
			auc.add(r.chance, r.click == 1)
		}
		if share := float64(clicks) / rows; math.Abs(share-0.22) > 0.02 {
			t.Errorf("seed %d: want 22 %% clicks, got %g", seed, share)
		}
		if share := float64(informed) / rows; math.Abs(share-0.2) > 0.05 {
			t.Errorf("seed %d: want about 20 %% of rows with an informative user, got %g", seed, share)
		}
		count := 0
		for _, v := range truth.Values("item") {
			if truth.Informative("item", v) {
				count++
			}
		}
		if count != 100 || truth.Informative("item", "none") || truth.Informative("price", "1") {
			t.Errorf("seed %d: want 100 of 500 items informative, got %d", seed, count)
		}
		if got, want := auc.value(), truth.BayesAUC(rows); math.Abs(got-want) > 0.006 || want < 0.75 {
			t.Errorf("seed %d: AUC of the true chances is %.4f, promised %.4f, at least 0.75", seed, got, want)
		}
	}
}

// rankSum computes an AUC by counting in a fine histogram.
type rankSum struct{ pos, neg [100_000]float64 }

func (r *rankSum) add(p float64, click bool) {
	i := min(int(p*100_000), 99_999)
	if click {
		r.pos[i]++
	} else {
		r.neg[i]++
	}
}

func (r *rankSum) value() float64 {
	var below, pairs, pos float64
	for i := range r.pos {
		pairs += r.pos[i] * (below + r.neg[i]/2)
		below, pos = below+r.neg[i], pos+r.pos[i]
	}
	return pairs / (below * pos)
}

func BenchmarkClicks(b *testing.B) {
	env := kafkaEnv(b, nil)
	c := clicksOf(b, env, 1<<40)
	for b.Loop() {
		rec, err := c.Next(b.Context(), 8192)
		if err != nil {
			b.Fatal(err)
		}
		rec.Release()
	}
	b.ReportMetric(8192*float64(b.N)/b.Elapsed().Seconds(), "rows/s")
}
