//go:build kafka

package arrowio

import (
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/sluice-stream/sluice/flow"
	"github.com/sluice-stream/sluice/internal/realkafka"
)

// TestRealBrokerBounces ends the broker while it is read and starts it again: the source goes on, with every row
// once and in order, in a bounded and in a live run.
func TestRealBrokerBounces(t *testing.T) {
	for name, hard := range map[string]bool{"stop": false, "kill": true} {
		t.Run(name, func(t *testing.T) {
			addrs, topic := realTopic(t, 3, nil)
			var recs []*kgo.Record
			for n := range 30_000 {
				recs = append(recs, numbered(topic, int32(n%3), n))
			}
			sendAll(t, addrs, []kgo.Opt{kgo.ProducerBatchMaxBytes(2048)}, recs...)
			c := kafkaConfig(addrs, topic)
			c.MaxBytes, c.RetrySeconds = 16<<10, 60
			want := pollAll(t, openKafka(t, kafkaEnv(t, nil), c, nil), 1000)
			k := openKafka(t, kafkaEnv(t, nil), c, nil)
			c.Until = ""
			live := openKafka(t, kafkaEnv(t, nil), c, nil)
			got, gotLive := pollRows(t, k, 500), pollRows(t, live, 500)
			bounced := make(chan struct{})
			go func() {
				defer close(bounced)
				began := time.Now()
				realkafka.Bounce(t, 3*time.Second, hard)
				t.Logf("the broker was away for %s", time.Since(began))
			}()
			time.Sleep(time.Second)
			began := time.Now()
			equalRows(t, append(got, pollAll(t, k, 1000)...), want)
			<-bounced
			t.Logf("the source went on to its end in %s", time.Since(began))
			more := numberedUpTo(topic, 9)
			sendAll(t, addrs, nil, more...)
			t.Logf("a producer wrote again after %s", time.Since(began))
			gotLive = append(gotLive, pollRows(t, live, 30_009-500)...)
			equalRows(t, byPlace(gotLive), textOf(append(recs, more...)))
		})
	}
}

// TestRealPartitionsAdded adds partitions under a live and under a bounded run. The one reads them from their
// first row within a refresh interval, also after a restart, the other leaves them out.
func TestRealPartitionsAdded(t *testing.T) {
	addrs, topic := realTopic(t, 1, nil)
	sendAll(t, addrs, nil, numberedUpTo(topic, 10)...)
	c := kafkaConfig(addrs, topic)
	c.Schema = flow.Ordered[string]{{Key: "n", Value: "int64"}}
	bounded := openKafka(t, kafkaEnv(t, nil), c, nil)
	got := pollRows(t, bounded, 4)
	state := keepState(bounded)
	c.Until = ""
	live := openKafka(t, kafkaEnv(t, nil), c, nil)
	equalRows(t, pollRows(t, live, 10), numbers(0, 10))
	early := keepState(live)

	res, err := realAdmin(t, addrs).CreatePartitions(t.Context(), 2, topic)
	if err == nil {
		err = res.Error()
	}
	if err != nil {
		t.Fatal(err)
	}
	var added []*kgo.Record
	for n := range 30 {
		added = append(added, numbered(topic, int32(1+n%2), 100+n))
	}
	sendAll(t, addrs, nil, added...)
	began := time.Now()
	rows := pollRows(t, live, 30)
	equalRows(t, byPlace(rows), textOf(added))
	if took := time.Since(began); took > 3*refresh {
		t.Errorf("new partitions were read after %s, want about %s", took, refresh)
	}
	late := keepState(live)
	live.Close()

	sendAll(t, addrs, nil, numbered(topic, 2, 500))
	for name, s := range map[string]*keptState{"before": early, "behind": late} {
		want := []string{"500 2 15"}
		if name == "before" {
			want = append(textOf(added), want...)
		}
		k := openKafka(t, kafkaEnv(t, nil), c, s)
		equalRows(t, byPlace(pollRows(t, k, len(want))), want)
		k.Close()
	}
	equalRows(t, append(got, pollAll(t, bounded, 50)...), numbers(0, 10))
	c.Until = untilEnd
	equalRows(t, pollAll(t, openKafka(t, kafkaEnv(t, nil), c, state), 50), numbers(4, 10))
}

// TestRealRetentionByTime has the broker itself delete old segments under a saved offset.
func TestRealRetentionByTime(t *testing.T) {
	addrs, topic := realTopic(t, 1, map[string]string{"segment.ms": "1"})
	for n := range 5 {
		r := numbered(topic, 0, n)
		r.Timestamp = feedEpoch.Add(time.Duration(n) * time.Minute)
		sendAll(t, addrs, nil, r)
	}
	c := kafkaConfig(addrs, topic)
	first := openKafka(t, kafkaEnv(t, nil), c, nil)
	pollRows(t, first, 1)
	state := keepState(first)
	value := "1000"
	_, err := realAdmin(t, addrs).AlterTopicConfigs(t.Context(), []kadm.AlterConfig{{Name: "retention.ms", Value: &value}}, topic)
	if err != nil {
		t.Fatal(err)
	}
	for range 100 {
		if o, err := realAdmin(t, addrs).ListStartOffsets(t.Context(), topic); err == nil {
			if at, _ := o.Lookup(topic, 0); at.Offset > 1 {
				k := openKafka(t, kafkaEnv(t, nil), c, state)
				t.Log(pollUntilError(t, k))
				return
			}
		}
		time.Sleep(100 * time.Millisecond)
	}
	t.Fatal("the broker deleted nothing within 10 s")
}
