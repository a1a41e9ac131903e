package operators

import (
	"context"
	"fmt"
	"slices"

	"github.com/apache/arrow/go/v17/arrow"
	"github.com/apache/arrow/go/v17/arrow/array"

	"github.com/sluice-stream/sluice/check"
	"github.com/sluice-stream/sluice/flow"
)

func init() {
	flow.Register(flow.Operators, flow.Entry[flow.Ordered[string], flow.Operator]{
		Name:    "rename",
		Summary: "Gives columns new names: a map new: old. Columns keep their places; all names change at once.",
		Example: "{user: user_id}",
		Build: func(c flow.Ordered[string]) (flow.Operator, error) {
			if err := validRename(c); err != nil {
				return nil, err
			}
			return &Rename{cfg: c}, nil
		},
	})
}

func validRename(c flow.Ordered[string]) error {
	errs := []error{check.That(len(c) > 0, "", "at least one new: old", "none")}
	var old []string
	for i, p := range c {
		errs = append(errs, check.Required(p.Key, p.Value),
			check.That(p.Key != "", "", "a new name", "nothing"),
			check.That(!slices.Contains(c.Keys()[:i], p.Key), p.Key, "each new name once", fmt.Sprintf("%q twice", p.Key)),
			check.That(p.Value == "" || !slices.Contains(old, p.Value), p.Key, "each old name once", fmt.Sprintf("%q twice", p.Value)))
		old = append(old, p.Value)
	}
	return check.All(errs...)
}

// Rename is the operator rename. It copies no values.
type Rename struct {
	cfg flow.Ordered[string]
	out *arrow.Schema
}

// Bind wants every old column, and no name twice in the result.
func (r *Rename) Bind(in *arrow.Schema) (*arrow.Schema, error) {
	fields := slices.Clone(in.Fields())
	changed := make([]bool, len(fields))
	var errs []error
	for _, p := range r.cfg {
		k, err := columnOf(in, p.Key, p.Value)
		if errs = append(errs, err); err == nil {
			fields[k].Name = p.Key
			changed[k] = true
		}
	}
	for k, f := range fields {
		if clash := !changed[k] && slices.Contains(r.cfg.Keys(), f.Name); clash {
			errs = append(errs, check.Violation{Key: f.Name, Want: "a new name that no other column has", Got: fmt.Sprintf("%q, a column that stays", f.Name), Hint: "rename or drop that one too"})
		}
	}
	if err := check.All(errs...); err != nil {
		return nil, err
	}
	meta := in.Metadata()
	r.out = arrow.NewSchema(fields, &meta)
	return r.out, nil
}

// Process emits the same columns under the new schema.
func (r *Rename) Process(_ context.Context, rec arrow.Record, emit flow.Emit) error {
	out := array.NewRecord(r.out, rec.Columns(), rec.NumRows())
	defer out.Release()
	return emit(out)
}
