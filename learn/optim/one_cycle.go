package optim

import (
	"github.com/sluice-stream/sluice/check"
	"github.com/sluice-stream/sluice/learn"
)

func init() {
	learn.Register(learn.Schedules, learn.Entry[OneCycleConfig, learn.Schedule]{
		Name:    "one_cycle",
		Summary: "Raises the learning rate along half a cosine to its full size and lets it fall to almost nothing.",
		Source:  "arXiv:1708.07120; torch.optim.lr_scheduler.OneCycleLR; deviation: momentum stays",
		Example: "{steps: 10000, rise: 0.3}",
		Default: OneCycleConfig{Steps: 10000, Rise: 0.3, Start: 1. / 25, End: 1e-4 / 25},
		Build: func(c OneCycleConfig) (learn.Schedule, error) {
			return oneCycle{c}, c.Validate()
		},
	})
}

// OneCycleConfig is the settings of the schedule.
type OneCycleConfig struct {
	Steps int     `yaml:"steps" doc:"updates of the cycle, after which the rate stays at end, >= 2"`
	Rise  float64 `yaml:"rise" doc:"share of them in which the rate rises, above 0 and below 1"`
	Start float64 `yaml:"start" doc:"first factor, 0 to 1"`
	End   float64 `yaml:"end" doc:"last factor, 0 to 1"`
}

// Validate checks the ranges.
func (c OneCycleConfig) Validate() error {
	return check.All(
		check.AtLeast("steps", c.Steps, 2),
		check.That(c.Rise > 0 && c.Rise < 1, "rise", "above 0 and below 1", c.Rise),
		check.Between("start", c.Start, 0, 1),
		check.Between("end", c.End, 0, 1),
	)
}

type oneCycle struct{ cfg OneCycleConfig }

// Factor has its peak at rise*steps - 1 and its end at steps - 1, as in PyTorch.
func (o oneCycle) Factor(step int) float64 {
	peak, end := o.cfg.Rise*float64(o.cfg.Steps)-1, float64(o.cfg.Steps-1)
	if s := float64(step); s > peak {
		return halfCosine(1, o.cfg.End, (s-peak)/(end-peak))
	} else if peak > 0 {
		return halfCosine(o.cfg.Start, 1, s/peak)
	}
	return 1
}
