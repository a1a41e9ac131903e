package features

import (
	"github.com/sluice-stream/sluice/check"
	"github.com/sluice-stream/sluice/learn"
	"github.com/sluice-stream/sluice/learn/optim"
	"github.com/sluice-stream/sluice/tensorcore"
	"github.com/sluice-stream/sluice/tensorcore/autograd"
)

func init() {
	learn.Register(learn.Gates, learn.Entry[OptFSConfig, learn.Gate]{
		Name:    "optfs",
		Summary: "One gate a feature value, driven to 0 or 1 by a rising temperature; survivors are trained again.",
		Source:  "arXiv:2301.10909 and its official code (tau and ticket scale as in the code)",
		Example: "{lambda: 1e-4, final_temp: 200, lr: 0.01}",
		Default: DefaultOptFS(),
		Build:   func(c OptFSConfig) (learn.Gate, error) { return NewOptFS(c) },
	})
}

// OptFSConfig is the settings of OptFS.
type OptFSConfig struct {
	Start       float64       `yaml:"init" doc:"raw value gc that every gate starts at, > 0; a gate is kept while gc > 0"`
	Lambda      float64       `yaml:"lambda" doc:"weight of the penalty, the sum of sigmoid(tau*gc) over the whole table, >= 0; 1e-9 to 1e-8 for millions of values, 1e-4 for thousands"`
	LambdaUnit  string        `yaml:"lambda_unit" doc:"raw: every batch pays lambda (as published); per_batch: every batch pays lambda divided by the batches of a search epoch"`
	FinalTemp   float64       `yaml:"final_temp" doc:"temperature tau of the last search epoch, >= 1; it rises to it by equal factors"`
	Rate        float64       `yaml:"lr" doc:"learning rate of the gates' own Adam; 0: the optimizer's. A gate moves at most about lr a step, so dropping anything takes init/lr steps: raise it for small data"`
	TicketScale string        `yaml:"ticket_scale" doc:"what multiplies survivors after the search: code (1/sigmoid(init), as published code) or unit (1)"`
	Search      SearchConfig  `yaml:"search" doc:"the first stage"`
	Retrain     RetrainConfig `yaml:"retrain" doc:"the second stage, in batch mode"`
}

// SearchConfig is the settings of the search stage.
type SearchConfig struct {
	Epochs        int    `yaml:"epochs" doc:"search epochs T, >= 2"`
	RewindEpoch   int    `yaml:"rewind_epoch" doc:"the weights as they stand before this epoch are what retraining starts from, 0 to epochs-1"`
	Schedule      string `yaml:"schedule" doc:"epoch: an epoch is a pass over the data; step: it is steps_per_epoch batches; auto: epoch in batch mode, step on a stream"`
	StepsPerEpoch int    `yaml:"steps_per_epoch" doc:"batches of an epoch of a search by steps, >= 1; epochs*steps_per_epoch*lr should be well above init"`
}

// RetrainConfig is the settings of the retraining stage. A stream has none: it goes on with hard gates.
type RetrainConfig struct {
	Epochs   int    `yaml:"epochs" doc:"most epochs, >= 1"`
	Patience int    `yaml:"patience" doc:"stop after so many epochs without a better validation AUC, >= 1"`
	Init     string `yaml:"init" doc:"where weights start: rewind (rewind_epoch), random (drawn anew) or winning (as searched)"`
}

// DefaultOptFS is the published settings where they do not depend on the data.
func DefaultOptFS() OptFSConfig {
	return OptFSConfig{
		Start: 0.5, Lambda: 1e-4, LambdaUnit: "raw", FinalTemp: 200, TicketScale: "code",
		Search:  SearchConfig{Epochs: 10, RewindEpoch: 1, Schedule: "auto", StepsPerEpoch: 100},
		Retrain: RetrainConfig{Epochs: 20, Patience: 1, Init: "rewind"},
	}
}

// Validate checks the ranges.
func (c OptFSConfig) Validate() error {
	return check.All(
		check.Positive("init", c.Start),
		check.NotNegative("lambda", c.Lambda),
		check.OneOf("lambda_unit", c.LambdaUnit, "raw", "per_batch"),
		check.AtLeast("final_temp", c.FinalTemp, 1),
		check.NotNegative("lr", c.Rate),
		check.OneOf("ticket_scale", c.TicketScale, "code", "unit"),
		check.AtLeast("search.epochs", c.Search.Epochs, 2),
		check.Between("search.rewind_epoch", c.Search.RewindEpoch, 0, max(c.Search.Epochs-1, 0)),
		check.OneOf("search.schedule", c.Search.Schedule, "auto", "epoch", "step"),
		check.AtLeast("search.steps_per_epoch", c.Search.StepsPerEpoch, 1),
		check.AtLeast("retrain.epochs", c.Retrain.Epochs, 1),
		check.AtLeast("retrain.patience", c.Retrain.Patience, 1),
		check.OneOf("retrain.init", c.Retrain.Init, "rewind", "random", "winning"),
	)
}

