package optim

import (
	"github.com/sluice-stream/sluice/check"
	"github.com/sluice-stream/sluice/learn"
)

func init() {
	learn.Register(learn.Optimizers, learn.Entry[SGDConfig, learn.Optimizer]{
		Name:    "sgd",
		Summary: "Stochastic gradient descent, with momentum and weight decay where asked for.",
		Source:  "torch.optim.SGD (dampening 0, no Nesterov)",
		Example: "{lr: 0.05, momentum: 0.9}",
		Default: SGDConfig{Rate: 0.05},
		Build:   func(c SGDConfig) (learn.Optimizer, error) { return NewSGD(c) },
	})
}

// SGDConfig is the settings of SGD.
type SGDConfig struct {
	Rate        float64 `yaml:"lr" doc:"learning rate, > 0"`
	Momentum    float64 `yaml:"momentum" doc:"share of the last step that is taken again, 0 to below 1; a table's row moves only when it is touched"`
	WeightDecay float64 `yaml:"weight_decay" doc:"this times the weight is added to the gradient (L2), >= 0; of the rows that are touched"`
}

// Validate checks the ranges.
func (c SGDConfig) Validate() error {
	return check.All(
		check.Positive("lr", c.Rate),
		check.That(c.Momentum >= 0 && c.Momentum < 1, "momentum", "0 to below 1", c.Momentum),
		check.NotNegative("weight_decay", c.WeightDecay),
	)
}

// SGD is stochastic gradient descent.
type SGD struct {
	cfg  SGDConfig
	wide widen
}

// NewSGD makes the optimizer; its error lists every setting out of range.
func NewSGD(c SGDConfig) (*SGD, error) {
	if err := c.Validate(); err != nil {
		return nil, err
	}
	return &SGD{cfg: c}, nil
}

// LR returns the learning rate.
func (s *SGD) LR() float64 { return s.cfg.Rate }

// Walk visits nothing: the momentum lives with the parameters.
func (s *SGD) Walk(learn.Visitor) {}

// Step moves each parameter against its gradient:
//
//	g += weight_decay * w;  b = momentum * b + g;  w -= lr * b
func (s *SGD) Step(updates []learn.Update) error {
	for _, u := range updates {
		if err := checkUpdate("sgd", u); err != nil {
			return err
		}
		grad := u.Grad
		if u.Param.Penalty != nil {
			grad, u.Rows = s.wide.whole(u), nil
		}
		s.update(u, grad)
		u.Param.Updates++
	}
	return nil
}

func (s *SGD) update(u learn.Update, grad []float32) {
	lr, decay, mom := float32(s.cfg.Rate), float32(s.cfg.WeightDecay), float32(s.cfg.Momentum)
	if u.Param.Group == learn.GateGroup {
		decay = 0
	}
	w := u.Param.Data()
	if mom == 0 {
		spans(u, grad, func(d int, g []float32) {
			w := w[d : d+len(g)]
			for i := range g {
				w[i] -= lr * (g[i] + decay*w[i])
			}
		})
		return
	}
	b := u.Param.Slot("momentum", 0)
	spans(u, grad, func(d int, g []float32) {
		w, b := w[d:d+len(g)], b[d:d+len(g)]
		for i := range g {
			b[i] = mom*b[i] + (g[i] + decay*w[i])
			w[i] -= lr * b[i]
		}
	})
}
