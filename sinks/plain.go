package sinks

import (
	"context"
	"fmt"

	"github.com/apache/arrow/go/v17/arrow"
	"github.com/apache/arrow/go/v17/arrow/array"
	"github.com/apache/arrow/go/v17/arrow/compute"

	"github.com/sluice-stream/sluice/check"
)

// arrowSchemaKey is where Parquet files keep the Arrow schema; a schema that was read from one carries it along.
const arrowSchemaKey = "ARROW:schema"

// plainSchema is what a file holds of in: dictionary columns as their values, metadata without the schema of
// the file that the rows came from. It reports every column that cannot be stored.
func plainSchema(in *arrow.Schema, accepts func(arrow.Field) error) (*arrow.Schema, error) {
	var bad []error
	seen := map[string]bool{}
	fields := make([]arrow.Field, in.NumFields())
	for i, f := range in.Fields() {
		if d, ok := f.Type.(*arrow.DictionaryType); ok {
			f.Type = d.ValueType
		}
		fields[i] = f
		if seen[f.Name] {
			bad = append(bad, check.Violation{Want: "columns with different names", Got: fmt.Sprintf("%q twice", f.Name), Hint: "use rename or select before this sink"})
		}
		seen[f.Name] = true
		if err := accepts(f); err != nil {
			bad = append(bad, check.Violation{Want: "columns of types that the file can hold",
				Got: fmt.Sprintf("%q of type %s (%v)", f.Name, f.Type, err), Hint: "use derive to turn it into a number or a text, or select to drop it"})
		}
	}
	if len(fields) == 0 {
		bad = append(bad, check.Violation{Want: "at least one column", Got: "none"})
	}
	if err := check.All(bad...); err != nil {
		return nil, err
	}
	keys, values := []string{}, []string{}
	for i, k := range in.Metadata().Keys() {
		if k != arrowSchemaKey {
			keys, values = append(keys, k), append(values, in.Metadata().Values()[i])
		}
	}
	meta := arrow.NewMetadata(keys, values)
	return arrow.NewSchema(fields, &meta), nil
}

// canHold says whether the file sinks can bring a type into its canonical form.
func canHold(dt arrow.DataType) error {
	switch t := dt.(type) {
	case arrow.ExtensionType:
		return canHold(t.StorageType())
	case *arrow.DictionaryType:
		return fmt.Errorf("a dictionary inside another type")
	case *arrow.ListType, *arrow.FixedSizeListType, *arrow.StructType, *arrow.MapType:
		for _, f := range dt.(arrow.NestedType).Fields() {
			if err := canHold(f.Type); err != nil {
				return err
			}
		}
		return nil
	case *arrow.NullType, *arrow.StringType, *arrow.BinaryType, *arrow.LargeStringType, *arrow.LargeBinaryType:
		return nil
	case arrow.FixedWidthDataType:
		return nil
	}
	return fmt.Errorf("not supported")
}

// plainRecord gives rec the schema of the file: dictionary columns become their values. The result is the
// caller's; most records are only retained.
func plainRecord(ctx context.Context, rec arrow.Record, out *arrow.Schema) (arrow.Record, error) {
	cols := make([]arrow.Array, rec.NumCols())
	defer func() {
		for _, c := range cols {
			if c != nil {
				c.Release()
			}
		}
	}()
	for i, col := range rec.Columns() {
		f := out.Field(i)
		if !f.Nullable && col.NullN() > 0 {
			return nil, fmt.Errorf("column %q is declared without nulls and holds %d", f.Name, col.NullN())
		}
		if _, ok := col.(*array.Dictionary); !ok {
			col.Retain()
			cols[i] = col
			continue
		}
		dec, err := compute.CastArray(ctx, col, compute.SafeCastOptions(f.Type))
		if err != nil {
			return nil, fmt.Errorf("column %q: dictionary to values: %w", f.Name, err)
		}
		cols[i] = dec
	}
	return array.NewRecord(out, cols, rec.NumRows()), nil
}

// sameColumns says whether rec has the columns that the sink was bound to.
func sameColumns(bound, got *arrow.Schema) error {
	if bound == got {
		return nil
	}
	if bound.NumFields() != got.NumFields() {
		return fmt.Errorf("want the %d columns that were bound, got %d", bound.NumFields(), got.NumFields())
	}
	for i, f := range bound.Fields() {
		if g := got.Field(i); g.Name != f.Name || !arrow.TypeEqual(f.Type, g.Type) {
			return fmt.Errorf("column %d: want %s %s as bound, got %s %s", i, f.Name, f.Type, g.Name, g.Type)
		}
	}
	return nil
}
