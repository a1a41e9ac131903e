package arrowio

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kgo"
	"go.uber.org/goleak"

	"github.com/sluice-stream/sluice/flow"
)

// numbers lists the rows of messages n in [from, to) that stand in one partition from offset 0.
func numbers(from, to int) []string {
	var out []string
	for n := from; n < to; n++ {
		out = append(out, fmt.Sprintf("%d 0 %d", n, n))
	}
	return out
}

func numberedUpTo(topic string, n int) []*kgo.Record {
	out := make([]*kgo.Record, n)
	for i := range out {
		out[i] = numbered(topic, 0, i)
	}
	return out
}

func TestKafkaReadsEveryCodecInOrder(t *testing.T) {
	_, addrs := fakeKafka(t, kfake.SeedTopics(1, "none", "gzip", "snappy", "lz4", "zstd"))
	for name, codec := range map[string]kgo.CompressionCodec{
		"none": kgo.NoCompression(), "gzip": kgo.GzipCompression(), "snappy": kgo.SnappyCompression(),
		"lz4": kgo.Lz4Compression(), "zstd": kgo.ZstdCompression(),
	} {
		t.Run(name, func(t *testing.T) {
			sendAll(t, addrs, []kgo.Opt{kgo.ProducerBatchCompression(codec), kgo.ProducerBatchMaxBytes(8192)}, numberedUpTo(name, 5000)...)
			k := openKafka(t, kafkaEnv(t, nil), kafkaConfig(addrs, name), nil)
			equalRows(t, pollAll(t, k, 333), numbers(0, 5000))
		})
	}
}

func TestKafkaRestoresAtEveryOffset(t *testing.T) {
	_, addrs := fakeKafka(t, kfake.SeedTopics(3, "x"))
	var recs []*kgo.Record
	for n := range 60 {
		recs = append(recs, numbered("x", int32(n*n%3), n))
	}
	sendAll(t, addrs, nil, recs...)
	for _, merge := range []string{mergeNone, mergeTimestamp} {
		c := kafkaConfig(addrs, "x")
		c.Merge = merge
		all := pollAll(t, openKafka(t, kafkaEnv(t, nil), c, nil), 1000)
		if len(all) != 60 {
			t.Fatalf("merge %s: want 60 rows, got %d", merge, len(all))
		}
		for at := range 61 {
			first := openKafka(t, kafkaEnv(t, nil), c, nil)
			head := pollRows(t, first, at)
			state := keepState(first)
			first.Close()
			second := openKafka(t, kafkaEnv(t, nil), c, state)
			equalRows(t, append(head, pollAll(t, second, 7)...), all)
			second.Close()
		}
	}
}

func TestKafkaMergesByTimeThenPartition(t *testing.T) {
	_, addrs := fakeKafka(t, kfake.SeedTopics(3, "x"))
	var recs []*kgo.Record
	for n := 299; n >= 0; n-- { // each partition ascends, the order of arrival between them is mixed
		p := int32(n % 3)
		r := numbered("x", p, (299-n)/3*3+int(p))
		r.Timestamp = time.UnixMilli(int64((299 - n) / 6))
		recs = append(recs, r)
	}
	sendAll(t, addrs, nil, recs...)
	c := kafkaConfig(addrs, "x")
	c.Merge, c.Meta = mergeTimestamp, []string{"timestamp", "partition", "offset"}
	rows := pollAll(t, openKafka(t, kafkaEnv(t, nil), c, nil), 17)
	last := [3]int64{}
	for i, r := range rows {
		var n, p, o int64
		var day, clock string
		if _, err := fmt.Sscan(r, &n, &day, &clock, &p, &o); err != nil {
			t.Fatalf("%q: %v", r, err)
		}
		at, err := time.Parse(time.RFC3339, day+"T"+clock)
		if err != nil {
			t.Fatal(err)
		}
		key := [3]int64{at.UnixMilli(), p, o}
		if slices.Compare(key[:], last[:]) < 0 {
			t.Fatalf("row %d %q stands behind %v", i, r, last)
		}
		last = key
	}
	if len(rows) != 300 {
		t.Fatalf("want 300 rows, got %d", len(rows))
	}
}

func TestKafkaBoundedOrderOfPartitionsIsFixed(t *testing.T) {
	_, addrs := fakeKafka(t, kfake.SeedTopics(4, "x"))
	var recs []*kgo.Record
	for n := range 10_000 {
		recs = append(recs, numbered("x", int32(n%4), n))
	}
	sendAll(t, addrs, []kgo.Opt{kgo.ProducerBatchMaxBytes(4096)}, recs...)
	c := kafkaConfig(addrs, "x")
	c.MaxBytes = 16 << 10
	first := pollAll(t, openKafka(t, kafkaEnv(t, nil), c, nil), 4096)
	equalRows(t, pollAll(t, openKafka(t, kafkaEnv(t, nil), c, nil), 100), first)
	if len(first) != 10_000 {
		t.Fatalf("want 10000 rows, got %d", len(first))
	}
}

