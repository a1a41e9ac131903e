package sinks

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/apache/arrow/go/v17/arrow/memory"
	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/sluice-stream/sluice/flow"
	"github.com/sluice-stream/sluice/internal/state"
	"github.com/sluice-stream/sluice/internal/vfs"
)

// kafkaRun is a run over a few checkpoints that can be killed and started again. What it holds itself stands for
// the checkpoints of the runtime.
type kafkaRun struct {
	cfg       KafkaConfig
	mem       memory.Allocator
	committed flow.CheckpointID
	part      []byte // state of the sink at committed
	meddle    *meddler
	at        func(step string) error // called between any two steps; an error kills the run
}

const kafkaCheckpoints, kafkaRows = 3, 200

func (c *kafkaRun) run(t *testing.T, fs vfs.FS) error {
	ctx := context.Background()
	k, err := newKafka(c.cfg)
	if err != nil {
		return err
	}
	if c.meddle != nil {
		k.send.extra = []kgo.Opt{c.meddle.option()}
	}
	env := testEnv(fs, c.mem)
	env.Reject = func(r flow.Rejection) { t.Errorf("rejected: %s", r.Reason) }
	defer func() { // a killed process says no goodbye to the broker
		k.send.broken = errors.New("dead")
		k.Close()
	}()
	if err := errors.Join(k.Open(ctx, env), k.Bind(numberSchema)); err != nil {
		return err
	}
	if c.part != nil {
		if err := state.ReadPart(c.part, k); err != nil {
			return err
		}
	}
	steps := []func() error{
		func() error { return k.Recover(ctx, c.committed) },
		func() error {
			if c.committed == 0 {
				return nil
			}
			return k.Commit(ctx, c.committed)
		},
	}
	for i, f := range steps {
		if err := errors.Join(f(), c.step(fmt.Sprint("recover ", i))); err != nil {
			return err
		}
	}
	for id := c.committed + 1; id <= kafkaCheckpoints; id++ {
		if err := c.checkpoint(ctx, k, id); err != nil {
			return err
		}
	}
	return nil
}

func (c *kafkaRun) step(name string) error {
	if c.at == nil {
		return nil
	}
	return c.at(name)
}

func (c *kafkaRun) checkpoint(ctx context.Context, k *Kafka, id flow.CheckpointID) error {
	for from := int(id-1) * kafkaRows; from < int(id)*kafkaRows; from += 50 {
		rec := numbers(c.mem, from, from+50)
		err := k.Write(ctx, rec)
		rec.Release()
		if err != nil {
			return err
		}
	}
	if err := errors.Join(k.Prepare(ctx, id), c.step("prepared")); err != nil {
		return err
	}
	var part bytes.Buffer
	if err := state.WritePart(&part, k); err != nil {
		return err
	}
	c.committed, c.part = id, part.Bytes()
	if err := c.step("decided"); err != nil {
		return err
	}
	return errors.Join(k.Commit(ctx, id), c.step("committed"))
}

// TestKafkaCrashAtEveryDiskOperation kills a run at each operation of the disk, with and without a power cut, also
// while it recovers: a reader of committed rows never sees a row of a checkpoint that was not decided, and in the
// end each row once.
func TestKafkaCrashAtEveryDiskOperation(t *testing.T) {
	count := vfs.CrashAt(vfs.NewMem(), 0)
	_, addrs := fakeCluster(t)
	first := &kafkaRun{cfg: kafkaSettings(addrs, "out"), mem: memory.NewGoAllocator()}
	if err := first.run(t, count); err != nil {
		t.Fatal(err)
	}
	appears(t, addrs, "out", kafkaCheckpoints*kafkaRows)
	for k := 1; k <= count.Ops(); k++ {
		for _, again := range []int{0, 1 + k%5} {
			crashKafka(t, k, again, k%2 == 0)
		}
	}
}

