//go:build kafka

package arrowio

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/sluice-stream/sluice/internal/realkafka"
)

// lastRow is the number of the row that ends each partition.
const lastRow = -1

// steadyWriter writes numbered rows without a pause until it is told to stop: to one partition, or in transactions,
// of which every second one is aborted, to all of them in turn.
type steadyWriter struct {
	topic      string
	addrs      []string
	partitions []int32
	id         string // of its transactions, "" for none
	cl         *kgo.Client
	next       int
	sent       []string     // "number partition" of what was acknowledged, in order
	unknown    map[int]bool // rows of transactions whose end is not known, because the coordinator went away in it
	err        error
}

// startWriters starts one writer for each partition and one with transactions. stop ends them and waits for them.
func startWriters(t *testing.T, addrs []string, topic string, partitions int32) (writers []*steadyWriter, stop func()) {
	all := make([]int32, partitions)
	for p := range partitions {
		all[p] = p
		writers = append(writers, &steadyWriter{partitions: []int32{p}})
	}
	writers = append(writers, &steadyWriter{partitions: all, id: topic})
	over := make(chan struct{})
	var done sync.WaitGroup
	for i, w := range writers {
		w.topic, w.addrs, w.next, w.unknown = topic, addrs, i*1_000_000, map[int]bool{}
		done.Go(func() { w.err = w.run(over) })
	}
	return writers, func() {
		close(over)
		done.Wait()
		for _, w := range writers {
			if w.err != nil {
				t.Fatalf("writer: %v", w.err)
			}
		}
	}
}

func (w *steadyWriter) run(over <-chan struct{}) error {
	ctx, cancel := context.WithTimeout(context.Background(), 5*time.Minute)
	defer cancel()
	if err := w.connect(); err != nil {
		return err
	}
	defer func() { w.cl.Close() }()
	for i, sure := 0, true; ; i++ {
		commit := w.id == "" || i%2 == 0
		select {
		case <-over:
			if sure && commit { // no transaction stays open
				return nil
			}
		case <-time.After(20 * time.Millisecond):
		}
		err := w.batch(ctx, w.partitions[i/2%len(w.partitions)], commit)
		if sure = err == nil; sure {
			continue
		}
		if w.id == "" || ctx.Err() != nil {
			return err
		}
		w.cl.Close()
		if err := w.connect(); err != nil {
			return err
		}
	}
}

func (w *steadyWriter) connect() (err error) {
	opts := []kgo.Opt{kgo.SeedBrokers(w.addrs...), kgo.RecordPartitioner(kgo.ManualPartitioner())}
	if w.id != "" {
		opts = append(opts, kgo.TransactionalID(w.id))
	}
	w.cl, err = kgo.NewClient(opts...)
	return err
}

// batch writes 20 rows.
func (w *steadyWriter) batch(ctx context.Context, p int32, commit bool) error {
	var recs []*kgo.Record
	first := w.next
	for ; w.next < first+20; w.next++ {
		recs = append(recs, numbered(w.topic, p, w.next))
	}
	err := w.write(ctx, commit, recs)
	for n := first; n < w.next; n++ {
		if err != nil {
			w.unknown[n] = true
		} else if commit {
			w.sent = append(w.sent, fmt.Sprint(n, p))
		}
	}
	return err
}

func (w *steadyWriter) write(ctx context.Context, commit bool, recs []*kgo.Record) error {
	if w.id == "" {
		return w.cl.ProduceSync(ctx, recs...).FirstErr()
	}
	if err := w.cl.BeginTransaction(); err != nil {
		return err
	}
	if err := w.cl.ProduceSync(ctx, recs...).FirstErr(); err != nil {
		return err
	}
	return w.cl.EndTransaction(ctx, kgo.TransactionEndTry(commit))
}

// equalSent checks that got holds what w has sent, each row once, in order within a partition.
func (w *steadyWriter) equalSent(t *testing.T, i int, got []string) {
	t.Helper()
	byPartition := func(a, b string) int { return strings.Compare(strings.Fields(a)[1], strings.Fields(b)[1]) }
	var mine []string
	for _, r := range got {
		var n, p int
		fmt.Sscan(r, &n, &p)
		if n >= 0 && n/1_000_000 == i && !w.unknown[n] {
			mine = append(mine, fmt.Sprint(n, p))
		}
	}
	equalRows(t, slices.SortedStableFunc(slices.Values(mine), byPartition), slices.SortedStableFunc(slices.Values(w.sent), byPartition))
	t.Logf("writer %d: %d rows; what became of %d is not known", i, len(w.sent), len(w.unknown))
}

// readBy lists committed rows with kgo up to the last of each partition: an oracle that shares nothing with the
// source.
func readBy(t *testing.T, addrs []string, topic string, partitions int) []string {
	t.Helper()
	cl, err := kgo.NewClient(kgo.SeedBrokers(addrs...), kgo.ConsumeTopics(topic), kgo.FetchIsolationLevel(kgo.ReadCommitted()),
		kgo.ConsumeResetOffset(kgo.NewOffset().AtStart()))
	if err != nil {
		t.Fatal(err)
	}
	defer cl.Close()
	var recs []*kgo.Record
	for ended(textOf(recs)) < partitions {
		f := cl.PollFetches(t.Context())
		if err := f.Err(); err != nil {
			t.Fatal(err)
		}
		recs = append(recs, f.Records()...)
	}
	return textOf(recs)
}

