package learn

import (
	"github.com/sluice-stream/sluice/internal/registry"
	"github.com/sluice-stream/sluice/tensorcore/autograd"
)

// Entry declares a method; see registry.Entry for its fields.
type Entry[C, T any] = registry.Entry[C, T]

// Choice is a setting that names one method of a role: {name: settings}.
type Choice[T any] = registry.Choice[T]

// Register adds a method; it is called from init.
func Register[C, T any](role *registry.Role[T], e Entry[C, T]) { registry.Register(role, e) }

// The roles of the tensor plane.
var (
	Backbones   = registry.NewRole[Backbone]("models", "Turn the embeddings of a row's features into one logit.")
	Gates       = registry.NewRole[Gate]("gates", "Decide which features stay in the model.")
	Optimizers  = registry.NewRole[Optimizer]("optimizers", "Turn gradients into new parameter values.")
	Schedules   = registry.NewRole[Schedule]("schedules", "Change the learning rate as training goes on.")
	Bucketizers = registry.NewRole[Bucketizer]("bucketizers", "Turn numbers into categories.")
)

// Groups of parameters beside GateGroup that the layers of package nn name; an optimizer may treat them apart.
const (
	BiasGroup = "bias" // what a layer adds to its product
	NormGroup = "norm" // scales and shifts of normalising layers
)

// Module is anything with parameters.
type Module interface{ Params() []*Param }

// Needs is what a backbone asks of the tables.
type Needs struct {
	Dim    int  // width D of the embedding table, 0 for none
	Linear bool // one first-order weight a feature
	Xavier bool // embeddings start even in +-sqrt(6/(table rows + D)); else normal with deviation 0.01
}

// Features is what a backbone sees of a batch.
type Features struct {
	Rows, Fields int
	X            *autograd.Var // [B, F, D] pooled and gated embeddings; nil when Dim is 0
	Linear       *autograd.Var // [B, F] pooled and gated first-order weights; nil unless asked for
}

// Backbone computes logits.
type Backbone interface {
	Module
	Needs() Needs
	// Init makes the parameters for F fields; seed fixes their first values.
	Init(fields int, seed uint64) error
	// Forward returns the logits [B].
	Forward(tp *autograd.Tape, f Features) (*autograd.Var, error)
}

// Gate multiplies features by a learned factor.
type Gate interface {
	Module
	// Init makes the parameters; Params' tables then grow with the vocabulary.
	Init(seed uint64) error
	// Apply returns x, one row a value (x [N, D] for N = ids.Values()), times the gate of each value.
	Apply(tp *autograd.Tape, x *autograd.Var, ids *IDs) (*autograd.Var, error)
	// Value returns the factor that table row `row` has now, and whether it is kept.
	Value(row int32) (gate float32, keep bool)
}

// RowGate is a gate whose factor depends on the table row alone; a step then gates each distinct row once,
// instead of each value.
type RowGate interface {
	Gate
	ByRow()
}

// OwnOptimizer is a gate that trains its parameters with an optimizer of its own. lr is that of the weights'
// optimizer, the default.
type OwnOptimizer interface {
	Optimizer(lr float64) (Optimizer, error)
}

// Plan is how a Selector wants to be trained.
type Plan struct {
	Epochs        int    // search epochs T >= 2
	RewindEpoch   int    // epoch before whose training the weights to retrain from are kept
	Schedule      string // epoch: a search epoch is a pass over the data; step: it is StepsPerEpoch batches; auto: epoch in batch mode, step on a stream
	StepsPerEpoch int    // batches of a search epoch by steps
	RetrainEpochs int    // most epochs of retraining
	Patience      int    // retraining stops after so many epochs without a better validation AUC
	Retrain       string // where retraining starts: rewind, random or winning (the searched weights)
}

// Selector is a gate that searches first and then holds a hard mask.
type Selector interface {
	Gate
	Stateful
	Plan() Plan
	// Search begins search epoch `epoch`, 0 .. T-1, of `batches` batches.
	Search(epoch, batches int)
	// Harden ends the search: from now on the factor is the ticket, and is not trained.
	Harden()
	Hard() bool // whether the mask is fixed
	// Trained is called after each batch that was trained on online; the gate moves on with its search by itself.
	Trained()
	// Provisional says that the row came after the mask was fixed: it is kept until the next search.
	Provisional(row int32) bool
	Tau() float64       // temperature now, for metrics
	Saturated() float64 // share of gates whose gradient is exactly 0 in float32
}

// Update is the gradient of one parameter.
type Update struct {
	Param *Param
	Rows  []int32   // distinct rows that Grad is for, in order; nil: the whole parameter
	Grad  []float32 // len(Rows)*Width or len(Data)
}

// Optimizer changes parameters. Its memory lives in their slots and in Param.Updates, so that Param.ForgetSlots
// makes it new; what else it keeps, Walk visits.
type Optimizer interface {
	Stateful
	// Step applies one batch's updates; each parameter appears at most once.
	Step(updates []Update) error
	// LR returns the learning rate.
	LR() float64
}

// Bucketizer turns a column of numbers into categories. It may learn from what it sees, and then has state.
type Bucketizer interface {
	Stateful
	// Bucketize writes the category of each x into out. NaN and the infinities are values of their own that the
	// caller has taken out already.
	Bucketize(x []float64, out []int64)
}
