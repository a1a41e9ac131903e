package operators

import (
	"context"
	"fmt"

	"github.com/apache/arrow/go/v17/arrow"
	"github.com/apache/arrow/go/v17/arrow/memory"

	"github.com/sluice-stream/sluice/check"
	"github.com/sluice-stream/sluice/flow"
	"github.com/sluice-stream/sluice/internal/expr"
)

func init() {
	flow.Register(flow.Operators, flow.Entry[FilterConfig, flow.Operator]{
		Name:    "filter",
		Summary: "Keeps the rows for which a condition is true; rows for which it is false or null are dropped.",
		Example: `{where: "price > 3 and city != 'x'"}`,
		Build: func(c FilterConfig) (flow.Operator, error) {
			x, err := expr.Parse(c.Where)
			if err != nil {
				return nil, expr.Violations("where", err)
			}
			return &Filter{expr: x, alloc: memory.DefaultAllocator}, nil
		},
	})
}

// FilterConfig are the settings of filter.
type FilterConfig struct {
	Where string `yaml:"where" doc:"bool expression over the columns; rows where it is true are kept"`
}

// Validate wants an expression whose syntax is right.
func (c FilterConfig) Validate() error {
	_, err := expr.Parse(c.Where)
	return expr.Violations("where", err)
}

// Filter is the operator filter.
type Filter struct {
	alloc   memory.Allocator
	expr    *expr.Expr
	program *expr.Program
	keep    []uint64 // of the record in work
	at      []int    // the rows of it that are kept
}

// Open takes the allocator.
func (f *Filter) Open(_ context.Context, env flow.Env) error {
	f.alloc = env.Alloc
	return nil
}

// Bind wants a bool expression.
func (f *Filter) Bind(in *arrow.Schema) (*arrow.Schema, error) {
	p, err := f.expr.Compile(in)
	if err != nil {
		return nil, expr.Violations("where", err)
	}
	if !p.IsBool() {
		return nil, check.All(check.Violation{Key: "where", Want: "a bool expression", Got: p.TypeName(), Hint: "compare it with something"})
	}
	f.program = p
	return in, nil
}

// Process emits the rows that are kept, or nothing where there are none. Where all are kept, or they follow one
// another, nothing is copied.
func (f *Filter) Process(ctx context.Context, rec arrow.Record, emit flow.Emit) error {
	n := int(rec.NumRows())
	keep, count, err := f.program.True(rec.Columns(), n, f.keep)
	if err != nil {
		return fmt.Errorf("filter: %w", err)
	}
	f.keep = keep
	switch count {
	case 0:
		return nil
	case n:
		return emit(rec)
	}
	f.at = positions(f.at[:0], keep)
	if from := f.at[0]; f.at[count-1]-from == count-1 {
		out := rec.NewSlice(int64(from), int64(from+count))
		defer out.Release()
		return emit(out)
	}
	out, err := gather{ctx, f.alloc}.record(rec, f.at)
	if err != nil {
		return fmt.Errorf("filter: %w", err)
	}
	defer out.Release()
	return emit(out)
}
