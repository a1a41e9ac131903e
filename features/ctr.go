package features

import (
	"errors"
	"fmt"
	"math"

	"github.com/sluice-stream/sluice/check"
	"github.com/sluice-stream/sluice/learn"
	"github.com/sluice-stream/sluice/tensorcore/autograd"
	"github.com/sluice-stream/sluice/tensorcore/cpu"
)

// CTRConfig is the settings of a click model.
type CTRConfig struct {
	Model     learn.Choice[learn.Backbone]  `yaml:"model" doc:"what turns embeddings into a logit"`
	Gate      learn.Choice[learn.Gate]      `yaml:"gate" doc:"what decides which features stay; none when not given"`
	Optimizer learn.Choice[learn.Optimizer] `yaml:"optimizer" doc:"what turns gradients into new weights"`
}

// CTR is a model of a binary label: tables, a gate, a backbone and an optimizer, trained by the logistic loss.
// It is for one goroutine. Its first values depend on the configuration, the fields and the seed alone.
type CTR struct {
	cfg      CTRConfig
	fields   int
	seed     uint64
	backbone learn.Backbone
	needs    learn.Needs
	gate     learn.Gate // nil without
	opt      learn.Optimizer
	gateOpt  learn.Optimizer // nil: gates go to opt
	tables   *tables
	params   []*learn.Param // everything that Walk visits

	tape    *autograd.Tape
	updates []learn.Update
	labels  vector
	weights vector
	one     learn.Batch // one row, for LearnRows
	rows    rowwise
	row     [1]int32 // of Embedding
}

// NewCTR makes the model for rows of `fields` fields. Its error names every setting that is out of range.
func NewCTR(cfg CTRConfig, fields int, seed uint64) (*CTR, error) {
	if fields < 1 {
		return nil, fmt.Errorf("model: want at least one field, got %d", fields)
	}
	if cfg.Model.IsZero() || cfg.Optimizer.IsZero() {
		return nil, errors.New("model: want a model and an optimizer, got none")
	}
	m := &CTR{cfg: cfg, fields: fields, seed: seed, tape: autograd.NewTape(cpu.New(0))}
	var e1, e2, e3 error
	m.backbone, e1 = cfg.Model.Build()
	m.opt, e2 = cfg.Optimizer.Build()
	if !cfg.Gate.IsZero() {
		m.gate, e3 = cfg.Gate.Build()
	}
	if err := check.All(e1, e2, e3); err != nil {
		return nil, err
	}
	return m, m.build()
}

func (m *CTR) build() error {
	m.needs = m.backbone.Needs()
	if err := m.backbone.Init(m.fields, m.seed); err != nil {
		return err
	}
	m.tables = newTables(m.needs, m.seed)
	m.params = append(m.tables.params(), m.backbone.Params()...)
	if m.gate == nil {
		return nil
	}
	if err := m.gate.Init(m.seed); err != nil {
		return err
	}
	m.params = append(m.params, m.gate.Params()...)
	if own, ok := m.gate.(learn.OwnOptimizer); ok {
		var err error
		m.gateOpt, err = own.Optimizer(m.opt.LR())
		return err
	}
	return nil
}

// Grow makes the tables `rows` long, the size of the vocabulary.
func (m *CTR) Grow(rows int) {
	for _, p := range m.params {
		p.Grow(rows)
	}
}

// Gate returns the gate, nil without one.
func (m *CTR) Gate() learn.Gate { return m.gate }

// Rows returns the length of the tables.
func (m *CTR) Rows() int { return m.tables.main().Rows() }

// Dim returns the width of what Embedding writes.
func (m *CTR) Dim() int { return m.tables.main().Width() }

// Embedding writes the embedding of a table row into dst [Dim()], times its gate as the model applies it now. A
// model without embeddings gives its first-order weight.
func (m *CTR) Embedding(row int32, dst []float32) {
	m.row[0] = row
	m.settle(m.tables.main(), m.row[:])
	copy(dst, m.tables.main().Row(row))
	if m.gate == nil {
		return
	}
	g, _ := m.gate.Value(row)
	for i := range dst {
		dst[i] *= g
	}
}

// Predict writes the probability of each row into out [b.Rows]. No rows are an answer.
func (m *CTR) Predict(b *learn.Batch, out []float32) error {
	if err := m.check(b, out); err != nil || b.Rows == 0 {
		return err
	}
	if m.rows.fits(m, b) {
		m.rows.predict(m, b, out)
		return nil
	}
	m.tape.Reset()
	var err error
	m.tape.NoGrad(func() {
		var z *autograd.Var
		if z, err = m.forward(b); err == nil {
			probabilities(z.Float32s(), out)
		}
	})
	return err
}

// Learn makes one update from a batch. out [b.Rows] gets the probabilities from before the update, by the same
// forward pass. Rows of weight 0 are predicted only. No rows are an answer, and not an update.
func (m *CTR) Learn(b *learn.Batch, out []float32) error {
	if err := m.streams(); err != nil {
		return err
	}
	trained, err := m.learn(b, out)
	if s, ok := m.gate.(learn.Selector); ok && trained {
		s.Trained()
	}
	return err
}

