package arrowio

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/apache/arrow/go/v17/arrow"
	"github.com/apache/arrow/go/v17/arrow/array"
	"github.com/twmb/franz-go/pkg/kgo"
	"go.uber.org/goleak"

	"github.com/sluice-stream/sluice/flow"
)

// embedded starts the embedded broker, fills it from src, and returns its address.
func embedded(t testing.TB, feed flow.Feed, src flow.Source) string {
	t.Helper()
	b := &Embedded{}
	addr, err := b.Start(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { b.Close() })
	if !strings.HasPrefix(addr, "127.0.0.1:") {
		t.Fatalf("want a loopback address, got %s", addr)
	}
	if _, err := b.Fill(t.Context(), feed, src); err != nil {
		t.Fatal(err)
	}
	return addr
}

// clicksOf returns the open generator of n rows.
func clicksOf(t testing.TB, env flow.Env, n int) *Clicks {
	t.Helper()
	c, err := NewClicks(ClicksConfig{Rows: n, Users: 200, Items: 50, Cities: 9, Informative: 0.2, Positives: 0.22})
	if err != nil {
		t.Fatal(err)
	}
	if err := c.Open(t.Context(), env); err != nil {
		t.Fatal(err)
	}
	return c
}

func TestFillEqualsItsSource(t *testing.T) {
	env := kafkaEnv(t, nil)
	wanted := pollAll(t, clicksOf(t, env, 5000), 1000)
	for _, format := range []string{formatJSON, formatArrow} {
		addr := embedded(t, flow.Feed{Topic: "clicks", Format: format}, clicksOf(t, env, 5000))
		c := kafkaConfig([]string{flow.EmbeddedBroker}, "clicks")
		c.Format, c.Meta = format, nil
		on := env
		on.Embedded = addr
		equalRows(t, pollAll(t, openKafka(t, on, c, nil), 999), wanted)
	}
}

func TestFillIsDeterministic(t *testing.T) {
	env := kafkaEnv(t, nil)
	for _, feed := range []flow.Feed{
		{Topic: "x", Partitions: 3}, {Topic: "x", Partitions: 3, Key: "user", Time: "at"}, {Topic: "x", Partitions: 2, Format: formatArrow},
	} {
		var runs [2][]string
		for i := range runs {
			c := kafkaConfig([]string{embedded(t, feed, clicksOf(t, env, 4000))}, "x")
			c.Meta = []string{"partition", "offset", "timestamp", "key"}
			if feed.Format != "" {
				c.Format = feed.Format
			}
			runs[i] = pollAll(t, openKafka(t, env, c, nil), 500)
		}
		if len(runs[0]) != 4000 {
			t.Fatalf("%+v: want 4000 rows, got %d", feed, len(runs[0]))
		}
		equalRows(t, runs[1], runs[0])
	}
}

func TestFillPlacesRows(t *testing.T) {
	env := kafkaEnv(t, nil)
	s := array.NewStringBuilder(env.Alloc)
	s.AppendValues([]string{"a", "b", "", "a"}, []bool{true, true, false, true})
	at := array.NewTimestampBuilder(env.Alloc, arrow.FixedWidthTypes.Timestamp_s.(*arrow.TimestampType))
	at.AppendValues([]arrow.Timestamp{100, 200, 300, 0}, []bool{true, true, true, false})
	rec := tableOf(t, env.Alloc, map[string]arrow.Array{"at": at.NewArray(), "key": s.NewArray()})
	addr := embedded(t, flow.Feed{Topic: "x", Partitions: 4, Key: "key", Time: "at"}, &tableSource{rec: rec})
	cl, err := kgo.NewClient(kgo.SeedBrokers(addr), kgo.ConsumeTopics("x"))
	if err != nil {
		t.Fatal(err)
	}
	defer cl.Close()
	byValue := map[string]*kgo.Record{}
	for len(byValue) < 4 {
		cl.PollFetches(t.Context()).EachRecord(func(r *kgo.Record) { byValue[fmt.Sprint(string(r.Key), r.Timestamp.Unix())] = r })
	}
	a, last, null := byValue["a100"], byValue["a1767225600"], byValue["300"]
	if a == nil || last == nil || null == nil {
		t.Fatalf("want keys and times a100, a1767225600 and 300, got %v", byValue)
	}
	if a.Partition != last.Partition || a.Offset >= last.Offset {
		t.Errorf("want the rows of one key in order in one partition, got %v and %v", a, last)
	}
	if null.Partition != 2 || null.Key != nil {
		t.Errorf("want row 2 without a key in partition 2, got %v", null)
	}
	if want := feedEpoch.Add(3 * time.Millisecond); !last.Timestamp.Equal(want) {
		t.Errorf("want the row without a time at %s, got %s", want, last.Timestamp)
	}
}

func TestFillChecksItsSettings(t *testing.T) {
	env := kafkaEnv(t, nil)
	b := &Embedded{}
	if _, err := b.Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	defer b.Close()
	feed := flow.Feed{Topic: "", Partitions: -1, Format: "jsn", Key: "usr", Time: "city"}
	_, err := b.Fill(t.Context(), feed, clicksOf(t, env, 1))
	if !errors.Is(err, flow.ErrConfig) {
		t.Fatalf("want ErrConfig, got %v", err)
	}
	for _, key := range []string{"topic:", "partitions:", "format:", `did you mean "user"?`, "time: want a timestamp column, got utf8"} {
		if !strings.Contains(err.Error(), key) {
			t.Errorf("want %q in %v", key, err)
		}
	}
}

func TestBrokerLeavesNoGoroutine(t *testing.T) {
	before := goleak.IgnoreCurrent()
	b := &Embedded{}
	if _, err := b.Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	if n, err := b.Fill(t.Context(), flow.Feed{Topic: "x"}, clicksOf(t, kafkaEnv(t, nil), 100)); n != 100 || err != nil {
		t.Fatalf("want 100 rows, got %d, %v", n, err)
	}
	b.Close()
	goleak.VerifyNone(t, before)
}
