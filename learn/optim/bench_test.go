package optim

import (
	"testing"

	"github.com/sluice-stream/sluice/learn"
)

// BenchmarkStep measures one step of a weight of 2^16 elements, and of 2,000 touched rows of 16.
func BenchmarkStep(b *testing.B) {
	for name, o := range all() {
		w, t := learn.NewParam("w", learn.Normal(1, "w", 1), 256, 256), learn.NewTable("t", 16, learn.Normal(1, "t", 1))
		t.Grow(4000)
		grad, rows := make([]float32, 1<<16), make([]int32, 2000)
		learn.Normal(1, "g", 1)(0, grad)
		for i := range rows {
			rows[i] = int32(2 * i)
		}
		for kind, u := range map[string]learn.Update{"whole": {Param: w, Grad: grad}, "rows": {Param: t, Rows: rows, Grad: grad[:32000]}} {
			b.Run(name+"/"+kind, func(b *testing.B) {
				b.ReportAllocs()
				for b.Loop() {
					if err := o.Step([]learn.Update{u}); err != nil {
						b.Fatal(err)
					}
				}
				b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/float64(len(u.Grad)), "ns/value")
			})
		}
	}
}
