package main

import (
	"context"
	"fmt"
	"io"
	"math"

	"github.com/apache/arrow/go/v17/arrow"
	"github.com/apache/arrow/go/v17/arrow/array"

	"github.com/sluice-stream/sluice/flow"
	"github.com/sluice-stream/sluice/internal/neighbours"
)

// embeddingsFound is one version of the embeddings.
type embeddingsFound struct {
	Kind       string       `json:"kind"` // embeddings
	Path       string       `json:"path"`
	Checkpoint uint64       `json:"checkpoint"`
	Dim        int          `json:"dim"`
	Values     int64        `json:"values"`
	Kept       int64        `json:"kept"`
	Ratio      float64      `json:"ratio"` // kept / values
	Fields     []fieldFound `json:"fields"`
}

// fieldFound is one field of them. Norms are Euclidean, of kept vectors.
type fieldFound struct {
	Field    string  `json:"field"`
	Values   int64   `json:"values"`
	Rows     int64   `json:"rows"` // occurrences
	Kept     int64   `json:"kept"`
	Ratio    float64 `json:"ratio"`
	MinNorm  float64 `json:"min_norm"`
	MeanNorm float64 `json:"mean_norm"`
	MaxNorm  float64 `json:"max_norm"`
}

func inspectEmbeddings(path string) (inspection, error) {
	ctx := context.Background()
	file, err := neighbours.Newest(path)
	if err != nil {
		return nil, flow.Classify(flow.ErrConfig, err)
	}
	src, err := openRows(ctx, fmt.Sprintf("{parquet: {path: %q}}", file), "")
	if err != nil {
		return nil, err
	}
	defer src.Close()
	f := &embeddingsFound{Kind: "embeddings", Path: file, Fields: []fieldFound{}}
	at := map[string]int{}
	err = src.read(ctx, math.MaxInt64, func(rec arrow.Record) error { return f.add(rec, at) })
	if err != nil {
		return nil, err
	}
	for i := range f.Fields {
		d := &f.Fields[i]
		f.Values, f.Kept = f.Values+d.Values, f.Kept+d.Kept
		d.Ratio = float64(d.Kept) / float64(d.Values)
		if d.Kept > 0 {
			d.MeanNorm /= float64(d.Kept)
		} else {
			d.MinNorm = 0
		}
	}
	if f.Values > 0 {
		f.Ratio = float64(f.Kept) / float64(f.Values)
	}
	return f, nil
}

func (f *embeddingsFound) add(rec arrow.Record, at map[string]int) error {
	col := func(name string) arrow.Array {
		if i := rec.Schema().FieldIndices(name); len(i) == 1 {
			return rec.Column(i[0])
		}
		return nil
	}
	names, ok1 := col("field").(*array.String)
	count, ok2 := col("count").(*array.Int64)
	kept, ok3 := col("kept").(*array.Boolean)
	list, ok4 := col("vector").(array.ListLike)
	if !ok1 || !ok2 || !ok3 || !ok4 {
		return flow.Dataf("%s: want columns field, count, kept and vector as an embeddings sink writes them, got %v", f.Path, rec.Schema())
	}
	vector, ok := list.ListValues().(*array.Float32)
	if !ok {
		return flow.Dataf("%s: want vectors of float32, got %s", f.Path, list.DataType())
	}
	switch c := col("checkpoint").(type) {
	case *array.Uint64:
		f.Checkpoint = c.Value(0)
	case *array.Int64:
		f.Checkpoint = uint64(c.Value(0))
	}
	for i := range int(rec.NumRows()) {
		k, known := at[names.Value(i)]
		if !known {
			k = len(f.Fields)
			at[names.Value(i)] = k
			f.Fields = append(f.Fields, fieldFound{Field: names.Value(i), MinNorm: math.Inf(1)})
		}
		from, to := list.ValueOffsets(i)
		f.Dim = int(to - from)
		f.Fields[k].add(count.Value(i), kept.Value(i), vector.Float32Values()[from:to])
	}
	return nil
}

func (d *fieldFound) add(rows int64, kept bool, vector []float32) {
	d.Values++
	d.Rows += rows
	if !kept {
		return
	}
	d.Kept++
	squares := 0.0
	for _, x := range vector {
		squares += float64(x) * float64(x)
	}
	norm := math.Sqrt(squares)
	d.MinNorm, d.MaxNorm, d.MeanNorm = min(d.MinNorm, norm), max(d.MaxNorm, norm), d.MeanNorm+norm
}

func (f *embeddingsFound) show(w io.Writer) error {
	fmt.Fprintf(w, "%s: embeddings of checkpoint %d\n", f.Path, f.Checkpoint)
	fmt.Fprintf(w, "%d values in %d fields, %d dimensions, %s kept\n\n", f.Values, len(f.Fields), f.Dim, percent(f.Kept, f.Values))
	t := newTable(w, "field", "values", "occurrences", "kept", "ratio", "min norm", "mean norm", "max norm")
	t.SetColumnConfigs(right(2, 3, 4, 5, 6, 7, 8))
	for _, d := range f.Fields {
		row := []any{d.Field, d.Values, d.Rows, d.Kept, fmt.Sprintf("%.3f", d.Ratio)}
		if d.Kept == 0 {
			t.AppendRow(append(row, "-", "-", "-"))
			continue
		}
		t.AppendRow(append(row, fmt.Sprintf("%.4f", d.MinNorm), fmt.Sprintf("%.4f", d.MeanNorm), fmt.Sprintf("%.4f", d.MaxNorm)))
	}
	t.Render()
	if len(f.Fields) > 0 {
		fmt.Fprintf(w, "\nNext: sluice query %s --field %s --value X\n", f.Path, f.Fields[0].Field)
	}
	return nil
}
