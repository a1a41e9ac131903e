package arrowio

import (
	"fmt"
	"slices"
	"strings"

	"github.com/apache/arrow/go/v17/arrow"

	"github.com/sluice-stream/sluice/check"
	"github.com/sluice-stream/sluice/flow"
)

// typeNames are the scalar types by which a schema may be declared. timestamp is in milliseconds, UTC.
var typeNames = map[string]arrow.DataType{
	"bool":   arrow.FixedWidthTypes.Boolean,
	"int8":   arrow.PrimitiveTypes.Int8,
	"int16":  arrow.PrimitiveTypes.Int16,
	"int32":  arrow.PrimitiveTypes.Int32,
	"int64":  arrow.PrimitiveTypes.Int64,
	"uint8":  arrow.PrimitiveTypes.Uint8,
	"uint16": arrow.PrimitiveTypes.Uint16,
	"uint32": arrow.PrimitiveTypes.Uint32,
	"uint64": arrow.PrimitiveTypes.Uint64,

	"float32": arrow.PrimitiveTypes.Float32,
	"float64": arrow.PrimitiveTypes.Float64,

	"utf8":   arrow.BinaryTypes.String,
	"binary": arrow.BinaryTypes.Binary,
	"date":   arrow.FixedWidthTypes.Date32,

	"timestamp":     arrow.FixedWidthTypes.Timestamp_ms,
	"timestamp[s]":  arrow.FixedWidthTypes.Timestamp_s,
	"timestamp[ms]": arrow.FixedWidthTypes.Timestamp_ms,
	"timestamp[us]": arrow.FixedWidthTypes.Timestamp_us,
	"timestamp[ns]": arrow.FixedWidthTypes.Timestamp_ns,
}

// parseType returns the type that name declares: a scalar or list<scalar>.
func parseType(name string) (arrow.DataType, error) {
	plain := strings.ReplaceAll(strings.TrimSpace(name), " ", "")
	if t, ok := typeNames[plain]; ok {
		return t, nil
	}
	elem, isList := strings.CutPrefix(plain, "list<")
	if elem, ok := strings.CutSuffix(elem, ">"); isList && ok {
		if t, ok := typeNames[elem]; ok {
			return arrow.ListOf(t), nil
		}
		plain = elem
	}
	hint := check.DidYouMean(plain, scalarNames())
	if alias, ok := typeAliases[plain]; ok {
		hint = fmt.Sprintf("did you mean %q?", alias)
	}
	return nil, check.Violation{Want: "a type: " + strings.Join(scalarNames(), ", ") + " or list<one of these>", Got: fmt.Sprintf("%q", name), Hint: hint}
}

// typeAliases are names of other systems, for the suggestion only: one idea has one name here.
var typeAliases = map[string]string{
	"string": "utf8", "str": "utf8", "text": "utf8", "varchar": "utf8", "bytes": "binary", "boolean": "bool",
	"int": "int64", "integer": "int64", "long": "int64", "bigint": "int64", "short": "int16", "float": "float64",
	"double": "float64", "real": "float32", "datetime": "timestamp", "date32": "date", "time": "timestamp",
}

func scalarNames() []string {
	out := make([]string, 0, len(typeNames))
	for n := range typeNames {
		out = append(out, n)
	}
	slices.Sort(out)
	return out
}

// typeName returns the name by which dt is declared, or Arrow's own name where no declaration makes it.
func typeName(dt arrow.DataType) string {
	switch t := dt.(type) {
	case *arrow.TimestampType:
		if t.Unit == arrow.Millisecond {
			return "timestamp"
		}
		return "timestamp[" + t.Unit.String() + "]"
	case *arrow.Date32Type:
		return "date"
	case *arrow.ListType:
		return "list<" + typeName(t.Elem()) + ">"
	}
	return dt.String()
}

// declaredSchema returns the schema that cols declares, nil when it declares none. Its errors are
// check.Violations whose keys stand below key.
func declaredSchema(key string, cols flow.Ordered[string]) (*arrow.Schema, error) {
	if len(cols) == 0 {
		return nil, nil
	}
	var errs []error
	fields := make([]arrow.Field, 0, len(cols))
	seen := map[string]bool{}
	for _, c := range cols {
		dt, err := parseType(c.Value)
		if err != nil {
			errs = append(errs, check.Under(key+"."+c.Key, err))
			continue
		}
		if seen[c.Key] {
			errs = append(errs, check.Violation{Key: key + "." + c.Key, Want: "each column once", Got: "it twice"})
		}
		seen[c.Key] = true
		fields = append(fields, arrow.Field{Name: c.Key, Type: dt, Nullable: true})
	}
	if err := check.All(errs...); err != nil {
		return nil, err
	}
	return arrow.NewSchema(fields, nil), nil
}
