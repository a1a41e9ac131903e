//go:build kafka

package arrowio

import (
	"cmp"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/sluice-stream/sluice/flow"
	"github.com/sluice-stream/sluice/internal/realkafka"
)

func TestMain(m *testing.M) { os.Exit(realkafka.Main(m)) }

// realTopic makes a topic on the real broker, named after the test.
func realTopic(t testing.TB, partitions int32, settings map[string]string) (addrs []string, topic string) {
	t.Helper()
	addrs = []string{realkafka.Start(t)}
	topic = strings.NewReplacer("/", ".", " ", "_", ",", "").Replace(t.Name())
	createTopic(t, addrs, topic, partitions, settings)
	return addrs, topic
}

func createTopic(t testing.TB, addrs []string, topic string, partitions int32, settings map[string]string) {
	t.Helper()
	all := map[string]*string{}
	for k, v := range settings {
		all[k] = &v
	}
	res, err := realAdmin(t, addrs).CreateTopic(t.Context(), partitions, 1, all, topic)
	if err = errors.Join(err, res.Err); err != nil {
		t.Fatalf("%v: %s", err, res.ErrMessage)
	}
}

func realAdmin(t testing.TB, addrs []string) *kadm.Client {
	t.Helper()
	cl, err := kgo.NewClient(kgo.SeedBrokers(addrs...))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(cl.Close)
	return kadm.NewClient(cl)
}

// writer produces numbered rows, in a transaction where it has begun one.
type writer struct {
	cl   *kgo.Client
	open []*kgo.Record // of the transaction under way
	in   bool
}

func newWriter(t testing.TB, addrs []string, opts ...kgo.Opt) *writer {
	t.Helper()
	cl, err := kgo.NewClient(append([]kgo.Opt{kgo.SeedBrokers(addrs...), kgo.RecordPartitioner(kgo.ManualPartitioner())}, opts...)...)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(cl.Close)
	return &writer{cl: cl}
}

func (w *writer) begin(t testing.TB) {
	t.Helper()
	if err := w.cl.BeginTransaction(); err != nil {
		t.Fatal(err)
	}
	w.in, w.open = true, nil
}

func (w *writer) send(t testing.TB, recs ...*kgo.Record) {
	t.Helper()
	if err := w.cl.ProduceSync(t.Context(), recs...).FirstErr(); err != nil {
		t.Fatal(err)
	}
	w.open = append(w.open, recs...)
}

// end ends the transaction and returns the rows that it made visible.
func (w *writer) end(t testing.TB, how kgo.TransactionEndTry) []*kgo.Record {
	t.Helper()
	if err := w.cl.EndTransaction(t.Context(), how); err != nil {
		t.Fatal(err)
	}
	w.in = false
	if how == kgo.TryAbort {
		return nil
	}
	return w.open
}

// textOf lists rows as a source with the columns partition and offset shows them, by partition, then by offset.
func textOf(recs []*kgo.Record) []string {
	recs = slices.SortedFunc(slices.Values(recs), func(a, b *kgo.Record) int {
		return cmp.Or(cmp.Compare(a.Partition, b.Partition), cmp.Compare(a.Offset, b.Offset))
	})
	out := make([]string, len(recs))
	for i, r := range recs {
		out[i] = fmt.Sprintf("%s %d %d", r.Value[len(`{"n":`):len(r.Value)-1], r.Partition, r.Offset)
	}
	return out
}

// byPlace sorts rows "n partition offset" by place.
func byPlace(rows []string) []string {
	place := func(s string) (k [2]int64) {
		var n int64
		fmt.Sscan(s, &n, &k[0], &k[1])
		return k
	}
	return slices.SortedFunc(slices.Values(rows), func(a, b string) int {
		x, y := place(a), place(b)
		return slices.Compare(x[:], y[:])
	})
}

