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

func adamRows(kind, rows string) CTRConfig {
	cfg := smallConfig(kind, "adam", nil)
	a := cfg.Optimizer.Settings().(*optim.AdamConfig)
	a.Rows, a.Rate = rows, 0.01
	return cfg
}

// stream is batch number k of a stream whose later ids are rare.
func stream(k, rows, fields, table int) *learn.Batch {
	r := learn.NewRand(9, "stream", k)
	b := &learn.Batch{Rows: rows, Fields: fields}
	for range rows {
		for range fields {
			x := r.Float64()
			b.IDs = append(b.IDs, int32(x*x*x*float64(table)))
		}
		b.Labels = append(b.Labels, float32(r.IntN(2)))
	}
	return b
}

// TestLazyAdamTrainsAsDense: a model under lazy Adam sees the same weights as one under dense Adam, so it predicts
// and learns the same, by batches and by rows.
func TestLazyAdamTrainsAsDense(t *testing.T) {
	const table = 200
	for _, kind := range []string{"lr", "fm", "deepfm"} {
		for _, byRow := range []bool{false, true} {
			lazy, dense := build(t, adamRows(kind, "lazy"), 3, table), build(t, adamRows(kind, "dense"), 3, table)
			worst := 0.0
			for k := range 150 {
				b := stream(k, 4, 3, table)
				p, q := make([]float32, 4), make([]float32, 4)
				learnOn(t, lazy, b, p, byRow)
				learnOn(t, dense, b, q, byRow)
				for i := range p {
					worst = max(worst, math.Abs(float64(p[i]-q[i])))
				}
			}
			if worst > 2e-5 {
				t.Errorf("%s, by row %v: predictions differ by %v", kind, byRow, worst)
			}
			a, b := make([]float32, lazy.Dim()), make([]float32, lazy.Dim())
			for row := range int32(table) {
				lazy.Embedding(row, a)
				dense.Embedding(row, b)
				for i := range a {
					if math.Abs(float64(a[i]-b[i])) > 2e-5 {
						t.Fatalf("%s: embedding of row %d: want %v, got %v", kind, row, b, a)
					}
				}
			}
		}
	}
}

func learnOn(t *testing.T, m *CTR, b *learn.Batch, out []float32, byRow bool) {
	t.Helper()
	learnBatch := m.Learn
	if byRow {
		learnBatch = m.LearnRows
	}
	if err := learnBatch(b, out); err != nil {
		t.Fatal(err)
	}
}

// TestLazyAdamRestores: a run that is restored from a checkpoint ends equal to one that only made it, whether or not
// rows were exported at it.
func TestLazyAdamRestores(t *testing.T) {
	const table = 100
	m := build(t, adamRows("deepfm", "lazy"), 3, table)
	var saved bytes.Buffer
	for k := range 60 {
		if k == 30 {
			if err := state.WritePart(&saved, m); err != nil {
				t.Fatal(err)
			}
		}
		learnOn(t, m, stream(k, 4, 3, table), make([]float32, 4), false)
	}
	again := build(t, adamRows("deepfm", "lazy"), 3, table)
	if err := state.ReadPart(saved.Bytes(), again); err != nil {
		t.Fatal(err)
	}
	room := make([]float32, again.Dim())
	for row := range int32(table) {
		again.Embedding(row, room)
	}
	for k := 30; k < 60; k++ {
		learnOn(t, again, stream(k, 4, 3, table), make([]float32, 4), false)
	}
	m.Settle()
	again.Settle()
	for i, p := range m.params {
		if !slices.Equal(p.Data(), again.params[i].Data()) {
			t.Errorf("%s differs after a restore", p.Name)
		}
	}
}
