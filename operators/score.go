package operators

import (
	"context"
	"fmt"

	"github.com/apache/arrow/go/v17/arrow"

	"github.com/sluice-stream/sluice/check"
	"github.com/sluice-stream/sluice/flow"
	"github.com/sluice-stream/sluice/learn"
)

func init() {
	flow.Register(flow.Operators, flow.Entry[ScoreConfig, flow.Operator]{
		Name:    "score",
		Summary: "Predicts with the model that an earlier run of train left in its checkpoint; learns nothing.",
		Example: "{model: out/checkpoint}",
		Default: ScoreConfig{Output: "score"},
		Build:   func(c ScoreConfig) (flow.Operator, error) { return NewScore(c) },
	})
}

// ScoreConfig is the settings of score.
type ScoreConfig struct {
	Model    string `yaml:"model" doc:"checkpoint folder of the pipeline that trained; its newest checkpoint is used"`
	Operator string `yaml:"operator" doc:"which train operator's model, such as operator.1.train; needed where the pipeline has several"`
	Output   string `yaml:"output" doc:"name of the column with the predicted probability"`
}

// Validate checks the settings.
func (c ScoreConfig) Validate() error {
	return check.All(check.Required("model", c.Model), check.Required("output", c.Output))
}

// Score is the operator. Values that the model does not know share their field's embedding for unknown values. The
// model is read when a run begins; a run that goes on after a stop wants the same one.
type Score struct {
	origin
	saved saved
	conf  ScoreConfig
	env   flow.Env
	out   *arrow.Schema
	batch learn.Batch
	p     []float32
}

// NewScore checks the settings; Open reads the model.
func NewScore(c ScoreConfig) (*Score, error) { return &Score{conf: c}, c.Validate() }

// Open reads the model.
func (s *Score) Open(_ context.Context, env flow.Env) error {
	var err error
	s.env = env
	s.origin, err = s.saved.load(s.conf.Model, s.conf.Operator)
	return err
}

// Bind finds the model's fields; a label is not needed.
func (s *Score) Bind(in *arrow.Schema) (*arrow.Schema, error) {
	out, err := appended(in, "output", arrow.Field{Name: s.conf.Output, Type: arrow.PrimitiveTypes.Float32})
	s.out = out
	return out, check.All(check.Under("model", s.saved.enc.Bind(in)), err)
}

// Process appends the predictions.
func (s *Score) Process(_ context.Context, rec arrow.Record, emit flow.Emit) error {
	s.p = room(s.p, int(rec.NumRows()))
	if err := s.saved.predict(rec, &s.batch, s.p); err != nil {
		return fmt.Errorf("score: %w", err)
	}
	col := floatColumn(s.env, s.p)
	out := withColumns(s.out, rec, col)
	col.Release()
	defer out.Release()
	return emit(out)
}
