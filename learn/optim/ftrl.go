package optim

import (
	"math"

	"github.com/sluice-stream/sluice/check"
	"github.com/sluice-stream/sluice/learn"
)

func init() {
	learn.Register(learn.Optimizers, learn.Entry[FTRLConfig, learn.Optimizer]{
		Name:    "ftrl",
		Summary: "Follow the regularized leader, proximal: AdaGrad's rates with an L1 that makes weights exactly zero.",
		Source:  "McMahan et al., KDD 2013, algorithm 1; deviation: a weight starts at its initial value",
		Example: "{alpha: 0.1, l1: 1}",
		Default: FTRLConfig{Alpha: 0.1, Beta: 1},
		Build:   func(c FTRLConfig) (learn.Optimizer, error) { return NewFTRL(c) },
	})
}

// FTRLConfig is the settings of FTRL.
type FTRLConfig struct {
	Alpha float64 `yaml:"alpha" doc:"learning rate: a weight's rate is alpha / (beta + root of its sum of squared gradients), > 0"`
	Beta  float64 `yaml:"beta" doc:"keeps the first rates small, > 0"`
	L1    float64 `yaml:"l1" doc:"weight of the absolute values; makes weights zero, >= 0"`
	L2    float64 `yaml:"l2" doc:"weight of the squares, >= 0"`
}

// Validate checks the ranges.
func (c FTRLConfig) Validate() error {
	return check.All(
		check.Positive("alpha", c.Alpha),
		check.Positive("beta", c.Beta),
		check.NotNegative("l1", c.L1),
		check.NotNegative("l2", c.L2),
	)
}

// FTRL is the optimizer of the same name. A row that is not touched does not change, which is exact.
type FTRL struct {
	cfg  FTRLConfig
	wide widen
}

// NewFTRL makes the optimizer; its error lists every setting out of range.
func NewFTRL(c FTRLConfig) (*FTRL, error) {
	if err := c.Validate(); err != nil {
		return nil, err
	}
	return &FTRL{cfg: c}, nil
}

// LR returns alpha.
func (f *FTRL) LR() float64 { return f.cfg.Alpha }

// Walk visits nothing: z and n live with the parameters.
func (f *FTRL) Walk(learn.Visitor) {}

// Step moves each parameter:
//
//	sigma = (sqrt(n+g*g) - sqrt(n)) / alpha;  z += g - sigma*w;  n += g*g
//	w = 0 where |z| <= l1, else -(z - sign(z)*l1) / ((beta+sqrt(n))/alpha + l2)
//
// The published algorithm starts all weights at 0, where embeddings would stay for ever; so z starts at the value
// that makes the second line give the initial weight. For a weight that starts at 0 nothing differs.
func (f *FTRL) Step(updates []learn.Update) error {
	for _, u := range updates {
		if err := checkUpdate("ftrl", u); err != nil {
			return err
		}
		grad := u.Grad
		if u.Param.Penalty != nil {
			grad, u.Rows = f.wide.whole(u), nil
		}
		w, z, n := u.Param.Data(), u.Param.Slot("z", 0), u.Param.Slot("n", 0)
		spans(u, grad, func(d int, g []float32) {
			e := d + len(g)
			f.run(w[d:e], z[d:e], n[d:e], g)
		})
		u.Param.Updates++
	}
	return nil
}

func (f *FTRL) run(w, z, n, g []float32) {
	alpha, beta := float32(f.cfg.Alpha), float32(f.cfg.Beta)
	l1, l2 := float32(f.cfg.L1), float32(f.cfg.L2)
	for i, gi := range g {
		if gi == 0 {
			continue
		}
		if n[i] == 0 && w[i] != 0 {
			z[i] = -w[i]*(beta/alpha+l2) - float32(math.Copysign(float64(l1), float64(w[i])))
		}
		root := sqrt32(n[i])
		n[i] += gi * gi
		after := sqrt32(n[i])
		z[i] += gi - (after-root)/alpha*w[i]
		if z[i] <= l1 && z[i] >= -l1 {
			w[i] = 0
		} else {
			w[i] = -(z[i] - float32(math.Copysign(float64(l1), float64(z[i])))) / ((beta+after)/alpha + l2)
		}
	}
}

func sqrt32(x float32) float32 { return float32(math.Sqrt(float64(x))) }
