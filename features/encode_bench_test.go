package features

import (
	"fmt"
	"math/rand/v2"
	"testing"

	"github.com/apache/arrow/go/v17/arrow"
	"github.com/apache/arrow/go/v17/arrow/array"
	"github.com/apache/arrow/go/v17/arrow/memory"

	"github.com/sluice-stream/sluice/learn"
)

// BenchmarkEncode reports rows a second in steady state, in batches of 512 rows.
func BenchmarkEncode(b *testing.B) {
	for _, c := range []struct {
		name                string
		texts, ints, floats int
	}{{"10 texts", 10, 0, 0}, {"29 mixed", 12, 11, 6}} {
		b.Run(c.name, func(b *testing.B) { benchEncode(b, c.texts, c.ints, c.floats) })
	}
}

func benchEncode(b *testing.B, texts, ints, floats int) {
	cfg, r, n := DefaultFields(), rand.New(rand.NewPCG(1, 1)), 1<<15
	var fields []arrow.Field
	var cols []arrow.Array
	add := func(name string, bld array.Builder, each func()) {
		for range n {
			each()
		}
		cols, fields = append(cols, bld.NewArray()), append(fields, arrow.Field{Name: name, Type: bld.Type()})
	}
	for i := range texts {
		t := array.NewStringBuilder(memory.DefaultAllocator)
		name := fmt.Sprint("t", i)
		cfg.Categorical = append(cfg.Categorical, name)
		add(name, t, func() { t.Append(fmt.Sprintf("value-%d", int(r.ExpFloat64()*float64(int(10)<<i)))) })
	}
	for i := range ints {
		t := array.NewInt64Builder(memory.DefaultAllocator)
		name := fmt.Sprint("i", i)
		cfg.Categorical = append(cfg.Categorical, name)
		add(name, t, func() { t.Append(int64(r.ExpFloat64() * float64(int(10)<<i))) })
	}
	for i := range floats {
		t := array.NewFloat64Builder(memory.DefaultAllocator)
		name := fmt.Sprint("f", i)
		cfg.Numeric.Append(name, pick("log2floor"))
		add(name, t, func() { t.Append(r.ExpFloat64() * 100) })
	}
	rec := array.NewRecord(arrow.NewSchema(fields, nil), cols, int64(n))
	defer rec.Release()
	e, err := NewEncoder(cfg)
	if err != nil {
		b.Fatal(err)
	}
	if err := e.Bind(rec.Schema()); err != nil {
		b.Fatal(err)
	}
	var batch learn.Batch
	if err := e.Encode(rec, 0, n, &batch, true); err != nil {
		b.Fatal(err)
	}
	b.ReportAllocs()
	at := 0
	for b.Loop() {
		batch.Reset()
		if err := e.Encode(rec, at, at+512, &batch, true); err != nil {
			b.Fatal(err)
		}
		at = (at + 512) % n
	}
	b.ReportMetric(512*float64(b.N)/b.Elapsed().Seconds(), "rows/s")
}
