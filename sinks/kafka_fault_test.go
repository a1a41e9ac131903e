package sinks

import (
	"context"
	"errors"
	"sync/atomic"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/sluice-stream/sluice/flow"
	"github.com/sluice-stream/sluice/internal/vfs"
)

// TestKafkaPartOfACheckpointIsNotCommitted: the client would commit what of a transaction got through when some of
// its messages did not. One partition refuses its messages for good, and then for a while.
func TestKafkaPartOfACheckpointIsNotCommitted(t *testing.T) {
	c, addrs := fakeCluster(t)
	k := started(t, kafkaSettings(addrs, "out"), kafkaTestEnv(t, vfs.NewMem(), nil), numberSchema, 0)
	put(t, k, 1, 0, 1000)
	refuse := c.Fault(kfake.Fault{Keys: []kmsg.Key{kmsg.Produce}, Topic: "out", Partitions: []int32{1}, Err: kerr.InvalidRecord, Count: -1})
	if err := k.Commit(t.Context(), 1); !errors.Is(err, flow.ErrConfig) || !mentions(err, "refuses a message") {
		t.Fatalf("want the refusal, got %v", err)
	}
	refuse.Remove()
	if got := visible(t, addrs, "out"); len(got) != 0 {
		t.Fatalf("want nothing of a checkpoint that was refused in part, got %d rows", len(got))
	}
	k.Close()
	next := started(t, kafkaSettings(addrs, "out"), kafkaTestEnv(t, k.spool.fs, nil), numberSchema, 1)
	appears(t, addrs, "out", 1000) // Recover has sent it
	c.Fault(kfake.Fault{Keys: []kmsg.Key{kmsg.Produce}, Topic: "out", Partitions: []int32{1}, Err: kerr.UnknownServerError, Count: 2})
	put(t, next, 2, 1000, 2000)
	if err := next.Commit(t.Context(), 2); err != nil {
		t.Fatal(err)
	}
	appears(t, addrs, "out", 2000)
}

// TestKafkaMessagesOfAFailedAttemptStayOut: messages that wait in the client when an attempt fails must not slip
// into the next transaction. Produce requests are held up until the attempt has been given up.
func TestKafkaMessagesOfAFailedAttemptStayOut(t *testing.T) {
	c, addrs := fakeCluster(t)
	k := started(t, kafkaSettings(addrs, "out"), kafkaTestEnv(t, vfs.NewMem(), nil), numberSchema, 0)
	put(t, k, 1, 0, 50_000)
	slow := 0
	c.ControlKey(int16(kmsg.Produce), func(kmsg.Request) (kmsg.Response, error, bool) {
		if slow++; slow < 5 {
			c.KeepControl()
		}
		time.Sleep(100 * time.Millisecond)
		return nil, nil, false
	})
	ctx, cancel := context.WithTimeout(t.Context(), 150*time.Millisecond)
	defer cancel()
	if err := k.Commit(ctx, 1); !errors.Is(err, context.DeadlineExceeded) {
		t.Fatalf("want the commit to be given up, got %v", err)
	}
	if err := k.Commit(t.Context(), 1); err != nil {
		t.Fatal(err)
	}
	appears(t, addrs, "out", 50_000)
}

// TestKafkaEndUnknown: the broker answers the end of a transaction with an error that leaves open whether it is
// committed. It is, and then it is not.
func TestKafkaEndUnknown(t *testing.T) {
	for _, code := range []*kerr.Error{kerr.UnknownServerError, kerr.RequestTimedOut, kerr.ConcurrentTransactions, kerr.CoordinatorLoadInProgress} {
		c, addrs := fakeCluster(t)
		k := started(t, kafkaSettings(addrs, "out"), kafkaTestEnv(t, vfs.NewMem(), nil), numberSchema, 0)
		for id := flow.CheckpointID(1); id <= 3; id++ {
			put(t, k, id, int(id-1)*100, int(id)*100)
			c.Fault(kfake.Fault{Keys: []kmsg.Key{kmsg.EndTxn}, TopLevel: true, Err: code, Count: int(id)})
			if err := k.Commit(t.Context(), id); err != nil {
				t.Fatalf("%v: %v", code, err)
			}
			appears(t, addrs, "out", int(id)*100)
		}
		k.Close()
	}
}

