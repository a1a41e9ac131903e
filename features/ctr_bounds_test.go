package features

import (
	"runtime"
	"slices"
	"strings"
	"testing"

	"github.com/sluice-stream/sluice/learn"
	"github.com/sluice-stream/sluice/learn/optim"
)

func TestSmallAndBadBatches(t *testing.T) {
	gate := DefaultOptFS()
	for _, kind := range backbones {
		for _, g := range []*OptFSConfig{nil, &gate} {
			m := build(t, smallConfig(kind, "adam", g), 3, 9)
			for _, b := range []*learn.Batch{
				{}, {Fields: 3}, {Fields: 3, Offsets: []int32{0}},
				{Rows: 1, Fields: 3, IDs: []int32{1, 2, 3}, Labels: []float32{1}},
				{Rows: 1, Fields: 3, Offsets: []int32{0, 0, 0, 0}, Labels: []float32{0}}, // no values at all
				{Rows: 1, Fields: 3, IDs: []int32{1, 2, 3}, Labels: []float32{1}, Weights: []float32{0}},
			} {
				out := make([]float32, b.Rows)
				if err := m.Learn(b, out); err != nil {
					t.Errorf("%s: %+v: %v", kind, b, err)
				}
				if err := m.LearnRows(b, out); err != nil {
					t.Errorf("%s: rows: %v", kind, err)
				}
				if err := m.Predict(b, out); err != nil {
					t.Errorf("%s: predict: %v", kind, err)
				}
				for _, p := range out {
					if !(p > 0 && p < 1) {
						t.Errorf("%s: prediction %v", kind, p)
					}
				}
			}
		}
	}
	m := build(t, smallConfig("fm", "adam", nil), 3, 9)
	for want, b := range map[string]*learn.Batch{
		"want 3 fields, got 2":   {Rows: 1, Fields: 2, IDs: []int32{0, 1}, Labels: []float32{1}},
		"id 9 at position 2":     {Rows: 1, Fields: 3, IDs: []int32{0, 1, 9}, Labels: []float32{1}},
		"want a label":           {Rows: 1, Fields: 3, IDs: []int32{0, 1, 2}},
		"want room for 1":        {Rows: 1, Fields: 3, IDs: []int32{0, 1, 2}, Labels: []float32{1}},
		"want 3 ids for 1 rows ": {Rows: 1, Fields: 3, IDs: []int32{0, 1}, Labels: []float32{1}},
	} {
		out := make([]float32, b.Rows)
		if strings.Contains(want, "room") {
			out = make([]float32, 5)
		}
		if err := m.Learn(b, out); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("want %q, got %v", want, err)
		}
	}
}

func TestDivergenceIsAnError(t *testing.T) {
	for _, kind := range backbones {
		cfg := smallConfig(kind, "sgd", nil)
		cfg.Optimizer.Settings().(*optim.SGDConfig).Rate = 1e38
		m := build(t, cfg, 3, 9)
		var err error
		for range 50 {
			if err = m.Learn(plainBatch(), nil); err != nil {
				break
			}
		}
		if kind != "lr" && (err == nil || !strings.Contains(err.Error(), "lower the learning rate")) {
			t.Errorf("%s: want an error that says what to do, got %v", kind, err)
		}
	}
}

func TestConfigErrorsAllAtOnce(t *testing.T) {
	cfg := smallConfig("deepfm", "adam", &OptFSConfig{})
	cfg.Model.Settings().(*DeepFMConfig).MLP = []int{0}
	cfg.Optimizer.Settings().(*optim.AdamConfig).Rate = 0
	_, err := NewCTR(cfg, 3, 1)
	for _, want := range []string{"mlp[0]", "lr: want > 0", "search.epochs"} {
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("want %q in %v", want, err)
		}
	}
}

func TestStepAllocates(t *testing.T) {
	for _, kind := range backbones {
		m := build(t, smallConfig(kind, "adagrad", nil), 3, 9)
		b, out := plainBatch(), make([]float32, 4)
		n := testing.AllocsPerRun(50, func() { _ = m.Learn(b, out) })
		rows := testing.AllocsPerRun(50, func() { _ = m.LearnRows(b, out) })
		t.Logf("%s: %v allocations a batch, %v for four rows", kind, n, rows)
		if (kind == "lr" || kind == "fm") && rows != 0 {
			t.Errorf("%s: the row path allocates %v times", kind, rows)
		}
	}
}

// TestThreadsDoNotChangeBits trains the same model on one thread and on four.
func TestThreadsDoNotChangeBits(t *testing.T) {
	gate := DefaultOptFS()
	for _, kind := range backbones {
		var first []float32
		for _, threads := range []int{1, 4} {
			before := runtime.GOMAXPROCS(threads)
			var cfg CTRConfig
			cfg.Model.Select(kind)
			cfg.Optimizer.Select("adagrad")
			g, _ := cfg.Gate.Select("optfs")
			*g.(*OptFSConfig) = gate
			m := build(t, cfg, 20, 400)
			b := &learn.Batch{Rows: 512, Fields: 20}
			r := learn.NewRand(2, "threads", 0)
			for i := range 512 * 20 {
				b.IDs = append(b.IDs, int32(i%20*20+r.IntN(20)))
			}
			for i := range 512 {
				b.Labels = append(b.Labels, float32(i&1))
			}
			out := make([]float32, 512)
			for range 3 {
				if err := m.Learn(b, out); err != nil {
					t.Fatal(err)
				}
			}
			runtime.GOMAXPROCS(before)
			if first == nil {
				first = out
			} else if !slices.Equal(first, out) {
				t.Errorf("%s: four threads give other bits", kind)
			}
		}
	}
}
