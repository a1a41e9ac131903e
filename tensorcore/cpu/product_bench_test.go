package cpu

import (
	"fmt"
	"testing"

	"gorgonia.org/tensor"

	tc "github.com/sluice-stream/sluice/tensorcore"
)

func BenchmarkGemm(b *testing.B) {
	for _, s := range []tc.GemmSpec{
		{Batch: 1, I: 64, J: 256, K: 464}, {Batch: 1, I: 16, J: 256, K: 464}, {Batch: 1, I: 16, J: 128, K: 256},
		{Batch: 1, I: 64, J: 464, K: 256, TransB: true}, {Batch: 1, I: 16, J: 464, K: 256, TransB: true},
		{Batch: 1, I: 464, J: 256, K: 64, TransA: true}, {Batch: 1, I: 464, J: 256, K: 16, TransA: true},
		{Batch: 1, I: 512, J: 512, K: 512}, {Batch: 1, I: 2048, J: 2048, K: 2048},
		{Batch: 1, I: 64, J: 1, K: 128}, {Batch: 2048, I: 15, J: 15, K: 16}, {Batch: 2048, I: 15, J: 15, K: 16, TransB: true},
	} {
		for _, threads := range []int{1, 2} {
			for _, e := range engines(b, threads)[1:] {
				b.Run(fmt.Sprintf("%dx%dx%dx%d/ta=%v/tb=%v/%s/threads=%d", s.Batch, s.I, s.K, s.J, s.TransA, s.TransB, e.Kernels(), threads), func(b *testing.B) {
					x, y, d := denseOf(random32(1, s.Batch*s.I*s.K)), denseOf(random32(2, s.Batch*s.K*s.J)), tc.Zeros(tensor.Float32, s.Batch*s.I*s.J)
					b.ReportAllocs()
					for b.Loop() {
						e.Gemm(d, x, y, nil, s)
					}
					b.ReportMetric(2*float64(s.Batch*s.I*s.J*s.K)*float64(b.N)/b.Elapsed().Seconds()/1e9, "GFLOP/s")
				})
			}
		}
	}
}
