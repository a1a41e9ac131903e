package optim

import (
	"github.com/sluice-stream/sluice/check"
	"github.com/sluice-stream/sluice/learn"
	"github.com/sluice-stream/sluice/tensorcore/cpu"
)

func init() {
	learn.Register(learn.Optimizers, learn.Entry[AdaGradConfig, learn.Optimizer]{
		Name:    "adagrad",
		Summary: "A rate of its own for every weight, that falls with the squares of its gradients: good for sparse features online.",
		Source:  "Duchi, Hazan, Singer 2011; torch.optim.Adagrad",
		Example: "{lr: 0.03}",
		Default: AdaGradConfig{Rate: 0.03, Eps: 1e-10},
		Build:   func(c AdaGradConfig) (learn.Optimizer, error) { return NewAdaGrad(c) },
	})
}

// AdaGradConfig is the settings of AdaGrad.
type AdaGradConfig struct {
	Rate    float64 `yaml:"lr" doc:"learning rate, > 0"`
	Eps     float64 `yaml:"eps" doc:"added to the root of the sum of squares, > 0"`
	Initial float64 `yaml:"initial_accumulator" doc:"first value of each sum of squares, >= 0"`
	Shared  `yaml:",inline"`
}

// Validate checks the ranges.
func (c AdaGradConfig) Validate() error {
	return check.All(
		check.Positive("lr", c.Rate),
		check.Positive("eps", c.Eps),
		check.NotNegative("initial_accumulator", c.Initial),
		c.Shared.validate(false),
	)
}

// AdaGrad is the optimizer of the same name. A row that is not touched does not change, which is exact: its
// gradient is zero.
type AdaGrad struct {
	core
	cfg AdaGradConfig
}

// NewAdaGrad makes the optimizer; its error lists every setting out of range.
func NewAdaGrad(c AdaGradConfig) (*AdaGrad, error) {
	if err := c.Validate(); err != nil {
		return nil, err
	}
	base, err := newCore("adagrad", c.Rate, 0, c.Shared)
	return &AdaGrad{base, c}, err
}

// Step moves each parameter against its gradient:
//
//	s += g*g;  w -= lr * g / (sqrt(s) + eps)
func (a *AdaGrad) Step(updates []learn.Update) error {
	return a.each(updates, false, func(u update) {
		step := cpu.AdaGradStep{Step: float32(u.rate), Eps: float32(a.cfg.Eps)}
		w, s := u.Param.Data(), u.Param.Slot("sum", float32(a.cfg.Initial))
		if u.Rows == nil {
			step.Run(w, s, u.Grad)
		} else {
			step.Rows(w, s, u.Grad, u.Rows, u.Param.Width())
		}
	})
}
