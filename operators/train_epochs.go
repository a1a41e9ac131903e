package operators

import (
	"context"
	"math"

	"github.com/apache/arrow/go/v17/arrow"
	"github.com/apache/arrow/go/v17/arrow/array"

	"github.com/sluice-stream/sluice/features"
	"github.com/sluice-stream/sluice/flow"
	"github.com/sluice-stream/sluice/learn"
	"github.com/sluice-stream/sluice/learn/eval"
)

// splitColumn says in batch mode which part a row was in: train, valid or test; null without a label.
const splitColumn = "split"

// EpochsConfig is the settings of batch mode.
type EpochsConfig struct {
	features.FitConfig `yaml:",inline"`
}

// Validate checks the settings where batch mode is wanted at all.
func (c EpochsConfig) Validate() error {
	if c.FitConfig == usualFit() {
		return nil
	}
	return c.FitConfig.Validate()
}

// usualFit is the defaults of batch mode without batch mode.
func usualFit() features.FitConfig {
	c := features.DefaultFit()
	c.Epochs = 0
	return c
}

// The phases of batch mode; each but phaseFit is a pass over the input.
const (
	phaseSurvey  int64 = iota // bucketizers look at the values
	phaseCollect              // rows are encoded into memory
	phaseFit                  // epochs
	phaseScore                // every row is scored and leaves
	phaseDone
)

// fitting is batch mode's state.
type fitting struct {
	phase     int64
	ids       learn.Batch   // all rows, encoded
	labels    []float32     // NaN without a label
	fit       *features.Fit // in phaseFit and phaseScore
	row       int64         // of this pass
	scratch   learn.Batch   // a record that is scored
	scores    []float32
	metrics   map[string]float64 // of the test rows
	valid     map[string]float64
	baselines map[string]map[string]float64
	note      string
}

// Replays says whether the settings ask for epochs.
func (t *Train) Replays() bool { return t.cfg.batchMode() }

func (t *Train) firstPhase() int64 {
	if t.enc.NeedsSurvey() {
		return phaseSurvey
	}
	return phaseCollect
}

// passOver takes one record of the present pass. Rows that cannot be used are reported in the first one.
func (t *Train) passOver(rec arrow.Record, emit flow.Emit) error {
	f := &t.fitting
	first := f.phase == t.firstPhase()
	return t.usable(rec, first, func(r arrow.Record, labels []float32) error {
		switch f.phase {
		case phaseSurvey:
			t.enc.Survey(r)
			return nil
		case phaseCollect:
			return t.collect(r, labels)
		}
		return t.scoreAgain(r, labels, emit)
	})
}

// collect encodes rows into memory; rows without a label do not shape the vocabulary.
func (t *Train) collect(rec arrow.Record, labels []float32) error {
	f := &t.fitting
	for at := 0; at < len(labels); {
		known, to := labels[at] >= 0, at+1
		for to < len(labels) && (labels[to] >= 0) == known {
			to++
		}
		if err := t.enc.Encode(rec, at, to, &f.ids, known); err != nil {
			return err
		}
		for _, y := range labels[at:to] {
			if !known {
				y = float32(math.NaN())
				t.blank++
			}
			f.labels = append(f.labels, y)
		}
		at = to
	}
	return nil
}

// Advance is called at the end of each pass, and between epochs.
func (t *Train) Advance(ctx context.Context) (flow.Phase, error) {
	p, err := t.advance(ctx)
	return p, t.classed(err)
}

func (t *Train) advance(ctx context.Context) (flow.Phase, error) {
	f := &t.fitting
	rows := f.row
	f.row = 0
	switch f.phase {
	case phaseSurvey:
		t.enc.Freeze()
		f.phase = phaseCollect
		return flow.Replay, nil
	case phaseCollect:
		t.enc.Freeze()
		if err := t.prepareFit(); err != nil {
			return flow.Done, flow.Classify(flow.ErrData, err)
		}
		f.phase = phaseFit
		return flow.Again, nil
	case phaseFit:
		done, err := f.fit.Step(ctx)
		t.trained = f.fit.Progress().Trained
		if err != nil || !done {
			return flow.Again, err
		}
		f.phase, t.ready = phaseScore, true
		return flow.Replay, t.measure()
	case phaseScore:
		if rows != int64(len(f.labels)) {
			return flow.Done, flow.Corruptf("want the same %d rows in each pass, got %d; the input changed while it was read", len(f.labels), rows)
		}
		f.phase, f.fit = phaseDone, nil
		f.ids, f.labels = learn.Batch{}, nil
	}
	return flow.Done, nil
}

