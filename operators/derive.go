package operators

import (
	"context"
	"fmt"
	"slices"

	"github.com/apache/arrow/go/v17/arrow"
	"github.com/apache/arrow/go/v17/arrow/array"
	"github.com/apache/arrow/go/v17/arrow/memory"

	"github.com/sluice-stream/sluice/check"
	"github.com/sluice-stream/sluice/flow"
	"github.com/sluice-stream/sluice/internal/expr"
)

func init() {
	flow.Register(flow.Operators, flow.Entry[flow.Ordered[string], flow.Operator]{
		Name: "derive",
		Summary: "Adds columns: a map name: expression, in order, so that a later one may use an earlier one. " +
			"An existing column of the name is replaced in its place.",
		Example: "{hour: hour(at), cheap: price < 3}",
		Build: func(c flow.Ordered[string]) (flow.Operator, error) {
			d := &Derive{alloc: memory.DefaultAllocator}
			if err := d.parse(c); err != nil {
				return nil, err
			}
			return d, nil
		},
	})
}

// Derive is the operator derive.
type Derive struct {
	alloc memory.Allocator
	steps []deriveStep
	out   *arrow.Schema
}

type deriveStep struct {
	name    string
	expr    *expr.Expr
	program *expr.Program
	at      int // the column it becomes
}

func (d *Derive) parse(c flow.Ordered[string]) error {
	errs := []error{check.That(len(c) > 0, "", "at least one name: expression", "none")}
	for i, p := range c {
		x, err := expr.Parse(p.Value)
		if err != nil {
			errs = append(errs, expr.Violations(p.Key, err))
		}
		errs = append(errs, check.That(p.Key != "", "", "a column name", "nothing"),
			check.That(!slices.Contains(c.Keys()[:i], p.Key), p.Key, "each name once", fmt.Sprintf("%q twice", p.Key)))
		d.steps = append(d.steps, deriveStep{name: p.Key, expr: x})
	}
	return check.All(errs...)
}

// Open takes the allocator.
func (d *Derive) Open(_ context.Context, env flow.Env) error {
	d.alloc = env.Alloc
	return nil
}

// Bind compiles every expression for the columns before it.
func (d *Derive) Bind(in *arrow.Schema) (*arrow.Schema, error) {
	meta := in.Metadata()
	fields := slices.Clone(in.Fields())
	var errs []error
	for i := range d.steps {
		s := &d.steps[i]
		at := slices.IndexFunc(fields, func(f arrow.Field) bool { return f.Name == s.name })
		program, err := s.expr.Compile(arrow.NewSchema(fields, &meta))
		field := arrow.Field{Name: s.name, Type: arrow.Null, Nullable: true} // fits any use, so that no error follows from this one
		if err != nil {
			errs = append(errs, expr.Violations(s.name, err))
		} else {
			field = program.Field(s.name)
		}
		if at < 0 {
			at = len(fields)
			fields = append(fields, field)
		} else {
			fields[at] = field
		}
		s.program, s.at = program, at
	}
	if err := check.All(errs...); err != nil {
		return nil, err
	}
	d.out = arrow.NewSchema(fields, &meta)
	return d.out, nil
}

// Process emits rec with the derived columns.
func (d *Derive) Process(_ context.Context, rec arrow.Record, emit flow.Emit) error {
	cols := make([]arrow.Array, rec.NumCols(), d.out.NumFields())
	copy(cols, rec.Columns())
	var made []arrow.Array
	defer func() {
		for _, a := range made {
			a.Release()
		}
	}()
	for _, s := range d.steps {
		a, err := s.program.Eval(d.alloc, cols, int(rec.NumRows()))
		if err != nil {
			return fmt.Errorf("derive: %s: %w", s.name, err)
		}
		made = append(made, a)
		if s.at == len(cols) {
			cols = append(cols, a)
		} else {
			cols[s.at] = a
		}
	}
	out := array.NewRecord(d.out, cols, rec.NumRows())
	defer out.Release()
	return emit(out)
}
