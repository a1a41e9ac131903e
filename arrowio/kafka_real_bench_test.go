//go:build kafka

package arrowio

import (
	"bytes"
	"errors"
	"io"
	"testing"
	"time"

	"github.com/apache/arrow/go/v17/arrow/ipc"
	"github.com/apache/arrow/go/v17/arrow/memory"
	kafka "github.com/segmentio/kafka-go"
	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/sluice-stream/sluice/internal/realkafka"
)

// BenchmarkRealKafka reads one topic of Arrow IPC messages, 1,024 rows of ten columns each, from the real broker:
// with the source, which decodes them, and with kafka-go's bare loop, which does not. It reports rows/s of the
// source and its bytes/s as a share of the bare loop's, measured in turns.
func BenchmarkRealKafka(b *testing.B) {
	const messages = 2000
	for name, codec := range map[string]kgo.CompressionCodec{"none": kgo.NoCompression(), "zstd": kgo.ZstdCompression()} {
		addrs, topic := []string{realkafka.Start(b)}, "bench."+name
		createTopic(b, addrs, topic, 1, nil)
		size := fillArrow(b, addrs, topic, codec, messages)
		b.Run(name, func(b *testing.B) {
			var source, bare time.Duration
			b.ResetTimer()
			for range b.N {
				began := time.Now()
				bareLoop(b, addrs[0], topic, messages, 8<<20)
				between := time.Now()
				c := kafkaConfig(addrs, topic)
				c.Format, c.MaxBytes, c.Meta = formatArrow, 8<<20, nil
				env := kafkaEnv(b, nil)
				env.Alloc = memory.DefaultAllocator
				if n := countRows(b, openKafka(b, env, c, nil)); n != messages*1024 {
					b.Fatalf("want %d rows, got %d", messages*1024, n)
				}
				bare, source = bare+between.Sub(began), source+time.Since(between)
			}
			b.ReportMetric(messages*1024*float64(b.N)/source.Seconds(), "rows/s")
			b.ReportMetric(float64(size)*float64(b.N)/source.Seconds()/1e6, "MB/s")
			b.ReportMetric(float64(size)*float64(b.N)/bare.Seconds()/1e6, "bare-MB/s")
			b.ReportMetric(bare.Seconds()/source.Seconds(), "of-bare")
		})
	}
}

func fillArrow(b *testing.B, addrs []string, topic string, codec kgo.CompressionCodec, messages int) (size int) {
	b.Helper()
	rec := benchTable(1024 * 100)
	defer rec.Release()
	recs := make([]*kgo.Record, messages)
	for i := range recs {
		at := int64(i%100) * 1024
		part := rec.NewSlice(at, at+1024)
		var buf bytes.Buffer
		w := ipc.NewWriter(&buf, ipc.WithSchema(rec.Schema()))
		if err := errors.Join(w.Write(part), w.Close()); err != nil {
			b.Fatal(err)
		}
		part.Release()
		recs[i] = &kgo.Record{Topic: topic, Value: buf.Bytes()}
		size += buf.Len()
	}
	sendAll(b, addrs, []kgo.Opt{kgo.ProducerBatchMaxBytes(1 << 20), kgo.ProducerBatchCompression(codec)}, recs...)
	return size
}

// bareLoop is the loop that the source is measured against.
func bareLoop(b *testing.B, addr, topic string, messages, maxBytes int) {
	b.Helper()
	conn, err := kafka.DialLeader(b.Context(), "tcp", addr, topic, 0)
	if err != nil {
		b.Fatal(err)
	}
	defer conn.Close()
	buf := make([]byte, 1<<20)
	next := int64(0)
	for got := 0; got < messages; {
		batch := conn.ReadBatchWith(kafka.ReadBatchConfig{MinBytes: 1, MaxBytes: maxBytes, IsolationLevel: kafka.ReadCommitted, MaxWait: time.Second})
		for {
			if _, err := batch.Read(buf); err != nil {
				if !errors.Is(err, io.EOF) {
					b.Fatal(err)
				}
				break
			}
			got++
		}
		next = batch.Offset()
		if err := batch.Close(); err != nil {
			b.Fatal(err)
		}
		if _, err := conn.Seek(next, kafka.SeekAbsolute); err != nil {
			b.Fatal(err)
		}
	}
}
