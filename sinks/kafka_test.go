package sinks

import (
	"errors"
	"testing"

	"go.uber.org/goleak"

	"github.com/sluice-stream/sluice/flow"
	"github.com/sluice-stream/sluice/internal/vfs"
)

func TestKafkaRowsAppearWithTheirCheckpoint(t *testing.T) {
	before := goleak.IgnoreCurrent()
	t.Run("", func(t *testing.T) {
		_, addrs := fakeCluster(t)
		k := started(t, kafkaSettings(addrs, "out"), kafkaTestEnv(t, vfs.NewMem(), nil), numberSchema, 0)
		put(t, k, 1, 0, 10_000)
		if got := visible(t, addrs, "out"); len(got) != 0 {
			t.Fatalf("want no row of a checkpoint that was only prepared, got %d", len(got))
		}
		rec := numbers(k.spool.mem, 10_000, 10_010) // the stream goes on before the commit
		defer rec.Release()
		if err := k.Write(t.Context(), rec); err != nil {
			t.Fatal(err)
		}
		for range 2 {
			if err := k.Commit(t.Context(), 1); err != nil {
				t.Fatal(err)
			}
			appears(t, addrs, "out", 10_000)
		}
		if err := errors.Join(k.Prepare(t.Context(), 2), k.Commit(t.Context(), 2), k.Prepare(t.Context(), 3), k.Commit(t.Context(), 3)); err != nil {
			t.Fatal(err)
		}
		appears(t, addrs, "out", 10_010)
	})
	goleak.VerifyNone(t, before)
}

var _ interface {
	flow.Sink
	flow.Opener
	flow.Subscriber
	flow.Placed
	flow.Stateful
} = (*Kafka)(nil)
