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
		Example: "{lr: 0.001, rows: dense, weight_decay: 1e-5}",
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
	Rows        string  `yaml:"rows" doc:"touched: a table's row changes when a batch holds it (torch SparseAdam, any table size); dense: every row at every step (torch Adam, as OptFS was published; costs the whole table each step)"`
}

// DefaultAdam is the published settings, for touched rows.
func DefaultAdam() AdamConfig {
	return AdamConfig{Rate: 1e-3, Beta1: 0.9, Beta2: 0.999, Eps: 1e-8, Rows: "touched"}
}

// Validate checks the ranges.
func (c AdamConfig) Validate() error {
	return check.All(
		check.Positive("lr", c.Rate),
		check.That(c.Beta1 >= 0 && c.Beta1 < 1, "beta1", "0 to below 1", c.Beta1),
		check.That(c.Beta2 >= 0 && c.Beta2 < 1, "beta2", "0 to below 1", c.Beta2),
		check.Positive("eps", c.Eps),
		check.NotNegative("weight_decay", c.WeightDecay),
		check.OneOf("rows", c.Rows, "touched", "dense"),
	)
}

// Adam is the optimizer of the same name. The step count that corrects the averages' start is each parameter's
// own, and counts steps at which the parameter had a gradient, as in PyTorch.
type Adam struct {
	cfg  AdamConfig
	wide widen
}

// NewAdam makes the optimizer; its error lists every setting out of range.
func NewAdam(c AdamConfig) (*Adam, error) {
	if err := c.Validate(); err != nil {
		return nil, err
	}
	return &Adam{cfg: c}, nil
}

// LR returns the learning rate.
func (a *Adam) LR() float64 { return a.cfg.Rate }

// Walk visits nothing: averages and step counts live with the parameters.
func (a *Adam) Walk(learn.Visitor) {}

// Step moves each parameter; t counts from 1:
//
//	g += weight_decay * w;  m += (1-beta1)(g-m);  v += (1-beta2)(g*g-v)
//	dense:    w -= lr/(1-beta1^t) * m / (sqrt(v)/sqrt(1-beta2^t) + eps)
//	touched:  w -= lr*sqrt(1-beta2^t)/(1-beta1^t) * m / (sqrt(v) + eps)   (eps as in torch SparseAdam)
func (a *Adam) Step(updates []learn.Update) error {
	for _, u := range updates {
		if err := checkUpdate("adam", u); err != nil {
			return err
		}
		u.Param.Updates++
		k := a.coefficients(u.Param)
		grad := u.Grad
		if u.Param.Penalty != nil || u.Rows != nil && a.cfg.Rows == "dense" {
			grad, u.Rows = a.wide.whole(u), nil
		}
		if u.Rows != nil {
			k.Step *= k.Root
			k.Root = 1
		}
		w, m, v := u.Param.Data(), u.Param.Slot("m", 0), u.Param.Slot("v", 0)
		spans(u, grad, func(d int, g []float32) {
			n := len(g)
			k.Run(w[d:d+n], m[d:d+n], v[d:d+n], g)
		})
	}
	return nil
}

// coefficients of one step of one parameter.
func (a *Adam) coefficients(p *learn.Param) cpu.AdamStep {
	t := float64(p.Updates)
	k := cpu.AdamStep{
		Step: float32(a.cfg.Rate / (1 - math.Pow(a.cfg.Beta1, t))),
		Root: float32(math.Sqrt(1 - math.Pow(a.cfg.Beta2, t))),
		Eps:  float32(a.cfg.Eps), Decay: float32(a.cfg.WeightDecay),
		Rate1: float32(1 - a.cfg.Beta1), Rate2: float32(1 - a.cfg.Beta2),
	}
	if p.Group == learn.GateGroup {
		k.Decay = 0
	}
	return k
}
