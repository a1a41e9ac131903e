package features

import (
	"bytes"
	"math"
	"slices"
	"testing"

	"github.com/sluice-stream/sluice/internal/state"
	"github.com/sluice-stream/sluice/learn"
	"github.com/sluice-stream/sluice/learn/optim"
)

var backbones = []string{"lr", "fm", "deepfm", "dcn"}

// smallConfig is a model with small layers; gate nil means none.
func smallConfig(kind, optimizer string, gate *OptFSConfig) CTRConfig {
	var cfg CTRConfig
	s, ok := cfg.Model.Select(kind)
	if !ok {
		panic(kind)
	}
	switch c := s.(type) {
	case *FMConfig:
		c.Dim = 3
	case *DeepFMConfig:
		c.Dim, c.MLP = 3, []int{5, 4}
	case *DCNConfig:
		c.Dim, c.MLP, c.Cross = 3, []int{5, 4}, 2
	}
	o, _ := cfg.Optimizer.Select(optimizer)
	if c, ok := o.(*optim.AdaGradConfig); ok {
		c.Rate = 0.1
	}
	if gate != nil {
		g, _ := cfg.Gate.Select("optfs")
		*g.(*OptFSConfig) = *gate
	}
	return cfg
}

func build(t testing.TB, cfg CTRConfig, fields, rows int) *CTR {
	t.Helper()
	m, err := NewCTR(cfg, fields, 7)
	if err != nil {
		t.Fatal(err)
	}
	m.Grow(rows)
	return m
}

// spread gives every parameter values that are far from its first ones, so that no term of a gradient is tiny.
func spread(m *CTR, seed uint64) {
	for _, p := range m.params {
		r := learn.NewRand(seed, p.Name, 0)
		for i := range p.Data() {
			p.Data()[i] = float32(r.Normal() * 0.5)
		}
	}
}

// listBatch has fields with lists, one of them averaged, empty lists, repeated ids and weights.
func listBatch() *learn.Batch {
	return &learn.Batch{Rows: 3, Fields: 3, Mean: []bool{false, true, false},
		IDs:     []int32{0, 3, 4, 3, 7, 1, 5, 8, 8, 0, 6},
		Offsets: []int32{0, 1, 4, 5, 6, 7, 9, 10, 10, 11},
		Labels:  []float32{1, 0, 1}, Weights: []float32{1, 2, 0.5}}
}

func plainBatch() *learn.Batch {
	return &learn.Batch{Rows: 4, Fields: 3, IDs: []int32{0, 3, 6, 1, 3, 7, 2, 5, 8, 0, 4, 6}, Labels: []float32{1, 0, 0, 1}}
}

// TestValuesAndGradients compares every model, with and without a gate, with its float64 twin.
func TestValuesAndGradients(t *testing.T) {
	gate := DefaultOptFS()
	for _, kind := range backbones {
		for _, g := range []*OptFSConfig{nil, &gate} {
			for name, b := range map[string]*learn.Batch{"plain": plainBatch(), "lists": listBatch()} {
				m := build(t, smallConfig(kind, "adagrad", g), 3, 9)
				spread(m, 11)
				if g != nil {
					m.gate.(*OptFS).Search(4, 1)
				}
				compareWithTwin(t, kind+" "+name, m, b)
			}
		}
	}
}

func compareWithTwin(t *testing.T, name string, m *CTR, b *learn.Batch) {
	t.Helper()
	w := newModelTwin(m.cfg.Model.Name(), m)
	if g, ok := m.gate.(*OptFS); ok {
		w.gate = func(r int32) float64 { return sigmoid(g.Tau()*w.p["optfs.gate"][r]) / sigmoid(0.5) }
	}
	out := make([]float32, b.Rows)
	if err := m.Predict(b, out); err != nil {
		t.Fatal(err)
	}
	for row, p := range out {
		if want := sigmoid(w.logit(b, row)); math.Abs(want-float64(p)) > 2e-5 {
			t.Errorf("%s: row %d: want %v, got %v", name, row, want, p)
		}
	}
	us := gradients(t, m, b)
	for _, u := range us {
		rows := u.Rows
		if rows == nil {
			rows = []int32{0}
		}
		width := len(u.Grad) / len(rows)
		for i, r := range rows {
			for j := range width {
				want := w.slope(&w.p[u.Param.Name][int(r)*width+j], func() float64 { return w.loss(b) })
				if got := float64(u.Grad[i*width+j]); math.Abs(want-got) > 2e-4*math.Max(1, math.Abs(want)) {
					t.Errorf("%s: %s row %d element %d: want gradient %v, got %v", name, u.Param.Name, r, j, want, got)
				}
			}
		}
	}
	if len(us) != len(m.params) {
		t.Errorf("%s: want gradients of %d parameters, got %d", name, len(m.params), len(us))
	}
}