// prepareFit makes the Fit of what was collected.
func (t *Train) prepareFit() error {
	f := &t.fitting
	t.ctr.Grow(t.enc.Rows())
	cfg := t.cfg.Epochs.FitConfig
	cfg.MinCount = max(cfg.MinCount, t.cfg.Fields.MinCount)
	data := features.Encoded{Fields: t.enc.Fields(), IDs: f.ids.IDs, Offsets: f.ids.Offsets, Mean: f.ids.Mean, Labels: f.labels, OOV: make([]int32, t.enc.Fields())}
	for j := range data.OOV {
		data.OOV[j] = int32(j)
	}
	var err error
	if f.fit, err = features.NewFit(t.ctr, cfg, data, t.cfg.Batch, t.seed); err != nil {
		return err
	}
	t.folded = make([]bool, t.enc.Rows())
	for r := range t.folded {
		t.folded[r] = f.fit.Alias(int32(r)) != int32(r)
	}
	return nil
}

// measure scores the validation and the test rows, and the baselines on the test rows.
func (t *Train) measure() error {
	f := &t.fitting
	var err error
	if f.valid, err = t.measureRows(f.fit.Valid()); err != nil {
		return err
	}
	if f.metrics, err = t.measureRows(f.fit.Test()); err != nil {
		return err
	}
	base, last := eval.NewBaselines(), make([]float32, len(f.labels))
	for i, y := range f.labels {
		_, last[i] = base.Next()
		if y == y {
			base.Add(y)
		}
	}
	f.note = base.LeakNote()
	test := f.fit.Test()
	y, p, q := make([]float32, len(test)), make([]float32, len(test)), make([]float32, len(test))
	prior := t.prior()
	for i, r := range test {
		y[i], p[i], q[i] = f.labels[r], prior, last[r]
	}
	f.baselines = map[string]map[string]float64{"prior": eval.Exact(y, p).Map(), "last_label": eval.Exact(y, q).Map()}
	return nil
}

// prior is the mean label of the training rows.
func (t *Train) prior() float32 {
	sum := 0.
	for _, r := range t.fitting.fit.Train() {
		sum += float64(t.fitting.labels[r])
	}
	return float32(sum / float64(len(t.fitting.fit.Train())))
}

func (t *Train) measureRows(rows []int32) (map[string]float64, error) {
	y, p := make([]float32, len(rows)), make([]float32, len(rows))
	for i, r := range rows {
		y[i] = t.fitting.labels[r]
	}
	if err := t.fitting.fit.Predict(rows, p); err != nil {
		return nil, err
	}
	return eval.Exact(y, p).Map(), nil
}

// scoreAgain emits rec with its scores by the final model, and the part that each row was in.
func (t *Train) scoreAgain(rec arrow.Record, labels []float32, emit flow.Emit) error {
	f := &t.fitting
	if f.row+int64(len(labels)) > int64(len(f.labels)) {
		return flow.Corruptf("want the same %d rows in each pass, got more; the input changed while it was read", len(f.labels))
	}
	f.scores = room(f.scores, len(labels))
	if err := t.predict(rec, &f.scratch, f.scores); err != nil {
		return err
	}
	parts := array.NewStringBuilder(t.env.Alloc)
	defer parts.Release()
	for i, y := range labels {
		if y < 0 {
			parts.AppendNull()
		} else {
			parts.Append(f.fit.Part(int(f.row) + i))
		}
	}
	f.row += int64(len(labels))
	scores, split := floatColumn(t.env, f.scores), parts.NewArray()
	out := withColumns(t.out, rec, scores, split)
	scores.Release()
	split.Release()
	defer out.Release()
	return emit(out)
}

func (t *Train) walkFitting(v flow.Visitor) {
	f := &t.fitting
	v.Visit("phase", &f.phase)
	v.Visit("row", &f.row)
	v.Visit("ids", &f.ids.IDs)
	v.Visit("offsets", &f.ids.Offsets)
	v.Visit("labels", &f.labels)
	if !v.Restoring() {
		return
	}
	f.ids.Rows, f.ids.Fields, f.fit = len(f.labels), t.enc.Fields(), nil
	f.ids.Mean = t.enc.Mean()
	if f.phase == phaseFit || f.phase == phaseScore {
		if err := t.prepareFit(); err != nil {
			v.Fail(err)
		}
	}
}
