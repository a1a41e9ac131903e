package sinks

import (
	"errors"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/sluice-stream/sluice/flow"
	"github.com/sluice-stream/sluice/internal/vfs"
)

// TestKafkaZombie has an old run commit after a new one took over, on the same files and on a copy of them.
func TestKafkaZombie(t *testing.T) {
	_, addrs := fakeCluster(t)
	zombie(t, addrs, "out", nil)
}

// zombie; lost is armed before the old run commits.
func zombie(t *testing.T, addrs []string, topic string, lost *meddler) {
	t.Helper()
	cfg := kafkaSettings(addrs, topic)
	mine, theirs := vfs.NewMem(), vfs.NewMem()
	old := opened(t, cfg, kafkaTestEnv(t, mine, nil), numberSchema)
	if lost != nil {
		old.send.extra = []kgo.Opt{lost.option()}
	}
	if err := old.Recover(t.Context(), 0); err != nil {
		t.Fatal(err)
	}
	put(t, old, 1, 0, 100)
	if err := old.Commit(t.Context(), 1); err != nil {
		t.Fatal(err)
	}
	put(t, old, 2, 100, 200) // and stands still

	fresh := started(t, cfg, kafkaTestEnv(t, theirs, nil), numberSchema, 1)
	put(t, fresh, 2, 100, 200)
	if err := fresh.Commit(t.Context(), 2); err != nil {
		t.Fatal(err)
	}
	put(t, fresh, 3, 200, 300)

	if lost != nil {
		lost.arm(keyProduce, false, 1)
	}
	for range 2 {
		err := old.Commit(t.Context(), 2)
		if !errors.Is(err, flow.ErrConfig) || !mentions(err, "another run has taken over", topic) {
			t.Fatalf("want the old run to be told that another has taken over, got %v", err)
		}
	}
	if err := fresh.Commit(t.Context(), 3); err != nil {
		t.Fatal(err)
	}
	appears(t, addrs, topic, 300)
}

func TestKafkaTransactionTimeoutTooLong(t *testing.T) {
	_, addrs := fakeCluster(t, kfake.BrokerConfigs(map[string]string{"transaction.max.timeout.ms": "5000"}))
	timeoutTooLong(t, addrs, "out", 6*time.Second)
}

func timeoutTooLong(t *testing.T, addrs []string, topic string, timeout time.Duration) {
	t.Helper()
	cfg := kafkaSettings(addrs, topic)
	cfg.TransactionTimeout = timeout
	k := opened(t, cfg, kafkaTestEnv(t, vfs.NewMem(), nil), numberSchema)
	err := k.Recover(t.Context(), 0)
	if !errors.Is(err, flow.ErrConfig) || !mentions(err, "transaction_timeout: want at most transaction.max.timeout.ms", timeout.String()) {
		t.Fatalf("want the setting to be refused at start, got %v", err)
	}
}