func crashKafka(t *testing.T, k, again int, powerCut bool) {
	t.Helper()
	mem := memory.NewCheckedAllocator(memory.NewGoAllocator())
	defer mem.AssertSize(t, 0)
	c, addrs := fakeCluster(t)
	defer c.Close()
	r, disk := &kafkaRun{cfg: kafkaSettings(addrs, "out"), mem: mem}, vfs.NewMem()
	for _, at := range []int{k, again} {
		if at == 0 {
			continue
		}
		if err := r.run(t, vfs.CrashAt(disk, at)); err != nil && !errors.Is(err, vfs.ErrCrashed) {
			t.Fatalf("k=%d again=%d: want a crash, got %v", k, again, err)
		}
		if powerCut {
			disk.PowerCut()
		}
		got := values(t, visible(t, addrs, "out"))
		if len(got) > int(r.committed)*kafkaRows {
			t.Fatalf("k=%d again=%d: %d rows are visible, and checkpoint %d is the newest", k, again, len(got), r.committed)
		}
		wantNumbers(t, got, len(got))
	}
	if err := r.run(t, disk); err != nil {
		t.Fatalf("k=%d again=%d: the run after the crash: %v", k, again, err)
	}
	appears(t, addrs, "out", kafkaCheckpoints*kafkaRows)
}

// protocolFaults are the requests of a commit and of a recovery, lost on the way to the broker or back.
func protocolFaults() map[string]func(*meddler, int) {
	out := map[string]func(*meddler, int){}
	for name, key := range map[string]int16{
		"produce": keyProduce, "witness": keyTxnOffsetCommit, "end": keyEndTxn, "init": keyInitProducer, "fetch": keyOffsetFetch,
	} {
		out[name+" request"] = func(m *meddler, times int) { m.arm(key, false, times) }
		out[name+" answer"] = func(m *meddler, times int) { m.arm(key, true, times) }
	}
	return out
}

var errKilled = errors.New("killed")

// TestKafkaLostRequests loses requests and answers, once and many times, with the process alive and with the process
// killed behind them.
func TestKafkaLostRequests(t *testing.T) {
	for name, arm := range protocolFaults() {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			for _, times := range []int{1, 3} {
				for _, when := range []string{"recover 0", "decided"} {
					_, addrs := fakeCluster(t)
					lostRequest(t, addrs, "out", arm, times, when)
				}
			}
		})
	}
}

func lostRequest(t *testing.T, addrs []string, topic string, arm func(*meddler, int), times int, when string) {
	t.Helper()
	mem := memory.NewCheckedAllocator(memory.NewGoAllocator())
	defer mem.AssertSize(t, 0)
	r, disk := &kafkaRun{cfg: kafkaSettings(addrs, topic), mem: mem, meddle: &meddler{}}, vfs.NewMem()
	r.at = func(step string) error {
		if step == when && r.committed <= 1 {
			arm(r.meddle, times)
		}
		return nil
	}
	if err := r.run(t, disk); err != nil {
		t.Fatalf("%d times at %s: %v", times, when, err)
	}
	appears(t, addrs, topic, kafkaCheckpoints*kafkaRows)
}

// TestKafkaKilledInCommit kills the process in the middle of the protocol: what it asked for last is done or not,
// and it never learns which.
func TestKafkaKilledInCommit(t *testing.T) {
	for name, arm := range protocolFaults() {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			_, addrs := fakeCluster(t)
			killedInCommit(t, addrs, "out", arm)
		})
	}
}

func killedInCommit(t *testing.T, addrs []string, topic string, arm func(*meddler, int)) {
	t.Helper()
	mem := memory.NewCheckedAllocator(memory.NewGoAllocator())
	defer mem.AssertSize(t, 0)
	r, disk := &kafkaRun{cfg: kafkaSettings(addrs, topic), mem: mem}, vfs.NewMem()
	r.cfg.RetrySeconds = 1
	for _, id := range []flow.CheckpointID{1, 2} {
		r.meddle = &meddler{}
		r.at = func(step string) error {
			if step == "decided" && r.committed == id {
				arm(r.meddle, -1) // from here on it gets nowhere
			}
			if step == "committed" && r.committed == id {
				return errKilled
			}
			return nil
		}
		if err := r.run(t, disk); err == nil {
			t.Fatal("want the run to be killed")
		}
		got := values(t, visible(t, addrs, topic))
		for end := time.Now().Add(10 * time.Second); len(got)%kafkaRows != 0 && time.Now().Before(end); {
			got = values(t, visible(t, addrs, topic)) // one partition shows a commit before the other
		}
		if len(got)%kafkaRows != 0 || len(got) > int(r.committed)*kafkaRows {
			t.Fatalf("checkpoint %d: want whole checkpoints, got %d rows", r.committed, len(got))
		}
	}
	r.at, r.meddle, r.cfg.RetrySeconds = nil, nil, 20
	if err := r.run(t, disk); err != nil {
		t.Fatal(err)
	}
	appears(t, addrs, topic, kafkaCheckpoints*kafkaRows)
}
