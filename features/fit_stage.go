package features

import (
	"context"
	"fmt"

	"github.com/sluice-stream/sluice/learn"
)

// search is one epoch of the gate's search, in the fixed order of the training rows. After the last one the mask
// is fixed and the weights go back to where retraining starts.
func (f *Fit) search(ctx context.Context) error {
	batches, from := f.batches(), 0
	if f.plan.Schedule == "step" {
		batches = f.plan.StepsPerEpoch
		from = int(f.epoch) * batches
	}
	f.sel.Search(int(f.epoch), batches)
	if f.epoch == int64(f.plan.RewindEpoch) {
		keep(f.weights(), f.snapshot)
	}
	f.order = append(f.order[:0], f.train...)
	if err := f.pass(ctx, from, from+batches); err != nil {
		return err
	}
	if err := f.validate(); err != nil {
		return err
	}
	f.epoch++
	if f.epoch < int64(f.plan.Epochs) {
		return nil
	}
	f.sel.Harden()
	if err := f.rewind(); err != nil {
		return err
	}
	f.stage, f.epoch, f.bad = StageRetrain, 0, 0
	return nil
}

// rewind sets the weights, not the gates, to the start of retraining, with a new optimizer.
func (f *Fit) rewind() error {
	switch f.plan.Retrain {
	case "rewind":
		restore(f.weights(), f.snapshot)
	case "random":
		if err := f.redraw(); err != nil {
			return err
		}
	}
	for _, p := range f.weights() {
		p.ForgetSlots()
	}
	f.snapshot = make([][]float32, len(f.snapshot))
	return nil
}

// redraw takes first weights of another seed.
func (f *Fit) redraw() error {
	r := learn.NewRand(f.seed, "retrain", 0)
	other, err := NewCTR(f.m.cfg, f.m.fields, r.Uint64())
	if err != nil {
		return err
	}
	other.tables.vocab = f.m.tables.vocab
	other.Grow(f.m.Rows())
	theirs := weightsOf(other.params)
	for i, p := range f.weights() {
		copy(p.Data(), theirs[i].Data())
	}
	return nil
}

// weights are the parameters that are no gates.
func (f *Fit) weights() []*learn.Param { return weightsOf(f.m.params) }

func weightsOf(params []*learn.Param) []*learn.Param {
	var out []*learn.Param
	for _, p := range params {
		if p.Group != learn.GateGroup {
			out = append(out, p)
		}
	}
	return out
}

// keep copies the values of params into room.
func keep(params []*learn.Param, room [][]float32) {
	for i, p := range params {
		room[i] = append(room[i][:0], p.Data()...)
	}
}

func restore(params []*learn.Param, room [][]float32) {
	for i, p := range params {
		copy(p.Data(), room[i])
	}
}

// Done says whether all epochs are over.
func (f *Fit) Done() bool { return f.stage == StageDone }

// Progress is where a Fit stands.
type Progress struct {
	Stage   string  // one of the Stage constants
	Epoch   int     // epochs done in the stage
	AUC     float64 // of the last validation; of the kept weights once done
	Trained int64   // rows trained on so far, in all stages
}

// Progress returns where the fit stands.
func (f *Fit) Progress() Progress {
	return Progress{Stage: f.stage, Epoch: int(f.epoch), AUC: f.auc, Trained: f.trained}
}

// Part returns train, valid or test for a row of the data.
func (f *Fit) Part(row int) string { return partNames[f.part[row]] }

// Train, Valid and Test return the rows of each part that have a label. The caller must not change them.
func (f *Fit) Train() []int32 { return f.train }

// Valid returns the validation rows that have a label.
func (f *Fit) Valid() []int32 { return f.valid }

// Test returns the test rows that have a label.
func (f *Fit) Test() []int32 { return f.test }

// Predict writes the probability of each of rows of the data into out.
func (f *Fit) Predict(rows []int32, out []float32) error { return f.predict(rows, out) }

// Alias returns the table row that stands for a row of the vocabulary: itself, or its field's row for unknown
// values where the training rows hold it too rarely.
func (f *Fit) Alias(row int32) int32 { return f.alias[row] }

// Walk saves and restores the model and where its training stands. The data are the caller's, who makes the Fit
// from the same again before it is restored.
func (f *Fit) Walk(v learn.Visitor) {
	f.m.Walk(v.Scope("model"))
	v.Visit("stage", &f.stage)
	v.Visit("epoch", &f.epoch)
	v.Visit("bad", &f.bad)
	v.Visit("trained", &f.trained)
	v.Visit("auc", &f.auc)
	v.Visit("best_auc", &f.bestAUC)
	walkCopies(v.Scope("best"), f.m.params, f.best)
	weights := f.weights()
	walkCopies(v.Scope("snapshot"), weights, f.snapshot[:len(weights)])
}

func walkCopies(v learn.Visitor, params []*learn.Param, room [][]float32) {
	for i, p := range params {
		v.Visit(p.Name, &room[i])
		if n := len(room[i]); v.Restoring() && n != 0 && n != len(p.Data()) {
			v.Fail(fmt.Errorf("fit: want %d values of %s, got %d; the checkpoint is of another run", len(p.Data()), p.Name, n))
		}
		if len(room[i]) == 0 {
			room[i] = nil
		}
	}
}
