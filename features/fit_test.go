package features

import (
	"context"
	"math"
	"slices"
	"testing"

	"github.com/sluice-stream/sluice/learn"
	"github.com/sluice-stream/sluice/learn/eval"
	"github.com/sluice-stream/sluice/learn/optim"
)

// planted is a set of three fields of ten values each; some values move the label, and rare ones stand once.
func planted(n int) Encoded {
	d := Encoded{Fields: 3, OOV: []int32{0, 1, 2}}
	r := learn.NewRand(9, "planted", 0)
	for i := range n {
		z := -0.2
		for k := range 3 {
			v := r.IntN(10)
			id := int32(3 + 10*k + v)
			if k == 2 && i%97 == 0 {
				id = int32(33 + i/97) // a value of its own
			}
			d.IDs = append(d.IDs, id)
			if v < 4 {
				z += []float64{1.5, -1.5, 1, -1}[v]
			}
		}
		y := float32(0)
		if r.Float64() < sigmoid(z) {
			y = 1
		}
		d.Labels = append(d.Labels, y)
	}
	return d
}

func plantedRows(n int) int { return 34 + n/97 }

func fitter(t testing.TB, cfg CTRConfig, fc FitConfig, d Encoded, batch int) *Fit {
	t.Helper()
	m := build(t, cfg, d.Fields, int(slices.Max(d.IDs))+1)
	f, err := NewFit(m, fc, d, batch, 5)
	if err != nil {
		t.Fatal(err)
	}
	return f
}

func runFit(t testing.TB, f *Fit) int {
	t.Helper()
	for steps := 1; ; steps++ {
		done, err := f.Step(context.Background())
		if err != nil {
			t.Fatal(err)
		}
		if done {
			return steps
		}
		if steps > 100 {
			t.Fatal("no end")
		}
	}
}

func scoresOf(t testing.TB, f *Fit, rows []int32) eval.Scores {
	t.Helper()
	y, p := make([]float32, len(rows)), make([]float32, len(rows))
	for i, r := range rows {
		y[i] = f.data.Labels[r]
	}
	if err := f.Predict(rows, p); err != nil {
		t.Fatal(err)
	}
	return eval.Exact(y, p)
}

func TestFitLearnsAndKeepsTheBest(t *testing.T) {
	d := planted(8000)
	for _, kind := range backbones {
		for _, split := range []string{"time", "random"} {
			fc := DefaultFit()
			fc.Split, fc.Epochs = split, 6
			cfg := smallConfig(kind, "adam", nil)
			cfg.Optimizer.Settings().(*optim.AdamConfig).Rate = 0.02
			f := fitter(t, cfg, fc, d, 128)
			best := 0.0
			for {
				done, err := f.Step(context.Background())
				if err != nil {
					t.Fatal(err)
				}
				if done {
					break
				}
				best = max(best, f.Progress().AUC)
			}
			if auc := scoresOf(t, f, f.Test()).AUC; auc < 0.72 {
				t.Errorf("%s %s: test AUC %.3f", kind, split, auc)
			}
			if got := scoresOf(t, f, f.Valid()).AUC; got < best || got != f.Progress().AUC || !f.Done() {
				t.Errorf("%s %s: want the best epoch's weights (%v), got %v", kind, split, best, got)
			}
		}
	}
}

func TestFitStopsWithPatience(t *testing.T) {
	fc := DefaultFit()
	fc.Epochs, fc.Patience = 50, 2
	cfg := smallConfig("deepfm", "adam", nil)
	cfg.Optimizer.Settings().(*optim.AdamConfig).Rate = 0.05
	f := fitter(t, cfg, fc, planted(3000), 64)
	if n := runFit(t, f); n >= 50 {
		t.Errorf("overfitting went on for %d epochs", n)
	}
	if done, err := f.Step(context.Background()); !done || err != nil {
		t.Error("a finished fit stays finished")
	}
}

func TestFitSplitsAndRefits(t *testing.T) {
	const n = 1000
	d := planted(n)
	d.Labels[10], d.Labels[995] = float32(math.NaN()), float32(math.NaN())
	fc := DefaultFit()
	f := fitter(t, smallConfig("lr", "adam", nil), fc, d, 64)
	if len(f.Train()) != 799 || len(f.Valid()) != 100 || len(f.Test()) != 99 || f.Part(799) != "train" || f.Part(800) != "valid" || f.Part(995) != "test" {
		t.Fatalf("got %d, %d, %d rows", len(f.Train()), len(f.Valid()), len(f.Test()))
	}
	counts := map[int32]int{}
	for _, id := range d.IDs[:800*3] {
		counts[id]++
	}
	for id := int32(3); int(id) < plantedRows(n)-1; id++ {
		want := id
		if counts[id] < 2 {
			want = 2 // only field 2 has rare values
		}
		if f.Alias(id) != want {
			t.Errorf("value %d, %d times in train: want row %d, got %d", id, counts[id], want, f.Alias(id))
		}
	}
	runFit(t, f)
	if w := f.m.tables.linear.Data(); w[33] != w[2] || w[33] == 0 {
		t.Errorf("a rare value answers as the unknown one: want %v, got %v", w[2], w[33])
	}
	fc.Split = "random"
	g := fitter(t, smallConfig("lr", "adam", nil), fc, d, 64)
	all := slices.Concat(g.Train(), g.Valid(), g.Test())
	slices.Sort(all)
	if len(all) != 998 || slices.Contains(all, 10) || slices.IsSorted(g.Train()) || len(slices.Compact(all)) != 998 {
		t.Error("a random split holds each labelled row once")
	}
}

