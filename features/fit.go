package features

import (
	"context"
	"fmt"

	"github.com/sluice-stream/sluice/check"
	"github.com/sluice-stream/sluice/learn"
	"github.com/sluice-stream/sluice/learn/eval"
)

// FitConfig is the settings of training in epochs.
type FitConfig struct {
	Epochs   int     `yaml:"max" doc:"most epochs, >= 1; a gate with a search of its own says itself how many"`
	Patience int     `yaml:"patience" doc:"stop after so many epochs without a better validation AUC, >= 1; the best weights are kept"`
	Split    string  `yaml:"split" doc:"time: the last rows of the input are test, those before them validation; random: drawn by the seed"`
	Valid    float64 `yaml:"valid" doc:"share of rows to validate on, above 0"`
	Test     float64 `yaml:"test" doc:"share of rows to test on, >= 0"`
	MinCount int     `yaml:"min_count" doc:"a value seen fewer times in the training rows shares its field's row for unknown values, >= 1"`
	Shuffle  bool    `yaml:"shuffle" doc:"a new order of the training rows in each epoch; never while a gate searches"`
}

// DefaultFit is the peers' settings.
func DefaultFit() FitConfig {
	return FitConfig{Epochs: 10, Patience: 2, Split: "time", Valid: 0.1, Test: 0.1, MinCount: 2, Shuffle: true}
}

// Validate checks the ranges.
func (c FitConfig) Validate() error {
	return check.All(
		check.AtLeast("max", c.Epochs, 1),
		check.AtLeast("patience", c.Patience, 1),
		check.OneOf("split", c.Split, "time", "random"),
		check.Positive("valid", c.Valid),
		check.NotNegative("test", c.Test),
		check.That(c.Valid+c.Test < 1, "valid", "valid + test below 1", fmt.Sprintf("%v + %v", c.Valid, c.Test)),
		check.AtLeast("min_count", c.MinCount, 1),
	)
}

// Encoded is a whole data set after encoding. It is held in memory: 4 bytes a value, 8 a row; Fit adds three
// copies of the weights and reads the rest in place.
type Encoded struct {
	Fields  int
	IDs     []int32   // as in learn.Batch, of all rows
	Offsets []int32   // as in learn.Batch; empty: one value a field
	Mean    []bool    // as in learn.Batch
	Labels  []float32 // one a row; NaN: unknown, the row is never trained or measured on
	OOV     []int32   // [Fields] each field's table row for unknown values
}

// The stages of a Fit.
const (
	StageTrain   = "train"   // epochs until validation AUC stops rising
	StageSearch  = "search"  // the gate's search epochs
	StageRetrain = "retrain" // training with the mask that was found
	StageDone    = "done"
)

// Fit trains a model in epochs over a set in memory: it refits the vocabulary on the training rows, validates after
// each epoch, keeps the best weights, and with a Selector as gate searches, fixes the mask and trains again. Its
// state can be saved and restored between any two epochs.
type Fit struct {
	m     *CTR
	cfg   FitConfig
	data  Encoded
	batch int
	seed  uint64

	alias              []int32 // table row that stands for each, itself or its field's row for unknown values
	train, valid, test []int32 // rows of data with a label
	part               []uint8 // 0 train, 1 valid, 2 test, of all rows
	sel                learn.Selector
	plan               learn.Plan

	stage    string
	epoch    int64 // in the stage
	bad      int64 // epochs since the best
	trained  int64 // rows so far
	auc      float64
	bestAUC  float64
	best     [][]float32 // weights of the best epoch, one a parameter
	snapshot [][]float32 // weights to retrain from

	b     learn.Batch
	order []int32
}

// NewFit prepares training of m, which must be new. batch is the rows of an update. Nothing is trained yet: call
// Step until it says done.
func NewFit(m *CTR, cfg FitConfig, data Encoded, batch int, seed uint64) (*Fit, error) {
	if err := cfg.Validate(); err != nil {
		return nil, err
	}
	if batch < 1 {
		return nil, fmt.Errorf("fit: want a batch of at least one row, got %d", batch)
	}
	f := &Fit{m: m, cfg: cfg, data: data, batch: batch, seed: seed, stage: StageTrain}
	if err := f.checkData(); err != nil {
		return nil, err
	}
	f.divide()
	if err := f.checkParts(); err != nil {
		return nil, err
	}
	if err := f.refit(); err != nil {
		return nil, err
	}
	if s, ok := m.gate.(learn.Selector); ok {
		f.sel, f.plan, f.stage = s, s.Plan(), StageSearch
	}
	f.best = make([][]float32, len(m.params))
	f.snapshot = make([][]float32, len(m.params))
	return f, nil
}

