package sinks

import (
	"context"
	"math/rand/v2"
	"testing"

	"github.com/apache/arrow/go/v17/arrow"
	"github.com/apache/arrow/go/v17/arrow/array"
	"github.com/apache/arrow/go/v17/arrow/memory"

	"github.com/sluice-stream/sluice/flow"
	"github.com/sluice-stream/sluice/internal/vfs"
)

// clickRows are ten columns as a scored stream has them, 8,192 rows a record.
func clickRows(mem memory.Allocator) arrow.Record {
	const n = 8192
	texts := []string{"user", "item", "city", "agent"}
	var fields []arrow.Field
	for _, name := range texts {
		fields = append(fields, arrow.Field{Name: name, Type: arrow.BinaryTypes.String, Nullable: true})
	}
	for _, name := range []string{"price", "age", "score"} {
		fields = append(fields, arrow.Field{Name: name, Type: arrow.PrimitiveTypes.Float64, Nullable: true})
	}
	for _, name := range []string{"at", "hour", "click"} {
		fields = append(fields, arrow.Field{Name: name, Type: arrow.PrimitiveTypes.Int64})
	}
	b := array.NewRecordBuilder(mem, arrow.NewSchema(fields, nil))
	defer b.Release()
	r := rand.New(rand.NewPCG(1, 1))
	for i := range n {
		for c := range 4 {
			b.Field(c).(*array.StringBuilder).Append(string(rune('a'+c)) + string(rune('a'+r.IntN(26))) + string(rune('a'+r.IntN(26))))
		}
		for c := 4; c < 7; c++ {
			if b := b.Field(c).(*array.Float64Builder); r.IntN(20) == 0 {
				b.AppendNull()
			} else {
				b.Append(r.NormFloat64())
			}
		}
		b.Field(7).(*array.Int64Builder).Append(int64(i) * 1000)
		b.Field(8).(*array.Int64Builder).Append(int64(i % 24))
		b.Field(9).(*array.Int64Builder).Append(int64(i % 5 / 4))
	}
	return b.NewRecord()
}

// BenchmarkWrite writes 983,040 rows of ten columns in six checkpoints to the disk of the test's folder.
func BenchmarkWrite(b *testing.B) {
	for name, build := range map[string]func(dir string) (fileSink, error){
		"parquet/zstd": func(dir string) (fileSink, error) {
			return newParquet(ParquetConfig{Path: dir, Compression: "zstd", RowGroup: 122_880})
		},
		"parquet/snappy": func(dir string) (fileSink, error) {
			return newParquet(ParquetConfig{Path: dir, Compression: "snappy", RowGroup: 122_880})
		},
		"arrow/zstd": func(dir string) (fileSink, error) {
			return newArrow(ArrowConfig{Path: dir, Compression: "zstd", RowGroup: 65_536})
		},
		"arrow/none": func(dir string) (fileSink, error) {
			return newArrow(ArrowConfig{Path: dir, Compression: "none", RowGroup: 65_536})
		},
	} {
		b.Run(name, func(b *testing.B) {
			ctx, mem := context.Background(), memory.DefaultAllocator
			rec := clickRows(mem)
			defer rec.Release()
			rows := int64(0)
			b.ReportAllocs()
			for b.Loop() {
				s, err := build(b.TempDir())
				if err != nil {
					b.Fatal(err)
				}
				if err := s.Open(ctx, testEnv(vfs.OS{}, mem)); err != nil {
					b.Fatal(err)
				}
				if err := s.Bind(rec.Schema()); err != nil {
					b.Fatal(err)
				}
				if err := s.Recover(ctx, 0); err != nil {
					b.Fatal(err)
				}
				for id := flow.CheckpointID(1); id <= 6; id++ {
					for range 20 {
						if err := s.Write(ctx, rec); err != nil {
							b.Fatal(err)
						}
						rows += rec.NumRows()
					}
					if err := s.Prepare(ctx, id); err != nil {
						b.Fatal(err)
					}
					if err := s.Commit(ctx, id); err != nil {
						b.Fatal(err)
					}
				}
				if err := s.Close(); err != nil {
					b.Fatal(err)
				}
			}
			b.ReportMetric(float64(rows)/b.Elapsed().Seconds(), "rows/s")
		})
	}
}
