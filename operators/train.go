package operators

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/apache/arrow/go/v17/arrow"
	"github.com/zeebo/xxh3"

	"github.com/sluice-stream/sluice/check"
	"github.com/sluice-stream/sluice/features"
	"github.com/sluice-stream/sluice/flow"
	"github.com/sluice-stream/sluice/internal/registry"
	"github.com/sluice-stream/sluice/learn"
	"github.com/sluice-stream/sluice/learn/eval"
	_ "github.com/sluice-stream/sluice/learn/optim" // the default optimizer
)

func init() {
	flow.Register(flow.Operators, flow.Entry[TrainConfig, flow.Operator]{
		Name:    "train",
		Summary: "Predicts each row's label, then learns from it; with epochs, learns from a bounded input in many passes.",
		Example: "{label: click, fields: {categorical: [user, item]}, model: {deepfm: {dim: 8, mlp: [16]}}}",
		Default: DefaultTrain(),
		Build:   func(c TrainConfig) (flow.Operator, error) { return NewTrain(c) },
	})
}

// TrainConfig is the settings of train.
type TrainConfig struct {
	Label     string                        `yaml:"label" doc:"column to predict: bool, or 0 and 1; a row without it is scored and not learned"`
	Fields    features.FieldsConfig         `yaml:"fields" doc:"columns that predict it"`
	Model     learn.Choice[learn.Backbone]  `yaml:"model" doc:"what turns the embeddings of a row's features into a probability"`
	Gate      learn.Choice[learn.Gate]      `yaml:"gate" doc:"what decides which features stay; not given: all do"`
	Optimizer learn.Choice[learn.Optimizer] `yaml:"optimizer" doc:"what turns gradients into new weights"`
	Batch     int                           `yaml:"batch" doc:"rows of a training batch, >= 1"`
	Update    string                        `yaml:"update" doc:"batch: predict a batch, then learn it; row: predict a row, then learn it, one after the other"`
	Epochs    EpochsConfig                  `yaml:"epochs" doc:"batch mode, for bounded inputs: max passes over the rows, with splits and early stopping; not given: online, one pass"`
	Output    string                        `yaml:"output" doc:"name of the column with the predicted probability"`
	Window    int                           `yaml:"window" doc:"newest rows that the windowed metrics look at, >= 1"`
	Delayed   *DelayedConfig                `yaml:"delayed" doc:"for rows that come twice, as from the source label_join: once when they happen, and again (_matured true) with their label"`
}

// DefaultTrain is every setting that has a default.
func DefaultTrain() TrainConfig {
	return TrainConfig{Fields: features.DefaultFields(), Optimizer: registry.Pick[learn.Optimizer]("adam"), Batch: 512, Update: "batch",
		Epochs: EpochsConfig{usualFit()}, Output: "score", Window: 10000}
}

// batchMode says that epochs are wanted.
func (c TrainConfig) batchMode() bool { return c.Epochs.Epochs > 0 }

// Validate reports settings that no input could meet.
func (c TrainConfig) Validate() error {
	checks := []error{
		check.Required("label", c.Label),
		check.Under("fields", c.Fields.Validate()),
		check.That(!c.Model.IsZero(), "model", "a model such as {deepfm: {dim: 16}}", "nothing"),
		check.That(!c.Optimizer.IsZero(), "optimizer", "an optimizer such as {adam: {lr: 1e-3}}", "nothing"),
		check.AtLeast("batch", c.Batch, 1),
		check.OneOf("update", c.Update, "batch", "row"),
		check.Required("output", c.Output),
		check.AtLeast("window", c.Window, 1),
	}
	if c.Update == "row" && !c.Gate.IsZero() {
		checks = append(checks, check.Violation{Key: "update", Want: "batch with a gate", Got: "row", Hint: "a gate's penalty is paid by the batch; leave the gate out or update by batch"})
	}
	if c.Update == "row" && c.batchMode() {
		checks = append(checks, check.Violation{Key: "update", Want: "batch with epochs", Got: "row", Hint: "leave epochs out for the online learner"})
	}
	for _, name := range c.Fields.Columns() {
		checks = append(checks, check.That(name != c.Label || name == "", "fields", "columns other than the label", name))
	}
	return check.All(checks...)
}

// model returns the part of the settings that the model is made of.
func (c TrainConfig) model() features.CTRConfig {
	return features.CTRConfig{Model: c.Model, Gate: c.Gate, Optimizer: c.Optimizer}
}

// Train is the operator. Online it holds back rows until their batch is full, so that records leave it later
// than they came, in the same order; a barrier trains on what is held as a smaller batch.
type Train struct {
	learner
	env     flow.Env
	out     *arrow.Schema
	label   int // column
	labels  []float32
	online  online
	delayed *delayed // rows come twice; nil: once
	fitting fitting
	metrics *eval.Prequential
	trained int64
	blank   int64 // rows without a label
}

