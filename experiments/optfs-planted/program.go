package optfsplanted

import (
	"context"
	"fmt"
	"math"

	"github.com/sluice-stream/sluice/check"
	"github.com/sluice-stream/sluice/features"
	"github.com/sluice-stream/sluice/internal/config"
	"github.com/sluice-stream/sluice/internal/experiment"
	"github.com/sluice-stream/sluice/learn"
	"github.com/sluice-stream/sluice/learn/eval"
)

func init() { experiment.Register("optfs-planted", Arm{}, run) }

// Arm is one way to choose features.
type Arm struct {
	Lambda float64 `yaml:"lambda" doc:"penalty of OptFS; 0: no gates"`
	Mask   string  `yaml:"mask" doc:"values that are kept from the start: planted or random; all when not given"`
	Ratio  float64 `yaml:"ratio" doc:"share of values that mask: random keeps"`
}

// Validate checks that the settings name one way.
func (a Arm) Validate() error {
	return check.All(
		check.NotNegative("lambda", a.Lambda), check.Between("ratio", a.Ratio, 0, 1),
		check.OneOf("mask", a.Mask, "", "planted", "random"),
		check.That(a.Lambda == 0 || a.Mask == "", "", "lambda or mask", "both"),
		check.That((a.Mask == "random") == (a.Ratio > 0), "ratio", "a ratio with mask: random, and only there", a.Ratio),
	)
}

// The model and its training, as in the experiment's specification: FM without first-order term or bias.
const (
	batch = 512
	model = `
model: {fm: {dim: 8, linear: false, bias: false, init: xavier}}
optimizer: {adam: {lr: 3e-3, weight_decay: 1e-6, rows: dense}}
`
	gate = `gate: {optfs: {lambda: %g, final_temp: 200, lr: 1e-2, search: {epochs: 10, rewind_epoch: 1}, retrain: {epochs: 20, patience: 1}}}
`
)

// training is the same for every arm; where a gate searches, its own stages count.
var training = features.FitConfig{Epochs: 20, Patience: 1, Split: "time", Valid: 0.1, Test: 0.1, MinCount: 1}

func run(ctx context.Context, seed uint64, a Arm) (experiment.Figures, error) {
	t := generate(seed)
	keep := a.mask(t, seed)
	data := t.data
	if keep != nil {
		data = t.without(keep)
	}
	m, fit, err := train(ctx, a, data, seed)
	if err != nil {
		return nil, err
	}
	if g := m.Gate(); g != nil {
		keep = make([]bool, tableRows)
		for r := range keep {
			_, keep[r] = g.Value(int32(r))
		}
	}
	test := fit.Test()
	p := make([]float32, len(test))
	if err := fit.Predict(test, p); err != nil {
		return nil, err
	}
	labels, truths := pick(t.data.Labels, test), pick(t.logit, test)
	out := experiment.Figures{"auc": eval.AUC(labels, p), "bayes": eval.AUC(labels, truths)}
	if keep == nil {
		return out, nil
	}
	t.score(keep, out)
	out["compaction"], err = t.compaction(m, keep, test, p)
	return out, err
}

func train(ctx context.Context, a Arm, data features.Encoded, seed uint64) (*features.CTR, *features.Fit, error) {
	text := model
	if a.Lambda > 0 {
		text += fmt.Sprintf(gate, a.Lambda)
	}
	var cfg features.CTRConfig
	if err := config.DecodeText([]byte(text), &cfg); err != nil {
		return nil, nil, err
	}
	m, err := features.NewCTR(cfg, fields, seed)
	if err != nil {
		return nil, nil, err
	}
	m.Grow(tableRows)
	fit, err := features.NewFit(m, training, data, batch, seed)
	if err != nil {
		return nil, nil, err
	}
	for done := false; !done; {
		if done, err = fit.Step(ctx); err != nil {
			return nil, nil, err
		}
	}
	return m, fit, nil
}

// mask returns the values that are kept from the start, nil for all.
func (a Arm) mask(t *truth, seed uint64) []bool {
	switch a.Mask {
	case "planted":
		return t.planted
	case "random":
		order := make([]int32, fields*values)
		for i := range order {
			order[i] = int32(firstOfData + i)
		}
		r := learn.NewRand(seed, "planted.mask", 0)
		r.Shuffle(order)
		keep := make([]bool, tableRows)
		for _, id := range order[:int(math.Round(a.Ratio*float64(len(order))))] {
			keep[id] = true
		}
		return keep
	}
	return nil
}

// score compares the kept values with the planted ones.
func (t *truth) score(keep []bool, out experiment.Figures) {
	var kept, hits, all, occurrences, found float64
	for r := firstOfData; r < tableRows; r++ {
		if t.planted[r] {
			all++
			occurrences += float64(t.count[r])
		}
		if keep[r] {
			kept++
		}
		if keep[r] && t.planted[r] {
			hits++
			found += float64(t.count[r])
		}
	}
	out["ratio"], out["base_rate"] = kept/(fields*values), all/(fields*values)
	out["recall"], out["recall_rows"] = hits/all, found/occurrences
	out["precision"] = hits / kept // none kept: NaN, which is left out
}

// compaction returns how far a test probability moves when the values that are dropped are taken out of the data.
func (t *truth) compaction(m *features.CTR, keep []bool, test []int32, p []float32) (float64, error) {
	d := t.without(keep)
	b := learn.Batch{Rows: len(test), Fields: fields, Offsets: []int32{0}}
	for _, r := range test {
		for k := int(r) * fields; k < (int(r)+1)*fields; k++ {
			b.IDs = append(b.IDs, d.IDs[d.Offsets[k]:d.Offsets[k+1]]...)
			b.Offsets = append(b.Offsets, int32(len(b.IDs)))
		}
	}
	q := make([]float32, len(test))
	if err := m.Predict(&b, q); err != nil {
		return 0, err
	}
	most := 0.0
	for i := range p {
		most = max(most, math.Abs(float64(p[i]-q[i])))
	}
	return most, nil
}

func pick(from []float32, rows []int32) []float32 {
	out := make([]float32, len(rows))
	for i, r := range rows {
		out[i] = from[r]
	}
	return out
}
