package features

import (
	"slices"
	"strings"

	"github.com/apache/arrow/go/v17/arrow"

	"github.com/sluice-stream/sluice/check"
)

// What the keys of a field may be.
const (
	kindText   = "text"
	kindNumber = "number"
	kindBool   = "bool"
	kindNull   = "null"
	kindBins   = "bins"
	kindHash   = "hash of "
)

// Bind finds the fields' columns in a schema. It reports every missing or unfit column at once, as
// check.Violations whose keys are those of FieldsConfig.
func (e *Encoder) Bind(schema *arrow.Schema) error {
	var errs []error
	e.anyList, e.mean = false, nil
	mean := make([]bool, len(e.fields))
	for j, f := range e.fields {
		at := schema.FieldIndices(f.name)
		if len(at) == 0 {
			errs = append(errs, missing(f, schema))
			continue
		}
		f.column = at[0]
		elem, list := isList(schema.Field(f.column).Type)
		kind, ok := f.kindFor(elem)
		if !ok {
			errs = append(errs, check.Violation{Key: f.key, Want: f.wants(), Got: schema.Field(f.column).Type.String(), Hint: f.hint(elem)})
			continue
		}
		if f.kind != "" && f.kind != kind {
			errs = append(errs, check.Violation{Key: f.key, Want: "a column of " + f.kind + " as before", Got: kind,
				Hint: "give the column the type that the model was trained on"})
			continue
		}
		f.kind, f.list, f.vocab.text = kind, list, kind == kindText
		e.anyList = e.anyList || list
		mean[j] = list && e.cfg.Pool == "mean"
	}
	if slices.Contains(mean, true) {
		e.mean = mean
	}
	return check.All(errs...)
}

func missing(f *field, schema *arrow.Schema) error {
	var names []string
	for _, c := range schema.Fields() {
		names = append(names, c.Name)
	}
	hint := check.DidYouMean(f.name, names)
	if hint == "" {
		hint = "columns: " + strings.Join(names, ", ")
	}
	return check.Violation{Key: f.key, Want: "a column of the input", Got: f.name, Hint: hint}
}

// kindFor says what the field's keys are when its values have type t; not ok when they cannot be used.
func (f *field) kindFor(t arrow.DataType) (kind string, ok bool) {
	coded := t.ID() == arrow.DICTIONARY
	if coded {
		t = t.(*arrow.DictionaryType).ValueType
	}
	kind, ok = kindOf(t)
	switch {
	case !ok:
		return "", false
	case f.binner != nil:
		return kindBins, !coded && slices.Contains([]string{kindNumber, kindBool, kindNull}, kind)
	case f.hash > 0:
		return kindHash + kind, true
	}
	return kind, true
}

func kindOf(t arrow.DataType) (string, bool) {
	switch t := t.(type) {
	case *arrow.StringType, *arrow.LargeStringType:
		return kindText, true
	case *arrow.BooleanType:
		return kindBool, true
	case *arrow.Int8Type, *arrow.Int16Type, *arrow.Int32Type, *arrow.Int64Type, *arrow.Uint8Type, *arrow.Uint16Type,
		*arrow.Uint32Type, *arrow.Uint64Type, *arrow.Float32Type, *arrow.Float64Type:
		return kindNumber, true
	case *arrow.Date32Type, *arrow.Date64Type:
		return t.Name(), true
	case *arrow.TimestampType:
		return "timestamp[" + t.Unit.String() + "]", true
	case *arrow.NullType:
		return kindNull, true
	}
	return "", false
}

func (f *field) wants() string {
	if f.binner != nil {
		return "a column of numbers, or lists of them"
	}
	return "a column of text, bool, numbers, dates or timestamps, or lists of them"
}

func (f *field) hint(t arrow.DataType) string {
	if f.binner == nil {
		return ""
	}
	switch t.ID() {
	case arrow.TIMESTAMP, arrow.DATE32, arrow.DATE64:
		return "derive a number first, such as hour(" + f.name + ")"
	}
	return "list it under categorical, derive a number from it first, or declare its type in the schema of the source"
}
