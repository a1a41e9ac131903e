package features

import (
	"math"
	"strings"
	"testing"

	"github.com/sluice-stream/sluice/check"
	"github.com/sluice-stream/sluice/learn"
)

// The oracles 1 to 9 of the method's specification.

// 1: at the start the gated model is the plain one.
func TestOptFSStartsAsThePlainModel(t *testing.T) {
	gate := DefaultOptFS()
	for _, kind := range backbones {
		plain, gated := build(t, smallConfig(kind, "adagrad", nil), 3, 9), build(t, smallConfig(kind, "adagrad", &gate), 3, 9)
		spread(plain, 3)
		for i, p := range plain.params {
			copy(gated.params[i].Data(), p.Data())
		}
		b := plainBatch()
		plain.tape.Reset()
		gated.tape.Reset()
		z, err := plain.forward(b)
		if err != nil {
			t.Fatal(err)
		}
		zg, err := gated.forward(b)
		if err != nil {
			t.Fatal(err)
		}
		for i, want := range z.Float32s() {
			got := zg.Float32s()[i]
			if ulps(want, got) > 2 {
				t.Errorf("%s: row %d: want logit %v, got %v", kind, i, want, got)
			}
		}
	}
}

func ulps(a, b float32) int64 {
	return int64(math.Abs(float64(int64(math.Float32bits(a)) - int64(math.Float32bits(b)))))
}

// 2: closed values of the gate.
func TestOptFSValues(t *testing.T) {
	for _, c := range []struct{ gc, tau, want float64 }{
		{0.01, 200, 1.4150275}, {-0.01, 200, 0.1915031}, {0, 200, 0.8032653}, {0.1, 10, 1.1744681}, {-0.05, 50, 0.1218685}, {0.5, 200, 1.6065307},
	} {
		cfg := DefaultOptFS()
		cfg.FinalTemp = c.tau
		m := build(t, smallConfig("lr", "sgd", &cfg), 1, 1)
		g := m.gate.(*OptFS)
		g.Search(cfg.Search.Epochs-1, 1)
		g.gc.Data()[0] = float32(c.gc)
		m.tables.linear.Data()[0] = 1
		v, keep := g.Value(0)
		var e [1]float32
		m.Embedding(0, e[:])
		m.tape.Reset()
		z, err := m.forward(&learn.Batch{Rows: 1, Fields: 1, IDs: []int32{0}})
		if err != nil {
			t.Fatal(err)
		}
		for _, got := range []float32{v, e[0], z.Float32s()[0]} {
			if math.Abs(float64(got)-c.want) > 2e-6 || keep != (c.gc > 0) {
				t.Errorf("gc %v, tau %v: want %v, got %v (keep %v)", c.gc, c.tau, c.want, got, keep)
			}
		}
	}
}

// 3: the schedule of the temperature.
func TestOptFSSchedule(t *testing.T) {
	for _, c := range []struct {
		gamma float64
		want  []float64
	}{
		{200, []float64{1, 1.801648, 3.245936, 5.848035, 10.536102, 18.982351, 34.199519, 61.615503, 111.009457, 200}},
		{5000, []float64{1, 8.408964, 70.710678, 594.603558, 5000}},
	} {
		cfg := DefaultOptFS()
		cfg.FinalTemp, cfg.Search.Epochs = c.gamma, len(c.want)
		g := must(NewOptFS(cfg))
		for e, want := range c.want {
			if g.Search(e, 1); math.Abs(g.Tau()-want) > 1e-6*want {
				t.Errorf("epoch %d of %d: want %v, got %v", e, len(c.want), want, g.Tau())
			}
		}
	}
}

func must[T any](v T, err error) T {
	if err != nil {
		panic(err)
	}
	return v
}

// 4: a gate of 0 makes FM independent of the embedding; values and products of gates are in TestValuesAndGradients.
func TestOptFSZeroGateCutsTheEmbedding(t *testing.T) {
	cfg := DefaultOptFS()
	m := build(t, smallConfig("fm", "adagrad", &cfg), 3, 9)
	spread(m, 2)
	g := m.gate.(*OptFS)
	g.gc.Data()[3] = -1e6
	for _, u := range gradients(t, m, plainBatch()) {
		for i, r := range u.Rows {
			width := u.Param.Width()
			for _, x := range u.Grad[i*width : (i+1)*width] {
				if r == 3 && x != 0 {
					t.Errorf("%s: want gradient exactly 0 of the row that is gated away, got %v", u.Param.Name, x)
				}
			}
		}
	}
}

