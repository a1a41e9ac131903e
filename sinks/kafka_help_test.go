package sinks

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/apache/arrow/go/v17/arrow"
	"github.com/apache/arrow/go/v17/arrow/array"
	"github.com/apache/arrow/go/v17/arrow/memory"
	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kversion"

	"github.com/sluice-stream/sluice/flow"
	"github.com/sluice-stream/sluice/internal/vfs"
)

// fakeCluster starts a broker in the process with topic "out" of two partitions.
func fakeCluster(t testing.TB, opts ...kfake.Opt) (*kfake.Cluster, []string) {
	t.Helper()
	c, err := kfake.NewCluster(append([]kfake.Opt{kfake.NumBrokers(1), kfake.SeedTopics(2, "out")}, opts...)...)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(c.Close)
	return c, c.ListenAddrs()
}

// kafkaSettings returns settings that tests start from.
func kafkaSettings(addrs []string, topic string) KafkaConfig {
	return KafkaConfig{
		Brokers: addrs, Topic: topic, Format: formatJSON, Spool: "spool", ExactlyOnce: true, TransactionTimeout: 10 * time.Second,
		Compression: "none", RetrySeconds: 20,
	}
}

// numbers is the record {"n": from} to {"n": to-1}.
func numbers(mem memory.Allocator, from, to int) arrow.Record {
	b := array.NewRecordBuilder(mem, numberSchema)
	defer b.Release()
	for n := from; n < to; n++ {
		b.Field(0).(*array.Int64Builder).Append(int64(n))
	}
	return b.NewRecord()
}

var numberSchema = arrow.NewSchema([]arrow.Field{{Name: "n", Type: arrow.PrimitiveTypes.Int64}}, nil)

// started returns an open sink that goes on behind checkpoint last; restored is the token of its state.
func started(t testing.TB, c KafkaConfig, env flow.Env, schema *arrow.Schema, last flow.CheckpointID) *Kafka {
	t.Helper()
	k := opened(t, c, env, schema)
	if err := k.Recover(t.Context(), last); err != nil {
		t.Fatal(err)
	}
	return k
}

// opened returns a sink before Recover; it is closed at the end.
func opened(t testing.TB, c KafkaConfig, env flow.Env, schema *arrow.Schema) *Kafka {
	t.Helper()
	k, err := newKafka(c)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { k.Close() })
	if err := k.Open(t.Context(), env); err != nil {
		t.Fatal(err)
	}
	if err := k.Bind(schema); err != nil {
		t.Fatal(err)
	}
	return k
}

func kafkaTestEnv(t testing.TB, fs vfs.FS, rejects *[]flow.Rejection) flow.Env {
	mem := memory.NewCheckedAllocator(memory.NewGoAllocator())
	if tt, ok := t.(*testing.T); ok {
		t.Cleanup(func() { mem.AssertSize(tt, 0) })
	}
	env := testEnv(fs, mem)
	env.Reject = func(r flow.Rejection) {
		if rejects != nil {
			*rejects = append(*rejects, r)
			return
		}
		t.Errorf("rejected: %s", r.Reason)
	}
	return env
}

// put writes numbers and prepares them as checkpoint id.
func put(t testing.TB, k *Kafka, id flow.CheckpointID, from, to int) {
	t.Helper()
	rec := numbers(k.spool.mem, from, to)
	defer rec.Release()
	if err := k.Write(t.Context(), rec); err != nil {
		t.Fatal(err)
	}
	if err := k.Prepare(t.Context(), id); err != nil {
		t.Fatal(err)
	}
}

// visible returns the messages that a reader of committed rows sees, by partition and offset.
func visible(t testing.TB, addrs []string, topic string) []*kgo.Record {
	t.Helper()
	cl, err := kgo.NewClient(kgo.SeedBrokers(addrs...), kgo.ConsumeTopics(topic), kgo.FetchIsolationLevel(kgo.ReadCommitted()), kgo.KeepControlRecords(), kgo.FetchMaxWait(100*time.Millisecond))
	if err != nil {
		t.Fatal(err)
	}
	defer cl.Close()
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	defer cancel()
	ends, err := kadm.NewClient(cl).ListCommittedOffsets(ctx, topic)
	if err != nil {
		t.Fatal(err)
	}
	behind := map[int32]int64{}
	ends.Each(func(o kadm.ListedOffset) {
		if o.Offset > 0 {
			behind[o.Partition] = o.Offset
		}
	})
	var out []*kgo.Record
	at := map[int32]int64{}
	for !reached(at, behind) {
		fetches := cl.PollFetches(ctx)
		if err := ctx.Err(); err != nil {
			t.Fatalf("%v: read to %v of %v", err, at, behind)
		}
		fetches.EachRecord(func(r *kgo.Record) {
			at[r.Partition] = r.Offset + 1
			if !r.Attrs.IsControl() {
				out = append(out, r)
			}
		})
	}
	slices.SortStableFunc(out, func(a, b *kgo.Record) int {
		if a.Partition != b.Partition {
			return int(a.Partition - b.Partition)
		}
		return int(a.Offset - b.Offset)
	})
	return out
}

