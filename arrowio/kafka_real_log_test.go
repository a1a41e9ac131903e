//go:build kafka

package arrowio

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/sluice-stream/sluice/flow"
)

// compacting makes the broker compact a topic at once: each batch closes the segment before it.
var compacting = map[string]string{
	"cleanup.policy": "compact", "segment.ms": "1", "min.cleanable.dirty.ratio": "0.01",
	"max.compaction.lag.ms": "1", "min.compaction.lag.ms": "0", "delete.retention.ms": "0",
}

// sendKeyed writes rows n in [from, to) under keys in turn, a few a batch, some of them in transactions, every
// third of which is aborted.
func sendKeyed(t *testing.T, addrs []string, topic string, from, to, keys int) {
	t.Helper()
	plain, w := newWriter(t, addrs), newWriter(t, addrs, kgo.TransactionalID(topic))
	for n := from; n < to; {
		var recs []*kgo.Record
		for range 7 {
			r := numbered(topic, 0, n)
			r.Key, r.Timestamp = fmt.Append(nil, n*n%keys, n%40 == 0 && n > 0, n/40*(1-min(n%40, 1))), time.UnixMilli(int64(1000*n))
			recs, n = append(recs, r), n+1
		}
		switch n % 3 {
		case 0:
			plain.send(t, recs...)
		case 1:
			w.begin(t)
			w.send(t, recs...)
			w.end(t, kgo.TryCommit)
		default:
			w.begin(t)
			w.send(t, recs...)
			w.end(t, kgo.TryAbort)
		}
	}
}

// readOther reads what another client sees of partition 0 in [from, to): the oracle.
func readOther(t *testing.T, addrs []string, topic string, from, to int64) (out []string) {
	t.Helper()
	cl, err := kgo.NewClient(kgo.SeedBrokers(addrs...), kgo.FetchIsolationLevel(kgo.ReadCommitted()), kgo.KeepControlRecords(),
		kgo.ConsumePartitions(map[string]map[int32]kgo.Offset{topic: {0: kgo.NewOffset().At(from)}}))
	if err != nil {
		t.Fatal(err)
	}
	defer cl.Close()
	for {
		ctx, cancel := context.WithTimeout(t.Context(), 2*time.Second)
		f := cl.PollFetches(ctx)
		late := ctx.Err() != nil
		cancel()
		var recs []*kgo.Record
		for _, r := range f.Records() {
			if r.Offset >= to {
				return append(out, textOf(recs)...)
			}
			if !r.Attrs.IsControl() {
				recs = append(recs, r)
			}
		}
		out = append(out, textOf(recs)...)
		if late {
			return out // the tail was compacted away
		}
	}
}

// waitCompacted returns when the log has been compacted and no longer changes.
func waitCompacted(t *testing.T, addrs []string, topic string, end int64, most int) []string {
	t.Helper()
	var rows []string
	for range 30 {
		again := readOther(t, addrs, topic, 0, end)
		if len(again) <= most && len(again) == len(rows) {
			return again
		}
		rows = again
	}
	t.Fatalf("the broker left %d rows below %d, want at most %d", len(rows), end, most)
	return nil
}

func endOf(t *testing.T, addrs []string, topic string) int64 {
	t.Helper()
	o, err := realAdmin(t, addrs).ListEndOffsets(t.Context(), topic)
	if err != nil {
		t.Fatal(err)
	}
	end, _ := o.Lookup(topic, 0)
	return end.Offset
}

// whileStill compares what a source reads of partition 0 in [from, to) with what another client sees there. The
// broker may compact on at any time, and only ever takes rows away: when the other client sees the same before and
// after, that is what there was in between; when not, both read again.
func whileStill(t *testing.T, addrs []string, topic string, from, to int64, read func() []string) (want []string) {
	t.Helper()
	for range 10 {
		before := readOther(t, addrs, topic, from, to)
		got := read()
		if want = readOther(t, addrs, topic, from, to); slices.Equal(before, want) {
			equalRows(t, got, want)
			return want
		}
		t.Logf("the broker left %d of %d rows meanwhile: reading again", len(want), len(before))
	}
	t.Fatal("the broker compacts without end")
	return nil
}

