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

// BenchmarkAdamRows measures a step that touches 40,000 rows of a table of a million by 16, a few of them often and
// most of them rarely, as click data do.
func BenchmarkAdamRows(b *testing.B) {
	const rows, width, batch = 1000000, 16, 40000
	for _, kind := range []string{"touched", "lazy", "dense"} {
		b.Run(kind, func(b *testing.B) {
			c := DefaultAdam()
			c.Rows = kind
			o, p := must(NewAdam(c)), learn.NewTable("t", width, learn.Constant(0))
			p.Grow(rows)
			grad := make([]float32, batch*width)
			learn.Normal(1, "g", 1)(0, grad)
			ids, step := make([]int32, batch), 0
			b.ReportAllocs()
			for b.Loop() {
				b.StopTimer()
				r := learn.NewRand(7, "ids", step)
				for i := range ids { // distinct: row i*25 + something, the low ones in every step
					span := 1 + 48*i/batch
					ids[i] = int32(rows / batch * i)
					if i >= batch/4 {
						ids[i] += int32(r.IntN(min(span, rows/batch)))
					}
				}
				step++
				b.StartTimer()
				if err := o.Step([]learn.Update{{Param: p, Rows: ids, Grad: grad}}); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
