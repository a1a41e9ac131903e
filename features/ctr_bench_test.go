package features

import (
	"fmt"
	"testing"

	"github.com/sluice-stream/sluice/learn"
)

// BenchmarkLearn measures a training step on 29 fields of 40 values each, in rows/s.
func BenchmarkLearn(b *testing.B) {
	gate := DefaultOptFS()
	for _, kind := range backbones {
		for _, size := range []int{0, 16, 512} {
			for _, g := range []*OptFSConfig{nil, &gate} {
				if size == 0 && g != nil {
					continue
				}
				var cfg CTRConfig
				cfg.Model.Select(kind)
				cfg.Optimizer.Select("adagrad")
				name := fmt.Sprintf("%s/batch=%d", kind, size)
				if g != nil {
					cfg.Gate.Select("optfs")
					name += "/optfs"
				}
				b.Run(name, func(b *testing.B) { benchmarkLearn(b, cfg, size) })
			}
		}
	}
}

func benchmarkLearn(b *testing.B, cfg CTRConfig, size int) {
	const fields, values = 29, 40
	m := build(b, cfg, fields, fields*values)
	rows := max(size, 1)
	batch := learn.Batch{Fields: fields}
	out := make([]float32, rows)
	r := learn.NewRand(1, "bench", 0)
	b.ReportAllocs()
	for b.Loop() {
		batch.Reset()
		batch.Rows = rows
		for i := range rows {
			for k := range fields {
				batch.IDs = append(batch.IDs, int32(k*values+r.IntN(values)))
			}
			batch.Labels = append(batch.Labels, float32(i&1))
		}
		var err error
		if size == 0 {
			err = m.LearnRows(&batch, out)
		} else {
			err = m.Learn(&batch, out)
		}
		if err != nil {
			b.Fatal(err)
		}
	}
	b.ReportMetric(float64(b.N*rows)/b.Elapsed().Seconds(), "rows/s")
}
