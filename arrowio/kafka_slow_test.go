package arrowio

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kgo"
	"go.uber.org/goleak"

	"github.com/sluice-stream/sluice/flow"
)

// prompt is how soon Close and the end of a context must be obeyed, whatever the network does.
const prompt = 2 * time.Second

func within(t *testing.T, most time.Duration, what string, f func()) {
	t.Helper()
	began := time.Now()
	f()
	if took := time.Since(began); took > most {
		t.Errorf("%s took %s, want at most %s", what, took, most)
	}
}

// linkedConfig reads topic x in small pieces.
func linkedConfig(addrs []string) KafkaConfig {
	c := kafkaConfig(addrs, "x")
	c.MaxBytes, c.Schema = 32<<10, flow.Ordered[string]{{Key: "n", Value: "int64"}}
	return c
}

// fillLinked writes n rows of about a kilobyte to topic x.
func fillLinked(t *testing.T, addrs []string, n int) {
	recs := numberedUpTo("x", n)
	for i, v := range bulkyRows(n, 1000) {
		recs[i].Value = v
	}
	sendAll(t, addrs, []kgo.Opt{kgo.ProducerBatchMaxBytes(8 << 10), kgo.ProducerBatchCompression(kgo.NoCompression())}, recs...)
}

// TestKafkaLinkHeals has the network fail in the middle of the topic for a while: every row comes once and in
// order, soon after it heals.
func TestKafkaLinkHeals(t *testing.T) {
	for f := range faultNames {
		t.Run(f.String(), func(t *testing.T) {
			t.Parallel()
			l, addrs := fakeOverLink(t, kfake.SeedTopics(1, "x"))
			fillLinked(t, addrs, 600)
			c := linkedConfig(addrs)
			c.RetrySeconds = 4
			k := openKafka(t, kafkaEnv(t, nil), c, nil)
			got := pollRows(t, k, 50)
			l.set(f)
			time.AfterFunc(1500*time.Millisecond, func() { l.set(well) })
			within(t, 1500*time.Millisecond+4*time.Second, "reading to the end", func() {
				equalRows(t, append(got, pollAll(t, k, 100)...), numbers(0, 600))
			})
		})
	}
}

// TestKafkaLinkStaysBroken has the network fail for good: the source says so after about retry_seconds, can be
// asked again, and closes at once; no goroutine stays.
func TestKafkaLinkStaysBroken(t *testing.T) {
	before := goleak.IgnoreCurrent()
	t.Run("each", func(t *testing.T) {
		for f := range faultNames {
			if f != slow { // which is not broken
				t.Run(f.String(), func(t *testing.T) {
					t.Parallel()
					linkBreaks(t, f)
				})
			}
		}
	})
	noneLeft(t, before)
}

