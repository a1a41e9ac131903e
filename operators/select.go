package operators

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/apache/arrow/go/v17/arrow"
	"github.com/apache/arrow/go/v17/arrow/array"

	"github.com/sluice-stream/sluice/check"
	"github.com/sluice-stream/sluice/flow"
)

func init() {
	flow.Register(flow.Operators, flow.Entry[SelectConfig, flow.Operator]{
		Name:    "select",
		Summary: "Keeps the columns that are listed, in that order, or drops those that are.",
		Example: "{keep: [user, item]}",
		Build: func(c SelectConfig) (flow.Operator, error) {
			if err := c.Validate(); err != nil {
				return nil, err
			}
			return &Select{cfg: c}, nil
		},
	})
}

// SelectConfig are the settings of select: one of the two.
type SelectConfig struct {
	Keep []string `yaml:"keep" doc:"columns that stay, in the order wanted; not together with drop"`
	Drop []string `yaml:"drop" doc:"columns that go; the others keep their order; not together with keep"`
}

// Validate wants one of the lists, without repetition.
func (c SelectConfig) Validate() error {
	if (len(c.Keep) == 0) == (len(c.Drop) == 0) {
		got := "neither"
		if len(c.Keep) > 0 {
			got = "both"
		}
		return check.All(check.Violation{Want: "one of keep and drop", Got: got})
	}
	return check.All(repeated("keep", c.Keep), repeated("drop", c.Drop))
}

func repeated(key string, names []string) error {
	for i, n := range names {
		if slices.Contains(names[:i], n) {
			return check.Violation{Key: key, Want: "each column once", Got: fmt.Sprintf("%q twice", n)}
		}
	}
	return nil
}

// Select is the operator select. It copies no values.
type Select struct {
	cfg SelectConfig
	out *arrow.Schema
	at  []int // columns of the input, in the order of the output
}

// Bind wants every listed column to stand in the input once.
func (s *Select) Bind(in *arrow.Schema) (*arrow.Schema, error) {
	key, names := "keep", s.cfg.Keep
	if len(s.cfg.Drop) > 0 {
		key, names = "drop", s.cfg.Drop
	}
	listed := make([]int, len(names))
	var errs []error
	for i, n := range names {
		k, err := columnOf(in, key, n)
		listed[i] = k
		errs = append(errs, err)
	}
	if err := check.All(errs...); err != nil {
		return nil, err
	}
	s.at = listed
	if key == "drop" {
		s.at = nil
		for k := range in.Fields() {
			if !slices.Contains(listed, k) {
				s.at = append(s.at, k)
			}
		}
		if len(s.at) == 0 {
			return nil, check.All(check.Violation{Key: "drop", Want: "at least one column left", Got: "all dropped"})
		}
	}
	fields := make([]arrow.Field, len(s.at))
	for i, k := range s.at {
		fields[i] = in.Field(k)
	}
	meta := in.Metadata()
	s.out = arrow.NewSchema(fields, &meta)
	return s.out, nil
}

// columnOf finds the column called name for the setting key.
func columnOf(in *arrow.Schema, key, name string) (int, error) {
	at := in.FieldIndices(name)
	switch len(at) {
	case 1:
		return at[0], nil
	case 0:
		return -1, check.Violation{Key: key, Want: "a column of the input", Got: fmt.Sprintf("%q", name), Hint: nearColumn(in, name)}
	}
	return -1, check.Violation{Key: key, Want: "a column name that stands once", Got: fmt.Sprintf("%q, which stands %d times", name, len(at))}
}

// nearColumn suggests the column that was meant, or lists the first few.
func nearColumn(in *arrow.Schema, name string) string {
	var names []string
	for _, f := range in.Fields() {
		names = append(names, f.Name)
	}
	if hint := check.DidYouMean(name, names); hint != "" {
		return hint
	}
	if len(names) > 12 {
		names = append(names[:12:12], "...")
	}
	return "columns: " + strings.Join(names, ", ")
}

// Process emits the chosen columns.
func (s *Select) Process(_ context.Context, rec arrow.Record, emit flow.Emit) error {
	cols := make([]arrow.Array, len(s.at))
	for i, k := range s.at {
		cols[i] = rec.Column(k)
	}
	out := array.NewRecord(s.out, cols, rec.NumRows())
	defer out.Release()
	return emit(out)
}
