package expr

import (
	"github.com/apache/arrow/go/v17/arrow"
)

// kind is one of the types of the language.
type kind uint8

const (
	bad    kind = iota // of a part that already has an error
	null               // of nil, and of a column of Arrow's null type: becomes whatever is needed
	float              // float64
	whole              // int64
	truth              // bool
	text               // string
	moment             // timestamp
	other              // a column the language cannot calculate with
)

// typ is a kind with what it needs to be exact.
type typ struct {
	kind kind
	unit arrow.TimeUnit // of a moment
	dt   arrow.DataType // of an other
}

func (t typ) String() string {
	switch t.kind {
	case null:
		return "nil"
	case float:
		return "float"
	case whole:
		return "int"
	case truth:
		return "bool"
	case text:
		return "string"
	case moment:
		return "timestamp"
	case other:
		return t.dt.String()
	}
	return "error"
}

func (t typ) number() bool {
	return t.kind == float || t.kind == whole || t.kind == null || t.kind == bad
}

// is says that t is k or can become it without a conversion function.
func (t typ) is(k kind) bool {
	return t.kind == k || t.kind == null || t.kind == bad || k == float && t.kind == whole
}

func (t typ) arrow() arrow.DataType {
	switch t.kind {
	case null:
		return arrow.Null
	case float:
		return arrow.PrimitiveTypes.Float64
	case whole:
		return arrow.PrimitiveTypes.Int64
	case truth:
		return arrow.FixedWidthTypes.Boolean
	case text:
		return arrow.BinaryTypes.String
	case moment:
		return &arrow.TimestampType{Unit: t.unit, TimeZone: "UTC"}
	}
	return t.dt
}

// typeOf returns the type by which the language knows a column.
func typeOf(dt arrow.DataType) typ {
	switch d := dt.(type) {
	case *arrow.NullType:
		return typ{kind: null}
	case *arrow.BooleanType:
		return typ{kind: truth}
	case *arrow.Float16Type, *arrow.Float32Type, *arrow.Float64Type, *arrow.Decimal128Type, *arrow.Decimal256Type:
		return typ{kind: float}
	case *arrow.Int8Type, *arrow.Int16Type, *arrow.Int32Type, *arrow.Int64Type,
		*arrow.Uint8Type, *arrow.Uint16Type, *arrow.Uint32Type, *arrow.Uint64Type:
		return typ{kind: whole}
	case *arrow.StringType, *arrow.LargeStringType, *arrow.StringViewType:
		return typ{kind: text}
	case *arrow.TimestampType:
		return typ{kind: moment, unit: d.Unit}
	case *arrow.Date32Type:
		return typ{kind: moment, unit: arrow.Second}
	case *arrow.Date64Type:
		return typ{kind: moment, unit: arrow.Millisecond}
	case *arrow.DictionaryType:
		if v := typeOf(d.ValueType); v.kind == text {
			return v
		}
	}
	return typ{kind: other, dt: dt}
}