func TestKafkaStarts(t *testing.T) {
	_, addrs := fakeKafka(t, kfake.SeedTopics(1, "x"))
	recs := numberedUpTo("x", 100)
	for i, r := range recs {
		r.Timestamp = feedEpoch.Add(time.Duration(i) * time.Second)
	}
	sendAll(t, addrs, nil, recs...)
	commitOffset(t, addrs, "g", "x", 42)
	for _, c := range []struct {
		start, group string
		from         int
	}{{"earliest", "", 0}, {"latest", "", 100}, {"2026-01-01T00:00:30Z", "", 30}, {"2030-01-01T00:00:00Z", "", 100}, {"committed", "g", 42}, {"committed", "other", 0}} {
		cfg := kafkaConfig(addrs, "x")
		cfg.Start, cfg.Group = c.start, c.group
		cfg.Schema = flow.Ordered[string]{{Key: "n", Value: "int64"}}
		equalRows(t, pollAll(t, openKafka(t, kafkaEnv(t, nil), cfg, nil), 64), numbers(c.from, 100))
	}
}

func TestKafkaEndIsTakenOnce(t *testing.T) {
	_, addrs := fakeKafka(t, kfake.SeedTopics(1, "x"))
	sendAll(t, addrs, nil, numberedUpTo("x", 10)...)
	c := kafkaConfig(addrs, "x")
	k := openKafka(t, kafkaEnv(t, nil), c, nil)
	head := pollRows(t, k, 4)
	state := keepState(k)
	k.Close()
	sendAll(t, addrs, nil, numbered("x", 0, 10))
	equalRows(t, append(head, pollAll(t, openKafka(t, kafkaEnv(t, nil), c, state), 64)...), numbers(0, 10))
	equalRows(t, pollAll(t, openKafka(t, kafkaEnv(t, nil), c, nil), 64), numbers(0, 11))
}

func TestKafkaLiveReadsOn(t *testing.T) {
	_, addrs := fakeKafka(t, kfake.SeedTopics(2, "x"))
	c := kafkaConfig(addrs, "x")
	c.Until, c.Schema = "", flow.Ordered[string]{{Key: "n", Value: "int64"}}
	k := openKafka(t, kafkaEnv(t, nil), c, nil)
	if rows, err := poll(t.Context(), k, 10); err != nil || len(rows) != 0 {
		t.Fatalf("want no rows from an empty live topic, got %v, %v", rows, err)
	}
	for n := range 3 {
		sendAll(t, addrs, nil, numbered("x", 0, n))
		equalRows(t, pollRows(t, k, 1), numbers(n, n+1))
	}
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Millisecond)
	defer cancel()
	if _, err := k.Next(ctx, 1); !errors.Is(err, context.DeadlineExceeded) {
		t.Fatalf("want the context's error, got %v", err)
	}
}

func TestKafkaRewindStartsOver(t *testing.T) {
	_, addrs := fakeKafka(t, kfake.SeedTopics(3, "x"))
	var recs []*kgo.Record
	for n := range 50 {
		recs = append(recs, numbered("x", int32(n%3), n))
	}
	sendAll(t, addrs, nil, recs...)
	c := kafkaConfig(addrs, "x")
	k := openKafka(t, kafkaEnv(t, nil), c, nil)
	all := pollAll(t, k, 8)
	for range 2 {
		if err := k.Rewind(t.Context()); err != nil {
			t.Fatal(err)
		}
		pollRows(t, k, 20)
		if err := k.Rewind(t.Context()); err != nil {
			t.Fatal(err)
		}
		equalRows(t, pollAll(t, k, 9), all)
	}
}

func TestKafkaLeavesNoGoroutine(t *testing.T) {
	c, addrs := fakeKafka(t, kfake.SeedTopics(2, "x"))
	_ = c
	before := goleak.IgnoreCurrent()
	sendAll(t, addrs, nil, numberedUpTo("x", 10)...)
	cfg := kafkaConfig(addrs, "x")
	cfg.Until = ""
	ctx, cancel := context.WithCancel(t.Context())
	k, err := NewKafka(cfg)
	if err != nil {
		t.Fatal(err)
	}
	if err := k.Open(ctx, kafkaEnv(t, nil)); err != nil {
		t.Fatal(err)
	}
	pollRows(t, k, 10)
	cancel()
	if _, err := k.Next(ctx, 1); !errors.Is(err, context.Canceled) {
		t.Fatalf("want context.Canceled, got %v", err)
	}
	k.Close()
	goleak.VerifyNone(t, before)
}
