package optim

import (
	"github.com/sluice-stream/sluice/check"
	"github.com/sluice-stream/sluice/learn"
)

func init() {
	learn.Register(learn.Optimizers, learn.Entry[RMSPropConfig, learn.Optimizer]{
		Name:    "rmsprop",
		Summary: "Gradients divided by the root of a moving average of their squares.",
		Source:  "Tieleman and Hinton 2012, lecture 6.5; torch.optim.RMSprop (not centred)",
		Example: "{lr: 0.001, alpha: 0.9}",
		Default: RMSPropConfig{Rate: 0.01, Alpha: 0.99, Eps: 1e-8},
		Build:   func(c RMSPropConfig) (learn.Optimizer, error) { return NewRMSProp(c) },
	})
}

// RMSPropConfig is the settings of RMSProp.
type RMSPropConfig struct {
	Rate        float64 `yaml:"lr" doc:"learning rate, > 0"`
	Alpha       float64 `yaml:"alpha" doc:"decay of the mean of squares, 0 to below 1"`
	Eps         float64 `yaml:"eps" doc:"added to the root of the mean of squares, > 0"`
	Momentum    float64 `yaml:"momentum" doc:"share of the last step that is taken again, 0 to below 1; a table's row moves only when it is touched"`
	WeightDecay float64 `yaml:"weight_decay" doc:"this times the weight is added to the gradient (L2), >= 0; of the rows that are touched"`
	Shared      `yaml:",inline"`
}

// Validate checks the ranges.
func (c RMSPropConfig) Validate() error {
	return check.All(
		check.Positive("lr", c.Rate),
		check.That(c.Alpha >= 0 && c.Alpha < 1, "alpha", "0 to below 1", c.Alpha),
		check.Positive("eps", c.Eps),
		check.That(c.Momentum >= 0 && c.Momentum < 1, "momentum", "0 to below 1", c.Momentum),
		check.NotNegative("weight_decay", c.WeightDecay),
		c.Shared.validate(true),
	)
}

// RMSProp is the optimizer of the same name. A table's row changes when a batch holds it.
type RMSProp struct {
	core
	cfg RMSPropConfig
}

// NewRMSProp makes the optimizer; its error lists every setting out of range.
func NewRMSProp(c RMSPropConfig) (*RMSProp, error) {
	if err := c.Validate(); err != nil {
		return nil, err
	}
	base, err := newCore("rmsprop", c.Rate, c.WeightDecay, c.Shared)
	return &RMSProp{base, c}, err
}

// Step moves each parameter:
//
//	g += weight_decay * w;  s = alpha*s + (1-alpha)*g*g;  b = momentum*b + g/(sqrt(s)+eps);  w -= lr*b
func (r *RMSProp) Step(updates []learn.Update) error {
	return r.each(updates, false, func(u update) {
		w, s := u.Param.Data(), u.Param.Slot("square", 0)
		b := s // not used without momentum
		if r.cfg.Momentum > 0 {
			b = u.Param.Slot("momentum", 0)
		}
		u.spans(func(d int, g []float32) {
			e := d + len(g)
			r.run(u, w[d:e], s[d:e], b[d:e], g)
		})
	})
}

func (r *RMSProp) run(u update, w, s, b, g []float32) {
	rate, decay, eps := float32(u.rate), float32(u.decay), float32(r.cfg.Eps)
	keep, mom := float32(r.cfg.Alpha), float32(r.cfg.Momentum)
	fresh := float32(1 - r.cfg.Alpha)
	w, s, b = w[:len(g)], s[:len(g)], b[:len(g)]
	for i, gi := range g { // conversions keep the compiler from fusing
		gi += float32(decay * w[i])
		s[i] = float32(keep*s[i]) + float32(fresh*float32(gi*gi))
		move := gi / (sqrt32(s[i]) + eps)
		if mom > 0 {
			move += float32(mom * b[i])
			b[i] = move
		}
		w[i] -= float32(rate * move)
	}
}
