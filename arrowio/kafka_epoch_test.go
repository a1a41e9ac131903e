package arrowio

import (
	"errors"
	"slices"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/sluice-stream/sluice/flow"
)

// answerEpochs makes the cluster say that the epoch that is asked for ended at an offset, and counts the questions.
func answerEpochs(cl *kfake.Cluster, first int64) (end, asked *atomic.Int64) {
	end, asked = new(atomic.Int64), new(atomic.Int64)
	end.Store(first)
	cl.ControlKey(int16(kmsg.OffsetForLeaderEpoch), func(req kmsg.Request) (kmsg.Response, error, bool) {
		cl.KeepControl()
		asked.Add(1)
		r := req.(*kmsg.OffsetForLeaderEpochRequest)
		res := r.ResponseKind().(*kmsg.OffsetForLeaderEpochResponse)
		for _, t := range r.Topics {
			rt := kmsg.NewOffsetForLeaderEpochResponseTopic()
			rt.Topic = t.Topic
			for _, p := range t.Partitions {
				rp := kmsg.NewOffsetForLeaderEpochResponseTopicPartition()
				rp.Partition, rp.LeaderEpoch, rp.EndOffset = p.Partition, p.LeaderEpoch, end.Load()
				rt.Partitions = append(rt.Partitions, rp)
			}
			res.Topics = append(res.Topics, rt)
		}
		return res, nil, true
	})
	return end, asked
}

// TestKafkaTruncationAtRestart has another leader without the end of the log that was read, then grown beyond it:
// only the epochs tell that the rows there are others.
func TestKafkaTruncationAtRestart(t *testing.T) {
	for _, on := range []string{onGapStop, onGapSkip} {
		cl, c, state := removedFrom(t, 200, 100, func(c *KafkaConfig) { c.OnGap, c.Until = on, "" })
		end, _ := answerEpochs(cl, 70)
		k := openKafka(t, kafkaEnv(t, nil), c, state)
		if on == onGapStop {
			err := pollToError(t, k)
			if !errors.Is(err, flow.ErrConfig) || !strings.Contains(err.Error(), "the log was truncated to offset 70, below 100") || !strings.Contains(err.Error(), "on_gap: skip") {
				t.Fatalf("want a clear stop, got %v", err)
			}
			continue
		}
		equalRows(t, pollRows(t, k, 130), numbers(70, 200))
		note := "partition 0: 30 offsets that were read or wanted are no longer in the log, which was truncated (from 70 to 100)"
		wantNotes(t, k, note)
		end.Store(200)
		again := openKafka(t, kafkaEnv(t, nil), c, keepState(k))
		sendAll(t, c.Brokers, nil, numbered("x", 0, 200))
		equalRows(t, pollRows(t, again, 1), numbers(200, 201))
		wantNotes(t, again, note)
	}
}

// TestKafkaTruncationEndsBoundedRun has the end of a bounded run lost: what is left of it is read, and no more.
func TestKafkaTruncationEndsBoundedRun(t *testing.T) {
	cl, c, state := removedFrom(t, 200, 100, func(*KafkaConfig) {})
	answerEpochs(cl, 70)
	k := openKafka(t, kafkaEnv(t, nil), c, state)
	if rows := pollAll(t, k, 50); len(rows) != 0 {
		t.Fatalf("want no rows behind the end of what was read, got %v", rows)
	}
	wantNotes(t, k, "partition 0: 130 offsets that were read or wanted are no longer in the log, which was truncated (from 70 to 200)")
}

// TestKafkaEndOfBoundedRunIsGone has the log end before a bounded run does, by less than was read: it must not
// wait for ever.
func TestKafkaEndOfBoundedRunIsGone(t *testing.T) {
	for _, on := range []string{onGapStop, onGapSkip} {
		_, c, state := removedFrom(t, 200, 100, func(c *KafkaConfig) { c.OnGap = on })
		state.values["end"] = []int64{1000}
		k := openKafka(t, kafkaEnv(t, nil), c, state)
		if on == onGapStop {
			if err := pollToError(t, k); !errors.Is(err, flow.ErrConfig) || !strings.Contains(err.Error(), "the log was truncated to offset 200, below 1000") {
				t.Fatalf("want a clear stop, got %v", err)
			}
			continue
		}
		equalRows(t, pollAll(t, k, 50), numbers(100, 200))
		wantNotes(t, k, "partition 0: 800 offsets that were read or wanted are no longer in the log, which was truncated (from 200 to 1000)")
	}
}

// TestKafkaOffsetBehindTheLog has a saved offset behind the end, without an epoch that could tell more.
func TestKafkaOffsetBehindTheLog(t *testing.T) {
	_, c, state := removedFrom(t, 200, 100, func(c *KafkaConfig) { c.Until = "" })
	state.values["next"], state.values["epoch"] = []int64{300}, []int32{noEpoch}
	k := openKafka(t, kafkaEnv(t, nil), c, state)
	poll(t.Context(), k, 10)
	sendAll(t, c.Brokers, nil, numbered("x", 0, 200))
	equalRows(t, pollRows(t, k, 1), numbers(200, 201))
	wantNotes(t, k, "partition 0: 100 offsets that were read or wanted are no longer in the log, which was truncated (from 200 to 300)")
}

