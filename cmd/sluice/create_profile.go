package main

import (
	"math"
	"strings"
	"time"

	"github.com/apache/arrow/go/v17/arrow"
	"github.com/apache/arrow/go/v17/arrow/array"
)

// kind is what a column is to a model.
type kind string

const (
	kindText    kind = "text"
	kindInteger kind = "integer"
	kindDecimal kind = "decimal"
	kindBool    kind = "bool"
	kindMoment  kind = "timestamp"
	kindDate    kind = "date"
	kindList    kind = "list"
	kindOther   kind = "other"
)

// profile is one column of a sample.
type profile struct {
	name   string
	typ    arrow.DataType
	kind   kind
	codes  []int32   // of each row, the number of its value by first appearance; -1 for null
	seen   []string  // the values by that number
	nulls  int       //
	nums   []float64 // of each row, for numbers, bools and times (seconds since 1970); NaN for null
	low    float64   // of nums that are finite
	high   float64
	words  int  // of all texts
	rises  bool // numbers: no value is below or equal to the one before
	whole  bool // numbers: none has a fraction
	parsed bool // text: every value looks like a time

	code map[string]int32
}

// sample is the first rows of some data.
type sample struct {
	columns []*profile
	rows    int
}

func newSample(schema *arrow.Schema) *sample {
	s := &sample{}
	for _, f := range schema.Fields() {
		s.columns = append(s.columns, &profile{
			name: f.Name, typ: f.Type, kind: kindOf(f.Type), code: map[string]int32{},
			low: math.Inf(1), high: math.Inf(-1), rises: true, whole: true, parsed: true,
		})
	}
	return s
}

func kindOf(t arrow.DataType) kind {
	switch {
	case t.ID() == arrow.BOOL:
		return kindBool
	case arrow.IsInteger(t.ID()):
		return kindInteger
	case arrow.IsFloating(t.ID()), arrow.IsDecimal(t.ID()):
		return kindDecimal
	case t.ID() == arrow.STRING, t.ID() == arrow.LARGE_STRING:
		return kindText
	case t.ID() == arrow.TIMESTAMP:
		return kindMoment
	case t.ID() == arrow.DATE32, t.ID() == arrow.DATE64:
		return kindDate
	case t.ID() == arrow.LIST:
		switch kindOf(t.(*arrow.ListType).Elem()) {
		case kindText, kindInteger:
			return kindList
		}
	}
	return kindOther
}

func (s *sample) add(rec arrow.Record) {
	for i, p := range s.columns {
		p.add(rec.Column(i))
	}
	s.rows += int(rec.NumRows())
}

func (p *profile) add(a arrow.Array) {
	if p.kind == kindOther {
		return
	}
	for i := range a.Len() {
		if a.IsNull(i) {
			p.nulls++
			p.codes = append(p.codes, -1)
			p.nums = append(p.nums, math.NaN())
			continue
		}
		text := a.ValueStr(i)
		c, known := p.code[text]
		if !known {
			c = int32(len(p.seen))
			p.code[text] = c
			p.seen = append(p.seen, text)
		}
		p.codes = append(p.codes, c)
		p.number(a, i, text)
	}
}

// number keeps the numeric view of value i.
func (p *profile) number(a arrow.Array, i int, text string) {
	x := math.NaN()
	switch c := a.(type) {
	case *array.Boolean:
		x = 0
		if c.Value(i) {
			x = 1
		}
	case *array.Timestamp:
		x = float64(c.Value(i).ToTime(p.typ.(*arrow.TimestampType).Unit).Unix())
	case *array.Date32:
		x = float64(c.Value(i).ToTime().Unix())
	case *array.Date64:
		x = float64(c.Value(i).ToTime().Unix())
	case *array.String, *array.LargeString:
		p.words += strings.Count(text, " ") + 1
		p.parsed = p.parsed && isTime(text)
	default:
		x = asNumber(a, i)
	}
	if !math.IsNaN(x) && !math.IsInf(x, 0) {
		if n := len(p.nums); n > 0 && x <= p.nums[n-1] {
			p.rises = false
		}
		p.low, p.high, p.whole = min(p.low, x), max(p.high, x), p.whole && x == math.Trunc(x)
	}
	p.nums = append(p.nums, x)
}

func asNumber(a arrow.Array, i int) float64 {
	switch c := a.(type) {
	case *array.Int8:
		return float64(c.Value(i))
	case *array.Int16:
		return float64(c.Value(i))
	case *array.Int32:
		return float64(c.Value(i))
	case *array.Int64:
		return float64(c.Value(i))
	case *array.Uint8:
		return float64(c.Value(i))
	case *array.Uint16:
		return float64(c.Value(i))
	case *array.Uint32:
		return float64(c.Value(i))
	case *array.Uint64:
		return float64(c.Value(i))
	case *array.Float16:
		return float64(c.Value(i).Float32())
	case *array.Float32:
		return float64(c.Value(i))
	case *array.Float64:
		return c.Value(i)
	case *array.Decimal128:
		return c.Value(i).ToFloat64(c.DataType().(*arrow.Decimal128Type).Scale)
	}
	return math.NaN()
}

// isTime says that the expression ts(x) understands the text.
func isTime(text string) bool {
	if len(text) < 10 || text[4] != '-' { // the cheap test first: most text is no time
		return false
	}
	for _, layout := range []string{time.RFC3339Nano, "2006-01-02T15:04:05", time.DateTime, time.DateOnly} {
		if _, err := time.Parse(layout, text); err == nil {
			return true
		}
	}
	return false
}

// known is how many rows have a value.
func (p *profile) known() int { return len(p.codes) - p.nulls }

// binary says that the column holds exactly 0 and 1, or false and true, both of them.
func (p *profile) binary() bool {
	switch p.kind {
	case kindBool, kindInteger, kindDecimal:
		return len(p.seen) == 2 && p.low == 0 && p.high == 1
	}
	return false
}
