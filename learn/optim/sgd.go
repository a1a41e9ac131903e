package optim

import (
	"github.com/sluice-stream/sluice/check"
	"github.com/sluice-stream/sluice/learn"
)

func init() {
	learn.Register(learn.Optimizers, learn.Entry[SGDConfig, learn.Optimizer]{
		Name:    "sgd",
		Summary: "Stochastic gradient descent, with momentum and weight decay where asked for.",
		Source:  "torch.optim.SGD (dampening 0)",
		Example: "{lr: 0.05, momentum: 0.9, nesterov: true}",
		Default: SGDConfig{Rate: 0.05},
		Build:   func(c SGDConfig) (learn.Optimizer, error) { return NewSGD(c) },
	})
}

// SGDConfig is the settings of SGD.
type SGDConfig struct {
	Rate        float64 `yaml:"lr" doc:"learning rate, > 0"`
	Momentum    float64 `yaml:"momentum" doc:"share of the last step that is taken again, 0 to below 1; a table's row moves only when it is touched"`
	Nesterov    bool    `yaml:"nesterov" doc:"take the momentum of the coming step too; needs momentum > 0"`
	WeightDecay float64 `yaml:"weight_decay" doc:"this times the weight is added to the gradient (L2), >= 0; of the rows that are touched"`
	Shared      `yaml:",inline"`
}

// Validate checks the ranges.
func (c SGDConfig) Validate() error {
	return check.All(
		check.Positive("lr", c.Rate),
		check.That(c.Momentum >= 0 && c.Momentum < 1, "momentum", "0 to below 1", c.Momentum),
		check.That(!c.Nesterov || c.Momentum != 0, "nesterov", "false without momentum", c.Nesterov),
		check.NotNegative("weight_decay", c.WeightDecay),
		c.Shared.validate(true),
	)
}

// SGD is stochastic gradient descent.
type SGD struct {
	core
	cfg SGDConfig
}

// NewSGD makes the optimizer; its error lists every setting out of range.
func NewSGD(c SGDConfig) (*SGD, error) {
	if err := c.Validate(); err != nil {
		return nil, err
	}
	base, err := newCore("sgd", c.Rate, c.WeightDecay, c.Shared)
	return &SGD{base, c}, err
}

// Step moves each parameter against its gradient:
//
//	g += weight_decay * w;  b = momentum * b + g;  w -= lr * b
//	with nesterov           ...                    w -= lr * (g + momentum * b)
func (s *SGD) Step(updates []learn.Update) error {
	return s.each(updates, false, func(u update) {
		w := u.Param.Data()
		if s.cfg.Momentum == 0 {
			u.spans(func(d int, g []float32) { plain(u, w[d:d+len(g)], g) })
			return
		}
		b := u.Param.Slot("momentum", 0)
		u.spans(func(d int, g []float32) { s.run(u, w[d:d+len(g)], b[d:d+len(g)], g) })
	})
}

func plain(u update, w, g []float32) {
	lr, decay := float32(u.rate), float32(u.decay)
	for i := range g { // conversions keep the compiler from fusing
		w[i] -= float32(lr * (g[i] + float32(decay*w[i])))
	}
}

func (s *SGD) run(u update, w, b, g []float32) {
	lr, decay, mom := float32(u.rate), float32(u.decay), float32(s.cfg.Momentum)
	for i := range g {
		gi := g[i] + float32(decay*w[i])
		b[i] = float32(mom*b[i]) + gi
		if s.cfg.Nesterov {
			w[i] -= float32(lr * (gi + float32(mom*b[i])))
		} else {
			w[i] -= float32(lr * b[i])
		}
	}
}
