package features

import (
	"fmt"
	"slices"

	"github.com/sluice-stream/sluice/check"
	"github.com/sluice-stream/sluice/learn"
	"github.com/sluice-stream/sluice/learn/nn"
	"github.com/sluice-stream/sluice/tensorcore/autograd"
)

func init() {
	learn.Register(learn.Backbones, learn.Entry[DeepFMConfig, learn.Backbone]{
		Name:    "deepfm",
		Summary: "A factorization machine and a multilayer perceptron over the same embeddings, added.",
		Source:  "arXiv:1703.04247",
		Example: "{dim: 16, mlp: [256, 128]}",
		Default: DeepFMConfig{Dim: 16, MLP: []int{256, 128}, Linear: true, Bias: true, Init: initNormal},
		Build: func(c DeepFMConfig) (learn.Backbone, error) {
			if err := c.Validate(); err != nil {
				return nil, err
			}
			return &DeepFM{cfg: c, bias: newBias(c.Bias)}, nil
		},
	})
}

// DeepFMConfig is the settings of DeepFM. `linear: false, bias: false, init: xavier` is DeepFM as in the OptFS code.
type DeepFMConfig struct {
	Dim    int    `yaml:"dim" doc:"width of an embedding, >= 1"`
	MLP    []int  `yaml:"mlp" doc:"widths of the hidden layers (ReLU), each >= 1; then one output"`
	Linear bool   `yaml:"linear" doc:"whether each feature also has a first-order weight"`
	Bias   bool   `yaml:"bias" doc:"whether the logit has a constant term beside the output layer's"`
	Init   string `yaml:"init" doc:"first embeddings: normal (deviation 0.01) or xavier (even in +-sqrt(6/(table rows + dim)))"`
}

// Validate checks the ranges.
func (c DeepFMConfig) Validate() error {
	return check.All(checkDim(c.Dim), checkMLP(c.MLP), checkInit(c.Init))
}

func checkMLP(widths []int) error {
	var bad []error
	for i, w := range widths {
		bad = append(bad, check.Between(fmt.Sprintf("mlp[%d]", i), w, 1, 1<<16))
	}
	return check.All(bad...)
}

// DeepFM is FM plus an MLP on the flattened embeddings.
type DeepFM struct {
	cfg  DeepFMConfig
	bias *learn.Param
	mlp  *nn.MLP
	out  *nn.Linear
}

// Params returns the bias and the MLP's.
func (m *DeepFM) Params() []*learn.Param {
	return slices.Concat(present(m.bias), m.mlp.Params(), m.out.Params())
}

// Needs asks for embeddings and, unless switched off, first-order weights.
func (m *DeepFM) Needs() learn.Needs {
	return learn.Needs{Dim: m.cfg.Dim, Linear: m.cfg.Linear, Xavier: m.cfg.Init == initXavier}
}

// Init makes the MLP for F*D inputs.
func (m *DeepFM) Init(fields int, seed uint64) error {
	m.mlp = nn.NewMLP("mlp", fields*m.cfg.Dim, m.cfg.MLP, seed)
	m.out = nn.NewLinear("out", m.mlp.Width(), 1, seed)
	return nil
}

// Forward returns b + the sum of first-order weights + the pair term + the MLP's output.
//
//	result  float32 [B]
func (m *DeepFM) Forward(tp *autograd.Tape, f learn.Features) (*autograd.Var, error) {
	flat := tp.Reshape(f.X, f.Rows, f.Fields*m.cfg.Dim)
	deep := m.out.Forward(tp, m.mlp.Forward(tp, flat)) // [B, 1]
	z := tp.Add(pairs(tp, f.X), tp.Reshape(deep, f.Rows))
	if f.Linear != nil {
		z = tp.Add(z, tp.Sum(f.Linear, 1))
	}
	return addBias(tp, z, m.bias), nil
}
