package arrowio

import (
	"errors"
	"fmt"
	"io"
	"testing"

	"github.com/apache/arrow/go/v17/arrow"
	"github.com/apache/arrow/go/v17/arrow/array"
	"github.com/apache/arrow/go/v17/arrow/memory"

	"github.com/sluice-stream/sluice/flow"
)

// benchTable is a table of n rows: four texts, two integers, two floats, a time and a boolean.
func benchTable(n int) arrow.Record {
	fields := []arrow.Field{{Name: "at", Type: arrow.FixedWidthTypes.Timestamp_ms}, {Name: "ok", Type: arrow.FixedWidthTypes.Boolean}}
	for i := range 4 {
		fields = append(fields, arrow.Field{Name: fmt.Sprint("s", i), Type: arrow.BinaryTypes.String})
	}
	for i := range 2 {
		fields = append(fields, arrow.Field{Name: fmt.Sprint("i", i), Type: arrow.PrimitiveTypes.Int64}, arrow.Field{Name: fmt.Sprint("f", i), Type: arrow.PrimitiveTypes.Float64})
	}
	b := array.NewRecordBuilder(memory.DefaultAllocator, arrow.NewSchema(fields, nil))
	rnd := dice(1)
	for i := range n {
		for _, f := range b.Fields() {
			switch f := f.(type) {
			case *array.TimestampBuilder:
				f.Append(arrow.Timestamp(feedEpoch.UnixMilli() + int64(i)))
			case *array.BooleanBuilder:
				f.Append(rnd.float() < 0.5)
			case *array.StringBuilder:
				f.Append(fmt.Sprint("value", int(1000*rnd.float())))
			case *array.Int64Builder:
				f.Append(int64(1e6 * rnd.float()))
			case *array.Float64Builder:
				f.Append(1000 * rnd.float())
			}
		}
	}
	return b.NewRecord()
}

// BenchmarkKafka reads 200,000 rows of ten columns from the embedded broker.
func BenchmarkKafka(b *testing.B) {
	const rows = 200_000
	for _, format := range []string{formatJSON, formatArrow} {
		b.Run(format, func(b *testing.B) {
			addr := embedded(b, flow.Feed{Topic: "x", Format: format}, &tableSource{rec: benchTable(rows)})
			c := kafkaConfig([]string{addr}, "x")
			c.Format, c.MaxBytes = format, 8<<20
			env := kafkaEnv(b, nil)
			env.Alloc = memory.DefaultAllocator
			b.ResetTimer()
			for range b.N {
				if n := countRows(b, openKafka(b, env, c, nil)); n != rows {
					b.Fatalf("want %d rows, got %d", rows, n)
				}
			}
			b.ReportMetric(rows*float64(b.N)/b.Elapsed().Seconds(), "rows/s")
		})
	}
}

func countRows(b *testing.B, src flow.Source) (n int64) {
	for {
		rec, err := src.Next(b.Context(), 8192)
		if errors.Is(err, io.EOF) {
			src.Close()
			return n
		}
		if err != nil {
			b.Fatal(err)
		}
		n += rec.NumRows()
		rec.Release()
	}
}

// BenchmarkFill writes 200,000 rows of ten columns to the embedded broker.
func BenchmarkFill(b *testing.B) {
	const rows = 200_000
	rec := benchTable(rows)
	for _, format := range []string{formatJSON, formatArrow} {
		b.Run(format, func(b *testing.B) {
			for range b.N {
				embedded(b, flow.Feed{Topic: "x", Format: format}, &tableSource{rec: rec})
			}
			b.ReportMetric(rows*float64(b.N)/b.Elapsed().Seconds(), "rows/s")
		})
	}
}
