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
	Bucketizers = registry.NewRole[Bucketizer]("bucketizers", "Turn numbers into categories.")
)

// Module is anything with parameters.
type Module interface{ Params() []*Param }

// Needs is what a backbone asks of the tables.
type Needs struct {
	Dim    int  // width D of the embedding table, 0 for none
	Linear bool // one first-order weight a feature
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
	// Apply returns x, one row a value (x [N, D] for N = len(ids.Inverse)), times the gate of each value.
	Apply(tp *autograd.Tape, x *autograd.Var, ids *IDs) (*autograd.Var, error)
	// Value returns the factor that table row `row` has now, and whether it is kept.
	Value(row int32) (gate float32, keep bool)
}

// Selector is a gate that searches first and then holds a hard mask.
type Selector interface {
	Gate
	Stateful
	Epochs() int        // search epochs T >= 2
	RewindEpoch() int   // epoch before whose training the weights to retrain from are kept
	Search(epoch int)   // begin search epoch 0 .. T-1
	Harden()            // end the search: from now on the factor is the ticket, and is not trained
	Hard() bool         // whether the mask is fixed
	StepsPerEpoch() int // online: batches a virtual epoch; 0: no schedule by steps
	Tau() float64       // temperature now, for metrics
	Saturated() float64 // share of gates whose gradient is exactly 0 in float32
}

// Update is the gradient of one parameter.
type Update struct {
	Param *Param
	Rows  []int32   // distinct rows that Grad is for, in order; nil: the whole parameter
	Grad  []float32 // len(Rows)*Width or len(Data)
}

// Optimizer changes parameters. Its memory lives in their slots; what else it keeps, Walk visits.
type Optimizer interface {
	Stateful
	// Step applies one batch's updates; each parameter appears at most once.
	Step(updates []Update) error
	// Reset forgets the step count, as a new optimizer does; the slots are the parameters'.
	Reset()
}

// Bucketizer turns a column of numbers into categories. It may learn from what it sees, and then has state.
type Bucketizer interface {
	Stateful
	// Bucketize writes the category of each x into out. NaN and the infinities are values of their own that the
	// caller has taken out already.
	Bucketize(x []float64, out []int64)
}