// OptFS is a learned gate for every row of the tables: sigmoid(tau*gc)/sigmoid(init) while it searches, 1[gc > 0]
// times the ticket scale once it is hard. At the start every gate is 1 and the model is the plain one.
type OptFS struct {
	cfg  OptFSConfig
	gc   *learn.Param // [rows, 1]
	norm float64      // sigmoid(init)
	optfsStage
}

// NewOptFS makes the gate; its error lists every setting out of range.
func NewOptFS(c OptFSConfig) (*OptFS, error) {
	if err := c.Validate(); err != nil {
		return nil, err
	}
	g := &OptFS{cfg: c, norm: sigmoid(c.Start)}
	return g, g.Init(0)
}

// Init makes the gates; they start equal, so the seed does not matter.
func (g *OptFS) Init(uint64) error {
	g.gc = learn.NewTable("optfs.gate", 1, learn.Constant(float32(g.cfg.Start)))
	g.gc.Group = learn.GateGroup
	g.Search(0, g.cfg.Search.StepsPerEpoch)
	return nil
}

// Params returns the raw gates.
func (g *OptFS) Params() []*learn.Param { return []*learn.Param{g.gc} }

// ByRow says that a gate depends on its row alone.
func (g *OptFS) ByRow() {}

// Optimizer returns the gates' own Adam: dense by the penalty, without weight decay.
func (g *OptFS) Optimizer(lr float64) (learn.Optimizer, error) {
	c := optim.DefaultAdam()
	c.Rate = lr
	if g.cfg.Rate > 0 {
		c.Rate = g.cfg.Rate
	}
	return optim.NewAdam(c)
}

// Apply multiplies each value by its gate.
//
//	x       [N, D], N = ids.Values()
//	result  [N, D]
func (g *OptFS) Apply(tp *autograd.Tape, x *autograd.Var, ids *learn.IDs) (*autograd.Var, error) {
	f := g.factors(tp, ids.Distinct()) // [U, 1]
	if ids.Inverse != nil {
		f = tp.Gather(f, ids.Inverse)
	}
	return tp.Mul(x, f), tp.Err()
}

func (g *OptFS) factors(tp *autograd.Tape, ids *learn.IDs) *autograd.Var {
	if g.hard {
		f := make([]float32, len(ids.Unique))
		for i, r := range ids.Unique {
			f[i], _ = g.Value(r)
		}
		return tp.Const(tensorcore.NewFloat32([]int{len(f), 1}, f))
	}
	raw := g.gc.Lookup(tp, ids)
	tau := g.Tau()
	var value *autograd.Var
	tp.NoGrad(func() {
		// divided by the same kernel's sigmoid, a gate at its start is 1 to the bit
		value = tp.Div(tp.Sigmoid(tp.Scale(raw, tau)), tp.Sigmoid(tp.Fill(g.cfg.Start, 1)))
	})
	if tp.Err() != nil {
		return value
	}
	return tp.Custom("optfs", []*autograd.Var{raw}, value.Value(), func(tp *autograd.Tape, grad *autograd.Var) []*autograd.Var {
		z := tp.Scale(raw, tau)
		slope := tp.Mul(tp.Sigmoid(z), tp.Sigmoid(tp.Neg(z))) // h(1-h), without the cancellation of 1-h near 1
		return []*autograd.Var{tp.Scale(tp.Mul(grad, slope), tau/g.norm)}
	})
}

// Value returns the factor of a table row, and whether gc > 0.
func (g *OptFS) Value(row int32) (gate float32, keep bool) {
	raw := float32(g.cfg.Start) // a row that no batch has brought yet
	if int(row) < g.gc.Rows() {
		raw = g.gc.Row(row)[0]
	}
	keep = raw > 0
	if !g.hard {
		return float32(sigmoid(g.Tau()*float64(raw)) / g.norm), keep
	}
	switch {
	case !keep:
		return 0, false
	case g.cfg.TicketScale == "unit":
		return 1, true
	}
	return float32(1 / g.norm), true
}

// Raw returns gc of a table row.
func (g *OptFS) Raw(row int32) float32 { return g.gc.Row(row)[0] }

// Saturated returns the share of gates whose slope is exactly 0 in float32: they can move no more.
func (g *OptFS) Saturated() float64 {
	n := 0
	for _, v := range g.gc.Data() {
		if float32(slope(g.Tau()*float64(v))) == 0 {
			n++
		}
	}
	return float64(n) / float64(max(g.gc.Rows(), 1))
}