// streams refuses a gate whose search needs passes over the data.
func (m *CTR) streams() error {
	if s, ok := m.gate.(learn.Selector); ok && s.Plan().Schedule == "epoch" && !s.Hard() {
		return check.Violation{Key: "gate." + m.cfg.Gate.Name() + ".search.schedule", Want: "step or auto on a stream", Got: "epoch",
			Hint: "a search by epochs needs batch mode (epochs)"}
	}
	return nil
}

// learn is Learn for any mode; trained tells whether there was an update.
func (m *CTR) learn(b *learn.Batch, out []float32) (trained bool, err error) {
	if err := m.check(b, out); err != nil || b.Rows == 0 {
		return false, err
	}
	if len(b.Labels) == 0 {
		return false, errors.New("learn: want a label for each row, got none")
	}
	m.tape.Reset()
	z, err := m.forward(b)
	if err != nil {
		return false, err
	}
	probabilities(z.Float32s(), out)
	w, some := m.rowWeights(b)
	if !some {
		return false, nil
	}
	loss := m.tape.BCEWithLogits(z, m.tape.Const(m.labels.set(b.Labels)), w)
	if m.updates, err = learn.Updates(m.tape, loss, m.updates[:0]); err != nil {
		return false, fmt.Errorf("%s: %w", m.cfg.Model.Name(), err)
	}
	return true, m.step(m.updates)
}

// rowWeights puts the weights on the tape, nil for all 1; some is false when all are 0.
func (m *CTR) rowWeights(b *learn.Batch) (w *autograd.Var, some bool) {
	if len(b.Weights) == 0 {
		return nil, true
	}
	for _, x := range b.Weights {
		some = some || x != 0
	}
	return m.tape.Const(m.weights.set(b.Weights)), some
}

// step hands the updates to the optimizers: gates to their own, where they have one.
func (m *CTR) step(us []learn.Update) error {
	if m.gateOpt == nil {
		return m.opt.Step(us)
	}
	n := 0 // weights first, in order; gates behind
	for i, u := range us {
		if u.Param.Group != learn.GateGroup {
			copy(us[n+1:i+1], us[n:i])
			us[n] = u
			n++
		}
	}
	if err := m.opt.Step(us[:n]); err != nil || n == len(us) {
		return err
	}
	return m.gateOpt.Step(us[n:])
}

// forward returns the logits [B].
func (m *CTR) forward(b *learn.Batch) (*autograd.Var, error) {
	b.Forget()
	f := learn.Features{Rows: b.Rows, Fields: b.Fields}
	if m.tables.emb != nil {
		x, err := m.values(m.tables.emb, b)
		if err != nil {
			return nil, err
		}
		f.X = m.tape.Reshape(x, b.Rows, b.Fields, m.needs.Dim)
	}
	if m.tables.linear != nil {
		x, err := m.values(m.tables.linear, b)
		if err != nil {
			return nil, err
		}
		f.Linear = m.tape.Reshape(x, b.Rows, b.Fields)
	}
	z, err := m.backbone.Forward(m.tape, f)
	if err == nil {
		err = m.tape.Err()
	}
	if err != nil {
		return nil, fmt.Errorf("%s: %w", m.cfg.Model.Name(), err)
	}
	return z, nil
}

// values returns a table's rows for the batch, gated and pooled: [B*F, width].
func (m *CTR) values(table *learn.Param, b *learn.Batch) (*autograd.Var, error) {
	ids := b.Touched(m.Rows())
	m.settle(table, ids.Unique)
	if _, ok := m.gate.(learn.RowGate); ok { // each distinct row is gated once
		x, err := m.gate.Apply(m.tape, table.Lookup(m.tape, ids.Distinct()), ids.Distinct())
		if err != nil {
			return nil, fmt.Errorf("%s: %w", m.cfg.Gate.Name(), err)
		}
		return pool(m.tape, m.tape.Gather(x, ids.Inverse), b), nil
	}
	x := table.Lookup(m.tape, ids)
	if m.gate != nil {
		var err error
		if x, err = m.gate.Apply(m.tape, x, ids); err != nil {
			return nil, fmt.Errorf("%s: %w", m.cfg.Gate.Name(), err)
		}
	}
	return pool(m.tape, x, b), nil
}

func (m *CTR) check(b *learn.Batch, out []float32) error {
	if b.Rows > 0 && b.Fields != m.fields {
		return fmt.Errorf("model: want %d fields, got %d", m.fields, b.Fields)
	}
	if out != nil && len(out) != b.Rows {
		return fmt.Errorf("model: want room for %d predictions, got %d", b.Rows, len(out))
	}
	return b.Check(m.Rows())
}

// Walk saves and restores tables, weights, optimizer memory and the gate's stage.
func (m *CTR) Walk(v learn.Visitor) {
	if !v.Restoring() {
		m.Settle() // so that a checkpoint's weights are those that an export at its barrier gives
	}
	v.Visit("vocabulary", &m.tables.vocab)
	for _, p := range m.params {
		p.Walk(v)
	}
	m.opt.Walk(v.Scope("optimizer"))
	if m.gateOpt != nil {
		m.gateOpt.Walk(v.Scope("gate_optimizer"))
	}
	if s, ok := m.gate.(learn.Stateful); ok {
		s.Walk(v.Scope("gate"))
	}
}

// probabilities writes 1/(1+e^-z); out may be nil.
func probabilities(z, out []float32) {
	for i := range out {
		out[i] = probability(z[i])
	}
}

func probability(z float32) float32 { return float32(1 / (1 + math.Exp(-float64(z)))) }
