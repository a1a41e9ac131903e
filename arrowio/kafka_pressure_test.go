package arrowio

import (
	"fmt"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/sluice-stream/sluice/flow"
)

// TestKafkaHugeMessageAmongSmallOnes has messages of 20 MiB and a fetch of a kilobyte, on several brokers: every
// partition moves on.
func TestKafkaHugeMessageAmongSmallOnes(t *testing.T) {
	for _, brokers := range []int{1, 3} {
		_, addrs := fakeKafka(t, kfake.NumBrokers(brokers), kfake.BrokerConfigs(map[string]string{"message.max.bytes": "40000000"}), kfake.SeedTopics(4, "x"))
		var recs []*kgo.Record
		for n := range 400 {
			recs = append(recs, numbered("x", int32(n%4), n))
		}
		for p, at := range []int{0, 201} { // the first message of one partition, one in the middle of another
			recs[at].Value = fmt.Appendf(nil, `{"n":%d,"s":%q}`, at, strings.Repeat("a", 20<<20))
			if int(recs[at].Partition) != p {
				t.Fatalf("message %d is in partition %d, want %d", at, recs[at].Partition, p)
			}
		}
		for at := 0; at < len(recs); at += 40 {
			sendAll(t, addrs, []kgo.Opt{kgo.ProducerBatchMaxBytes(32 << 20), kgo.ProducerBatchCompression(kgo.NoCompression())}, recs[at:at+40]...)
		}
		c := kafkaConfig(addrs, "x")
		c.MaxBytes, c.Schema, c.Merge = 1024, flow.Ordered[string]{{Key: "n", Value: "int64"}}, mergeTimestamp
		within(t, 20*time.Second, "reading", func() {
			if rows := pollAll(t, openKafka(t, kafkaEnv(t, nil), c, nil), 50); len(rows) != 400 || !strings.HasPrefix(rows[201], "201 ") {
				t.Fatalf("%d brokers: want 400 rows in order, got %d", brokers, len(rows))
			}
		})
	}
}

// TestKafkaMemoryIsFlatBehindSlowReader reads a topic of 48 MiB slowly with fetches of 1 MiB: what waits for the
// reader stays near that size.
func TestKafkaMemoryIsFlatBehindSlowReader(t *testing.T) {
	_, addrs := fakeKafka(t, kfake.NumBrokers(2), kfake.SeedTopics(4, "x"))
	pad := strings.Repeat("b", 1000)
	for part := range 8 {
		var recs []*kgo.Record
		for n := part * 6000; n < (part+1)*6000; n++ {
			r := numbered("x", int32(n%4), n)
			r.Value = fmt.Appendf(nil, `{"n":%d,"pad":%q}`, n, pad)
			recs = append(recs, r)
		}
		sendAll(t, addrs, []kgo.Opt{kgo.ProducerBatchMaxBytes(32 << 10), kgo.ProducerBatchCompression(kgo.NoCompression())}, recs...)
	}
	c := kafkaConfig(addrs, "x")
	c.Schema = flow.Ordered[string]{{Key: "n", Value: "int64"}}
	start := settledHeap()
	k := openKafka(t, kafkaEnv(t, nil), c, nil)
	most, rows := start, 0
	for i := range 40 {
		rows += len(pollRows(t, k, 200))
		if i%4 == 0 {
			time.Sleep(100 * time.Millisecond) // the fetchers fill what they may
			most = max(most, heap(), start)
		}
	}
	t.Logf("at most %d KiB on top of %d KiB", (most-start)>>10, start>>10)
	if limit := uint64(12 << 20); most-start > limit {
		t.Errorf("the source kept %d bytes for a slow reader, want at most %d", most-start, limit)
	}
	if n := len(pollAll(t, k, 5000)); n+rows != 48_000 {
		t.Fatalf("want 48000 rows, got %d", n+rows)
	}
}

// settledHeap waits until what earlier tests left is collected.
func settledHeap() uint64 {
	for h := heap(); ; {
		time.Sleep(50 * time.Millisecond)
		next := heap()
		if next+1<<19 > h {
			return next
		}
		h = next
	}
}

func heap() uint64 {
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return m.HeapAlloc
}
