package optim

import (
	"math"

	"github.com/sluice-stream/sluice/check"
	"github.com/sluice-stream/sluice/learn"
)

func init() {
	learn.Register(learn.Schedules, learn.Entry[CosineConfig, learn.Schedule]{
		Name:    "cosine",
		Summary: "Lets the learning rate fall along half a cosine.",
		Source:  "arXiv:1608.03983 without restarts; torch.optim.lr_scheduler.CosineAnnealingLR",
		Example: "{steps: 10000, floor: 0.01}",
		Default: CosineConfig{Steps: 10000},
		Build: func(c CosineConfig) (learn.Schedule, error) {
			return cosine{c}, c.Validate()
		},
	})
}

// CosineConfig is the settings of the schedule.
type CosineConfig struct {
	Steps int     `yaml:"steps" doc:"updates until the floor is reached, where the rate then stays, >= 1"`
	Floor float64 `yaml:"floor" doc:"last factor, 0 to 1"`
}

// Validate checks the ranges.
func (c CosineConfig) Validate() error {
	return check.All(check.AtLeast("steps", c.Steps, 1), check.Between("floor", c.Floor, 0, 1))
}

type cosine struct{ cfg CosineConfig }

func (c cosine) Factor(step int) float64 {
	return halfCosine(1, c.cfg.Floor, float64(step)/float64(c.cfg.Steps))
}

// halfCosine goes from a to b as share goes from 0 to 1, and stays there.
func halfCosine(a, b, share float64) float64 {
	if share >= 1 {
		return b
	}
	return b + (a-b)*(1+math.Cos(math.Pi*share))/2
}
