//go:build kafka

package sinks

import (
	"testing"
	"time"

	"github.com/apache/arrow/go/v17/arrow/memory"

	"github.com/sluice-stream/sluice/flow"
	"github.com/sluice-stream/sluice/internal/vfs"
)

// BenchmarkRealKafka sends rows of ten columns to a topic of two partitions on the real broker, in checkpoints of
// 163,840 rows: encoded, spooled to the disk of the test's folder, read back, and committed.
func BenchmarkRealKafka(b *testing.B) {
	for _, format := range []string{formatJSON, formatArrow} {
		for _, codec := range []string{"none", "zstd"} {
			b.Run(format+"/"+codec, func(b *testing.B) {
				addrs, topic := realTopic(b, nil)
				cfg := kafkaSettings(addrs, topic)
				cfg.Format, cfg.Compression, cfg.Spool, cfg.TransactionTimeout = format, codec, b.TempDir(), time.Minute
				if format == formatJSON {
					cfg.Key = []string{"user"}
				}
				env := kafkaTestEnv(b, vfs.OS{}, nil)
				env.Alloc = memory.DefaultAllocator
				rec := clickRows(env.Alloc)
				defer rec.Release()
				k := started(b, cfg, env, rec.Schema(), 0)
				rows, id := int64(0), flow.CheckpointID(0)
				var committing time.Duration
				for b.Loop() {
					id++
					for range 20 {
						if err := k.Write(b.Context(), rec); err != nil {
							b.Fatal(err)
						}
						rows += rec.NumRows()
					}
					if err := k.Prepare(b.Context(), id); err != nil {
						b.Fatal(err)
					}
					began := time.Now()
					if err := k.Commit(b.Context(), id); err != nil {
						b.Fatal(err)
					}
					committing += time.Since(began)
				}
				b.ReportMetric(float64(rows)/b.Elapsed().Seconds(), "rows/s")
				b.ReportMetric(float64(rows)/committing.Seconds(), "commit-rows/s")
			})
		}
	}
}
