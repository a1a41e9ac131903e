package operators

import (
	"context"
	"fmt"

	"github.com/apache/arrow/go/v17/arrow"
	"github.com/apache/arrow/go/v17/arrow/array"
	"github.com/apache/arrow/go/v17/arrow/memory"

	"github.com/sluice-stream/sluice/flow"
	"github.com/sluice-stream/sluice/learn"
)

// The tables that train keeps beside the rows.
const (
	outputEmbeddings = "embeddings"
	outputMask       = "feature_mask"
)

// oovText stands for a field's unknown values in published tables.
const oovText = "<oov>"

// publishRows is the rows of one record of a published table.
const publishRows = 1 << 14

// Outputs lists embeddings, and with a gate feature_mask.
func (t *Train) Outputs() []flow.Output {
	text, number := arrow.BinaryTypes.String, arrow.PrimitiveTypes.Float32
	out := []flow.Output{{Name: outputEmbeddings, Schema: arrow.NewSchema([]arrow.Field{
		{Name: "field", Type: text},
		{Name: "value", Type: text, Nullable: true},
		{Name: "count", Type: arrow.PrimitiveTypes.Int64},
		{Name: "gate", Type: number},
		{Name: "kept", Type: arrow.FixedWidthTypes.Boolean},
		{Name: "vector", Type: vectorType(t.ctr.Dim())},
		{Name: "checkpoint", Type: arrow.PrimitiveTypes.Uint64},
	}, nil)}}
	if t.ctr.Gate() == nil {
		return out
	}
	return append(out, flow.Output{Name: outputMask, Schema: arrow.NewSchema([]arrow.Field{
		{Name: "field", Type: text},
		{Name: "value", Type: text, Nullable: true},
		{Name: "row", Type: arrow.PrimitiveTypes.Int32},
		{Name: "count", Type: arrow.PrimitiveTypes.Int64},
		{Name: "gc", Type: number},
		{Name: "gate", Type: number},
		{Name: "keep", Type: arrow.FixedWidthTypes.Boolean},
		{Name: "provisional", Type: arrow.FixedWidthTypes.Boolean},
	}, nil)})
}

func vectorType(d int) arrow.DataType {
	return arrow.FixedSizeListOfNonNullable(int32(d), arrow.PrimitiveTypes.Float32)
}

// Publish emits a whole table in the order of the model's rows. In batch mode it is empty until training has ended.
func (t *Train) Publish(_ context.Context, output string, id flow.CheckpointID, emit flow.Emit) error {
	if !t.ready {
		return nil
	}
	for _, o := range t.Outputs() {
		if o.Name != output {
			continue
		}
		w := tableWriter{t: t, id: uint64(id), b: array.NewRecordBuilder(t.env.Alloc, o.Schema), vector: make([]float32, t.ctr.Dim())}
		defer w.b.Release()
		return w.all(output, emit)
	}
	return fmt.Errorf("train: want one of its tables, got %s", output)
}

// described is a table row as the tables show it.
type described struct {
	row         int32
	field, text string
	null        bool
	count       int64
	gate        float32
	keep        bool
}

// describe calls do for every table row that the model uses on its own. What shares the row for unknown values is
// counted there.
func (t *Train) describe(do func(d described)) {
	gate := t.ctr.Gate()
	folded := t.foldedCounts()
	for row := range int32(min(t.enc.Rows(), t.ctr.Rows())) {
		if t.isFolded(row) {
			continue
		}
		f := t.enc.Feature(row)
		d := described{row: row, field: f.Field, text: f.Value, null: f.Null, count: f.Count, gate: 1, keep: true}
		if f.OOV {
			d.text, d.count = oovText, d.count+folded[row]
		}
		if gate != nil {
			d.gate, d.keep = gate.Value(row)
		}
		do(d)
	}
}

func (l *learner) isFolded(row int32) bool { return int(row) < len(l.folded) && l.folded[row] }

// foldedCounts is, by field, how often the values were seen that share the row for unknown ones.
func (l *learner) foldedCounts() []int64 {
	out := make([]int64, l.enc.Fields())
	for row, folded := range l.folded {
		if folded {
			out[l.enc.FieldOf(int32(row))] += l.enc.Count(int32(row))
		}
	}
	return out
}

// tableWriter fills records of a published table.
type tableWriter struct {
	t      *Train
	id     uint64
	b      *array.RecordBuilder
	vector []float32
	rows   int
}

func (w *tableWriter) all(output string, emit flow.Emit) error {
	var err error
	w.t.describe(func(d described) {
		if err != nil {
			return
		}
		if output == outputMask {
			w.mask(d)
		} else {
			w.embedding(d)
		}
		if w.rows++; w.rows == publishRows {
			err = w.flush(emit)
		}
	})
	if err != nil || w.rows == 0 {
		return err
	}
	return w.flush(emit)
}

func (w *tableWriter) flush(emit flow.Emit) error {
	rec := w.b.NewRecord()
	defer rec.Release()
	w.rows = 0
	return emit(rec)
}

// name writes field and value.
func (w *tableWriter) name(d described) {
	w.b.Field(0).(*array.StringBuilder).Append(d.field)
	if d.null {
		w.b.Field(1).AppendNull()
	} else {
		w.b.Field(1).(*array.StringBuilder).Append(d.text)
	}
}

func (w *tableWriter) embedding(d described) {
	w.name(d)
	w.b.Field(2).(*array.Int64Builder).Append(d.count)
	w.b.Field(3).(*array.Float32Builder).Append(d.gate)
	w.b.Field(4).(*array.BooleanBuilder).Append(d.keep)
	w.t.ctr.Embedding(d.row, w.vector)
	l := w.b.Field(5).(*array.FixedSizeListBuilder)
	l.Append(true)
	l.ValueBuilder().(*array.Float32Builder).AppendValues(w.vector, nil)
	w.b.Field(6).(*array.Uint64Builder).Append(w.id)
}

func (w *tableWriter) mask(d described) {
	w.name(d)
	w.b.Field(2).(*array.Int32Builder).Append(d.row)
	w.b.Field(3).(*array.Int64Builder).Append(d.count)
	raw, gate := d.gate, w.t.ctr.Gate()
	if p := gate.Params(); len(p) > 0 && p[0].Table {
		raw = p[0].Row(d.row)[0]
	}
	w.b.Field(4).(*array.Float32Builder).Append(raw)
	w.b.Field(5).(*array.Float32Builder).Append(d.gate)
	w.b.Field(6).(*array.BooleanBuilder).Append(d.keep)
	s, ok := gate.(learn.Selector)
	w.b.Field(7).(*array.BooleanBuilder).Append(ok && s.Provisional(d.row))
}

// vectors makes a fixed_size_list column of n values a row.
func vectors(alloc memory.Allocator, values []float32, n int) arrow.Array {
	b := array.NewFloat32Builder(alloc)
	defer b.Release()
	b.AppendValues(values, nil)
	flat := b.NewArray()
	defer flat.Release()
	data := array.NewData(vectorType(n), len(values)/n, []*memory.Buffer{nil}, []arrow.ArrayData{flat.Data()}, 0, 0)
	defer data.Release()
	return array.MakeFromData(data)
}