// interleave runs several transactional producers and one without transactions against each other, and returns
// the rows that a reader of committed rows must see.
func interleave(t *testing.T, addrs []string, topic string, partitions int32, steps int) (visible []*kgo.Record) {
	t.Helper()
	rng := rand.New(rand.NewPCG(11, uint64(partitions)))
	plain := newWriter(t, addrs)
	var txs []*writer
	for i := range 4 {
		txs = append(txs, newWriter(t, addrs, kgo.TransactionalID(fmt.Sprint(topic, i))))
	}
	how := []kgo.TransactionEndTry{kgo.TryAbort, kgo.TryCommit}
	n := 0
	next := func() *kgo.Record {
		n++
		return numbered(topic, rng.Int32N(partitions), n)
	}
	for range steps {
		switch i := rng.IntN(len(txs) + 1); {
		case i == len(txs):
			r := next()
			plain.send(t, r)
			visible = append(visible, r)
		case !txs[i].in:
			txs[i].begin(t)
		case rng.IntN(4) == 0:
			visible = append(visible, txs[i].end(t, how[rng.IntN(2)])...)
		default:
			txs[i].send(t, next())
		}
	}
	for i, w := range txs {
		if w.in {
			visible = append(visible, w.end(t, how[i%2])...)
		}
	}
	return visible
}

func TestRealTransactionsOverPartitions(t *testing.T) {
	addrs, topic := realTopic(t, 3, nil)
	want := textOf(interleave(t, addrs, topic, 3, 600))
	for _, order := range []string{mergeNone, mergeTimestamp} {
		c := kafkaConfig(addrs, topic)
		c.Merge = order
		k := openKafka(t, kafkaEnv(t, nil), c, nil)
		var all []string
		var states []*keptState
		for { // a state behind every row
			states = append(states, keepState(k))
			rows, err := poll(t.Context(), k, 1)
			if err != nil {
				break
			}
			all = append(all, rows...)
		}
		equalRows(t, byPlace(all), want)
		for at := 0; at < len(all); at += 7 {
			rest := openKafka(t, kafkaEnv(t, nil), c, states[at])
			equalRows(t, pollAll(t, rest, 50), all[at:])
			rest.Close()
		}
	}
}

// TestRealRestoreAtEveryOffset starts at each offset there is: inside and between transactions, at rows that were
// aborted, and at markers.
func TestRealRestoreAtEveryOffset(t *testing.T) {
	addrs, topic := realTopic(t, 1, nil)
	visible := interleave(t, addrs, topic, 1, 160)
	want := textOf(visible)
	offsets := make([]int64, len(visible))
	for i, r := range visible {
		offsets[i] = r.Offset
	}
	slices.Sort(offsets)
	c := kafkaConfig(addrs, topic)
	k := openKafka(t, kafkaEnv(t, nil), c, nil)
	equalRows(t, pollAll(t, k, 1000), want)
	state, end := keepState(k), k.parts[0].end
	if end <= offsets[len(offsets)-1] || int(end) < len(visible)+10 {
		t.Fatalf("want markers and aborted rows among %d offsets, got %d rows", end, len(visible))
	}
	for at := range end {
		state.values["next"] = []int64{at}
		first, _ := slices.BinarySearch(offsets, at)
		k := openKafka(t, kafkaEnv(t, nil), c, state)
		equalRows(t, pollAll(t, k, 1000), want[first:])
		k.Close()
	}
}

// TestRealOpenTransactionHolds has a live run wait at the last stable offset until a transaction ends: by a
// commit, by an abort, and by the broker, because its producer died.
func TestRealOpenTransactionHolds(t *testing.T) {
	for name, c := range map[string]struct {
		end  func(t *testing.T, w *writer)
		want string
	}{
		"commit": {func(t *testing.T, w *writer) { w.end(t, kgo.TryCommit) }, "1 2"},
		"abort":  {func(t *testing.T, w *writer) { w.end(t, kgo.TryAbort) }, "2"},
		"death":  {func(_ *testing.T, w *writer) { w.cl.Close() }, "2"},
	} {
		t.Run(name, func(t *testing.T) {
			addrs, topic := realTopic(t, 1, nil)
			plain := newWriter(t, addrs)
			plain.send(t, numbered(topic, 0, 0))
			w := newWriter(t, addrs, kgo.TransactionalID(topic), kgo.TransactionTimeout(4*time.Second))
			w.begin(t)
			w.send(t, numbered(topic, 0, 1))
			plain.send(t, numbered(topic, 0, 2))
			cfg := kafkaConfig(addrs, topic)
			equalRows(t, pollAll(t, openKafka(t, kafkaEnv(t, nil), cfg, nil), 9), numbers(0, 1)) // a bounded run ends there
			cfg.Until = ""
			k := openKafka(t, kafkaEnv(t, nil), cfg, nil)
			equalRows(t, pollRows(t, k, 1), numbers(0, 1))
			for range 3 {
				if rows, err := poll(t.Context(), k, 9); err != nil || len(rows) != 0 {
					t.Fatalf("want no rows while the transaction is open, got %v, %v", rows, err)
				}
			}
			c.end(t, w)
			if got := values(pollRows(t, k, len(strings.Fields(c.want)))); got != c.want {
				t.Fatalf("want rows %s, got %s", c.want, got)
			}
		})
	}
}