// NewTrain checks the settings; the model is made by Open, which knows the seed.
func NewTrain(c TrainConfig) (*Train, error) {
	if err := c.Validate(); err != nil {
		return nil, err
	}
	t := &Train{learner: learner{cfg: c}, metrics: eval.NewPrequential(c.Window)}
	if err := t.build(); err != nil {
		return nil, err
	}
	t.fitting.phase = t.firstPhase()
	return t, t.checkSchedule()
}

// checkSchedule refuses a search by epochs on a stream, which has none.
func (t *Train) checkSchedule() error {
	s, ok := t.ctr.Gate().(learn.Selector)
	if !ok || t.cfg.batchMode() || s.Plan().Schedule != "epoch" {
		return nil
	}
	return check.Violation{Key: "gate." + t.cfg.Gate.Name() + ".search.schedule", Want: "step or auto on a stream", Got: "epoch",
		Hint: "give epochs, for batch mode, or search by steps"}
}

// Open takes the allocator, the seed and the place for rows that cannot be used.
func (t *Train) Open(_ context.Context, env flow.Env) error {
	t.env = env
	t.seed = xxh3.HashStringSeed("train", env.Seed)
	return t.build()
}

// Bind finds the label and the fields, and appends the score and, in batch mode, the split.
func (t *Train) Bind(in *arrow.Schema) (*arrow.Schema, error) {
	var errs []error
	if at := in.FieldIndices(t.cfg.Label); len(at) == 0 {
		var names []string
		for _, f := range in.Fields() {
			names = append(names, f.Name)
		}
		errs = append(errs, check.Violation{Key: "label", Want: "a column of the input", Got: t.cfg.Label, Hint: nearOr(t.cfg.Label, names)})
	} else if t.label = at[0]; !labelType(in.Field(t.label).Type) {
		errs = append(errs, check.Violation{Key: "label", Want: "a column of bool or numbers", Got: in.Field(t.label).Type.String(),
			Hint: "derive one first, such as " + t.cfg.Label + "_is: " + t.cfg.Label + ` == "yes"`})
	}
	errs = append(errs, check.Under("fields", t.enc.Bind(in)), t.bindDelayed(in))
	added := []arrow.Field{{Name: t.cfg.Output, Type: arrow.PrimitiveTypes.Float32, Nullable: t.delayed != nil}}
	if t.cfg.batchMode() {
		added = append(added, arrow.Field{Name: splitColumn, Type: arrow.BinaryTypes.String, Nullable: true})
	}
	var err error
	t.out, err = appended(in, "output", added...)
	return t.out, check.All(append(errs, err)...)
}

// nearOr suggests the name that was meant, or else shows all of them.
func nearOr(name string, names []string) string {
	if hint := check.DidYouMean(name, names); hint != "" {
		return hint
	}
	return "columns: " + strings.Join(names, ", ")
}

// appended returns in with more fields; one whose name is taken is a violation at key.
func appended(in *arrow.Schema, key string, added ...arrow.Field) (*arrow.Schema, error) {
	var errs []error
	for _, f := range added {
		if in.HasField(f.Name) {
			errs = append(errs, check.Violation{Key: key, Want: "a name that the input does not have", Got: f.Name, Hint: "rename or drop that column first"})
		}
	}
	meta := in.Metadata()
	return arrow.NewSchema(append(in.Fields(), added...), &meta), check.All(errs...)
}

// Process scores and learns online; in batch mode what it does depends on the pass.
func (t *Train) Process(ctx context.Context, rec arrow.Record, emit flow.Emit) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	var err error
	switch {
	case t.cfg.batchMode():
		err = t.passOver(rec, emit)
	case t.delayed != nil:
		err = t.usable(rec, true, func(r arrow.Record, labels []float32) error { return t.feedDelayed(r, labels, emit) })
	default:
		err = t.usable(rec, true, func(r arrow.Record, labels []float32) error { return t.feed(r, labels, emit) })
	}
	return t.classed(err)
}

// Flush trains on what is held as a smaller batch and emits it. Of rows that come twice it predicts what is held; what
// is learned waits for its whole batch.
func (t *Train) Flush(_ context.Context, emit flow.Emit) error {
	if t.delayed != nil {
		return t.classed(t.stepDelayed(emit))
	}
	return t.classed(t.step(emit))
}

// Close lets go of what is held when a run ends early.
func (t *Train) Close() error {
	t.online.drop()
	return nil
}

// classed lets go of what is held when the operator fails, and gives errors of the model the class of settings.
func (t *Train) classed(err error) error {
	if err == nil {
		return nil
	}
	t.online.drop()
	var vs check.Violation
	if errors.As(err, &vs) {
		return flow.Configf("train: %w", err)
	}
	return fmt.Errorf("train: %w", err)
}
