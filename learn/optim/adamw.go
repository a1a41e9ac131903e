package optim

import (
	"github.com/sluice-stream/sluice/check"
	"github.com/sluice-stream/sluice/learn"
)

func init() {
	learn.Register(learn.Optimizers, learn.Entry[AdamWConfig, learn.Optimizer]{
		Name:    "adamw",
		Summary: "Adam whose weight decay shrinks the weights by themselves instead of through the gradient.",
		Source:  "arXiv:1711.05101; torch.optim.AdamW",
		Example: "{lr: 0.001, weight_decay: 0.05, groups: {bias: {weight_decay: 0}, norm: {weight_decay: 0}}}",
		Default: DefaultAdamW(),
		Build:   func(c AdamWConfig) (learn.Optimizer, error) { return NewAdamW(c) },
	})
}

// AdamWConfig is the settings of AdamW.
type AdamWConfig struct {
	Rate        float64 `yaml:"lr" doc:"learning rate, > 0"`
	Beta1       float64 `yaml:"beta1" doc:"decay of the mean of gradients, 0 to below 1"`
	Beta2       float64 `yaml:"beta2" doc:"decay of the mean of their squares, 0 to below 1"`
	Eps         float64 `yaml:"eps" doc:"added to the root of the mean of squares, > 0"`
	WeightDecay float64 `yaml:"weight_decay" doc:"each step takes lr times this share of the weight away, >= 0; not for gates"`
	Rows        string  `yaml:"rows" doc:"touched: a table's row changes, and decays, when a batch holds it; dense: every row at every step (torch AdamW; costs the whole table each step)"`
	Shared      `yaml:",inline"`
}

// DefaultAdamW is PyTorch's settings, for touched rows.
func DefaultAdamW() AdamWConfig {
	return AdamWConfig{Rate: 1e-3, Beta1: 0.9, Beta2: 0.999, Eps: 1e-8, WeightDecay: 0.01, Rows: "touched"}
}

// Validate checks the ranges.
func (c AdamWConfig) Validate() error {
	return check.All(adamRanges(AdamConfig(c)), check.OneOf("rows", c.Rows, "touched", "dense"), c.Shared.validate(true))
}

// NewAdamW makes the optimizer; its error lists every setting out of range.
func NewAdamW(c AdamWConfig) (*Adam, error) {
	if err := c.Validate(); err != nil {
		return nil, err
	}
	return newAdam("adamw", AdamConfig(c), true)
}
