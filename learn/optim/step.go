package optim

import (
	"math"
	"slices"

	"github.com/sluice-stream/sluice/check"
	"github.com/sluice-stream/sluice/learn"
)

func init() {
	learn.Register(learn.Schedules, learn.Entry[StepConfig, learn.Schedule]{
		Name:    "step",
		Summary: "Multiplies the learning rate by a factor every so many updates, or at given ones.",
		Source:  "torch.optim.lr_scheduler.StepLR, MultiStepLR",
		Example: "{at: [30000, 60000], factor: 0.1}",
		Default: StepConfig{Factor: 0.1, Every: 10000},
		Build: func(c StepConfig) (learn.Schedule, error) {
			return stairs{c}, c.Validate()
		},
	})
}

// StepConfig is the settings of the schedule.
type StepConfig struct {
	Factor float64 `yaml:"factor" doc:"of each fall, > 0"`
	Every  int     `yaml:"every" doc:"updates between two falls, >= 1; not used where at is given"`
	At     []int   `yaml:"at" doc:"the updates at which the rate falls, rising, each >= 1"`
}

// Validate checks the ranges.
func (c StepConfig) Validate() error {
	return check.All(
		check.Positive("factor", c.Factor),
		check.AtLeast("every", c.Every, 1),
		check.That(slices.IsSorted(c.At) && (len(c.At) == 0 || c.At[0] >= 1), "at", "rising numbers >= 1", c.At),
	)
}

type stairs struct{ cfg StepConfig }

func (s stairs) Factor(step int) float64 {
	falls := step / s.cfg.Every
	if len(s.cfg.At) > 0 {
		falls, _ = slices.BinarySearch(s.cfg.At, step+1)
	}
	return math.Pow(s.cfg.Factor, float64(falls))
}
