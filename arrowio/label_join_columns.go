package arrowio

import (
	"fmt"
	"math"
	"slices"
	"strings"

	"github.com/apache/arrow/go/v17/arrow"
	"github.com/apache/arrow/go/v17/arrow/array"

	"github.com/sluice-stream/sluice/check"
	"github.com/sluice-stream/sluice/flow"
)

// Special times. A window, at most 100 years, fits between the last two.
const (
	noTime  = math.MinInt64     // null or out of range
	farTime = int64(6e18)       // the farthest from 1970 that is read
	endless = math.MaxInt64 - 1 // of a window that does not end before the input does
)

// later is t + by, at most endless.
func later(t, by int64) int64 {
	if t > endless-by {
		return endless
	}
	return t + by
}

// joinColumns are places of columns; -1 for a column that there is not.
type joinColumns struct {
	time, outcome int   // of the rows
	labelTime     int   // of the labels, or of the rows where these hold them
	label         int   // likewise
	rowKey        []int // of the rows
	labelKey      []int
	labelType     arrow.DataType
}

// bind finds the columns of both sources and makes the schema.
func (j *LabelJoin) bind() error {
	var errs []error
	c := joinColumns{outcome: -1}
	rows, labels, whose := j.rows.src.Schema(), j.rows.src.Schema(), "rows"
	if j.labels != nil {
		labels, whose = j.labels.src.Schema(), "labels"
	}
	find := func(s *arrow.Schema, key, name, source string, ok func(arrow.DataType) bool, want string) int {
		at := s.FieldIndices(name)
		if len(at) == 0 {
			errs = append(errs, check.Violation{Key: key, Want: "a column of the " + source, Got: name, Hint: nearColumn(name, s)})
			return 0
		}
		if t := s.Field(at[0]).Type; !ok(t) {
			errs = append(errs, check.Violation{Key: key, Want: want, Got: typeName(t), Hint: "declare its type in the schema of the source"})
		}
		return at[0]
	}
	isLabel := func(t arrow.DataType) bool {
		return t.ID() == arrow.BOOL || arrow.IsInteger(t.ID()) || arrow.IsFloating(t.ID())
	}
	const wantTime = "a timestamp or date"
	c.time = find(rows, "time", j.cfg.Time, "rows", isTimeColumn, wantTime)
	if j.cfg.OutcomeTime != "" {
		c.outcome = find(rows, "outcome_time", j.cfg.OutcomeTime, "rows", isTimeColumn, wantTime)
	}
	c.labelTime = find(labels, "label_time", j.cfg.LabelTime, whose, isTimeColumn, wantTime)
	c.label = find(labels, "label", j.cfg.Label, whose, isLabel, "bool or a number")
	for _, k := range j.cfg.Key {
		a := find(rows, "key", k, "rows", isKey, "text, bytes, a whole number, a date or a timestamp")
		b := find(labels, "key", k, "labels", isKey, "text, bytes, a whole number, a date or a timestamp")
		if len(errs) > 0 {
			continue
		}
		if ta, tb := keyKind(rows.Field(a).Type), keyKind(labels.Field(b).Type); ta != tb {
			errs = append(errs, check.Violation{Key: "key", Want: k + " of one kind in both sources", Got: ta + " in the rows and " + tb + " in the labels",
				Hint: "declare its type in the schema of one"})
		}
		c.rowKey, c.labelKey = append(c.rowKey, a), append(c.labelKey, b)
	}
	if err := check.All(errs...); err != nil {
		return err
	}
	c.labelType = labels.Field(c.label).Type
	j.columns = c
	j.unit = finest(rows.Field(c.time).Type, labels.Field(c.labelTime).Type)
	if c.outcome >= 0 {
		j.unit = max(j.unit, finest(rows.Field(c.outcome).Type))
	}
	window, _ := parseWindow(j.cfg.Window) // checked
	for window%j.unit.Multiplier() != 0 {
		j.unit++ // nanoseconds divide any
	}
	j.window = int64(window / j.unit.Multiplier())
	return j.makeSchema(rows)
}

