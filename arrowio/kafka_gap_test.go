package arrowio

import (
	"bytes"
	"errors"
	"log/slog"
	"slices"
	"strings"
	"testing"

	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/sluice-stream/sluice/flow"
	"github.com/sluice-stream/sluice/internal/state"
)

// removedFrom is a topic x of n numbered rows, a source that has read the first `read` of them, and its state.
func removedFrom(t *testing.T, n, read int, change func(*KafkaConfig)) (*kfake.Cluster, KafkaConfig, *keptState) {
	t.Helper()
	cl, addrs := fakeKafka(t, kfake.SeedTopics(1, "x"))
	sendAll(t, addrs, []kgo.Opt{kgo.ProducerBatchMaxBytes(600)}, numberedUpTo("x", n)...)
	c := kafkaConfig(addrs, "x")
	c.OnGap, c.Schema = onGapSkip, flow.Ordered[string]{{Key: "n", Value: "int64"}}
	change(&c)
	first := openKafka(t, kafkaEnv(t, nil), c, nil)
	equalRows(t, pollRows(t, first, read), numbers(0, read))
	state := keepState(first)
	first.Close()
	return cl, c, state
}

func remove(t *testing.T, cl *kfake.Cluster, below int64) {
	t.Helper()
	if err := cl.DeleteRecords("x", 0, below); err != nil {
		t.Fatal(err)
	}
}

func wantNotes(t *testing.T, k *Kafka, want ...string) {
	t.Helper()
	if got := k.Report().Notes; !slices.Equal(got, want) {
		t.Fatalf("want notes %q, got %q", want, got)
	}
}

// TestKafkaSkipsGapAtRestart has retention pass a saved offset twice; each gap is counted once, however often the
// source starts again.
func TestKafkaSkipsGapAtRestart(t *testing.T) {
	cl, c, state := removedFrom(t, 2000, 500, func(*KafkaConfig) {})
	remove(t, cl, 1700)
	var log bytes.Buffer
	env := kafkaEnv(t, nil)
	env.Log = slog.New(slog.NewTextHandler(&log, nil))
	k := openKafka(t, env, c, state)
	equalRows(t, pollRows(t, k, 10), numbers(1700, 1710))
	note := "partition 0: 1200 offsets were removed by retention before they were read (from 500 to 1700)"
	wantNotes(t, k, note)
	for _, part := range []string{"level=WARN", "partition=0", "from=500", "to=1700", "offsets=1200", "total=1200"} {
		if !strings.Contains(log.String(), part) {
			t.Errorf("want %s in the log, got %s", part, log.String())
		}
	}
	again := openKafka(t, kafkaEnv(t, nil), c, keepState(k))
	equalRows(t, pollRows(t, again, 10), numbers(1710, 1720))
	wantNotes(t, again, note)
	state = keepState(again)
	remove(t, cl, 1800)
	last := openKafka(t, kafkaEnv(t, nil), c, state)
	equalRows(t, pollAll(t, last, 50), numbers(1800, 2000))
	wantNotes(t, last, "partition 0: 1280 offsets were removed by retention before they were read (in 2 gaps between 500 and 1800)")
}

// TestKafkaGapIsCountedWhenItIsCrossed takes a state behind every call: rows and gap are in it together, or neither.
func TestKafkaGapIsCountedWhenItIsCrossed(t *testing.T) {
	cl, c, state := removedFrom(t, 400, 100, func(c *KafkaConfig) { c.MaxBytes = 1024 })
	k := openKafka(t, kafkaEnv(t, nil), c, state)
	got := numbers(0, 100)
	got = append(got, pollRows(t, k, 7)...)
	remove(t, cl, 300)
	crossed := false
	for {
		s := keepState(k)
		next := s.values["next"].([]int64)[0]
		lost := s.values["gap_offsets"].([]int64)
		if have := int64(len(got)); len(lost) == 0 && next != have || len(lost) == 1 && next-lost[0] != have || len(lost) > 1 {
			t.Fatalf("after %d rows the state stands at %d with gaps %v", have, next, lost)
		}
		crossed = crossed || len(lost) == 1
		rest := openKafka(t, kafkaEnv(t, nil), c, s)
		all := append(slices.Clone(got), pollAll(t, rest, 50)...)
		if n := rest.gaps.counts()[0].offsets; int(n)+len(all) != 400 {
			t.Fatalf("restart after %d rows: %d rows and %d counted offsets, want 400 together", len(got), len(all), n)
		}
		rest.Close()
		rows, err := poll(t.Context(), k, 3)
		if err != nil {
			break
		}
		got = append(got, rows...)
	}
	if !crossed || got[len(got)-1] != "399 0 399" {
		t.Fatalf("want a gap, then rows to 399, got %q", got[len(got)-1])
	}
}

