package features

import (
	"math"
	"strings"
	"testing"

	"github.com/sluice-stream/sluice/learn"
)

// TestOptFSOnAStream: virtual epochs raise the temperature, the mask is fixed after the last, later rows are
// provisional.
func TestOptFSOnAStream(t *testing.T) {
	cfg := DefaultOptFS()
	cfg.Search.Epochs, cfg.Search.RewindEpoch, cfg.Search.StepsPerEpoch, cfg.Rate, cfg.Lambda = 3, 0, 5, 0.1, 1
	m := build(t, smallConfig("deepfm", "adagrad", &cfg), 3, 9)
	g := m.gate.(*OptFS)
	for step := range 15 {
		if want := math.Pow(200, float64(step/5)/2); math.Abs(g.Tau()-want) > 1e-9*want || g.Hard() {
			t.Fatalf("step %d: want tau %v, got %v (hard %v)", step, want, g.Tau(), g.Hard())
		}
		if err := m.Learn(plainBatch(), nil); err != nil {
			t.Fatal(err)
		}
	}
	if !g.Hard() || g.gc.Penalty != nil {
		t.Fatal("want the mask fixed after 15 steps")
	}
	before := append([]float32{}, g.gc.Data()...)
	m.Grow(11)
	b := plainBatch()
	b.IDs[0] = 10
	if err := m.Learn(b, nil); err != nil {
		t.Fatal(err)
	}
	near32(t, "gates after the search", g.gc.Data(), before, 0)
	v, keep := g.Value(10)
	if !keep || !g.Provisional(10) || g.Provisional(8) || math.Abs(float64(v)-1.6065307) > 1e-6 {
		t.Errorf("a new row: want it kept, provisional, at 1.6065; got %v, %v", v, keep)
	}
	cfg.TicketScale = "unit"
	u := must(NewOptFS(cfg))
	u.Harden()
	if v, _ := u.Value(0); v != 1 {
		t.Errorf("ticket scale unit: want 1, got %v", v)
	}
	cfg.Search.Schedule = "epoch"
	m = build(t, smallConfig("fm", "adam", &cfg), 3, 9)
	if err := m.Learn(plainBatch(), nil); err == nil || !strings.Contains(err.Error(), "search.schedule") {
		t.Errorf("want a search by epochs refused on a stream, got %v", err)
	}
}

func TestOptFSLambdaUnits(t *testing.T) {
	cfg := DefaultOptFS()
	raw, each := make([]float32, 1), make([]float32, 1)
	a := must(NewOptFS(cfg))
	cfg.LambdaUnit = "per_batch"
	b := must(NewOptFS(cfg))
	a.Search(0, 50)
	b.Search(0, 50)
	a.penalize([]float32{0.2}, raw)
	b.penalize([]float32{0.2}, each)
	if math.Abs(float64(raw[0]/each[0])-50) > 1e-3 {
		t.Errorf("want the penalty of an epoch once, got %v a batch against %v", each[0], raw[0])
	}
}

func TestOptFSSaturation(t *testing.T) {
	g := must(NewOptFS(DefaultOptFS()))
	g.gc.Grow(4)
	g.Search(9, 1) // tau 200
	copy(g.gc.Data(), []float32{0.6, -0.6, 0.1, 0})
	if got := g.Saturated(); got != 0.5 { // sigmoid(-120) is below the smallest float32
		t.Errorf("want half, got %v", got)
	}
}

func BenchmarkPenalty(b *testing.B) {
	g := must(NewOptFS(DefaultOptFS()))
	v, grad := make([]float32, 1<<16), make([]float32, 1<<16)
	learn.Normal(1, "gates", 1)(0, v)
	for b.Loop() {
		g.penalize(v, grad)
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N<<16), "ns/gate")
}
