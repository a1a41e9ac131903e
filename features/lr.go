package features

import (
	"github.com/sluice-stream/sluice/learn"
	"github.com/sluice-stream/sluice/tensorcore/autograd"
)

func init() {
	learn.Register(learn.Backbones, learn.Entry[LRConfig, learn.Backbone]{
		Name:    "lr",
		Summary: "Logistic regression: one weight a feature.",
		Source:  "the linear part of Rendle 2010, eq. 1",
		Example: "{}",
		Default: LRConfig{Bias: true},
		Build:   func(c LRConfig) (learn.Backbone, error) { return &LR{bias: newBias(c.Bias)}, nil },
	})
}

// LRConfig is the settings of LR.
type LRConfig struct {
	Bias bool `yaml:"bias" doc:"whether the logit has a constant term"`
}

// LR is logistic regression.
type LR struct{ bias *learn.Param }

// Params returns the bias, if any.
func (l *LR) Params() []*learn.Param { return present(l.bias) }

// Needs asks for first-order weights only.
func (l *LR) Needs() learn.Needs { return learn.Needs{Linear: true} }

// Init has nothing to make.
func (l *LR) Init(int, uint64) error { return nil }

// Forward returns b + sum of the weights.
//
//	result  float32 [B]
func (l *LR) Forward(tp *autograd.Tape, f learn.Features) (*autograd.Var, error) {
	return addBias(tp, tp.Sum(f.Linear, 1), l.bias), nil
}

// newBias makes the constant term of a model, 0 at first; nil when it has none.
func newBias(has bool) *learn.Param {
	if !has {
		return nil
	}
	return learn.NewParam("bias", learn.Constant(0), 1)
}

func addBias(tp *autograd.Tape, z *autograd.Var, bias *learn.Param) *autograd.Var {
	if bias == nil {
		return z
	}
	return tp.Add(z, bias.Var(tp))
}

// present drops the params that a model does not have.
func present(ps ...*learn.Param) []*learn.Param {
	var out []*learn.Param
	for _, p := range ps {
		if p != nil {
			out = append(out, p)
		}
	}
	return out
}
