//go:build kafka

package sinks

import (
	"errors"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/sluice-stream/sluice/flow"
	"github.com/sluice-stream/sluice/internal/realkafka"
	"github.com/sluice-stream/sluice/internal/vfs"
)

func TestMain(m *testing.M) { os.Exit(realkafka.Main(m)) }

// realTopic makes a topic of two partitions on the real broker, named after the test.
func realTopic(t testing.TB, settings map[string]string) (addrs []string, topic string) {
	t.Helper()
	addrs = []string{realkafka.Start(t)}
	topic = strings.NewReplacer("/", ".", " ", "_", ",", "").Replace(t.Name())
	all := map[string]*string{}
	for k, v := range settings {
		all[k] = &v
	}
	makeTopic(t, addrs, topic, all)
	return addrs, topic
}

func TestRealRowsAppearWithTheirCheckpoint(t *testing.T) {
	addrs, topic := realTopic(t, nil)
	k := started(t, kafkaSettings(addrs, topic), kafkaTestEnv(t, vfs.NewMem(), nil), numberSchema, 0)
	if !k.send.version2 {
		t.Error("want transactions of version 2 to be found")
	}
	for id := flow.CheckpointID(1); id <= 5; id++ {
		put(t, k, id, int(id-1)*5000, int(id)*5000)
		appears(t, addrs, topic, int(id-1)*5000)
		if err := errors.Join(k.Commit(t.Context(), id), k.Commit(t.Context(), id)); err != nil {
			t.Fatal(err)
		}
		appears(t, addrs, topic, int(id)*5000)
	}
}

func TestRealLostRequests(t *testing.T) {
	for name, arm := range protocolFaults() {
		t.Run(name, func(t *testing.T) {
			for _, times := range []int{1, 3} {
				addrs, topic := realTopic2(t, times)
				lostRequest(t, addrs, topic, arm, times, "decided")
			}
		})
	}
}

func realTopic2(t *testing.T, n int) (addrs []string, topic string) {
	t.Run(strings.Repeat("x", n), func(t *testing.T) { addrs, topic = realTopic(t, nil) })
	return addrs, topic
}

func TestRealKilledInCommit(t *testing.T) {
	for name, arm := range protocolFaults() {
		t.Run(name, func(t *testing.T) {
			addrs, topic := realTopic(t, nil)
			killedInCommit(t, addrs, topic, arm)
		})
	}
}

func TestRealZombie(t *testing.T) {
	addrs, topic := realTopic(t, nil)
	zombie(t, addrs, topic, nil)
}

// TestRealZombieOnABadLine has the old run lose a connection first, so that it asks for a new epoch.
func TestRealZombieOnABadLine(t *testing.T) {
	addrs, topic := realTopic(t, nil)
	zombie(t, addrs, topic, &meddler{})
}

func TestRealTransactionTimeoutTooLong(t *testing.T) {
	addrs, topic := realTopic(t, nil)
	timeoutTooLong(t, addrs, topic, 20*time.Minute)
}

// TestRealTransactionTimedOut has the process stand still while its transaction is open, for longer than the broker
// waits.
func TestRealTransactionTimedOut(t *testing.T) {
	for name, key := range map[string]int16{"end": keyEndTxn, "witness": keyTxnOffsetCommit} {
		t.Run(name, func(t *testing.T) {
			addrs, topic := realTopic(t, nil)
			cfg, late := kafkaSettings(addrs, topic), &meddler{delay: 3 * time.Second}
			cfg.TransactionTimeout = time.Second
			k := opened(t, cfg, kafkaTestEnv(t, vfs.NewMem(), nil), numberSchema)
			k.send.extra = []kgo.Opt{late.option()}
			if key == keyTxnOffsetCommit {
				k.send.ask.Close()
				var err error
				if k.send.ask, err = kgo.NewClient(append(k.send.options(), late.option())...); err != nil {
					t.Fatal(err)
				}
			}
			if err := k.Recover(t.Context(), 0); err != nil {
				t.Fatal(err)
			}
			put(t, k, 1, 0, 100)
			late.arm(key, true, 1)
			err := k.Commit(t.Context(), 1)
			if err != nil && (!errors.Is(err, flow.ErrTransient) || !mentions(err, "longer than transaction_timeout", "start again")) {
				t.Fatalf("want the commit done, or an error that says what happened, got %v", err)
			}
			k.Close()
			started(t, cfg, kafkaTestEnv(t, k.spool.fs, nil), numberSchema, 1)
			appears(t, addrs, topic, 100)
		})
	}
}

// TestRealBounceInCommit kills the broker while a checkpoint is being sent.
func TestRealBounceInCommit(t *testing.T) {
	for i, after := range []time.Duration{0, 30 * time.Millisecond, 150 * time.Millisecond} {
		t.Run(after.String(), func(t *testing.T) {
			addrs, topic := realTopic(t, nil)
			cfg := kafkaSettings(addrs, topic)
			cfg.RetrySeconds, cfg.TransactionTimeout = 60, time.Minute
			k := started(t, cfg, kafkaTestEnv(t, vfs.NewMem(), nil), numberSchema, 0)
			put(t, k, 1, 0, 200_000)
			done := make(chan error, 1)
			go func() { done <- k.Commit(t.Context(), 1) }()
			time.Sleep(after)
			realkafka.Bounce(t, 500*time.Millisecond, i != 1)
			if err := <-done; err != nil {
				t.Fatal(err)
			}
			put(t, k, 2, 200_000, 200_100)
			if err := k.Commit(t.Context(), 2); err != nil {
				t.Fatal(err)
			}
			appears(t, addrs, topic, 200_100)
		})
	}
}

func TestRealEndAnsweredToNobody(t *testing.T) {
	addrs, topic := realTopic(t, nil)
	endAnsweredToNobody(t, addrs, topic)
}
