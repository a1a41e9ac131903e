package main

import (
	"context"
	"os"
	"path/filepath"
	"testing"

	"github.com/apache/arrow/go/v17/arrow/array"
	"github.com/apache/arrow/go/v17/arrow/memory"
	"github.com/apache/arrow/go/v17/parquet/file"
	"github.com/apache/arrow/go/v17/parquet/pqarrow"

	"github.com/sluice-stream/sluice/arrowio"
	"github.com/sluice-stream/sluice/runtime"
)

// TestDemoFindsThePlantedTruth runs pipeline.yaml as the README does and holds what it says of it: the model learns,
// the gates keep few features, and what they keep carries the truth twice as often as chance.
func TestDemoFindsThePlantedTruth(t *testing.T) {
	text, err := os.ReadFile("../../pipeline.yaml")
	if err != nil {
		t.Fatal(err)
	}
	t.Chdir(t.TempDir())
	p, err := runtime.Parse("pipeline.yaml", text, os.LookupEnv)
	if err != nil {
		t.Fatal(err)
	}
	res, err := runtime.Run(context.Background(), p, runtime.Options{})
	if err != nil {
		t.Fatal(err)
	}
	truth := arrowio.NewClicksTruth(*p.Feed.Generate.Settings().(*arrowio.ClicksConfig), p.Seed)
	if bayes := truth.BayesAUC(res.Rows); bayes < 0.775 || bayes > 0.785 {
		t.Errorf("the README says that .78 is the best possible AUC, it is %.4f", bayes)
	}
	if newest := res.Window["auc"]; newest < 0.75 {
		t.Errorf("want the newest rows predicted with AUC .75 or more, got %.4f", newest)
	}
	if ratio := res.Gate["ratio"]; ratio > 0.3 {
		t.Errorf("want at most 30 %% of the features kept, got %.3f", ratio)
	}
	kept, right, all, planted := keptAndPlanted(t, truth)
	if precision, base := right/kept, planted/all; precision < 2*base {
		t.Errorf("want twice the base rate of %.3f among the %v kept, got %.3f", base, kept, precision)
	}
}

// keptAndPlanted counts, over the fields with a truth, the values the gates keep, those of them that are planted, all
// values, and all planted ones.
func keptAndPlanted(t *testing.T, truth *arrowio.ClicksTruth) (kept, right, all, planted float64) {
	t.Helper()
	files, _ := filepath.Glob("out/embeddings/*.parquet")
	if len(files) != 1 {
		t.Fatalf("want one version of the embeddings, got %v", files)
	}
	r, err := file.OpenParquetFile(files[0], false)
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	fr, err := pqarrow.NewFileReader(r, pqarrow.ArrowReadProperties{BatchSize: 1 << 16}, memory.DefaultAllocator)
	if err != nil {
		t.Fatal(err)
	}
	table, err := fr.ReadTable(context.Background())
	if err != nil {
		t.Fatal(err)
	}
	defer table.Release()
	records := array.NewTableReader(table, 0)
	defer records.Release()
	fields := map[string]bool{"user": true, "item": true, "city": true}
	for records.Next() {
		rec := records.Record()
		column := func(name string) int { return rec.Schema().FieldIndices(name)[0] }
		field, value := rec.Column(column("field")).(*array.String), rec.Column(column("value")).(*array.String)
		keep := rec.Column(column("kept")).(*array.Boolean)
		for i := range int(rec.NumRows()) {
			if !fields[field.Value(i)] || value.IsNull(i) || value.Value(i) == "<oov>" {
				continue
			}
			all++
			informative := truth.Informative(field.Value(i), value.Value(i))
			if informative {
				planted++
			}
			if keep.Value(i) {
				kept++
				if informative {
					right++
				}
			}
		}
	}
	return kept, right, all, planted
}
