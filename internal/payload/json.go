package payload

import (
	"encoding/base64"
	"fmt"
	"math"
	"strconv"
	"time"

	"github.com/apache/arrow/go/v17/arrow"
	"github.com/apache/arrow/go/v17/arrow/array"
	"github.com/go-json-experiment/json/jsontext"
)

// Cell appends row i of one column to dst. It is made once a column and record, so that a row costs one call a
// column and no look at types.
type Cell func(dst []byte, i int) []byte

// JSON writes the rows of a record as JSON objects, keys in the order of columns.
type JSON struct {
	keys  [][]byte // `{"a":`, `,"b":`
	cells []Cell
}

// NewJSON returns the writer of rec's rows; it is valid as long as rec is. Its error names the column that JSON has
// no type for.
func NewJSON(rec arrow.Record) (*JSON, error) {
	w := &JSON{}
	for i, f := range rec.Schema().Fields() {
		cell, err := NewCell(rec.Column(i))
		if err != nil {
			return nil, fmt.Errorf("column %q: %w", f.Name, err)
		}
		key := []byte{','}
		if i == 0 {
			key[0] = '{'
		}
		key, err = jsontext.AppendQuote(key, f.Name)
		if err != nil {
			return nil, fmt.Errorf("column %q: %w", f.Name, err)
		}
		w.keys, w.cells = append(w.keys, append(key, ':')), append(w.cells, cell)
	}
	return w, nil
}

// Append appends row i to dst.
func (w *JSON) Append(dst []byte, i int) []byte {
	if len(w.cells) == 0 {
		return append(dst, "{}"...)
	}
	for c, cell := range w.cells {
		dst = append(dst, w.keys[c]...)
		dst = cell(dst, i)
	}
	return append(dst, '}')
}

// NewCell returns the writer of col as JSON: numbers, booleans and text as such, times as RFC 3339 in UTC, dates as
// 2006-01-02, bytes as base64, lists as arrays, structs as objects. Null, NaN and the infinities are null.
func NewCell(col arrow.Array) (Cell, error) {
	cell, err := valueCell(col)
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

// TextCell returns the writer of col as the bytes of a key or a header: text without quotes, bytes as they are, all
// else as JSON.
func TextCell(col arrow.Array) (Cell, error) {
	switch c := col.(type) {
	case *array.String:
		return func(dst []byte, i int) []byte { return append(dst, c.Value(i)...) }, nil
	case *array.LargeString:
		return func(dst []byte, i int) []byte { return append(dst, c.Value(i)...) }, nil
	}
	if c, ok := col.(bytesArray); ok {
		return func(dst []byte, i int) []byte { return append(dst, c.Value(i)...) }, nil
	}
	return NewCell(col)
}

// bytesArray is every kind of column of bytes.
type bytesArray interface {
	arrow.Array
	Value(i int) []byte
}

func valueCell(col arrow.Array) (Cell, error) {
	switch c := col.(type) {
	case *array.String:
		return func(dst []byte, i int) []byte { return appendText(dst, c.Value(i)) }, nil
	case *array.LargeString:
		return func(dst []byte, i int) []byte { return appendText(dst, c.Value(i)) }, nil
	case *array.Boolean:
		return func(dst []byte, i int) []byte { return strconv.AppendBool(dst, c.Value(i)) }, nil
	case *array.Float64:
		return func(dst []byte, i int) []byte { return appendFloat(dst, c.Value(i), 64) }, nil
	case *array.Float32:
		return func(dst []byte, i int) []byte { return appendFloat(dst, float64(c.Value(i)), 32) }, nil
	case *array.Timestamp:
		unit := c.DataType().(*arrow.TimestampType).Unit
		return func(dst []byte, i int) []byte { return appendTime(dst, c.Value(i).ToTime(unit), time.RFC3339Nano) }, nil
	case *array.Date32:
		return func(dst []byte, i int) []byte { return appendTime(dst, c.Value(i).ToTime(), time.DateOnly) }, nil
	case *array.Struct:
		return structCell(c)
	case *array.Null:
		return func(dst []byte, _ int) []byte { return append(dst, "null"...) }, nil
	case bytesArray:
		return base64Cell(c), nil
	case array.ListLike:
		return listCell(c)
	}
	if cell := integerCell(col); cell != nil {
		return cell, nil
	}
	return nil, fmt.Errorf("want a type that JSON has, got %s", col.DataType())
}

func base64Cell(c bytesArray) Cell {
	return func(dst []byte, i int) []byte {
		dst = append(dst, '"')
		dst = base64.StdEncoding.AppendEncode(dst, c.Value(i))
		return append(dst, '"')
	}
}

func integerCell(col arrow.Array) Cell {
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

func integers[T int8 | int16 | int32 | int64 | uint8 | uint16 | uint32](v []T) Cell {
	return func(dst []byte, i int) []byte { return strconv.AppendInt(dst, int64(v[i]), 10) }
}

func listCell(c array.ListLike) (Cell, error) {
	if _, ok := c.(*array.Map); ok {
		return nil, fmt.Errorf("want a type that JSON has, got %s", c.DataType())
	}
	elem, err := NewCell(c.ListValues())
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

func structCell(c *array.Struct) (Cell, error) {
	cols := make([]arrow.Array, c.NumField())
	for i := range cols {
		cols[i] = c.Field(i)
	}
	fields := c.DataType().(*arrow.StructType).Fields()
	rec := array.NewRecord(arrow.NewSchema(fields, nil), cols, int64(c.Len()))
	defer rec.Release() // the columns live as long as the struct
	w, err := NewJSON(rec)
	if err != nil {
		return nil, err
	}
	return w.Append, nil
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
