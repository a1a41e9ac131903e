//go:build kafka

package arrowio

import (
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/sluice-stream/sluice/flow"
	"github.com/sluice-stream/sluice/internal/realkafka"
)

func deleteBelow(t *testing.T, addrs []string, topic string, offset int64) {
	t.Helper()
	var o kadm.Offsets
	o.Add(kadm.Offset{Topic: topic, Partition: 0, At: offset})
	if _, err := realAdmin(t, addrs).DeleteRecords(t.Context(), o); err != nil {
		t.Fatal(err)
	}
}

// TestRealGapIsSkipped deletes rows that were not read yet: before a restart, and under a live run.
func TestRealGapIsSkipped(t *testing.T) {
	addrs, topic := realTopic(t, 1, nil)
	sendAll(t, addrs, []kgo.Opt{kgo.ProducerBatchMaxBytes(1024)}, numberedUpTo(topic, 2000)...)
	c := kafkaConfig(addrs, topic)
	c.OnGap = onGapSkip
	first := openKafka(t, kafkaEnv(t, nil), c, nil)
	pollRows(t, first, 3)
	state := keepState(first)
	c.Until, c.MaxBytes = "", 1024
	live := openKafka(t, kafkaEnv(t, nil), c, nil)
	got := pollRows(t, live, 3)
	deleteBelow(t, addrs, topic, 1900)
	bounded := c
	bounded.Until = untilEnd
	k := openKafka(t, kafkaEnv(t, nil), bounded, state)
	equalRows(t, pollAll(t, k, 50), numbers(1900, 2000))
	wantNotes(t, k, "partition 0: 1897 offsets were removed by retention before they were read (from 3 to 1900)")
	for len(live.Report().Notes) == 0 {
		got = append(got, pollRows(t, live, 1)...)
	}
	got = append(got, pollRows(t, live, 100-1)...)
	lost := int(live.gaps.counts()[0].offsets)
	equalRows(t, got, append(numbers(0, 1900-lost), numbers(1900, 2000)...))
	t.Log(live.Report().Notes)
}

func TestRealRestartInsideTransaction(t *testing.T) {
	addrs, topic := realTopic(t, 1, nil)
	restartInsideTransactions(t, addrs, topic)
}

// onBrokers makes a topic of one partition whose replicas are on the given brokers; any of them may become leader.
func onBrokers(t *testing.T, addrs []string, topic string, ids ...int32) {
	t.Helper()
	cl, err := kgo.NewClient(kgo.SeedBrokers(addrs...))
	if err != nil {
		t.Fatal(err)
	}
	defer cl.Close()
	req, yes, one := kmsg.NewPtrCreateTopicsRequest(), "true", "1"
	nt := kmsg.NewCreateTopicsRequestTopic()
	nt.Topic, nt.NumPartitions, nt.ReplicationFactor = topic, -1, -1
	a := kmsg.NewCreateTopicsRequestTopicReplicaAssignment()
	a.Replicas = ids
	nt.ReplicaAssignment = append(nt.ReplicaAssignment, a)
	nt.Configs = []kmsg.CreateTopicsRequestTopicConfig{{Name: "unclean.leader.election.enable", Value: &yes}, {Name: "min.insync.replicas", Value: &one}}
	req.Topics = append(req.Topics, nt)
	res, err := req.RequestWith(t.Context(), cl)
	if err == nil {
		err = kerr.ErrorForCode(res.Topics[0].ErrorCode)
	}
	if err != nil {
		t.Fatal(err)
	}
}

// TestRealUncleanElection has a replica without the newest rows become leader, while the one that has them is dead,
// and take as many others. A source that has read the lost rows notices: at a restart, and while it runs; a bounded
// one too, that wanted them.
func TestRealUncleanElection(t *testing.T) {
	c := realkafka.Cluster(t, 3)
	addrs, topic := c.Addrs(), "unclean"
	adm := realAdmin(t, addrs)
	onBrokers(t, addrs, topic, 2, 3)
	waitForLeaders(t, adm, topic, func(l []int32, inSync int) bool { return len(l) == 1 && l[0] == 2 && inSync == 2 })
	batches := []kgo.Opt{kgo.ProducerBatchMaxBytes(1024)}
	sendAll(t, addrs, batches, numberedUpTo(topic, 100)...)
	c.Kill(t, 3)
	waitForLeaders(t, adm, topic, func(l []int32, inSync int) bool { return l[0] == 2 && inSync == 1 })
	var lost []*kgo.Record
	for n := range 100 {
		lost = append(lost, numbered(topic, 0, 100+n))
	}
	sendAll(t, addrs, batches, lost...)

	cfg := kafkaConfig(addrs, topic)
	cfg.RetrySeconds, cfg.OnGap = 60, onGapSkip
	bounded := openKafka(t, kafkaEnv(t, nil), cfg, nil)
	equalRows(t, pollRows(t, bounded, 50), numbers(0, 50))
	early := keepState(bounded) // has read nothing that is lost, but wants it
	cfg.Until = ""
	live := openKafka(t, kafkaEnv(t, nil), cfg, nil)
	equalRows(t, pollRows(t, live, 200), numbers(0, 200))
	late := keepState(live)

	c.Kill(t, 2)
	c.Restart(t, 3)
	waitForLeaders(t, adm, topic, func(l []int32, _ int) bool { return l[0] == 3 })
	var others []*kgo.Record
	for n := range 150 {
		others = append(others, numbered(topic, 0, 1000+n))
	}
	sendAll(t, addrs, batches, others...)
	want := textOf(others)

	within(t, 30*time.Second, "the live run", func() { equalRows(t, pollRows(t, live, 150), want) })
	note := "partition 0: 100 offsets that were read or wanted are no longer in the log, which was truncated (from 100 to 200)"
	wantNotes(t, live, note)
	again := openKafka(t, kafkaEnv(t, nil), cfg, late)
	equalRows(t, pollRows(t, again, 150), want)
	wantNotes(t, again, note)
	cfg.OnGap = onGapStop
	err := pollUntilError(t, openKafka(t, kafkaEnv(t, nil), cfg, late))
	if !errors.Is(err, flow.ErrConfig) || !strings.Contains(err.Error(), "truncated to offset 100, below 200") {
		t.Errorf("want a clear stop, got %v", err)
	}
	t.Log(err)
	cfg.Until, cfg.OnGap = untilEnd, onGapSkip
	rest := openKafka(t, kafkaEnv(t, nil), cfg, early)
	rows := pollAll(t, rest, 40)
	t.Logf("the bounded run that stood at 50 read %d rows more: %v", len(rows), rest.Report().Notes)
}
