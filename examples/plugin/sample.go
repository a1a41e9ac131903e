package plugin

import (
	"context"

	"github.com/apache/arrow/go/v17/arrow"

	"github.com/sluice-stream/sluice/check"
	"github.com/sluice-stream/sluice/flow"
)

func init() {
	flow.Register(flow.Operators, flow.Entry[SampleConfig, flow.Operator]{
		Name:    "sample",
		Summary: "Keeps the first rows of every record.",
		Example: "{share: 0.5}",
		Default: SampleConfig{Share: 1},
		Build:   func(c SampleConfig) (flow.Operator, error) { return &Sample{cfg: c}, c.Validate() },
	})
}

// SampleConfig is the settings of Sample.
type SampleConfig struct {
	Share float64 `yaml:"share" doc:"share of the rows that is kept, 0 to 1"`
}

// Validate checks the ranges.
func (c SampleConfig) Validate() error { return check.All(check.Between("share", c.Share, 0, 1)) }

// Sample keeps a share of the rows.
type Sample struct{ cfg SampleConfig }

// Bind passes the schema on.
func (s *Sample) Bind(in *arrow.Schema) (*arrow.Schema, error) { return in, nil }

// Process emits a view of the record; no row is copied.
func (s *Sample) Process(_ context.Context, rec arrow.Record, emit flow.Emit) error {
	part := rec.NewSlice(0, int64(s.cfg.Share*float64(rec.NumRows())))
	defer part.Release() // created here, released here
	return emit(part)
}
