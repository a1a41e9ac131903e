package features

import (
	"github.com/sluice-stream/sluice/check"
	"github.com/sluice-stream/sluice/learn"
	"github.com/sluice-stream/sluice/tensorcore/autograd"
)

func init() {
	learn.Register(learn.Backbones, learn.Entry[FMConfig, learn.Backbone]{
		Name:    "fm",
		Summary: "Factorization machine: the sum of the inner products of all pairs of embeddings.",
		Source:  "Rendle 2010, eq. 1 and lemma 3.1",
		Example: "{dim: 16}",
		Default: FMConfig{Dim: 16, Linear: true, Bias: true, Init: initNormal},
		Build: func(c FMConfig) (learn.Backbone, error) {
			if err := c.Validate(); err != nil {
				return nil, err
			}
			return &FM{cfg: c, bias: newBias(c.Bias)}, nil
		},
	})
}

// FMConfig is the settings of FM. `linear: false, bias: false, init: xavier` is FM as in the OptFS code.
type FMConfig struct {
	Dim    int    `yaml:"dim" doc:"width of an embedding, >= 1"`
	Linear bool   `yaml:"linear" doc:"whether each feature also has a first-order weight"`
	Bias   bool   `yaml:"bias" doc:"whether the logit has a constant term"`
	Init   string `yaml:"init" doc:"first embeddings: normal (deviation 0.01) or xavier (even in +-sqrt(6/(table rows + dim)))"`
}

// Validate checks the ranges.
func (c FMConfig) Validate() error {
	return check.All(checkDim(c.Dim), checkInit(c.Init))
}

const (
	initNormal = "normal"
	initXavier = "xavier"
)

func checkDim(d int) error     { return check.Between("dim", d, 1, 4096) }
func checkInit(s string) error { return check.OneOf("init", s, initNormal, initXavier) }

// FM is a factorization machine of second order.
type FM struct {
	cfg  FMConfig
	bias *learn.Param
}

// Params returns the bias, if any.
func (m *FM) Params() []*learn.Param { return present(m.bias) }

// Needs asks for embeddings and, unless switched off, first-order weights.
func (m *FM) Needs() learn.Needs {
	return learn.Needs{Dim: m.cfg.Dim, Linear: m.cfg.Linear, Xavier: m.cfg.Init == initXavier}
}

// Init has nothing to make.
func (m *FM) Init(int, uint64) error { return nil }

// Forward returns b + the sum of first-order weights + the pair term.
//
//	result  float32 [B]
func (m *FM) Forward(tp *autograd.Tape, f learn.Features) (*autograd.Var, error) {
	z := pairs(tp, f.X)
	if f.Linear != nil {
		z = tp.Add(z, tp.Sum(f.Linear, 1))
	}
	return addBias(tp, z, m.bias), nil
}

// pairs is the sum over f < g of <x_f, x_g>, as half of (sum_f x)^2 - sum_f x^2 summed over dimensions.
//
//	x       [B, F, D]
//	result  [B]
func pairs(tp *autograd.Tape, x *autograd.Var) *autograd.Var {
	squareOfSum := tp.Sum(tp.Square(tp.Sum(x, 1)), 1) // [B]
	sumOfSquares := tp.Sum(tp.Square(x), 1, 2)        // [B]
	return tp.Scale(tp.Sub(squareOfSum, sumOfSquares), 0.5)
}
