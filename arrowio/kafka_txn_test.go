package arrowio

import (
	"cmp"
	"fmt"
	"slices"
	"testing"

	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/sluice-stream/sluice/flow"
)

func TestKafkaRestartInsideTransaction(t *testing.T) {
	_, addrs := fakeKafka(t, kfake.SeedTopics(1, "x"))
	restartInsideTransactions(t, addrs, "x")
}

// restartInsideTransactions saves a state behind every row that can be seen while transactions of three producers
// are open, aborts and commits them in turn, and starts again from each state.
func restartInsideTransactions(t *testing.T, addrs []string, topic string) {
	c := kafkaConfig(addrs, topic)
	c.Until, c.MaxBytes, c.Schema = "", 1024, flow.Ordered[string]{{Key: "n", Value: "int64"}}
	txs := make([]*kgo.Client, 3)
	for i := range txs {
		cl, err := kgo.NewClient(kgo.SeedBrokers(addrs...), kgo.TransactionalID(fmt.Sprint(topic, i)), kgo.RecordPartitioner(kgo.ManualPartitioner()))
		if err != nil {
			t.Fatal(err)
		}
		defer cl.Close()
		txs[i] = cl
	}
	n := 0
	var want []string
	var open [3][]string
	send := func(i int) {
		r := numbered(topic, 0, n)
		if err := txs[i].ProduceSync(t.Context(), r).FirstErr(); err != nil {
			t.Fatal(err)
		}
		open[i] = append(open[i], fmt.Sprintf("%d 0 %d", n, r.Offset))
		n++
	}
	var states []*keptState
	k := openKafka(t, kafkaEnv(t, nil), c, nil)
	read := func() { // what is visible now, a state behind each row
		for quiet := false; !quiet; {
			states = append(states, keepState(k))
			rows, err := poll(t.Context(), k, 1)
			if err != nil {
				t.Fatal(err)
			}
			quiet = len(rows) == 0
		}
	}
	for round := range 4 {
		for i := range txs {
			if err := txs[i].BeginTransaction(); err != nil {
				t.Fatal(err)
			}
		}
		for range 3 {
			for i := range txs {
				send(i)
			}
		}
		for _, i := range []int{round % 3, (round + 1) % 3, (round + 2) % 3} {
			how := kgo.TransactionEndTry((round+i)%2 == 0)
			if err := txs[i].EndTransaction(t.Context(), how); err != nil {
				t.Fatal(err)
			}
			if how == kgo.TryCommit {
				want = append(want, open[i]...)
			}
			open[i] = nil
			read() // the oldest open transaction holds the reader back
		}
	}
	want = byOffset(want)
	for i, s := range states {
		next := s.values["next"].([]int64)[0]
		var rest []string
		for _, w := range want {
			if offsetOf(w) >= next {
				rest = append(rest, w)
			}
		}
		again := openKafka(t, kafkaEnv(t, nil), c, s)
		equalRows(t, pollRows(t, again, len(rest)), rest)
		if i == len(states)-1 {
			if rows, err := poll(t.Context(), again, 9); err != nil || len(rows) != 0 {
				t.Fatal(rows, err)
			}
		}
		again.Close()
	}
	if len(states) < len(want) {
		t.Fatal("want a state behind every row")
	}
}

func offsetOf(row string) (offset int64) {
	var n, p int64
	fmt.Sscan(row, &n, &p, &offset)
	return offset
}

func byOffset(rows []string) []string {
	return slices.SortedFunc(slices.Values(rows), func(a, b string) int { return cmp.Compare(offsetOf(a), offsetOf(b)) })
}
