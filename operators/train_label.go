package operators

import (
	"fmt"
	"strconv"

	"github.com/apache/arrow/go/v17/arrow"
	"github.com/apache/arrow/go/v17/arrow/array"

	"github.com/sluice-stream/sluice/flow"
)

// What a label may be besides 0 and 1.
const (
	noLabel  = -1 // null
	badLabel = -2 // anything else
)

func labelType(t arrow.DataType) bool {
	switch t.ID() {
	case arrow.BOOL, arrow.INT8, arrow.INT16, arrow.INT32, arrow.INT64, arrow.UINT8, arrow.UINT16, arrow.UINT32, arrow.UINT64,
		arrow.FLOAT32, arrow.FLOAT64, arrow.NULL:
		return true
	}
	return false
}

// readLabels writes 0, 1, noLabel or badLabel for each row and returns how many are bad.
func readLabels(a arrow.Array, out []float32) (bad int) {
	switch c := a.(type) {
	case *array.Boolean:
		for i := range out {
			out[i] = 0
			if c.Value(i) {
				out[i] = 1
			}
		}
	case *array.Int8:
		bad = classify(c.Int8Values(), out)
	case *array.Int16:
		bad = classify(c.Int16Values(), out)
	case *array.Int32:
		bad = classify(c.Int32Values(), out)
	case *array.Int64:
		bad = classify(c.Int64Values(), out)
	case *array.Uint8:
		bad = classify(c.Uint8Values(), out)
	case *array.Uint16:
		bad = classify(c.Uint16Values(), out)
	case *array.Uint32:
		bad = classify(c.Uint32Values(), out)
	case *array.Uint64:
		bad = classify(c.Uint64Values(), out)
	case *array.Float32:
		bad = classify(c.Float32Values(), out)
	case *array.Float64:
		bad = classify(c.Float64Values(), out)
	default: // a column of nulls
		for i := range out {
			out[i] = noLabel
		}
		return 0
	}
	if a.NullN() == 0 {
		return bad
	}
	bad = 0
	for i, v := range out {
		switch {
		case a.IsNull(i):
			out[i] = noLabel
		case v == badLabel:
			bad++
		}
	}
	return bad
}

func classify[T int8 | int16 | int32 | int64 | uint8 | uint16 | uint32 | uint64 | float32 | float64](src []T, out []float32) (bad int) {
	for i, v := range src {
		switch v {
		case 0, 1:
			out[i] = float32(v)
		default:
			out[i] = badLabel
			bad++
		}
	}
	return bad
}

// usable calls f with the parts of rec whose labels can be used, in order. The other rows are rejected when say is
// set, and left out in any case.
func (t *Train) usable(rec arrow.Record, say bool, f func(rec arrow.Record, labels []float32) error) error {
	n := int(rec.NumRows())
	if n == 0 {
		return nil
	}
	if cap(t.labels) < n {
		t.labels = make([]float32, n)
	}
	labels := t.labels[:n]
	bad := readLabels(rec.Column(t.label), labels)
	if bad == 0 {
		return f(rec, labels)
	}
	for at := 0; at < n; {
		if labels[at] == badLabel {
			if say {
				t.reject(rec, at)
			}
			at++
			continue
		}
		to := at + 1
		for to < n && labels[to] != badLabel {
			to++
		}
		part := rec.NewSlice(int64(at), int64(to))
		err := f(part, labels[at:to])
		part.Release()
		if err != nil {
			return err
		}
		at = to
	}
	return nil
}

func (t *Train) reject(rec arrow.Record, row int) {
	if t.delayed != nil {
		t.delayed.forget(rec, row)
	}
	got := rec.Column(t.label).ValueStr(row)
	if _, err := strconv.ParseFloat(got, 64); err != nil {
		got = strconv.Quote(got)
	}
	t.env.Reject(flow.RejectRow(rec, row, "train", fmt.Sprintf("label %s: want 0 or 1, got %s", t.cfg.Label, got)))
}
