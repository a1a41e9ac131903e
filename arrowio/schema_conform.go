package arrowio

import (
	"context"
	"fmt"
	"strings"

	"github.com/apache/arrow/go/v17/arrow"
	"github.com/apache/arrow/go/v17/arrow/array"

	"github.com/sluice-stream/sluice/check"
	"github.com/sluice-stream/sluice/flow"
)

// settleFiles is how many files have their schema compared before any data flows; those beyond are compared when
// their turn comes.
const settleFiles = 32

// settleHeads returns the schema of files that carry their own: the columns of the first file, in its order, or
// those of the projection. head returns the schema of one file.
func settleHeads(ctx context.Context, e *fileEnv, head func(context.Context, inputFile) (*arrow.Schema, error)) (*arrow.Schema, error) {
	var first *arrow.Schema
	extra := map[string]arrow.Field{}
	heads := make([]*arrow.Schema, 0, min(len(e.files), settleFiles))
	for _, f := range e.files[:min(len(e.files), settleFiles)] {
		h, err := safely(f.name, func() (*arrow.Schema, error) { return head(ctx, f) })
		if err != nil {
			return nil, err
		}
		h = normalSchema(h)
		if err := uniqueNames(f.name, h); err != nil {
			return nil, err
		}
		if first == nil {
			first = h
		}
		for _, c := range h.Fields() {
			if _, ok := extra[c.Name]; !ok {
				extra[c.Name] = c
			}
		}
		heads = append(heads, h)
	}
	schema, err := project(first, extra, e.columns)
	if err != nil {
		return nil, err
	}
	for i, h := range heads {
		if _, err := conform(schema, h, e.files[i].name, e); err != nil {
			return nil, flow.Classify(flow.ErrConfig, fmt.Errorf("%w; leave the column out of columns, or read the files in two runs", err))
		}
	}
	return schema, nil
}

// safely turns a panic of a decoder into an error: arrow-go panics on some broken files.
func safely[T any](name string, f func() (T, error)) (t T, err error) {
	defer func() {
		if p := recover(); p != nil {
			err = badFile(name, "content that can be decoded", fmt.Errorf("%v", p))
		}
	}()
	return f()
}

func uniqueNames(file string, s *arrow.Schema) error {
	seen := map[string]bool{}
	for _, f := range s.Fields() {
		if seen[f.Name] {
			return flow.Configf("%s: want each column name once, got %q twice", file, f.Name)
		}
		seen[f.Name] = true
	}
	return nil
}

// project returns the wanted columns: of first, or of any file whose columns all has.
func project(first *arrow.Schema, all map[string]arrow.Field, columns []string) (*arrow.Schema, error) {
	if len(columns) == 0 {
		return arrow.NewSchema(first.Fields(), nil), nil
	}
	var names []string
	for _, f := range first.Fields() {
		names = append(names, f.Name)
	}
	var fields []arrow.Field
	var errs []error
	for _, c := range columns {
		f, ok := all[c]
		if !ok {
			errs = append(errs, check.Violation{Key: "columns", Want: "columns of the files: " + strings.Join(names, ", "), Got: fmt.Sprintf("%q", c), Hint: check.DidYouMean(c, names)})
		}
		fields = append(fields, f)
	}
	if err := check.All(errs...); err != nil {
		return nil, flow.Classify(flow.ErrConfig, err)
	}
	return arrow.NewSchema(fields, nil), nil
}

// conform returns, for each column of want, its index among the columns of got, -1 for a column that the file
// lacks. The order of a file does not matter, columns that nobody wants are passed over.
func conform(want, got *arrow.Schema, file string, e *fileEnv) ([]int, error) {
	at := make([]int, want.NumFields())
	var missing []string
	for i, f := range want.Fields() {
		idx := got.FieldIndices(f.Name)
		if len(idx) == 0 {
			at[i] = -1
			missing = append(missing, f.Name)
			continue
		}
		at[i] = idx[0]
		if t := normalType(got.Field(idx[0]).Type); !arrow.TypeEqual(t, f.Type) {
			return nil, flow.Dataf("%s: column %s: want %s as in the other files, got %s", file, f.Name, typeName(f.Type), typeName(t))
		}
	}
	if len(missing) > 0 {
		e.log.Warn("columns are missing and become null", "file", file, "columns", strings.Join(missing, ", "))
	}
	return at, nil
}

// conformer makes records of one schema out of those of a file.
type conformer struct {
	e  *fileEnv
	at []int
}

// record returns rec in the source's schema and plain types. It takes rec over.
func (c *conformer) record(ctx context.Context, rec arrow.Record) (arrow.Record, error) {
	defer rec.Release()
	cols := make([]arrow.Array, len(c.at))
	defer func() {
		for _, col := range cols {
			if col != nil {
				col.Release()
			}
		}
	}()
	for i, src := range c.at {
		if src < 0 {
			cols[i] = array.MakeArrayOfNull(c.e.alloc, c.e.schema.Field(i).Type, int(rec.NumRows()))
			continue
		}
		col, err := normalArray(ctx, c.e.alloc, rec.Column(src))
		if err != nil {
			return nil, err
		}
		cols[i] = col
	}
	return array.NewRecord(c.e.schema, cols, rec.NumRows()), nil
}
