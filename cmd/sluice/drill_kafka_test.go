package main

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kgo"
)

// usersKafka is a broker that stands for the user's, with a topic of 900 numbered rows in three partitions; every
// hundredth message is no row.
func usersKafka(t *testing.T) (addr string, cl *kgo.Client) {
	t.Helper()
	cluster, err := kfake.NewCluster(kfake.NumBrokers(1), kfake.SeedTopics(3, "mine"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(cluster.Close)
	addr = cluster.ListenAddrs()[0]
	cl, err = kgo.NewClient(kgo.SeedBrokers(addr), kgo.RecordPartitioner(kgo.ManualPartitioner()), kgo.DefaultProduceTopic("mine"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(cl.Close)
	var recs []*kgo.Record
	for n := range 900 {
		value := numbered(n)
		if n%100 == 50 {
			value = "no row"
		}
		recs = append(recs, &kgo.Record{Partition: int32(n % 3), Key: fmt.Append(nil, n), Value: []byte(value), Headers: []kgo.RecordHeader{{Key: "h", Value: []byte("v")}}})
	}
	if err := cl.ProduceSync(t.Context(), recs...).FirstErr(); err != nil {
		t.Fatal(err)
	}
	return addr, cl
}

const topicDrill = `
name: topic
source: {kafka: {brokers: [%q], topic: mine, group: mine, start: committed, meta: [topic, partition, offset, timestamp, key, headers]}}
operators:
  - train: {label: y, fields: {categorical: [c], numeric: {x: log2floor}}, model: {fm: {dim: 2}}, batch: 16}
sinks:
  - parquet: {path: out/rows}
dead_letter: {parquet: {path: out/rejected}}
checkpoint: {path: out/checkpoint}
max_rejected: 1
`

// ends are the topics of a broker and how many messages each has.
func ends(t *testing.T, cl *kgo.Client) string {
	t.Helper()
	offsets, err := kadm.NewClient(cl).ListEndOffsets(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	var out []string
	offsets.Each(func(o kadm.ListedOffset) { out = append(out, fmt.Sprint(o.Topic, " ", o.Partition, ": ", o.Offset)) })
	slices.Sort(out)
	return strings.Join(out, ", ")
}

// A drill of a live topic with three partitions and bad messages, on an embedded broker: all faults, and the user's
// broker is as it was.
func TestDrillOfATopic(t *testing.T) {
	if testing.Short() {
		t.Skip("runs and kills processes; not in -short")
	}
	t.Parallel()
	addr, cl := usersKafka(t)
	before := ends(t, cl)
	rep, code, log := drillProcess(t, fmt.Sprintf(topicDrill, addr), "--rows", "600")
	survived(t, rep, code, log)
	if rep.Rows != 600 || rep.Rejected != 6 { // 200 of each partition; 50, 150 ... 550 are no rows
		t.Errorf("want 600 rows of which 6 are rejected, got %+v", rep)
	}
	if after := ends(t, cl); after != before {
		t.Errorf("want the user's broker as it was: %s, got %s", before, after)
	}
}

// With --brokers the copy is a topic there, which is gone afterwards. A member of a group is drilled as if it were
// alone, and the group is left as it is.
func TestDrillOnAGivenBroker(t *testing.T) {
	if testing.Short() {
		t.Skip("runs and kills processes; not in -short")
	}
	t.Parallel()
	addr, cl := usersKafka(t)
	before := ends(t, cl)
	text := strings.Replace(fmt.Sprintf(topicDrill, addr), "start: committed", "assign: group", 1)
	rep, code, log := drillProcess(t, text, "--rows", "600", "--brokers", addr, "--faults", "kill,broker_bounce")
	if code != 0 || len(rep.Faults) != 2 || !rep.Faults[0].Diff.equal() || !strings.Contains(rep.Faults[1].Verdict, "not ours") {
		t.Errorf("want a kill that is survived and a bounce that is skipped, got %d: %+v\n%s", code, rep, log)
	}
	if after := ends(t, cl); after != before {
		t.Errorf("want the broker as it was: %s, got %s", before, after)
	}
	groups, err := kadm.NewClient(cl).ListGroups(t.Context())
	if err != nil || len(groups) != 0 || len(rep.Notes) != 1 {
		t.Errorf("want no group and a note on that, got %v, %v, %+v", groups, err, rep.Notes)
	}
}

// What cannot be copied is said before anything else is done.
func TestDrillOfNoTopic(t *testing.T) {
	addr, _ := usersKafka(t)
	text := strings.Replace(fmt.Sprintf(topicDrill, addr), "topic: mine", "topic: mnie", 1)
	if _, code, log := drillProcess(t, text); code != exitTransient && code != 2 || !strings.Contains(log, "mnie") {
		t.Errorf("want the topic named, got %d: %s", code, log)
	}
}

const sinkDrill = `
name: sink
source: {kafka: {brokers: [%[1]q], topic: mine}}
operators:
  - train: {label: y, fields: {categorical: [c], numeric: {x: log2floor}}, model: {fm: {dim: 2}}, batch: 16}
sinks:
  - kafka: {brokers: [%[1]q], topic: scored, format: json, spool: spool/rows, create: {partitions: 2}}
  - kafka: {brokers: [%[1]q], topic: table, format: json, from: embeddings, key: [field, value], spool: spool/table, create: {partitions: 1}}
dead_letter: {parquet: {path: out/rejected}}
checkpoint: {path: out/checkpoint}
max_rejected: 1
`

// Sinks that write to Kafka write to topics of the drill, one for each fault, which are compared like files.
func TestDrillOfKafkaSinks(t *testing.T) {
	if testing.Short() {
		t.Skip("runs and kills processes; not in -short")
	}
	t.Parallel()
	addr, cl := usersKafka(t)
	before := ends(t, cl)
	rep, code, log := drillProcess(t, fmt.Sprintf(sinkDrill, addr), "--rows", "600", "--faults", "none,kill,kill_recovery,broker_bounce,corrupted_part,clock_jump")
	if code != 0 || rep.Rows != 600 || len(rep.Notes) != 0 || len(rep.Faults) != 6 {
		t.Fatalf("want six faults survived and no sink left out, got %d: %+v\n%s", code, rep, log)
	}
	if after := ends(t, cl); after != before {
		t.Errorf("want the broker as it was: %s, got %s", before, after)
	}
}