// ended counts the partitions that were read to their last row.
func ended(rows []string) (n int) {
	for _, r := range rows {
		if strings.HasPrefix(r, fmt.Sprint(lastRow, " ")) {
			n++
		}
	}
	return n
}

func leadersOf(t *testing.T, adm *kadm.Client, topic string) (leaders []int32, inSync int) {
	t.Helper()
	topics, err := adm.ListTopics(t.Context(), topic)
	if err != nil {
		t.Fatal(err)
	}
	for _, p := range topics[topic].Partitions.Sorted() {
		leaders = append(leaders, p.Leader)
		inSync += len(p.ISR)
	}
	return leaders, inSync
}

// waitForLeaders returns when ok says so of the leaders and the replicas in sync.
func waitForLeaders(t *testing.T, adm *kadm.Client, topic string, ok func(leaders []int32, inSync int) bool) []int32 {
	t.Helper()
	for range 900 {
		if leaders, inSync := leadersOf(t, adm, topic); ok(leaders, inSync) {
			return leaders
		}
		time.Sleep(100 * time.Millisecond)
	}
	t.Fatal("the leaders did not change within 90 s")
	return nil
}

// TestRealLeaderChange reads from three brokers while the leader of a partition is killed, comes back, is made
// leader again by an election, and is frozen, all under a writer that never pauses. Every committed row comes once,
// in the order of its partition.
func TestRealLeaderChange(t *testing.T) {
	const partitions = 3
	c := realkafka.Cluster(t, 3)
	addrs, topic := c.Addrs(), "moving"
	adm := realAdmin(t, addrs)
	if _, err := adm.CreateTopic(t.Context(), partitions, 3, nil, topic); err != nil {
		t.Fatal(err)
	}
	before := waitForLeaders(t, adm, topic, func(l []int32, inSync int) bool { return len(l) == partitions && inSync == 3*partitions })
	writers, stop := startWriters(t, addrs, topic, partitions)
	cfg := kafkaConfig(addrs, topic)
	cfg.Until, cfg.RetrySeconds, cfg.InferRows = "", 60, 1
	k := openKafka(t, kafkaEnv(t, nil), cfg, nil)
	var got []string
	read := func(what string, f func()) {
		began := time.Now()
		finished := make(chan struct{})
		go func() { defer close(finished); f() }()
		longest, last, rows := time.Duration(0), time.Now(), 0
		for alive := true; alive; {
			select {
			case <-finished:
				alive = false
			default:
			}
			some, err := poll(t.Context(), k, 1000)
			if err != nil {
				t.Fatalf("%s: %v", what, err)
			}
			if len(some) > 0 {
				longest, last = max(longest, time.Since(last)), time.Now()
			}
			got, rows = append(got, some...), rows+len(some)
		}
		t.Logf("%s: %s, %d rows, longest pause %s", what, time.Since(began).Round(time.Millisecond), rows, longest.Round(time.Millisecond))
	}
	victim := before[slices.IndexFunc(before, func(l int32) bool { return l != 1 })]
	gone := func(l []int32, _ int) bool { return !slices.Contains(l, victim) && !slices.Contains(l, -1) }
	whole := func(_ []int32, inSync int) bool { return inSync == 3*partitions }

	read("all is well", func() { time.Sleep(time.Second) })
	read("kill", func() { c.Kill(t, victim); waitForLeaders(t, adm, topic, gone); time.Sleep(2 * time.Second) })
	read("restart", func() { c.Restart(t, victim); waitForLeaders(t, adm, topic, whole) })
	read("election", func() {
		if _, err := adm.ElectLeaders(t.Context(), kadm.ElectPreferredReplica, nil); err != nil {
			t.Error(err)
		}
		waitForLeaders(t, adm, topic, func(l []int32, _ int) bool { return slices.Equal(l, before) })
		time.Sleep(time.Second)
	})
	read("freeze", func() { c.Freeze(t, victim); waitForLeaders(t, adm, topic, gone); time.Sleep(2 * time.Second) })
	read("thaw", func() { c.Thaw(t, victim); waitForLeaders(t, adm, topic, whole) })
	stop()
	for p := range int32(partitions) {
		sendAll(t, addrs, nil, numbered(topic, p, lastRow))
	}
	for ended(got) < partitions {
		got = append(got, pollRows(t, k, 1)...)
	}
	for range 3 { // and no more
		if more, err := poll(t.Context(), k, 10); err != nil || len(more) != 0 {
			t.Fatalf("want no further row, got %q, %v", more, err)
		}
	}
	ordered := slices.SortedStableFunc(slices.Values(got), func(a, b string) int { // within a partition as they came
		return strings.Compare(strings.Fields(a)[1], strings.Fields(b)[1])
	})
	equalRows(t, ordered, readBy(t, addrs, topic, partitions))
	for i, w := range writers {
		w.equalSent(t, i, got)
	}
}
