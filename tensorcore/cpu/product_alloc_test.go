//go:build !race

package cpu

import (
	"testing"

	"gorgonia.org/tensor"

	tc "github.com/sluice-stream/sluice/tensorcore"
)

// The race detector makes sync.Pool forget things at random, so it may not watch this.
func TestGemmAllocatesNothing(t *testing.T) {
	for _, threads := range []int{1, 2} {
		e := New(threads)
		e.spread = threads > 1
		for _, s := range []tc.GemmSpec{{Batch: 1, I: 300, J: 100, K: 400, TransA: true}, {Batch: 1, I: 16, J: 100, K: 60, TransB: true}, {Batch: 9, I: 15, J: 15, K: 16}} {
			a, b, d := denseOf(random32(1, s.Batch*s.I*s.K)), denseOf(random32(2, s.Batch*s.K*s.J)), tc.Zeros(tensor.Float32, s.Batch*s.I*s.J)
			if got := testing.AllocsPerRun(50, func() { e.Gemm(d, a, b, nil, s) }); got >= 1 && e.Kernels() != Go {
				t.Errorf("%d threads, %+v: want no allocation, got %v", threads, s, got)
			}
		}
	}
}