func (j *LabelJoin) makeSchema(rows *arrow.Schema) error {
	c := j.columns
	fields := slices.Clone(rows.Fields())
	if j.labels == nil {
		fields[c.label].Nullable, fields[c.labelTime].Nullable = true, true
	} else {
		fields = append(fields, arrow.Field{Name: j.cfg.Label, Type: c.labelType, Nullable: true})
	}
	fields = append(fields, arrow.Field{Name: flow.ColMatured, Type: arrow.FixedWidthTypes.Boolean},
		arrow.Field{Name: flow.ColElapsed, Type: arrow.PrimitiveTypes.Float64, Nullable: true}, arrow.Field{Name: flow.ColFinal, Type: arrow.FixedWidthTypes.Boolean})
	if j.cfg.Corrections {
		fields = append(fields, arrow.Field{Name: flow.ColCorrection, Type: arrow.FixedWidthTypes.Boolean})
	}
	fields = append(fields, arrow.Field{Name: flow.ColRow, Type: arrow.PrimitiveTypes.Int64})
	var errs []error
	for _, f := range fields[rows.NumFields():] {
		if rows.HasField(f.Name) {
			errs = append(errs, check.Violation{Key: j.rows.key, Want: "rows without a column " + f.Name + ", which is added", Got: "one",
				Hint: "leave it out of meta or columns, or rename it where it is written"})
		}
	}
	j.schema = arrow.NewSchema(fields, nil)
	return check.All(errs...)
}

func nearColumn(name string, s *arrow.Schema) string {
	names := make([]string, s.NumFields())
	for i, f := range s.Fields() {
		names[i] = f.Name
	}
	if hint := check.DidYouMean(name, names); hint != "" {
		return hint
	}
	return "columns: " + strings.Join(names, ", ")
}

func isTimeColumn(t arrow.DataType) bool {
	return t.ID() == arrow.TIMESTAMP || t.ID() == arrow.DATE32 || t.ID() == arrow.DATE64
}

func isKey(t arrow.DataType) bool { return keyKind(t) != "" }

// keyKind is what keys are compared as.
func keyKind(t arrow.DataType) string {
	switch {
	case t.ID() == arrow.STRING || t.ID() == arrow.BINARY:
		return "text"
	case arrow.IsInteger(t.ID()):
		return "whole numbers"
	case t.ID() == arrow.TIMESTAMP:
		return "timestamps[" + t.(*arrow.TimestampType).Unit.String() + "]"
	case isTimeColumn(t):
		return typeName(t)
	}
	return ""
}

// finest is the finest unit of the types.
func finest(types ...arrow.DataType) arrow.TimeUnit {
	out := arrow.Second
	for _, t := range types {
		switch t := t.(type) {
		case *arrow.TimestampType:
			out = max(out, t.Unit)
		case *arrow.Date64Type:
			out = max(out, arrow.Millisecond)
		}
	}
	return out
}

// times writes column a as a number of units since 1970; noTime where it is null or does not fit.
func (j *LabelJoin) times(a arrow.Array, out []int64) []int64 {
	out = slices.Grow(out[:0], a.Len())[:a.Len()]
	factor := int64(1)
	switch c := a.(type) {
	case *array.Timestamp:
		factor = int64(c.DataType().(*arrow.TimestampType).Unit.Multiplier() / j.unit.Multiplier())
		copyInts(out, c.TimestampValues())
	case *array.Date32:
		factor = int64(24 * 3600 * 1e9 / j.unit.Multiplier())
		copyInts(out, c.Date32Values())
	case *array.Date64:
		factor = int64(arrow.Millisecond.Multiplier() / j.unit.Multiplier())
		copyInts(out, c.Date64Values())
	}
	most := farTime / factor
	for i, v := range out {
		if a.IsNull(i) || v > most || v < -most {
			out[i] = noTime
			continue
		}
		out[i] = v * factor
	}
	return out
}

func copyInts[T ~int8 | ~int16 | ~int32 | ~int64 | ~uint8 | ~uint16 | ~uint32 | ~uint64](out []int64, in []T) {
	for i, v := range in {
		out[i] = int64(v)
	}
}

// look reads the times and keys of what was read ahead on a side, and says which rows cannot be used.
func (j *LabelJoin) look(s *joinSide, time int, keys []int) error {
	s.times = j.times(s.rec.Column(time), s.times)
	n := int(s.rec.NumRows())
	s.bad = s.bad[:0]
	complain := func(col int, isBad func(i int) bool, want string) {
		for i := range n {
			if !isBad(i) {
				continue
			}
			if len(s.bad) == 0 {
				s.bad = append(s.bad, make([]string, n)...)
			}
			if s.bad[i] == "" {
				s.bad[i] = fmt.Sprintf("%s: want %s, got %s", s.rec.ColumnName(col), want, showCell(s.rec.Column(col), i))
			}
		}
	}
	if slices.Contains(s.times, noTime) {
		complain(time, func(i int) bool { return s.times[i] == noTime }, "a time")
	}
	for _, k := range keys {
		if col := s.rec.Column(k); col.NullN() > 0 {
			complain(k, col.IsNull, "a value")
		}
	}
	return s.hash(keys)
}

func showCell(a arrow.Array, i int) string {
	if a.IsNull(i) {
		return "null"
	}
	return a.ValueStr(i)
}
