package cases

import (
	"context"
	"fmt"

	"github.com/sluice-stream/sluice/features"
	"github.com/sluice-stream/sluice/internal/config"
	"github.com/sluice-stream/sluice/learn"
	"github.com/sluice-stream/sluice/learn/nn"
	"github.com/sluice-stream/sluice/tensorcore/autograd"
	"github.com/sluice-stream/sluice/tensorcore/cpu"
)

// The models of the training steps, without first-order weights. Each step sees the same batch again.
const (
	wide  = "[1024, 512, 256]"
	small = "[256, 128]"

	modelFM     = "{fm: {dim: 16, linear: false, bias: false}}"
	modelDeepFM = "{deepfm: {dim: 16, linear: false, bias: false, mlp: %s}}"
	modelDCN    = "{dcn: {dim: 16, cross: 3, mlp: %s}}"
)

// steps are whole training steps: forward, backward, update.
func steps() []Case {
	out := []Case{step("fm:4096:dense", batchRows, modelFM, "dense"), step("fm:4096:sparse", batchRows, modelFM, "touched")}
	for _, kind := range []struct{ name, model string }{{"deepfm", modelDeepFM}, {"dcn", modelDCN}} {
		big, little := fmt.Sprintf(kind.model, wide), fmt.Sprintf(kind.model, small)
		out = append(out,
			step(kind.name+":4096:dense", batchRows, big, "dense"),
			step(kind.name+":4096:sparse", batchRows, big, "touched"),
			step(kind.name+":512:sparse", 512, little, "touched"),
		)
	}
	return append(out, Case{"transformer", sequences, "rows/s", onEngine(transformer)})
}

func step(name string, rows int, model, adamRows string) Case {
	return Case{name, float64(rows), "rows/s", func(context.Context, Env, int) (Run, error) {
		m, err := newModel(fmt.Sprintf("{model: %s, optimizer: {adam: {lr: 1e-3, rows: %s}}}", model, adamRows), fields)
		if err != nil {
			return nil, err
		}
		m.Grow(tableRows)
		b, out := learn.Batch{Rows: rows, Fields: fields, IDs: drawIDs(rows)}, make([]float32, rows)
		b.Labels = make([]float32, rows)
		for i := 0; i < rows; i += 3 {
			b.Labels[i] = 1
		}
		return func() error { return m.Learn(&b, out) }, nil
	}}
}

// newModel makes a click model from its settings in YAML.
func newModel(settings string, fields int) (*features.CTR, error) {
	var cfg features.CTRConfig
	if err := config.DecodeText([]byte(settings), &cfg); err != nil {
		return nil, err
	}
	return features.NewCTR(cfg, fields, 1)
}

// Sizes of the transformer.
const (
	sequences = 512
	tokens    = 15
	width     = 64
)

// transformer is forward and backward of two encoder layers.
func transformer(e *cpu.Engine) Run {
	enc := nn.NewTransformerEncoder("t", 2, nn.TransformerConfig{Width: width, Heads: 4, Hidden: 128}, 1)
	x, tp := random(sequences, tokens, width), autograd.NewTape(e)
	var us []learn.Update
	return func() error {
		tp.Reset()
		y := enc.Forward(tp, tp.Const(x), nil, nn.Train(0))
		var err error
		us, err = learn.Updates(tp, tp.Mean(tp.Square(y)), us[:0])
		return err
	}
}
