package optim

import (
	"github.com/sluice-stream/sluice/check"
	"github.com/sluice-stream/sluice/learn"
)

func init() {
	learn.Register(learn.Schedules, learn.Entry[WarmupConfig, learn.Schedule]{
		Name:    "warmup",
		Summary: "Raises the learning rate in a straight line, then hands over to another schedule.",
		Source:  "torch.optim.lr_scheduler.LinearLR and SequentialLR",
		Example: "{steps: 500, start: 0.01, then: {cosine: {steps: 10000}}}",
		Default: WarmupConfig{Steps: 500, Start: 0.01},
		Build:   func(c WarmupConfig) (learn.Schedule, error) { return newWarmup(c) },
	})
}

// WarmupConfig is the settings of the schedule.
type WarmupConfig struct {
	Steps int                          `yaml:"steps" doc:"updates until the full rate, >= 1"`
	Start float64                      `yaml:"start" doc:"first factor, 0 to 1"`
	Then  learn.Choice[learn.Schedule] `yaml:"then" doc:"the schedule that follows; its own count of updates starts then. The full rate when not given"`
}

// Validate checks the ranges.
func (c WarmupConfig) Validate() error {
	return check.All(check.AtLeast("steps", c.Steps, 1), check.Between("start", c.Start, 0, 1))
}

type warmup struct {
	cfg  WarmupConfig
	then learn.Schedule // nil: the full rate
}

func newWarmup(c WarmupConfig) (learn.Schedule, error) {
	w := warmup{cfg: c}
	if err := c.Validate(); err != nil || c.Then.IsZero() {
		return w, err
	}
	var err error
	w.then, err = c.Then.Build()
	return w, err
}

func (w warmup) Factor(step int) float64 {
	if step < w.cfg.Steps {
		return w.cfg.Start + (1-w.cfg.Start)*float64(step)/float64(w.cfg.Steps)
	}
	if w.then == nil {
		return 1
	}
	return w.then.Factor(step - w.cfg.Steps)
}