// TestKafkaGapBeyondTheEnd has retention pass the end of a bounded run: nothing of it is left.
func TestKafkaGapBeyondTheEnd(t *testing.T) {
	for _, on := range []string{onGapStop, onGapSkip} {
		cl, c, state := removedFrom(t, 100, 40, func(c *KafkaConfig) { c.OnGap = on })
		sendAll(t, c.Brokers, nil, numberedUpTo("x", 60)...)
		remove(t, cl, 130)
		k := openKafka(t, kafkaEnv(t, nil), c, state)
		if on == onGapStop {
			if err := pollToError(t, k); !errors.Is(err, flow.ErrConfig) || !strings.Contains(err.Error(), "offset 40 is not there any more (the log starts at 130)") {
				t.Fatalf("want a clear stop, got %v", err)
			}
			continue
		}
		if rows := pollAll(t, k, 9); len(rows) != 0 {
			t.Fatalf("want no rows, got %v", rows)
		}
		wantNotes(t, k, "partition 0: 60 offsets were removed by retention before they were read (from 40 to 100)")
	}
}

// TestKafkaGapBeforeCommittedOffset starts by a group whose offset was removed, with columns to be learnt.
func TestKafkaGapBeforeCommittedOffset(t *testing.T) {
	cl, c, _ := removedFrom(t, 100, 0, func(*KafkaConfig) {})
	commitOffset(t, c.Brokers, "g", "x", 20)
	remove(t, cl, 50)
	c.Start, c.Group, c.Schema = startCommitted, "g", nil
	k := openKafka(t, kafkaEnv(t, nil), c, nil)
	equalRows(t, pollAll(t, k, 30), numbers(50, 100))
	wantNotes(t, k, "partition 0: 30 offsets were removed by retention before they were read (from 20 to 50)")
}

// TestKafkaGapsInAPart writes and reads a state with and without gaps as a part of a checkpoint, and a broken one.
func TestKafkaGapsInAPart(t *testing.T) {
	cl, c, _ := removedFrom(t, 100, 10, func(*KafkaConfig) {})
	copied := func(k *Kafka) *Kafka {
		var part bytes.Buffer
		if err := state.WritePart(&part, k); err != nil {
			t.Fatal(err)
		}
		out, err := NewKafka(c)
		if err != nil {
			t.Fatal(err)
		}
		if err := state.ReadPart(part.Bytes(), out); err != nil {
			t.Fatal(err)
		}
		if err := out.Open(t.Context(), kafkaEnv(t, nil)); err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { out.Close() })
		return out
	}
	k := openKafka(t, kafkaEnv(t, nil), c, nil)
	pollRows(t, k, 10)
	k = copied(k)
	wantNotes(t, k)
	k.Close()
	remove(t, cl, 60)
	k = copied(k)
	equalRows(t, pollRows(t, k, 5), numbers(60, 65))
	k = copied(k)
	equalRows(t, pollAll(t, k, 50), numbers(65, 100))
	wantNotes(t, k, "partition 0: 50 offsets were removed by retention before they were read (from 10 to 60)")

	s := keepState(k)
	s.values["gap_to"] = []int64{}
	s.restoring = true
	if k.Walk(s); !errors.Is(s.failed, flow.ErrCorrupt) {
		t.Fatalf("want ErrCorrupt for lists of other lengths, got %v", s.failed)
	}
}

// pollToError reads on until the source fails.
func pollToError(t *testing.T, k *Kafka) error {
	t.Helper()
	for range 100 {
		if _, err := poll(t.Context(), k, 100); err != nil {
			return err
		}
	}
	t.Fatal("want an error, got none")
	return nil
}
