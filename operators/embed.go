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
	flow.Register(flow.Operators, flow.Entry[EmbedConfig, flow.Operator]{
		Name:    "embed",
		Summary: "Appends to each row the gated embeddings of its features, from the model of an earlier run of train.",
		Example: "{model: out/checkpoint}",
		Default: EmbedConfig{Column: "embedding", Pool: "concat"},
		Build:   func(c EmbedConfig) (flow.Operator, error) { return NewEmbed(c) },
	})
}

// EmbedConfig is the settings of embed.
type EmbedConfig struct {
	Model    string `yaml:"model" doc:"checkpoint folder of the pipeline that trained; its newest checkpoint is used"`
	Operator string `yaml:"operator" doc:"which train operator's model, such as operator.1.train; needed where the pipeline has several"`
	Column   string `yaml:"column" doc:"name of the column with the embedding"`
	Pool     string `yaml:"pool" doc:"how the embeddings of the F fields, D wide, become one: concat (F*D values) or sum (D values)"`
}

// Validate checks the settings.
func (c EmbedConfig) Validate() error {
	return check.All(check.Required("model", c.Model), check.Required("column", c.Column), check.OneOf("pool", c.Pool, "concat", "sum"))
}

// Embed is the operator. The lists of a row are pooled as in training, an empty one is zeros; what a gate has
// dropped is zeros too.
type Embed struct {
	origin
	saved saved
	conf  EmbedConfig
	env   flow.Env
	out   *arrow.Schema
	batch learn.Batch
	one   []float32 // [D]
	rows  []float32
}

// NewEmbed checks the settings; Open reads the model.
func NewEmbed(c EmbedConfig) (*Embed, error) { return &Embed{conf: c}, c.Validate() }

// Open reads the model.
func (e *Embed) Open(_ context.Context, env flow.Env) error {
	var err error
	e.env = env
	if e.origin, err = e.saved.load(e.conf.Model, e.conf.Operator); err != nil {
		return err
	}
	e.one = make([]float32, e.saved.ctr.Dim())
	return nil
}

func (e *Embed) width() int {
	if e.conf.Pool == "sum" {
		return len(e.one)
	}
	return len(e.one) * e.saved.enc.Fields()
}

// Bind finds the model's fields; a label is not needed.
func (e *Embed) Bind(in *arrow.Schema) (*arrow.Schema, error) {
	out, err := appended(in, "column", arrow.Field{Name: e.conf.Column, Type: vectorType(e.width())})
	e.out = out
	return out, check.All(check.Under("model", e.saved.enc.Bind(in)), err)
}

// Process appends the embeddings.
func (e *Embed) Process(_ context.Context, rec arrow.Record, emit flow.Emit) error {
	e.batch.Reset()
	if err := e.saved.enc.Encode(rec, 0, int(rec.NumRows()), &e.batch, false); err != nil {
		return fmt.Errorf("embed: %w", err)
	}
	e.rows = room(e.rows, e.batch.Rows*e.width())
	clear(e.rows)
	e.fill()
	col := vectors(e.env.Alloc, e.rows, e.width())
	out := withColumns(e.out, rec, col)
	col.Release()
	defer out.Release()
	return emit(out)
}

// fill adds up the embeddings of each row's values where they belong.
func (e *Embed) fill() {
	b, d, width := &e.batch, len(e.one), e.width()
	for k := range b.Rows * b.Fields {
		row, field := k/b.Fields, k%b.Fields
		at := row * width
		if e.conf.Pool == "concat" {
			at += field * d
		}
		from, to := k, k+1
		if len(b.Offsets) > 0 {
			from, to = int(b.Offsets[k]), int(b.Offsets[k+1])
		}
		scale := float32(1)
		if b.Mean != nil && b.Mean[field] && to > from {
			scale = 1 / float32(to-from)
		}
		for _, id := range b.IDs[from:to] {
			e.saved.ctr.Embedding(id, e.one)
			for i, v := range e.one {
				e.rows[at+i] += scale * v
			}
		}
	}
}