func TestRealCodecs(t *testing.T) {
	for name, codec := range map[string]kgo.CompressionCodec{
		"none": kgo.NoCompression(), "gzip": kgo.GzipCompression(), "snappy": kgo.SnappyCompression(),
		"lz4": kgo.Lz4Compression(), "zstd": kgo.ZstdCompression(),
	} {
		t.Run(name, func(t *testing.T) {
			addrs, topic := realTopic(t, 1, nil)
			sendAll(t, addrs, []kgo.Opt{kgo.ProducerBatchCompression(codec), kgo.ProducerBatchMaxBytes(8192)}, numberedUpTo(topic, 5000)...)
			equalRows(t, pollAll(t, openKafka(t, kafkaEnv(t, nil), kafkaConfig(addrs, topic), nil), 333), numbers(0, 5000))
			// the broker writes the batches anew: its own encoder
			other := topic + ".again"
			createTopic(t, addrs, other, 1, map[string]string{"compression.type": strings.Replace(name, "none", "uncompressed", 1)})
			sendAll(t, addrs, []kgo.Opt{kgo.ProducerBatchCompression(kgo.NoCompression())}, numberedUpTo(other, 5000)...)
			equalRows(t, pollAll(t, openKafka(t, kafkaEnv(t, nil), kafkaConfig(addrs, other), nil), 333), numbers(0, 5000))
		})
	}
}

func TestRealStartAtTime(t *testing.T) {
	addrs, topic := realTopic(t, 1, nil)
	recs := numberedUpTo(topic, 100)
	for i, r := range recs {
		r.Timestamp = feedEpoch.Add(time.Duration(i) * time.Second)
	}
	sendAll(t, addrs, []kgo.Opt{kgo.ProducerBatchMaxBytes(1024)}, recs...)
	commitOffset(t, addrs, topic, topic, 42)
	for _, c := range []struct {
		start, group string
		from         int
	}{{"2026-01-01T00:00:30Z", "", 30}, {"2026-01-01T00:00:29.001Z", "", 30}, {"2030-01-01T00:00:00Z", "", 100}, {"latest", "", 100}, {"committed", topic, 42}, {"committed", "nobody", 0}} {
		cfg := kafkaConfig(addrs, topic)
		cfg.Start, cfg.Group = c.start, c.group
		cfg.Schema = flow.Ordered[string]{{Key: "n", Value: "int64"}}
		equalRows(t, pollAll(t, openKafka(t, kafkaEnv(t, nil), cfg, nil), 64), numbers(c.from, 100))
	}
}

// TestRealMessageLargerThanFetch reads messages of 20 MB with a fetch size of 64 kB.
func TestRealMessageLargerThanFetch(t *testing.T) {
	addrs, topic := realTopic(t, 2, nil)
	big := strings.Repeat("a", 20<<20)
	var want []string
	for p := range int32(2) {
		for i := range 2 {
			r := numbered(topic, p, i)
			r.Value = fmt.Appendf(nil, `{"n":%d,"s":%q}`, i, big)
			sendAll(t, addrs, []kgo.Opt{kgo.ProducerBatchMaxBytes(32 << 20), kgo.ProducerBatchCompression(kgo.NoCompression())}, r, numbered(topic, p, 10+i))
			want = append(want, fmt.Sprintf("%d %d %d", i, p, 2*i), fmt.Sprintf("%d %d %d", 10+i, p, 2*i+1))
		}
	}
	c := kafkaConfig(addrs, topic)
	c.MaxBytes, c.Schema = 64<<10, flow.Ordered[string]{{Key: "n", Value: "int64"}}
	equalRows(t, byPlace(pollAll(t, openKafka(t, kafkaEnv(t, nil), c, nil), 5)), want)
}
