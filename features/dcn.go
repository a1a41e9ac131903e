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
	learn.Register(learn.Backbones, learn.Entry[DCNConfig, learn.Backbone]{
		Name:    "dcn",
		Summary: "Cross layers, which multiply the input in again and again, beside a multilayer perceptron.",
		Source:  "arXiv:1708.05123, eq. 3 (vector form)",
		Example: "{dim: 16, cross: 3, mlp: [256, 128]}",
		Default: DCNConfig{Dim: 16, MLP: []int{256, 128}, Cross: 3, Bias: true, Init: initNormal},
		Build: func(c DCNConfig) (learn.Backbone, error) {
			if err := c.Validate(); err != nil {
				return nil, err
			}
			return &DCN{cfg: c, bias: newBias(c.Bias)}, nil
		},
	})
}

// DCNConfig is the settings of DCN. `bias: false, init: xavier` is DCN as in the OptFS code.
type DCNConfig struct {
	Dim   int    `yaml:"dim" doc:"width of an embedding, >= 1"`
	MLP   []int  `yaml:"mlp" doc:"widths of the hidden layers (ReLU), each >= 1"`
	Cross int    `yaml:"cross" doc:"number of cross layers, >= 0"`
	Bias  bool   `yaml:"bias" doc:"whether the logit and the output layer have constant terms"`
	Init  string `yaml:"init" doc:"first embeddings: normal (deviation 0.01) or xavier (even in +-sqrt(6/(table rows + dim)))"`
}

// Validate checks the ranges.
func (c DCNConfig) Validate() error {
	return check.All(checkDim(c.Dim), checkMLP(c.MLP), check.Between("cross", c.Cross, 0, 64), checkInit(c.Init))
}

// DCN is the deep and cross network.
type DCN struct {
	cfg  DCNConfig
	bias *learn.Param
	w, b []*learn.Param // of the cross layers: [F*D, 1] and [F*D]
	mlp  *nn.MLP
	out  *nn.Linear
}

// Params returns the bias, the cross layers', the MLP's and the output's.
func (m *DCN) Params() []*learn.Param {
	return slices.Concat(present(m.bias), m.w, m.b, m.mlp.Params(), m.out.Params())
}

// Needs asks for embeddings.
func (m *DCN) Needs() learn.Needs {
	return learn.Needs{Dim: m.cfg.Dim, Xavier: m.cfg.Init == initXavier}
}

// Init makes the cross layers (w normal with deviation 0.01, b zero), the MLP and the output layer.
func (m *DCN) Init(fields int, seed uint64) error {
	n := fields * m.cfg.Dim
	m.w, m.b = nil, nil
	for i := range m.cfg.Cross {
		name := fmt.Sprintf("cross.%d", i)
		m.w = append(m.w, learn.NewParam(name+".weight", learn.Normal(seed, name, 0.01), n, 1))
		m.b = append(m.b, learn.NewParam(name+".bias", learn.Constant(0), n))
	}
	m.mlp = nn.NewMLP("mlp", n, m.cfg.MLP, seed)
	if m.cfg.Bias {
		m.out = nn.NewLinear("out", n+m.mlp.Width(), 1, seed)
	} else {
		m.out = nn.NewLinearNoBias("out", n+m.mlp.Width(), 1, seed)
	}
	return nil
}

// Forward returns b + out([x_L, mlp(x_0)]), where x_{l+1} = x_0 (w_l . x_l) + b_l + x_l.
//
//	result  float32 [B]
func (m *DCN) Forward(tp *autograd.Tape, f learn.Features) (*autograd.Var, error) {
	x0 := tp.Reshape(f.X, f.Rows, f.Fields*m.cfg.Dim) // [B, F*D]
	x := x0
	for i := range m.w {
		s := tp.MatMul(x, m.w[i].Var(tp)) // [B, 1]
		x = tp.Add(tp.Add(tp.Mul(x0, s), m.b[i].Var(tp)), x)
	}
	z := m.out.Forward(tp, tp.Concat(1, x, m.mlp.Forward(tp, x0))) // [B, 1]
	return addBias(tp, tp.Reshape(z, f.Rows), m.bias), nil
}