// TestKafkaFencedAndUnknownEpochs has brokers answer that we, or they, missed an election; the source asks again.
// Fetches carry the epoch of the leader.
func TestKafkaFencedAndUnknownEpochs(t *testing.T) {
	cl, addrs := fakeKafka(t, kfake.NumBrokers(3), kfake.SeedTopics(2, "x"))
	var recs []*kgo.Record
	for n := range 4000 {
		recs = append(recs, numbered("x", int32(n%2), n))
	}
	sendAll(t, addrs, []kgo.Opt{kgo.ProducerBatchMaxBytes(1024)}, recs...)
	c := kafkaConfig(addrs, "x")
	c.MaxBytes = 2048
	want := pollAll(t, openKafka(t, kafkaEnv(t, nil), c, nil), 1000)
	var fetches, epochs atomic.Int64
	codes := []int16{kerr.FencedLeaderEpoch.Code, kerr.UnknownLeaderEpoch.Code, kerr.NotLeaderForPartition.Code, kerr.OffsetNotAvailable.Code}
	cl.ControlKey(int16(kmsg.Fetch), func(req kmsg.Request) (kmsg.Response, error, bool) {
		cl.KeepControl()
		r := req.(*kmsg.FetchRequest)
		for _, t := range r.Topics {
			for _, p := range t.Partitions {
				epochs.Add(int64(p.CurrentLeaderEpoch))
			}
		}
		n := fetches.Add(1)
		if n%5 != 0 {
			return nil, nil, false
		}
		res := r.ResponseKind().(*kmsg.FetchResponse)
		for _, t := range r.Topics {
			rt := kmsg.NewFetchResponseTopic()
			rt.Topic, rt.TopicID = t.Topic, t.TopicID
			for _, p := range t.Partitions {
				rp := kmsg.NewFetchResponseTopicPartition()
				rp.Partition, rp.ErrorCode = p.Partition, codes[int(n/5)%len(codes)]
				rt.Partitions = append(rt.Partitions, rp)
			}
			res.Topics = append(res.Topics, rt)
		}
		return res, nil, true
	})
	k := openKafka(t, kafkaEnv(t, nil), c, nil)
	got := pollRows(t, k, 500)
	for p := range int32(2) {
		if err := cl.MoveTopicPartition("x", p, (cl.LeaderFor("x", p)+1)%3); err != nil {
			t.Fatal(err)
		}
	}
	equalRows(t, append(got, pollAll(t, k, 100)...), want)
	if fetches.Load() < 20 || epochs.Load() < 10 {
		t.Fatalf("want fetches with the epoch of the leader, got %d with a sum of %d", fetches.Load(), epochs.Load())
	}
}

// TestKafkaAsksOnceAnEpoch counts the questions about epochs: none without an election, one a restart.
func TestKafkaAsksOnceAnEpoch(t *testing.T) {
	cl, c, state := removedFrom(t, 400, 100, func(c *KafkaConfig) { c.MaxBytes = 1024 })
	_, asked := answerEpochs(cl, 400)
	equalRows(t, pollAll(t, openKafka(t, kafkaEnv(t, nil), c, nil), 50), numbers(0, 400))
	if n := asked.Load(); n != 0 {
		t.Errorf("want no question at a first start, got %d", n)
	}
	equalRows(t, pollAll(t, openKafka(t, kafkaEnv(t, nil), c, state), 50), numbers(100, 400))
	if n := asked.Load(); n != 1 {
		t.Errorf("want one question at a restart, got %d", n)
	}
}

// TestKafkaIgnoresOldMetadata has a broker that lags name an older leader.
func TestKafkaIgnoresOldMetadata(t *testing.T) {
	c := newKafkaClient([]string{"127.0.0.1:1"}, "x", 1)
	defer c.close()
	part := func(epoch int32) []kmsg.MetadataResponseTopicPartition {
		p := kmsg.NewMetadataResponseTopicPartition()
		p.Partition, p.LeaderEpoch = 3, epoch
		return []kmsg.MetadataResponseTopicPartition{p}
	}
	if err := errors.Join(c.noteEpochs(part(4)), c.noteEpochs(part(5))); err != nil {
		t.Fatal(err)
	}
	if err := c.noteEpochs(part(4)); err == nil || final(err) {
		t.Fatalf("want an error that may pass, got %v", err)
	}
	if got := []int32{c.epoch(3), c.epoch(4)}; !slices.Equal(got, []int32{5, noEpoch}) {
		t.Fatalf("want epochs 5 and none, got %v", got)
	}
}