// Step does one epoch: a pass over the training rows and a validation. After the last one the best weights are in
// the model, and done is true. A cancelled ctx ends it in the middle; then only a restored Fit can go on.
func (f *Fit) Step(ctx context.Context) (done bool, err error) {
	switch f.stage {
	case StageDone:
		return true, nil
	case StageSearch:
		err = f.search(ctx)
	default:
		err = f.fit(ctx)
	}
	if err != nil {
		return false, fmt.Errorf("fit: %s, epoch %d: %w", f.stage, f.epoch+1, err)
	}
	return f.stage == StageDone, nil
}

// fit is an epoch of training or retraining.
func (f *Fit) fit(ctx context.Context) error {
	epochs, patience := f.cfg.Epochs, f.cfg.Patience
	if f.stage == StageRetrain {
		epochs, patience = f.plan.RetrainEpochs, f.plan.Patience
	}
	f.order = append(f.order[:0], f.train...)
	if f.cfg.Shuffle {
		r := learn.NewRand(f.seed, "shuffle."+f.stage, int(f.epoch))
		r.Shuffle(f.order)
	}
	if err := f.pass(ctx, 0, f.batches()); err != nil {
		return err
	}
	if err := f.validate(); err != nil {
		return err
	}
	if f.best[0] == nil || f.auc > f.bestAUC {
		f.bestAUC, f.bad = f.auc, 0
		keep(f.m.params, f.best)
	} else {
		f.bad++
	}
	f.epoch++
	if f.bad >= int64(patience) || f.epoch >= int64(epochs) {
		f.finish()
	}
	return nil
}

func (f *Fit) finish() {
	restore(f.m.params, f.best)
	f.mirror()
	f.auc, f.stage = f.bestAUC, StageDone
	f.best, f.snapshot = make([][]float32, len(f.best)), make([][]float32, len(f.snapshot))
}

// batches is the number of updates in a pass.
func (f *Fit) batches() int { return (len(f.train) + f.batch - 1) / f.batch }

// pass trains on batches from .. to-1 of the order; numbers beyond the last start over.
func (f *Fit) pass(ctx context.Context, from, to int) error {
	for k := from; k < to; k++ {
		if err := ctx.Err(); err != nil {
			return err
		}
		at := k % f.batches() * f.batch
		rows := f.order[at:min(at+f.batch, len(f.order))]
		f.gather(rows)
		if _, err := f.m.learn(&f.b, nil); err != nil {
			return err
		}
		f.trained += int64(len(rows))
	}
	f.m.Settle() // weights are validated, copied and mirrored as they stand
	return nil
}

// validate measures the AUC of the validation rows.
func (f *Fit) validate() error {
	labels, p := make([]float32, len(f.valid)), make([]float32, len(f.valid))
	for i, r := range f.valid {
		labels[i] = f.data.Labels[r]
	}
	if err := f.predict(f.valid, p); err != nil {
		return err
	}
	f.auc = eval.AUC(labels, p)
	if f.auc != f.auc {
		return fmt.Errorf("validation AUC is not a number: predictions are; lower the learning rate")
	}
	return nil
}

// predictRows bounds the memory of a prediction.
const predictRows = 8192

func (f *Fit) predict(rows []int32, out []float32) error {
	for at := 0; at < len(rows); at += predictRows {
		to := min(at+predictRows, len(rows))
		f.gather(rows[at:to])
		if err := f.m.Predict(&f.b, out[at:to]); err != nil {
			return err
		}
	}
	return nil
}

// gather fills the batch with rows of the data, by the refitted vocabulary.
func (f *Fit) gather(rows []int32) {
	d, b := &f.data, &f.b
	b.Reset()
	b.Rows, b.Fields, b.Mean = len(rows), d.Fields, d.Mean
	if len(d.Offsets) > 0 {
		b.Offsets = append(b.Offsets, 0)
	}
	for _, r := range rows {
		from, to := int(r)*d.Fields, (int(r)+1)*d.Fields
		if len(d.Offsets) > 0 {
			for k := from; k < to; k++ {
				last := b.Offsets[len(b.Offsets)-1]
				b.Offsets = append(b.Offsets, last+d.Offsets[k+1]-d.Offsets[k])
			}
			from, to = int(d.Offsets[from]), int(d.Offsets[to])
		}
		for _, id := range d.IDs[from:to] {
			b.IDs = append(b.IDs, f.alias[id])
		}
		b.Labels = append(b.Labels, d.Labels[r])
	}
}
