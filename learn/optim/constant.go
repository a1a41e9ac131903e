package optim

import (
	"github.com/sluice-stream/sluice/check"
	"github.com/sluice-stream/sluice/learn"
)

func init() {
	learn.Register(learn.Schedules, learn.Entry[ConstantConfig, learn.Schedule]{
		Name:    "constant",
		Summary: "One learning rate throughout, or a share of it for a while.",
		Source:  "torch.optim.lr_scheduler.ConstantLR",
		Example: "{factor: 0.1, steps: 500}",
		Default: ConstantConfig{Factor: 1},
		Build: func(c ConstantConfig) (learn.Schedule, error) {
			return constant{c}, c.Validate()
		},
	})
}

// ConstantConfig is the settings of the schedule.
type ConstantConfig struct {
	Factor float64 `yaml:"factor" doc:"what the learning rate is multiplied by, >= 0"`
	Steps  int     `yaml:"steps" doc:"after so many updates the factor is 1, >= 0; 0: never"`
}

// Validate checks the ranges.
func (c ConstantConfig) Validate() error {
	return check.All(check.NotNegative("factor", c.Factor), check.NotNegative("steps", c.Steps))
}

type constant struct{ cfg ConstantConfig }

func (c constant) Factor(step int) float64 {
	if c.cfg.Steps > 0 && step >= c.cfg.Steps {
		return 1
	}
	return c.cfg.Factor
}
