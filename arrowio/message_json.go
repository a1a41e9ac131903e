package arrowio

import (
	"encoding/base64"
	"math"
	"strconv"
	"time"

	"github.com/apache/arrow/go/v17/arrow"
	"github.com/apache/arrow/go/v17/arrow/array"
	"github.com/go-json-experiment/json/jsontext"

	"github.com/sluice-stream/sluice/flow"
)

// jsonCell appends row i of one column as a JSON value. It is made once a column and record, so that a row costs
// one call a column and no look at types.
type jsonCell func(dst []byte, i int) []byte

// jsonRows writes the rows of a record as JSON objects, keys in the order of columns.
type jsonRows struct {
	keys  [][]byte // `{"a":`, `,"b":`
	cells []jsonCell
}

func newJSONRows(rec arrow.Record) (*jsonRows, error) {
	w := &jsonRows{}
	for i, f := range rec.Schema().Fields() {
		cell, err := newJSONCell(rec.Column(i))
		if err != nil {
			return nil, flow.Configf("column %q: %w", f.Name, err)
		}
		key := []byte{','}
		if i == 0 {
			key[0] = '{'
		}
		key, err = jsontext.AppendQuote(key, f.Name)
		if err != nil {
			return nil, flow.Configf("column %q: %w", f.Name, err)
		}
		w.keys, w.cells = append(w.keys, append(key, ':')), append(w.cells, cell)
	}
	return w, nil
}

func (w *jsonRows) append(dst []byte, i int) []byte {
	if len(w.cells) == 0 {
		return append(dst, "{}"...)
	}
	for c, cell := range w.cells {
		dst = append(dst, w.keys[c]...)
		dst = cell(dst, i)
	}
	return append(dst, '}')
}

// newJSONCell returns the writer of col: numbers, booleans and text as such, times as RFC 3339 in UTC, dates as
// 2006-01-02, bytes as base64, lists as arrays. Null, NaN and the infinities are null.
func newJSONCell(col arrow.Array) (jsonCell, error) {
	cell, err := jsonValue(col)
	if err != nil || col.NullN() == 0 {
		return cell, err
	}
	return func(dst []byte, i int) []byte {
		if col.IsNull(i) {
			return append(dst, "null"...)
		}
		return cell(dst, i)
	}, nil
}

func jsonValue(col arrow.Array) (jsonCell, error) {
	switch c := col.(type) {
	case *array.String:
		return func(dst []byte, i int) []byte { return appendText(dst, c.Value(i)) }, nil
	case *array.Boolean:
		return func(dst []byte, i int) []byte { return strconv.AppendBool(dst, c.Value(i)) }, nil
	case *array.Float64:
		return func(dst []byte, i int) []byte { return appendFloat(dst, c.Value(i), 64) }, nil
	case *array.Float32:
		return func(dst []byte, i int) []byte { return appendFloat(dst, float64(c.Value(i)), 32) }, nil
	case *array.Binary:
		return func(dst []byte, i int) []byte {
			dst = append(dst, '"')
			dst = base64.StdEncoding.AppendEncode(dst, c.Value(i))
			return append(dst, '"')
		}, nil
	case *array.Timestamp:
		unit := c.DataType().(*arrow.TimestampType).Unit
		return func(dst []byte, i int) []byte { return appendTime(dst, c.Value(i).ToTime(unit), time.RFC3339Nano) }, nil
	case *array.Date32:
		return func(dst []byte, i int) []byte { return appendTime(dst, c.Value(i).ToTime(), time.DateOnly) }, nil
	case *array.List:
		return jsonList(c)
	case *array.Null:
		return func(dst []byte, _ int) []byte { return append(dst, "null"...) }, nil
	}
	if cell := jsonInteger(col); cell != nil {
		return cell, nil
	}
	return nil, flow.Configf("want a type that JSON has, got %s", col.DataType())
}

func jsonInteger(col arrow.Array) jsonCell {
	switch c := col.(type) {
	case *array.Int8:
		return integers(c.Int8Values())
	case *array.Int16:
		return integers(c.Int16Values())
	case *array.Int32:
		return integers(c.Int32Values())
	case *array.Int64:
		return integers(c.Int64Values())
	case *array.Uint8:
		return integers(c.Uint8Values())
	case *array.Uint16:
		return integers(c.Uint16Values())
	case *array.Uint32:
		return integers(c.Uint32Values())
	case *array.Uint64:
		return func(dst []byte, i int) []byte { return strconv.AppendUint(dst, c.Value(i), 10) }
	}
	return nil
}

func integers[T int8 | int16 | int32 | int64 | uint8 | uint16 | uint32](v []T) jsonCell {
	return func(dst []byte, i int) []byte { return strconv.AppendInt(dst, int64(v[i]), 10) }
}

func jsonList(c *array.List) (jsonCell, error) {
	elem, err := newJSONCell(c.ListValues())
	if err != nil {
		return nil, err
	}
	return func(dst []byte, i int) []byte {
		from, to := c.ValueOffsets(i)
		dst = append(dst, '[')
		for j := from; j < to; j++ {
			if j > from {
				dst = append(dst, ',')
			}
			dst = elem(dst, int(j))
		}
		return append(dst, ']')
	}, nil
}

// appendText quotes s; bytes that are no UTF-8 become the replacement character.
func appendText(dst []byte, s string) []byte {
	dst, _ = jsontext.AppendQuote(dst, s) // its only error is invalid UTF-8, which it has replaced
	return dst
}

func appendFloat(dst []byte, f float64, bits int) []byte {
	if math.IsNaN(f) || math.IsInf(f, 0) {
		return append(dst, "null"...)
	}
	return strconv.AppendFloat(dst, f, 'g', -1, bits)
}

func appendTime(dst []byte, t time.Time, layout string) []byte {
	dst = append(dst, '"')
	dst = t.UTC().AppendFormat(dst, layout)
	return append(dst, '"')
}