func reached(at, behind map[int32]int64) bool {
	for p, end := range behind {
		if at[p] < end {
			return false
		}
	}
	return true
}

// values returns the numbers of messages {"n":5}, sorted.
func values(t testing.TB, recs []*kgo.Record) []int {
	t.Helper()
	out := make([]int, len(recs))
	for i, r := range recs {
		if _, err := fmt.Sscanf(string(r.Value), `{"n":%d}`, &out[i]); err != nil {
			t.Fatalf("message %q: %v", r.Value, err)
		}
	}
	slices.Sort(out)
	return out
}

// wantNumbers wants each number from 0 to n-1 once.
func wantNumbers(t testing.TB, got []int, n int) {
	t.Helper()
	for i := range max(n, len(got)) {
		if i >= len(got) || i >= n || got[i] != i {
			t.Fatalf("want each of %d rows once, got %d: %v", n, len(got), got[max(0, min(i-2, len(got))):min(len(got), i+5)])
		}
	}
}

// appears wants a reader of committed rows to see each number from 0 to n-1 once. The brokers answer a commit when
// it is decided, and make it visible to readers a moment later.
func appears(t testing.TB, addrs []string, topic string, n int) {
	t.Helper()
	for end := time.Now().Add(15 * time.Second); ; time.Sleep(20 * time.Millisecond) {
		got := values(t, visible(t, addrs, topic))
		if len(got) >= n || time.Now().After(end) {
			wantNumbers(t, got, n)
			return
		}
	}
}

// Keys of requests that tests meddle with.
const keyInitProducer = 22

// meddler cuts connections at requests of one kind.
type meddler struct {
	mu    sync.Mutex
	key   int16 // of the request
	after bool  // the broker gets it, and the answer is lost; else the request is
	left  int   // how many times
	hits  int
	delay time.Duration // instead: the request is late
}

func (m *meddler) arm(key int16, after bool, times int) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.key, m.after, m.left, m.hits = key, after, times, 0
}

// hit says whether this request is to be meddled with.
func (m *meddler) hit(key int16) (now, after bool) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.left == 0 || key != m.key {
		return false, false
	}
	m.left--
	m.hits++
	return true, m.after
}

func (m *meddler) option() kgo.Opt {
	return kgo.Dialer(func(ctx context.Context, network, address string) (net.Conn, error) {
		c, err := (&net.Dialer{}).DialContext(ctx, network, address)
		return &meddled{Conn: c, m: m}, err
	})
}

type meddled struct {
	net.Conn
	m    *meddler
	lost atomic.Bool
}

func (c *meddled) Write(b []byte) (int, error) {
	if len(b) >= 6 {
		now, after := c.m.hit(int16(binary.BigEndian.Uint16(b[4:])))
		switch {
		case now && c.m.delay > 0:
			time.Sleep(c.m.delay)
		case now && !after:
			c.Conn.Close()
			return 0, io.ErrClosedPipe
		case now:
			c.lost.Store(true)
		}
	}
	return c.Conn.Write(b)
}

// Read loses the answer, which shows that the broker has worked on the request.
func (c *meddled) Read(b []byte) (int, error) {
	n, err := c.Conn.Read(b)
	if c.lost.Load() {
		c.Conn.Close()
		return 0, io.EOF
	}
	return n, err
}

func mentions(err error, parts ...string) bool {
	for _, p := range parts {
		if err == nil || !strings.Contains(err.Error(), p) {
			return false
		}
	}
	return true
}

// oldCluster speaks as Kafka 3.6 did.
func oldCluster() kfake.Opt { return kfake.MaxVersions(kversion.V3_6_0()) }

func makeTopic(t testing.TB, addrs []string, topic string, settings map[string]*string) {
	t.Helper()
	cl, err := kgo.NewClient(kgo.SeedBrokers(addrs...))
	if err != nil {
		t.Fatal(err)
	}
	defer cl.Close()
	res, err := kadm.NewClient(cl).CreateTopic(t.Context(), 2, 1, settings, topic)
	if err = errors.Join(err, res.Err); err != nil {
		t.Fatalf("%v: %s", err, res.ErrMessage)
	}
}
