package arrowio

import (
	"strings"

	"github.com/apache/arrow/go/v17/arrow"
	"github.com/apache/arrow/go/v17/arrow/array"
	"github.com/zeebo/xxh3"
)

const (
	exampleCount = 5
	exampleBytes = 40
)

// columnStats gathers a ColumnSummary.
type columnStats struct {
	out      ColumnSummary
	seen     map[uint64]struct{} // hashes of values
	any      bool                // Min and Max hold something
	low, top float64             // Min and Max of a number, date or timestamp
}

func newColumnStats(f arrow.Field) *columnStats {
	return &columnStats{out: ColumnSummary{Name: f.Name, Type: typeName(f.Type)}, seen: map[uint64]struct{}{}}
}

func (s *columnStats) add(col arrow.Array) {
	s.out.Nulls += int64(col.NullN())
	number := numberOf(col)
	text, isText := col.(*array.String)
	for i := range col.Len() {
		if col.IsNull(i) {
			continue
		}
		switch {
		case isText:
			s.addText(text.Value(i))
		case number != nil:
			s.addNumber(number(i), col, i)
		}
		s.count(col, text, i)
	}
}

func (s *columnStats) addText(v string) {
	if !s.any || v < s.out.Min {
		s.out.Min = strings.Clone(v)
	}
	if !s.any || v > s.out.Max {
		s.out.Max = strings.Clone(v)
	}
	s.any = true
}

func (s *columnStats) addNumber(v float64, col arrow.Array, i int) {
	if v != v { // NaN has no place in the order
		return
	}
	if !s.any || v < s.low {
		s.low, s.out.Min = v, col.ValueStr(i)
	}
	if !s.any || v > s.top {
		s.top, s.out.Max = v, col.ValueStr(i)
	}
	s.any = true
}

// count notes a value that was not seen before, until there are enough.
func (s *columnStats) count(col arrow.Array, text *array.String, i int) {
	if len(s.seen) == DistinctLimit {
		return
	}
	v := ""
	if text != nil {
		v = text.Value(i)
	} else {
		v = col.ValueStr(i)
	}
	h := xxh3.HashString(v)
	if _, ok := s.seen[h]; ok {
		return
	}
	s.seen[h] = struct{}{}
	if len(s.out.Examples) < exampleCount {
		s.out.Examples = append(s.out.Examples, shorten(v))
	}
}

func (s *columnStats) summary() ColumnSummary {
	s.out.Distinct = int64(len(s.seen))
	s.out.Min, s.out.Max = shorten(s.out.Min), shorten(s.out.Max)
	return s.out
}

func shorten(v string) string {
	if len(v) <= exampleBytes {
		return strings.Clone(v)
	}
	return strings.ToValidUTF8(v[:exampleBytes], "") + "..."
}

// numberOf returns how to read a column's values as numbers, nil for a column without them.
func numberOf(col arrow.Array) func(i int) float64 {
	switch c := col.(type) {
	case *array.Int64:
		return as(c.Value)
	case *array.Int32:
		return as(c.Value)
	case *array.Int16:
		return as(c.Value)
	case *array.Int8:
		return as(c.Value)
	case *array.Uint64:
		return as(c.Value)
	case *array.Uint32:
		return as(c.Value)
	case *array.Uint16:
		return as(c.Value)
	case *array.Uint8:
		return as(c.Value)
	case *array.Float64:
		return c.Value
	case *array.Float32:
		return as(c.Value)
	case *array.Timestamp:
		return as(c.Value)
	case *array.Date32:
		return as(c.Value)
	case *array.Date64:
		return as(c.Value)
	}
	return nil
}

func as[N ~int8 | ~int16 | ~int32 | ~int64 | ~uint8 | ~uint16 | ~uint32 | ~uint64 | ~float32](value func(int) N) func(int) float64 {
	return func(i int) float64 { return float64(value(i)) }
}