// gradients are those of one step, without making it.
func gradients(t *testing.T, m *CTR, b *learn.Batch) []learn.Update {
	t.Helper()
	m.tape.Reset()
	z, err := m.forward(b)
	if err != nil {
		t.Fatal(err)
	}
	w, _ := m.rowWeights(b)
	us, err := learn.Updates(m.tape, m.tape.BCEWithLogits(z, m.tape.Const(m.labels.set(b.Labels)), w), nil)
	if err != nil {
		t.Fatal(err)
	}
	return us
}

// TestRowsEqualOneRowBatches holds the path without a tape to the tape.
func TestRowsEqualOneRowBatches(t *testing.T) {
	for _, kind := range backbones {
		for _, optimizer := range []string{"adagrad", "adam", "sgd", "ftrl"} {
			a, b := build(t, smallConfig(kind, optimizer, nil), 3, 9), build(t, smallConfig(kind, optimizer, nil), 3, 9)
			batch := plainBatch()
			batch.IDs[5] = 3 // one id in two fields of a row
			got, want := make([]float32, 4), make([]float32, 4)
			for range 5 {
				if err := a.LearnRows(batch, got); err != nil {
					t.Fatal(err)
				}
				var one learn.Batch
				for i := range batch.Rows {
					oneRow(&one, batch, i)
					if err := b.Learn(&one, want[i:i+1]); err != nil {
						t.Fatal(err)
					}
				}
			}
			near32(t, kind+" "+optimizer+" predictions", got, want, 1e-5)
			for i, p := range a.params {
				near32(t, kind+" "+optimizer+" "+p.Name, p.Data(), b.params[i].Data(), 1e-4)
			}
		}
	}
}

func near32(t *testing.T, name string, got, want []float32, eps float64) {
	t.Helper()
	for i := range want {
		if d := math.Abs(float64(got[i] - want[i])); d > eps || d != d {
			t.Errorf("%s: value %d: want %v, got %v", name, i, want[i], got[i])
			return
		}
	}
}

func TestLearnPredictsBeforeItTrains(t *testing.T) {
	for _, kind := range backbones {
		m := build(t, smallConfig(kind, "adagrad", nil), 3, 9)
		before, out, after := make([]float32, 4), make([]float32, 4), make([]float32, 4)
		b := plainBatch()
		_ = m.Predict(b, before)
		if err := m.Learn(b, out); err != nil {
			t.Fatal(err)
		}
		_ = m.Predict(b, after)
		near32(t, kind, out, before, 1e-6)
		if slices.Equal(before, after) {
			t.Errorf("%s: learning changed nothing", kind)
		}
	}
}

// TestRestoredModelGoesOnEqually saves in the middle and compares bits, while the tables grow.
func TestRestoredModelGoesOnEqually(t *testing.T) {
	gate := DefaultOptFS()
	gate.Rate, gate.Search.Epochs, gate.Search.StepsPerEpoch = 0.05, 2, 4
	for _, kind := range backbones {
		for _, optimizer := range []string{"adagrad", "adam", "sgd", "ftrl"} {
			for _, g := range []*OptFSConfig{nil, &gate} {
				a := build(t, smallConfig(kind, optimizer, g), 3, 7)
				b := build(t, smallConfig(kind, optimizer, g), 3, 0)
				batch := plainBatch()
				for step := range 12 {
					if step == 5 {
						transfer(t, a, b)
					}
					for _, m := range []*CTR{a, b} {
						m.Grow(9 + step)
						if m == a || step >= 5 {
							if err := m.Learn(batch, nil); err != nil {
								t.Fatal(err)
							}
						}
					}
				}
				for i, p := range a.params {
					if !slices.Equal(p.Data(), b.params[i].Data()) {
						t.Errorf("%s %s: %s differs after a restore", kind, optimizer, p.Name)
					}
				}
				if g != nil && (!a.gate.(*OptFS).Hard() || !b.gate.(*OptFS).Hard()) {
					t.Errorf("%s: the search did not end", kind)
				}
			}
		}
	}
}

func transfer(t *testing.T, from, to state.Stateful) {
	t.Helper()
	var buf bytes.Buffer
	if err := state.WritePart(&buf, from); err != nil {
		t.Fatal(err)
	}
	if err := state.ReadPart(buf.Bytes(), to); err != nil {
		t.Fatal(err)
	}
}
