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
	Alpha  float64 `yaml:"alpha" doc:"learning rate: a weight's rate is alpha / (beta + root of its sum of squared gradients), > 0; the lr of groups and the schedule change it"`
	Beta   float64 `yaml:"beta" doc:"keeps the first rates small, > 0"`
	L1     float64 `yaml:"l1" doc:"weight of the absolute values; makes weights zero, >= 0"`
	L2     float64 `yaml:"l2" doc:"weight of the squares, >= 0"`
	Shared `yaml:",inline"`
}

// Validate checks the ranges.
func (c FTRLConfig) Validate() error {
	return check.All(
		check.Positive("alpha", c.Alpha),
		check.Positive("beta", c.Beta),
		check.NotNegative("l1", c.L1),
		check.NotNegative("l2", c.L2),
		c.Shared.validate(false),
	)
}

// FTRL is the optimizer of the same name. A row that is not touched does not change, which is exact.
type FTRL struct {
	core
	cfg FTRLConfig
}

// NewFTRL makes the optimizer; its error lists every setting out of range.
func NewFTRL(c FTRLConfig) (*FTRL, error) {
	if err := c.Validate(); err != nil {
		return nil, err
	}
	base, err := newCore("ftrl", c.Alpha, 0, c.Shared)
	return &FTRL{base, c}, err
}

// Step moves each parameter:
//
//	sigma = (sqrt(n+g*g) - sqrt(n)) / alpha;  z += g - sigma*w;  n += g*g
//	w = 0 where |z| <= l1, else -(z - sign(z)*l1) / ((beta+sqrt(n))/alpha + l2)
//
// The published algorithm starts all weights at 0, where embeddings would stay for ever; so z starts at the value
// that makes the second line give the initial weight. For a weight that starts at 0 nothing differs.
func (f *FTRL) Step(updates []learn.Update) error {
	return f.each(updates, false, func(u update) {
		w, z, n := u.Param.Data(), u.Param.Slot("z", 0), u.Param.Slot("n", 0)
		u.spans(func(d int, g []float32) {
			e := d + len(g)
			f.run(float32(u.rate), w[d:e], z[d:e], n[d:e], g)
		})
	})
}

// run takes z of a weight that is not 0 from the weight: the second line of Step, solved for z, holds before and
// after a step, so z + sigma*w telescopes. That is the same where alpha is constant; where a schedule changes it,
// the rate of the last step needs no memory. A rate of 0 changes nothing.
func (f *FTRL) run(alpha float32, w, z, n, g []float32) {
	if alpha == 0 {
		return
	}
	beta, l1, l2 := float32(f.cfg.Beta), float32(f.cfg.L1), float32(f.cfg.L2)
	for i, gi := range g {
		if gi == 0 {
			continue
		}
		n[i] += float32(gi * gi)
		slope := (beta+sqrt32(n[i]))/alpha + l2
		if w[i] != 0 {
			z[i] = -float32(w[i]*slope) - signed(l1, w[i])
		}
		z[i] += gi
		if z[i] <= l1 && z[i] >= -l1 {
			w[i] = 0
		} else {
			w[i] = -(z[i] - signed(l1, z[i])) / slope
		}
	}
}

// signed is size with the sign of x.
func signed(size, x float32) float32 {
	if x < 0 {
		return -size
	}
	return size
}

func sqrt32(x float32) float32 { return float32(math.Sqrt(float64(x))) }
