package features

import (
	"fmt"
	"math"
	"slices"
	"strconv"
	"time"

	"github.com/apache/arrow/go/v17/arrow"

	"github.com/sluice-stream/sluice/learn"
)

// Feature is what a table row stands for.
type Feature struct {
	Field string
	Value string // as text; "" for null and for the unknown values
	Null  bool   // the field's null
	OOV   bool   // the field's unknown values
	Count int64  // how often it was seen in training; for the unknown values, how often their row was used
}

// Feature describes a table row below Rows().
func (e *Encoder) Feature(row int32) Feature {
	if int(row) < len(e.fields) {
		return Feature{Field: e.fields[row].name, OOV: true, Count: e.Count(row)}
	}
	o := e.owners[int(row)-len(e.fields)]
	f := e.fields[o.field]
	return Feature{Field: f.name, Value: f.format(o.entry), Null: f.vocab.class[o.entry] == classNull, Count: e.Count(row)}
}

// Count returns how often the value of a table row was seen in training, as Feature does.
func (e *Encoder) Count(row int32) int64 {
	if int(row) < len(e.fields) {
		return e.oov[row]
	}
	o := e.owners[int(row)-len(e.fields)]
	return e.fields[o.field].vocab.counts[o.entry]
}

// FieldOf returns the number of the field that a table row belongs to; that is also the field's oov row.
func (e *Encoder) FieldOf(row int32) int32 {
	if int(row) < len(e.fields) {
		return row
	}
	return e.owners[int(row)-len(e.fields)].field
}

func (f *field) format(entry int32) string {
	if f.vocab.class[entry] == classNull {
		return ""
	}
	if f.vocab.text {
		return string(f.vocab.textOf(entry))
	}
	key := f.vocab.keys[entry]
	switch f.vocab.class[entry] {
	case classFloat:
		return strconv.FormatFloat(math.Float64frombits(uint64(key)), 'g', -1, 64)
	case classUint:
		return strconv.FormatUint(uint64(key), 10)
	}
	switch f.kind {
	case kindBool:
		return strconv.FormatBool(key == 1)
	case "date32":
		return arrow.Date32(key).FormattedString()
	case "date64":
		return arrow.Date64(key).FormattedString()
	}
	for _, unit := range []arrow.TimeUnit{arrow.Second, arrow.Millisecond, arrow.Microsecond, arrow.Nanosecond} {
		if f.kind == "timestamp["+unit.String()+"]" {
			return arrow.Timestamp(key).ToTime(unit).UTC().Format(time.RFC3339Nano)
		}
	}
	return strconv.FormatInt(key, 10)
}

// Freeze ends all learning of bucketizers; with train false, Encode changes nothing afterwards.
func (e *Encoder) Freeze() {
	for _, f := range e.fields {
		if z, ok := f.binner.(interface{ Freeze() }); ok {
			z.Freeze()
		}
	}
}

type surveyor interface{ Survey([]float64) }

// NeedsSurvey says that bucketizers want to see the whole input before it is encoded, where that is possible.
func (e *Encoder) NeedsSurvey() bool {
	return slices.ContainsFunc(e.fields, func(f *field) bool { _, ok := f.binner.(surveyor); return ok })
}

// Survey shows a record to the bucketizers that learn, and nothing else.
func (e *Encoder) Survey(rec arrow.Record) {
	for _, f := range e.fields {
		s, ok := f.binner.(surveyor)
		if !ok {
			continue
		}
		a, from, to := rec.Column(f.column), 0, int(rec.NumRows())
		if f.list {
			e.surveyLists(s, a)
			continue
		}
		e.s.readNumbers(a, from, to)
		s.Survey(e.s.nums)
	}
}

func (e *Encoder) surveyLists(s surveyor, a arrow.Array) {
	if a.Len() == 0 {
		return
	}
	col := listsOf(a)
	for i := range a.Len() {
		if from, to, null := col.at(i); !null && from < to {
			e.s.readNumbers(col.values, from, to)
			s.Survey(e.s.nums)
		}
	}
}

// Walk saves and restores vocabularies and bucketizers. Restored after Bind, it refuses the state of other fields
// or of columns of another kind.
func (e *Encoder) Walk(v learn.Visitor) {
	var names, kinds []string
	for _, f := range e.fields {
		names, kinds = append(names, f.name), append(kinds, f.kind)
	}
	v.Visit("names", &names)
	v.Visit("kinds", &kinds)
	v.Visit("oov", &e.oov)
	if v.Restoring() {
		if err := e.take(names, kinds); err != nil {
			v.Fail(err)
			return
		}
	}
	for j, f := range e.fields {
		s := v.Scope(fmt.Sprintf("field%d", j))
		f.vocab.Walk(s)
		if f.binner != nil {
			f.binner.Walk(s.Scope("bucketizer"))
		}
	}
	if v.Restoring() {
		if err := e.rebuild(); err != nil {
			v.Fail(err)
		}
	}
}

func (e *Encoder) take(names, kinds []string) error {
	if len(names) != len(e.fields) || len(kinds) != len(e.fields) || len(e.oov) != len(e.fields) {
		return fmt.Errorf("fields: want the state of %d fields, got %d", len(e.fields), len(names))
	}
	for j, f := range e.fields {
		if names[j] != f.name {
			return fmt.Errorf("field %d: want the state of %s, got that of %s", j, f.name, names[j])
		}
		if f.kind != "" && kinds[j] != f.kind {
			return fmt.Errorf("field %s: its column is %s now, but was %s", f.name, f.kind, kinds[j])
		}
		f.kind, f.vocab.text = kinds[j], kinds[j] == kindText
	}
	return nil
}

// rebuild lists the owner of each table row.
func (e *Encoder) rebuild() error {
	n := 0
	for _, f := range e.fields {
		for _, row := range f.vocab.rows {
			if row >= 0 {
				n++
			}
		}
	}
	e.owners, e.pending = make([]owner, n), e.pending[:0]
	for j, f := range e.fields {
		for en, row := range f.vocab.rows {
			at := int(row) - len(e.fields)
			if row == noRow {
				continue
			}
			if at < 0 || at >= n || e.owners[at].row != 0 {
				return fmt.Errorf("field %s: table row %d is taken twice or out of range", f.name, row)
			}
			e.owners[at] = owner{field: int32(j), entry: int32(en), row: row}
		}
	}
	return nil
}
