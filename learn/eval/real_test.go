package eval

import (
	"context"
	"os"
	"path/filepath"
	"testing"

	"github.com/apache/arrow/go/v17/arrow/array"
	"github.com/apache/arrow/go/v17/arrow/memory"
	"github.com/apache/arrow/go/v17/parquet/file"
	"github.com/apache/arrow/go/v17/parquet/pqarrow"
)

// TestBaselinesOnHotelBookings compares with the figures of naive.py on the same rows.
func TestBaselinesOnHotelBookings(t *testing.T) {
	b := NewBaselines()
	for _, y := range labels(t, "hotel-bookings.parquet") {
		b.Add(y)
	}
	prior, last := b.Scores()
	near(t, "prior auc", prior.AUC, .55276, 1e-4)
	near(t, "prior logloss", prior.LogLoss, .65923, 1e-5)
	near(t, "last label auc", last.AUC, .55961, 1e-5)
	near(t, "last label logloss", last.LogLoss, 1.00800, 1e-5)
	near(t, "prior ece", prior.ECE, .06874, 1e-4)
	near(t, "last label ece", last.ECE, .31081, 1e-4)
}

func labels(t *testing.T, name string) []float32 {
	dir := os.Getenv("SLUICE_DATA")
	if dir == "" {
		dir = "../../../shared/data"
	}
	f, err := os.Open(filepath.Join(dir, "prepared", name))
	if err != nil {
		t.Skipf("no data: %v; set SLUICE_DATA", err)
	}
	defer f.Close()
	pf, err := file.NewParquetReader(f)
	if err != nil {
		t.Fatal(err)
	}
	r, err := pqarrow.NewFileReader(pf, pqarrow.ArrowReadProperties{BatchSize: 1 << 16}, memory.DefaultAllocator)
	if err != nil {
		t.Fatal(err)
	}
	schema, err := r.Schema()
	if err != nil {
		t.Fatal(err)
	}
	tab, err := r.ReadTable(context.Background())
	if err != nil {
		t.Fatal(err)
	}
	defer tab.Release()
	var out []float32
	for _, c := range tab.Column(schema.FieldIndices("label")[0]).Data().Chunks() {
		for _, v := range c.(*array.Int8).Int8Values() {
			out = append(out, float32(v))
		}
	}
	return out
}
