package plugin

import (
	"github.com/sluice-stream/sluice/check"
	"github.com/sluice-stream/sluice/learn"
	"github.com/sluice-stream/sluice/tensorcore/autograd"
)

func init() {
	learn.Register(learn.Backbones, learn.Entry[WeightedSumConfig, learn.Backbone]{
		Name:    "weighted_sum",
		Summary: "Adds all numbers of a row's embeddings, times one learned scale.",
		Source:  "an example, not a method",
		Example: "{dim: 4}",
		Default: WeightedSumConfig{Dim: 8},
		Build: func(c WeightedSumConfig) (learn.Backbone, error) {
			return &WeightedSum{cfg: c}, c.Validate()
		},
	})
}

// WeightedSumConfig is the settings of WeightedSum.
type WeightedSumConfig struct {
	Dim int `yaml:"dim" doc:"width of an embedding, >= 1"`
}

// Validate checks the ranges.
func (c WeightedSumConfig) Validate() error { return check.All(check.AtLeast("dim", c.Dim, 1)) }

// WeightedSum is the smallest model that uses embeddings.
type WeightedSum struct {
	cfg   WeightedSumConfig
	scale *learn.Param
}

// Needs asks for embeddings.
func (m *WeightedSum) Needs() learn.Needs { return learn.Needs{Dim: m.cfg.Dim} }

// Init makes the scale, 1 at first.
func (m *WeightedSum) Init(int, uint64) error {
	m.scale = learn.NewParam("scale", func(_ int, dst []float32) { dst[0] = 1 }, 1)
	return nil
}

// Params returns the scale.
func (m *WeightedSum) Params() []*learn.Param { return []*learn.Param{m.scale} }

// Forward returns scale * sum over fields and dimensions.
//
//	f.X     float32 [B, F, D]
//	result  float32 [B]
func (m *WeightedSum) Forward(tp *autograd.Tape, f learn.Features) (*autograd.Var, error) {
	return tp.Mul(tp.Sum(f.X, 1, 2), m.scale.Var(tp)), nil
}