func TestFitSearchesRewindsAndRetrains(t *testing.T) {
	d := planted(4000)
	gate := DefaultOptFS()
	gate.Rate, gate.Lambda = 0.02, 1e-3
	gate.Search = SearchConfig{Epochs: 4, RewindEpoch: 1, Schedule: "auto", StepsPerEpoch: 10}
	for _, start := range []string{"rewind", "random", "winning"} {
		gate.Retrain.Init = start
		f := fitter(t, smallConfig("fm", "adam", &gate), DefaultFit(), d, 64)
		g := f.m.gate.(*OptFS)
		var snapshot, winning, first []float32
		first = append(first, f.m.tables.emb.Data()...)
		for e := range 4 {
			if e == 1 {
				snapshot = append([]float32{}, f.m.tables.emb.Data()...)
			}
			if e == 3 {
				winning = append(winning, g.gc.Data()...)
			}
			if _, err := f.Step(context.Background()); err != nil {
				t.Fatal(err)
			}
		}
		if !g.Hard() || f.Progress().Stage != StageRetrain {
			t.Fatalf("%s: want retraining after 4 search epochs, got %+v", start, f.Progress())
		}
		if slices.Equal(g.gc.Data(), winning) {
			t.Errorf("%s: the last search epoch did not move the gates", start)
		}
		now := f.m.tables.emb.Data()
		if got := slices.Equal(now, snapshot); got != (start == "rewind") || slices.Equal(now, first) {
			t.Errorf("%s: embeddings equal the snapshot: %v", start, got)
		}
		if f.m.tables.emb.Updates != 0 || slices.Max(f.m.tables.emb.Slot("m", 0)) != 0 {
			t.Errorf("%s: want a new optimizer", start)
		}
		gates := append([]float32{}, g.gc.Data()...)
		runFit(t, f)
		for r, a := range f.alias {
			if int32(r) == a && g.gc.Data()[r] != gates[r] {
				t.Fatalf("%s: retraining moved gate %d", start, r)
			}
		}
	}
}

// TestFitRatioFallsWithLambda: a larger penalty keeps less.
func TestFitRatioFallsWithLambda(t *testing.T) {
	d := planted(4000)
	last := 1.1
	for _, lambda := range []float64{0, 3e-3, 1e-2, 1} {
		gate := DefaultOptFS()
		gate.Rate, gate.Lambda, gate.Search.Epochs = 0.02, lambda, 4
		f := fitter(t, smallConfig("lr", "adam", &gate), DefaultFit(), d, 64)
		runFit(t, f)
		kept := 0
		for r := range 33 {
			if _, keep := f.m.gate.Value(int32(r)); keep {
				kept++
			}
		}
		ratio := float64(kept) / 33
		if ratio > last+0.02 {
			t.Errorf("lambda %v: ratio rose from %v to %v", lambda, last, ratio)
		}
		last = ratio
	}
	if last > 0.2 {
		t.Errorf("want a huge penalty to drop most, kept %v", last)
	}
}

// TestFitResumesAnywhere saves between every two epochs, goes on in a new object, and compares bits.
func TestFitResumesAnywhere(t *testing.T) {
	d := planted(1500)
	gate := DefaultOptFS()
	gate.Rate, gate.Lambda, gate.Search.Epochs, gate.Retrain.Epochs = 0.05, 1e-3, 3, 3
	byStep := gate
	byStep.Search.Schedule, byStep.Search.StepsPerEpoch = "step", 7
	for name, g := range map[string]*OptFSConfig{"plain": nil, "gated": &gate, "by step": &byStep} {
		fc := DefaultFit()
		fc.Epochs, fc.Patience = 4, 1
		cfg := smallConfig("deepfm", "adam", g)
		cfg.Model.Settings().(*DeepFMConfig).Init = initXavier
		want := fitter(t, cfg, fc, d, 64)
		runFit(t, want)
		got := fitter(t, cfg, fc, d, 64)
		for {
			next := fitter(t, cfg, fc, d, 64)
			transfer(t, got, next)
			got = next
			done, err := got.Step(context.Background())
			if err != nil {
				t.Fatal(err)
			}
			if done {
				break
			}
		}
		for i, p := range want.m.params {
			if !slices.Equal(p.Data(), got.m.params[i].Data()) {
				t.Errorf("%s: %s differs", name, p.Name)
			}
		}
		if want.Progress() != got.Progress() {
			t.Errorf("%s: want %+v, got %+v", name, want.Progress(), got.Progress())
		}
	}
}