// TestKafkaTooSlow: sending takes longer than a transaction may, again and again; it ends with an advice.
func TestKafkaTooSlow(t *testing.T) {
	c, addrs := fakeCluster(t)
	cfg := kafkaSettings(addrs, "out")
	cfg.TransactionTimeout = 2 * time.Second
	k := started(t, cfg, kafkaTestEnv(t, vfs.NewMem(), nil), numberSchema, 0)
	put(t, k, 1, 0, 300_000)
	var fast atomic.Bool
	c.ControlKey(int16(kmsg.Produce), func(kmsg.Request) (kmsg.Response, error, bool) {
		if !fast.Load() {
			c.KeepControl()
			time.Sleep(500 * time.Millisecond)
		}
		return nil, nil, false
	})
	began := time.Now()
	err := k.Commit(t.Context(), 1)
	if !errors.Is(err, flow.ErrConfig) || !mentions(err, "raise transaction_timeout", "lower checkpoint.every", "2s") {
		t.Fatalf("want an advice, got %v", err)
	}
	if took := time.Since(began); took > 20*time.Second {
		t.Errorf("it took %s to give up", took)
	}
	k.Close()
	fast.Store(true)
	if got := visible(t, addrs, "out"); len(got) != 0 {
		t.Fatalf("want nothing, got %d rows", len(got))
	}
	cfg.TransactionTimeout = time.Minute // as advised
	started(t, cfg, kafkaTestEnv(t, k.spool.fs, nil), numberSchema, 1)
	appears(t, addrs, "out", 300_000)
}

// TestKafkaBrokerGone gives up after retry_seconds with an error that may pass, and goes on when the broker is back.
func TestKafkaBrokerGone(t *testing.T) {
	dir := t.TempDir()
	c, addrs := fakeCluster(t, kfake.DataDir(dir))
	cfg := kafkaSettings(addrs, "out")
	cfg.RetrySeconds = 1
	k := started(t, cfg, kafkaTestEnv(t, vfs.NewMem(), nil), numberSchema, 0)
	put(t, k, 1, 0, 100)
	c.Close()
	began := time.Now()
	if err := k.Commit(t.Context(), 1); !errors.Is(err, flow.ErrTransient) || !mentions(err, addrs[0], "gave no usable answer") {
		t.Fatalf("want an error that may pass and names the broker, got %v", err)
	}
	if took := time.Since(began); took > 10*time.Second {
		t.Errorf("it took %s to give up", took)
	}
}

// TestKafkaManySizes sends messages of very different sizes through a small buffer: the client blocks, and must not
// stay blocked.
func TestKafkaManySizes(t *testing.T) {
	_, addrs := fakeCluster(t)
	cfg := kafkaSettings(addrs, "out")
	k := opened(t, cfg, kafkaTestEnv(t, vfs.NewMem(), nil), numberSchema)
	k.send.extra = []kgo.Opt{kgo.MaxBufferedBytes(2 << 20), kgo.MaxBufferedRecords(100)}
	if err := k.Recover(t.Context(), 0); err != nil {
		t.Fatal(err)
	}
	sizes := []int{10, 900_000, 1, 400_000, 7, 7, 1_000_000, 30_000}
	total := 0
	for i := range 160 {
		m := spooled{ms: 1, partition: int32(i % 2), value: make([]byte, sizes[i%len(sizes)])}
		total += len(m.value)
		if err := k.spool.add(&m); err != nil {
			t.Fatal(err)
		}
	}
	if err := errors.Join(k.Prepare(t.Context(), 1), k.Commit(t.Context(), 1)); err != nil {
		t.Fatal(err)
	}
	got := 0
	for _, r := range visible(t, addrs, "out") {
		got += len(r.Value)
	}
	if got != total {
		t.Fatalf("want %d bytes, got %d", total, got)
	}
	if files, err := k.spool.files(); len(files) != 0 || err != nil {
		t.Errorf("want the spool to be gone, got %v, %v", files, err)
	}
}

// TestKafkaEndAnsweredToNobody: the broker commits, and for longer than the client repeats its request every answer
// is lost. The sink finds out by the witness, and does not send again.
func TestKafkaEndAnsweredToNobody(t *testing.T) {
	_, addrs := fakeCluster(t)
	endAnsweredToNobody(t, addrs, "out")
}

func endAnsweredToNobody(t *testing.T, addrs []string, topic string) {
	t.Helper()
	for i, after := range []bool{true, false} { // the answers are lost, or the requests
		cfg, m := kafkaSettings(addrs, topic), &meddler{}
		cfg.RetrySeconds = 20
		env := kafkaTestEnv(t, vfs.NewMem(), nil)
		env.Fresh = true
		k := opened(t, cfg, env, numberSchema)
		k.send.extra = []kgo.Opt{m.option(), kgo.RetryTimeout(200 * time.Millisecond)}
		if err := k.Recover(t.Context(), 0); err != nil {
			t.Fatal(err)
		}
		for id := flow.CheckpointID(1); id <= 3; id++ {
			from := 300*i + 100*int(id-1)
			put(t, k, id, from, from+100)
			m.arm(keyEndTxn, after, -1)
			heal := time.AfterFunc(700*time.Millisecond, func() { m.arm(keyEndTxn, after, 0) })
			if err := k.Commit(t.Context(), id); err != nil {
				t.Fatal(err)
			}
			heal.Stop()
			m.arm(keyEndTxn, after, 0)
			appears(t, addrs, topic, from+100)
		}
		k.Close()
	}
}
