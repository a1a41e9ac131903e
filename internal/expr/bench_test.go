package expr

import (
	"math/rand/v2"
	"testing"

	"github.com/apache/arrow/go/v17/arrow/memory"
)

func BenchmarkEval(b *testing.B) {
	const n = 8192
	rec := randomRecord(b, memory.DefaultAllocator, rand.New(rand.NewPCG(1, 1)), n)
	defer rec.Release()
	for _, src := range []string{
		"f * 2 + 1", "i + 1", "i * i", "f > 3 and s != 'x'", "hour(at)", "year(at)", "log(f)", "log2floor(f)", "bucket(f, 10)",
		"hash(s, 1000000)", "lower(s)", "s + '_' + d", "s matches '^[a-c]'", "s in ['a', 'b', 'paris']", "coalesce(f, 0)", "b ? f : g",
		"string(i)", "ts(s)", "split_part(s, '-', 1)",
	} {
		b.Run(src, func(b *testing.B) {
			p, err := Compile(src, testSchema)
			if err != nil {
				b.Fatal(err)
			}
			b.ReportAllocs()
			for b.Loop() {
				out, err := p.Eval(memory.DefaultAllocator, rec.Columns(), n)
				if err != nil {
					b.Fatal(err)
				}
				out.Release()
			}
			b.ReportMetric(n*float64(b.N)/b.Elapsed().Seconds()/1e6, "Mrows/s")
		})
	}
}
