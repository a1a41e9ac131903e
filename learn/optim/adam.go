package optim

import (
	"math"

	"github.com/sluice-stream/sluice/check"
	"github.com/sluice-stream/sluice/learn"
	"github.com/sluice-stream/sluice/tensorcore/cpu"
)

func init() {
	learn.Register(learn.Optimizers, learn.Entry[AdamConfig, learn.Optimizer]{
		Name:    "adam",
		Summary: "Moving averages of the gradient and its square; tables by touched rows, or whole as PyTorch's dense Adam.",
		Source:  "arXiv:1412.6980; torch.optim.Adam, torch.optim.SparseAdam",
		Example: "{lr: 0.001, rows: dense, weight_decay: 1e-5, schedule: {cosine: {steps: 10000}}, clip: {norm: 1}}",
		Default: DefaultAdam(),
		Build:   func(c AdamConfig) (learn.Optimizer, error) { return NewAdam(c) },
	})
}

// AdamConfig is the settings of Adam.
type AdamConfig struct {
	Rate        float64 `yaml:"lr" doc:"learning rate, > 0"`
	Beta1       float64 `yaml:"beta1" doc:"decay of the mean of gradients, 0 to below 1"`
	Beta2       float64 `yaml:"beta2" doc:"decay of the mean of their squares, 0 to below 1"`
	Eps         float64 `yaml:"eps" doc:"added to the root of the mean of squares, > 0"`
	WeightDecay float64 `yaml:"weight_decay" doc:"this times the weight is added to the gradient (coupled L2), >= 0; not for gates"`
	Rows        string  `yaml:"rows" doc:"touched: a table's row changes when a batch holds it (torch SparseAdam, any table size); dense: every row at every step (torch Adam, as OptFS was published; costs the whole table each step); lazy: as dense, but a row makes up for the steps it missed when it is next used (weight_decay 0 only)"`
	Shared      `yaml:",inline"`
}

// DefaultAdam is the published settings, for touched rows.
func DefaultAdam() AdamConfig {
	return AdamConfig{Rate: 1e-3, Beta1: 0.9, Beta2: 0.999, Eps: 1e-8, Rows: "touched"}
}

// Validate checks the ranges.
func (c AdamConfig) Validate() error {
	return check.All(
		adamRanges(c),
		check.OneOf("rows", c.Rows, "touched", "dense", "lazy"),
		lazyRanges(c),
		c.Shared.validate(true),
	)
}

func adamRanges(c AdamConfig) error {
	return check.All(
		check.Positive("lr", c.Rate),
		check.That(c.Beta1 >= 0 && c.Beta1 < 1, "beta1", "0 to below 1", c.Beta1),
		check.That(c.Beta2 >= 0 && c.Beta2 < 1, "beta2", "0 to below 1", c.Beta2),
		check.Positive("eps", c.Eps),
		check.NotNegative("weight_decay", c.WeightDecay),
	)
}

// Adam is the optimizer of the same name. The step count that corrects the averages' start is each parameter's
// own, and counts steps at which the parameter had a gradient, as in PyTorch.
type Adam struct {
	core
	cfg       AdamConfig
	decoupled bool      // weights shrink by themselves (AdamW) instead of through the gradient
	missed    *missedBy // of rows: lazy
}

// NewAdam makes the optimizer; its error lists every setting out of range.
func NewAdam(c AdamConfig) (*Adam, error) {
	if err := c.Validate(); err != nil {
		return nil, err
	}
	return newAdam("adam", c, false)
}

func newAdam(name string, c AdamConfig, decoupled bool) (*Adam, error) {
	base, err := newCore(name, c.Rate, c.WeightDecay, c.Shared)
	if err != nil {
		return nil, err
	}
	a := &Adam{core: base, cfg: c, decoupled: decoupled}
	if c.Rows == "lazy" {
		a.missed = &missedBy{beta1: c.Beta1, beta2: c.Beta2, eps: c.Eps, rate: a.rateAt}
	}
	return a, nil
}

// Step moves each parameter; t counts from 1:
//
//	adam:     g += weight_decay * w
//	adamw:    w -= lr * weight_decay * w
//	m += (1-beta1)(g-m);  v += (1-beta2)(g*g-v)
//	dense:    w -= lr/(1-beta1^t) * m / (sqrt(v)/sqrt(1-beta2^t) + eps)
//	touched:  w -= lr*sqrt(1-beta2^t)/(1-beta1^t) * m / (sqrt(v) + eps)   (eps as in torch SparseAdam)
//
// Lazy first makes up for the steps that each row missed, then does the dense step on the touched rows.
func (a *Adam) Step(updates []learn.Update) error {
	return a.each(updates, a.cfg.Rows == "dense", func(u update) {
		k := a.coefficients(u)
		if a.missed != nil {
			a.missed.touch(u)
		} else if u.Rows != nil {
			k.Step *= k.Root
			k.Root = 1
		}
		if a.decoupled {
			k.Shrink, k.Decay = float32(u.rate*u.decay), 0
		}
		w, m, v := u.Param.Data(), u.Param.Slot("m", 0), u.Param.Slot("v", 0)
		if u.Rows == nil {
			k.Run(w, m, v, u.Grad)
		} else {
			k.Rows(w, m, v, u.Grad, u.Rows, u.Param.Width())
		}
	})
}

// coefficients of one step of one parameter.
func (a *Adam) coefficients(u update) cpu.AdamStep {
	t := float64(u.Param.Updates)
	return cpu.AdamStep{
		Step: float32(u.rate / (1 - math.Pow(a.cfg.Beta1, t))),
		Root: float32(math.Sqrt(1 - math.Pow(a.cfg.Beta2, t))),
		Eps:  float32(a.cfg.Eps), Decay: float32(u.decay),
		Rate1: float32(1 - a.cfg.Beta1), Rate2: float32(1 - a.cfg.Beta2),
	}
}

// CatchUp makes up for the steps that rows of p (nil: all) missed; it does nothing unless rows is lazy.
func (a *Adam) CatchUp(p *learn.Param, rows []int32) {
	if a.missed != nil {
		a.missed.catchUp(p, rows, p.Updates)
	}
}

// Walk visits when lazy rows were last updated; averages and step counts live with the parameters.
func (a *Adam) Walk(v learn.Visitor) {
	if a.missed != nil {
		a.missed.Walk(v)
	}
}
