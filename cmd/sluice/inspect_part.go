package main

import (
	"bytes"
	"fmt"
	"io"
	"math"
	"os"

	"github.com/apache/arrow/go/v17/arrow"
	"github.com/apache/arrow/go/v17/arrow/array"
	"github.com/apache/arrow/go/v17/arrow/ipc"

	"github.com/sluice-stream/sluice/flow"
)

// partFound is one part of a checkpoint: the state of one component.
type partFound struct {
	Kind   string      `json:"kind"` // part
	Path   string      `json:"path"`
	Values []partValue `json:"values"`
}

// partValue is one saved value. Numbers have min, max and mean over the finite elements.
type partValue struct {
	Name      string   `json:"name"`
	Type      string   `json:"type"`   // in a delta: as before, or how many elements have changed
	Length    int      `json:"length"` // elements, 1 for a single value
	Value     string   `json:"value,omitempty"`
	Min       *float64 `json:"min,omitempty"`
	Max       *float64 `json:"max,omitempty"`
	Mean      *float64 `json:"mean,omitempty"`
	NotFinite int      `json:"not_finite,omitempty"` // NaN and infinite elements
}

func inspectPart(path string) (inspection, error) {
	b, err := os.ReadFile(path)
	if err != nil {
		return nil, flow.Classify(flow.ErrConfig, err)
	}
	r, err := ipc.NewFileReader(bytes.NewReader(b))
	if err != nil {
		return nil, flow.Corruptf("%s: want a part of a checkpoint, an Arrow IPC file: %v", path, err)
	}
	defer r.Close()
	if r.NumRecords() != 1 {
		return nil, flow.Corruptf("%s: want a part of a checkpoint with one record, got %d", path, r.NumRecords())
	}
	rec, err := r.RecordAt(0)
	if err != nil {
		return nil, flow.Corruptf("%s: %v", path, err)
	}
	defer rec.Release()
	if rec.NumRows() != 1 {
		return nil, flow.Corruptf("%s: want a part of a checkpoint with one row, got %d", path, rec.NumRows())
	}
	f := &partFound{Kind: "part", Path: path}
	for i, field := range rec.Schema().Fields() {
		f.Values = append(f.Values, valueOf(field.Name, rec.Column(i)))
	}
	return f, nil
}

func valueOf(name string, col arrow.Array) partValue {
	v := partValue{Name: name, Type: col.DataType().String(), Length: 1}
	switch a := col.(type) {
	case *array.Null:
		v.Type, v.Length = "as before", 0
		return v
	case *array.Struct:
		return changedOf(v, a)
	}
	l, ok := col.(*array.LargeList)
	if !ok {
		v.Value = col.ValueStr(0)
		return v
	}
	elements := l.ListValues()
	v.Type, v.Length = "list of "+elements.DataType().String(), elements.Len()
	if v.Length > 0 && v.Length <= 4 {
		v.Value = col.ValueStr(0)
	}
	v.measure(elements)
	return v
}

// changedOf describes the blocks of a list that a delta holds: the figures are those of their elements.
func changedOf(v partValue, s *array.Struct) partValue {
	t := s.DataType().(*arrow.StructType)
	length, lok := t.FieldIdx("length")
	data, dok := t.FieldIdx("data")
	if !lok || !dok {
		return v
	}
	n, nok := s.Field(length).(*array.Int64)
	l, ok := s.Field(data).(*array.LargeList)
	if !nok || !ok {
		return v
	}
	elements := l.ListValues()
	v.Type, v.Length = fmt.Sprintf("%d changed of list of %s", elements.Len(), elements.DataType()), int(n.Value(0))
	v.measure(elements)
	return v
}

func (v *partValue) measure(a arrow.Array) {
	low, high, sum, n := math.Inf(1), math.Inf(-1), 0.0, 0
	add := func(x float64) {
		if math.IsNaN(x) || math.IsInf(x, 0) {
			v.NotFinite++
			return
		}
		low, high, sum, n = min(low, x), max(high, x), sum+x, n+1
	}
	switch c := a.(type) {
	case *array.Float32:
		each(c.Float32Values(), add)
	case *array.Float64:
		each(c.Float64Values(), add)
	case *array.Int32:
		each(c.Int32Values(), add)
	case *array.Int64:
		each(c.Int64Values(), add)
	case *array.Uint8:
		each(c.Uint8Values(), add)
	case *array.Uint32:
		each(c.Uint32Values(), add)
	case *array.Uint64:
		each(c.Uint64Values(), add)
	}
	if n > 0 {
		mean := sum / float64(n)
		v.Min, v.Max, v.Mean = &low, &high, &mean
	}
}

func each[N int32 | int64 | uint8 | uint32 | uint64 | float32 | float64](s []N, do func(float64)) {
	for _, x := range s {
		do(float64(x))
	}
}

func (f *partFound) show(w io.Writer) error {
	fmt.Fprintf(w, "%s: %d saved values\n\n", f.Path, len(f.Values))
	t := newTable(w, "name", "type", "length", "min", "max", "mean", "value")
	t.SetColumnConfigs(append(right(3, 4, 5, 6), wrap(7, 48)))
	for _, v := range f.Values {
		note := v.Value
		if v.NotFinite > 0 {
			note = fmt.Sprintf("%d not finite", v.NotFinite)
		}
		t.AppendRow([]any{v.Name, v.Type, v.Length, optional(v.Min), optional(v.Max), optional(v.Mean), note})
	}
	t.Render()
	return nil
}

func optional(x *float64) string {
	if x == nil {
		return ""
	}
	return number(*x)
}