func linkBreaks(t *testing.T, f fault) {
	l, addrs := fakeOverLink(t, kfake.SeedTopics(1, "x"))
	fillLinked(t, addrs, 600)
	c := linkedConfig(addrs)
	c.RetrySeconds = 1
	k := openKafka(t, kafkaEnv(t, nil), c, nil)
	got := pollRows(t, k, 50)
	l.set(f)
	within(t, 4*time.Second, "giving up", func() {
		for {
			rows, err := poll(t.Context(), k, 100)
			if got = append(got, rows...); err == nil {
				continue
			}
			if !errors.Is(err, flow.ErrTransient) {
				t.Fatalf("want ErrTransient, got %v", err)
			}
			t.Log(err)
			return
		}
	})
	if _, err := poll(t.Context(), k, 100); err != nil {
		t.Fatalf("want a new try, got %v", err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	time.AfterFunc(100*time.Millisecond, cancel)
	within(t, prompt, "the end of a context", func() {
		for ctx.Err() == nil {
			k.Next(ctx, 100)
		}
	})
	l.set(well)
	for len(got) < 600 {
		rows, err := poll(t.Context(), k, 100)
		if got = append(got, rows...); err != nil && !errors.Is(err, flow.ErrTransient) {
			t.Fatal(err)
		}
	}
	equalRows(t, got, numbers(0, 600))
	l.set(f)
	openBroken(t, c)
	within(t, prompt, "Close", func() { k.Close() })
}

// noneLeft waits until the goroutines of the source are gone; those of the fake broker may stay.
func noneLeft(t *testing.T, before goleak.Option) {
	t.Helper()
	opts := []goleak.Option{before}
	for _, f := range []string{"read", "read.func1", "write"} {
		opts = append(opts, goleak.IgnoreAnyFunction("github.com/twmb/franz-go/pkg/kfake.(*clientConn)."+f))
	}
	err := goleak.Find(opts...)
	for began := time.Now(); err != nil && time.Since(began) < 3*time.Second; {
		err = goleak.Find(opts...) // finding out why a connection fails may take 2 s
	}
	if err != nil {
		t.Error(err)
	}
}

// openBroken opens a source over a broken link: it fails for a passing reason, and obeys the end of its context.
func openBroken(t *testing.T, c KafkaConfig) {
	t.Helper()
	open := func(ctx context.Context) error {
		k, err := NewKafka(c)
		if err != nil {
			t.Fatal(err)
		}
		return k.Open(ctx, kafkaEnv(t, nil))
	}
	within(t, 6*time.Second, "failing to open", func() {
		if err := open(t.Context()); !errors.Is(err, flow.ErrTransient) {
			t.Errorf("want ErrTransient from Open, got %v", err)
		}
	})
	c.RetrySeconds = 60
	ctx, cancel := context.WithTimeout(t.Context(), 300*time.Millisecond)
	defer cancel()
	within(t, 300*time.Millisecond+prompt, "the end of a context of Open", func() {
		if err := open(ctx); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("want the context's error from Open, got %v", err)
		}
	})
}

// TestKafkaSlowLinkIsNotDead reads at 1 KiB/s for longer than a broker may be silent.
func TestKafkaSlowLinkIsNotDead(t *testing.T) {
	l, addrs := fakeOverLink(t, kfake.SeedTopics(1, "x"))
	fillLinked(t, addrs, 6)
	c := linkedConfig(addrs)
	c.RetrySeconds, c.MaxBytes = 1, 1<<20
	k := openKafka(t, kafkaEnv(t, nil), c, nil)
	l.set(slow)
	k.halt() // what was fetched at full speed is fetched again
	k.start()
	began := time.Now()
	equalRows(t, pollRows(t, k, 6), numbers(0, 6))
	if took := time.Since(began); took < 3*time.Second {
		t.Fatalf("the link was not slow: %s", took)
	}
	within(t, prompt, "Close", func() { k.Close() })
}

// TestKafkaBrokerComesBack takes the broker away for longer than retry_seconds: Next says so, and goes on when it
// is asked again, for both orders of partitions.
func TestKafkaBrokerComesBack(t *testing.T) {
	for _, order := range []string{mergeNone, mergeTimestamp} {
		l, addrs := fakeOverLink(t, kfake.SeedTopics(3, "x"))
		var recs []*kgo.Record
		for n := range 3000 {
			recs = append(recs, numbered("x", int32(n%3), n))
		}
		sendAll(t, addrs, []kgo.Opt{kgo.ProducerBatchMaxBytes(1024)}, recs...)
		c := kafkaConfig(addrs, "x")
		c.RetrySeconds, c.MaxBytes, c.Merge = 1, 4096, order
		want := pollAll(t, openKafka(t, kafkaEnv(t, nil), c, nil), 1000)
		k := openKafka(t, kafkaEnv(t, nil), c, nil)
		got, failures := pollRows(t, k, 10), 0
		for len(got) < len(want) {
			if failures == 0 && len(got) > 1000 {
				l.set(torn)
			}
			rows, err := poll(t.Context(), k, 97)
			if got = append(got, rows...); err == nil {
				continue
			}
			if !errors.Is(err, flow.ErrTransient) {
				t.Fatal(err)
			}
			failures++
			l.set(well)
		}
		equalRows(t, got, want)
		if failures == 0 {
			t.Fatal("the broker was never away for long enough")
		}
	}
}