// TestRealCompactedTopic reads a log with gaps to its end, and one whose end was compacted away after it was
// taken as the end.
func TestRealCompactedTopic(t *testing.T) {
	addrs, topic := realTopic(t, 1, compacting)
	sendKeyed(t, addrs, topic, 0, 700, 31)
	first := openKafka(t, kafkaEnv(t, nil), kafkaConfig(addrs, topic), nil)
	pollRows(t, first, 5)
	state := keepState(first) // its end lies before what follows
	first.Close()
	half := endOf(t, addrs, topic)
	sendKeyed(t, addrs, topic, 700, 1400, 31)
	end := endOf(t, addrs, topic)
	waitCompacted(t, addrs, topic, end, 120)
	c := kafkaConfig(addrs, topic)
	all := func(most int) func() []string {
		return func() []string { return pollAll(t, openKafka(t, kafkaEnv(t, nil), c, nil), most) }
	}
	whileStill(t, addrs, topic, 0, end, all(1000))
	c.MaxBytes = 1024
	want := whileStill(t, addrs, topic, 0, end, all(3))

	rest := whileStill(t, addrs, topic, state.values["next"].([]int64)[0], half, func() []string {
		k := openKafka(t, kafkaEnv(t, nil), c, state)
		rows := pollAll(t, k, 10)
		if k.parts[0].next != half {
			t.Fatalf("want to end at %d, got %d", half, k.parts[0].next)
		}
		return rows
	})
	t.Logf("%d offsets, %d rows left, %d of them below the old end %d", end, len(want), len(rest), half)
}

// TestRealRetentionStopsClearly deletes rows that were not read yet: before a restart, and under a live run.
func TestRealRetentionStopsClearly(t *testing.T) {
	addrs, topic := realTopic(t, 1, nil)
	sendAll(t, addrs, []kgo.Opt{kgo.ProducerBatchMaxBytes(1024)}, numberedUpTo(topic, 2000)...)
	c := kafkaConfig(addrs, topic)
	first := openKafka(t, kafkaEnv(t, nil), c, nil)
	pollRows(t, first, 3)
	state := keepState(first)
	c.Until, c.MaxBytes = "", 1024
	live := openKafka(t, kafkaEnv(t, nil), c, nil)
	pollRows(t, live, 3)
	var o kadm.Offsets
	o.Add(kadm.Offset{Topic: topic, Partition: 0, At: 1900})
	if _, err := realAdmin(t, addrs).DeleteRecords(t.Context(), o); err != nil {
		t.Fatal(err)
	}
	for name, k := range map[string]*Kafka{"restart": openKafka(t, kafkaEnv(t, nil), kafkaConfig(addrs, topic), state), "live": live} {
		err := pollUntilError(t, k)
		if !errors.Is(err, flow.ErrConfig) || !strings.Contains(err.Error(), "is not there any more (the log starts at 1900)") {
			t.Errorf("%s: want a clear stop, got %v", name, err)
		}
	}
}

// pollUntilError reads on until the source fails, for half a minute.
func pollUntilError(t *testing.T, k *Kafka) error {
	t.Helper()
	for began := time.Now(); time.Since(began) < 30*time.Second; {
		if _, err := poll(t.Context(), k, 100); err != nil {
			return err
		}
	}
	return errors.New("no error for half a minute")
}

// TestRealTopicMadeAnew has another topic take the name, with more rows than were read of the old one. No offset
// of the old one may be read in it.
func TestRealTopicMadeAnew(t *testing.T) {
	addrs, topic := realTopic(t, 1, nil)
	sendAll(t, addrs, nil, numberedUpTo(topic, 10)...)
	c := kafkaConfig(addrs, topic)
	first := openKafka(t, kafkaEnv(t, nil), c, nil)
	pollRows(t, first, 3)
	state := keepState(first)
	live := c
	live.Until, live.RetrySeconds = "", 20
	k := openKafka(t, kafkaEnv(t, nil), live, nil)
	equalRows(t, pollRows(t, k, 10), numbers(0, 10))

	if _, err := realAdmin(t, addrs).DeleteTopic(t.Context(), topic); err != nil {
		t.Fatal(err)
	}
	gone, err := NewKafka(c)
	if err != nil {
		t.Fatal(err)
	}
	state.restore(t, gone)
	if err := gone.Open(t.Context(), kafkaEnv(t, nil)); !errors.Is(err, flow.ErrConfig) || !strings.Contains(err.Error(), "topic") {
		t.Errorf("deleted: want ErrConfig that names the topic, got %v", err)
	}
	createTopic(t, addrs, topic, 1, nil)
	var recs []*kgo.Record
	for n := range 50 {
		recs = append(recs, numbered(topic, 0, 1000+n))
	}
	sendAll(t, addrs, nil, recs...)
	again, err := NewKafka(c)
	if err != nil {
		t.Fatal(err)
	}
	state.restore(t, again)
	if err := again.Open(t.Context(), kafkaEnv(t, nil)); !errors.Is(err, flow.ErrConfig) || !strings.Contains(err.Error(), "made anew") {
		t.Errorf("restart: want ErrConfig that says made anew, got %v", err)
	}
	for {
		rows, err := poll(t.Context(), k, 10)
		if len(rows) > 0 {
			t.Fatalf("live: rows of the new topic: %v", rows)
		}
		if err != nil {
			if !errors.Is(err, flow.ErrConfig) || !strings.Contains(err.Error(), topic) {
				t.Errorf("live: want ErrConfig, got %v", err)
			}
			t.Log(err)
			return
		}
	}
}