// 5: the gradient of the gates with the penalty, one id several times in the batch.
func TestOptFSGradientWithPenalty(t *testing.T) {
	cfg := DefaultOptFS()
	cfg.Lambda, cfg.FinalTemp, cfg.Search.Epochs = 0.3, 3, 2
	m := build(t, smallConfig("fm", "adagrad", &cfg), 3, 9)
	spread(m, 5)
	g := m.gate.(*OptFS)
	g.Search(1, 1)
	b := plainBatch()
	w := newModelTwin("fm", m)
	raw := w.p["optfs.gate"]
	w.gate = func(r int32) float64 { return sigmoid(3*raw[r]) / sigmoid(0.5) }
	loss := func() float64 {
		l := w.loss(b)
		for _, x := range raw {
			l += 0.3 * sigmoid(3*x)
		}
		return l
	}
	got := make([]float32, 9)
	for _, u := range gradients(t, m, b) {
		if u.Param == g.gc {
			for i, r := range u.Rows {
				got[r] = u.Grad[i]
			}
		}
	}
	g.gc.Penalty(g.gc.Data(), got)
	for r := range raw {
		if want := w.slope(&raw[r], loss); math.Abs(want-float64(got[r])) > 1e-4 {
			t.Errorf("row %d: want %v, got %v", r, want, got[r])
		}
	}
}

// 6: how far the penalty alone moves a gate in the first step.
func TestOptFSDrift(t *testing.T) {
	for lambda, want := range map[float64]float64{2e-9: 0.04489, 1e-8: 0.19029, 1e-4: 0.99957} {
		cfg := DefaultOptFS()
		cfg.Lambda, cfg.Rate = lambda, 0.01
		const row = int32(8) // the batch does not hold it
		b := plainBatch()
		b.IDs = []int32{0, 3, 6, 1, 3, 7, 2, 5, 7, 0, 4, 6}
		m := build(t, smallConfig("fm", "adam", &cfg), 3, 9)
		if err := m.Learn(b, nil); err != nil {
			t.Fatal(err)
		}
		if got := (0.5 - float64(m.gate.(*OptFS).Raw(row))) / 0.01; math.Abs(got-want) > 2e-5 {
			t.Errorf("lambda %v: want %v of lr, got %v", lambda, want, got)
		}
	}
}

// 7: a masked model equals the one whose dropped rows are removed, to the bit.
func TestOptFSCompaction(t *testing.T) {
	cfg := DefaultOptFS()
	for _, kind := range []string{"deepfm", "dcn"} {
		m := build(t, smallConfig(kind, "adam", &cfg), 3, 9)
		spread(m, 8)
		m.gate.(*OptFS).Harden()
		small := build(t, smallConfig(kind, "adam", nil), 3, 10) // row 9 is the shared zero row
		remap := make([]int32, 9)
		next := int32(0)
		d := m.Dim()
		for r := range int32(9) {
			gate, keep := m.gate.Value(r)
			remap[r] = 9
			if !keep {
				continue
			}
			remap[r] = next
			m.Embedding(r, small.tables.emb.Row(next))
			if small.tables.linear != nil {
				small.tables.linear.Data()[next] = m.tables.linear.Data()[r] * gate
			}
			next++
		}
		if next == 0 || next == 9 {
			t.Fatalf("want some rows kept and some dropped, kept %d", next)
		}
		clear(small.tables.emb.Data()[9*d:])
		for i, p := range m.backbone.Params() {
			copy(small.backbone.Params()[i].Data(), p.Data())
		}
		a, b := plainBatch(), plainBatch()
		for i, id := range b.IDs {
			b.IDs[i] = remap[id]
		}
		want, got := make([]float32, 4), make([]float32, 4)
		if err := m.Predict(a, want); err != nil {
			t.Fatal(err)
		}
		if err := small.Predict(b, got); err != nil {
			t.Fatal(err)
		}
		near32(t, kind, got, want, 0)
	}
}

// 9: what is refused, and a search without penalty leaves alone what no row brings.
func TestOptFSBounds(t *testing.T) {
	cfg := DefaultOptFS()
	cfg.Search.Epochs, cfg.FinalTemp, cfg.Lambda = 1, 0.5, -1
	_, err := NewOptFS(cfg)
	if n := len(check.Of(err)); n < 3 {
		t.Errorf("want every violation, got %v", err)
	}
	for _, want := range []string{"search.epochs: want >= 2, got 1", "final_temp: want >= 1", "lambda: want >= 0, got -1"} {
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("want %q in %v", want, err)
		}
	}
	cfg = DefaultOptFS()
	cfg.Lambda, cfg.Rate = 0, 0.1
	m := build(t, smallConfig("fm", "adam", &cfg), 3, 12)
	for range 20 {
		if err := m.Learn(plainBatch(), nil); err != nil {
			t.Fatal(err)
		}
	}
	g := m.gate.(*OptFS)
	for r := int32(9); r < 12; r++ {
		if g.Raw(r) != 0.5 {
			t.Errorf("row %d that no batch held moved to %v", r, g.Raw(r))
		}
	}
	if g.Raw(3) == 0.5 {
		t.Error("a gate that the data push did not move")
	}
}
