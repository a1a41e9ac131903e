package arrowio

import (
	"bytes"
	"errors"
	"fmt"
	"net"
	"strings"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/sluice-stream/sluice/check"
	"github.com/sluice-stream/sluice/flow"
)

// inTransaction produces values n in [from, to) in one transaction and ends it.
func inTransaction(t *testing.T, addrs []string, end kgo.TransactionEndTry, from, to int) {
	t.Helper()
	cl, err := kgo.NewClient(kgo.SeedBrokers(addrs...), kgo.TransactionalID(fmt.Sprint("tx", from)), kgo.RecordPartitioner(kgo.ManualPartitioner()))
	if err != nil {
		t.Fatal(err)
	}
	defer cl.Close()
	if err := cl.BeginTransaction(); err != nil {
		t.Fatal(err)
	}
	for n := from; n < to; n++ {
		if err := cl.ProduceSync(t.Context(), numbered("x", 0, n)).FirstErr(); err != nil {
			t.Fatal(err)
		}
	}
	if err := cl.EndTransaction(t.Context(), end); err != nil {
		t.Fatal(err)
	}
}

func values(rows []string) string {
	var out []string
	for _, r := range rows {
		out = append(out, strings.Fields(r)[0])
	}
	return strings.Join(out, " ")
}

func TestKafkaDropsAbortedRowsAndMarkers(t *testing.T) {
	_, addrs := fakeKafka(t, kfake.SeedTopics(1, "x"))
	sendAll(t, addrs, nil, numbered("x", 0, 0))
	inTransaction(t, addrs, kgo.TryAbort, 1, 4)
	inTransaction(t, addrs, kgo.TryCommit, 4, 6)
	sendAll(t, addrs, nil, numbered("x", 0, 6))
	inTransaction(t, addrs, kgo.TryAbort, 7, 9)
	c := kafkaConfig(addrs, "x")
	k := openKafka(t, kafkaEnv(t, nil), c, nil)
	all := pollAll(t, k, 2)
	if got := values(all); got != "0 4 5 6" {
		t.Fatalf("want rows 0 4 5 6, got %s", got)
	}
	if end := k.parts[0]; end.next != end.end {
		t.Fatalf("want to end at %d, behind the last marker, got %d", end.end, end.next)
	}
	for at := range 5 { // the aborted range may lie before the offset of a restart
		first := openKafka(t, kafkaEnv(t, nil), c, nil)
		head := pollRows(t, first, at)
		equalRows(t, append(head, pollAll(t, openKafka(t, kafkaEnv(t, nil), c, keepState(first)), 9)...), all)
	}
}

func TestKafkaStopsAtOpenTransaction(t *testing.T) {
	_, addrs := fakeKafka(t, kfake.SeedTopics(1, "x"))
	sendAll(t, addrs, nil, numbered("x", 0, 0))
	cl, err := kgo.NewClient(kgo.SeedBrokers(addrs...), kgo.TransactionalID("open"), kgo.RecordPartitioner(kgo.ManualPartitioner()))
	if err != nil {
		t.Fatal(err)
	}
	defer cl.Close()
	if err := errors.Join(cl.BeginTransaction(), cl.ProduceSync(t.Context(), numbered("x", 0, 1)).FirstErr()); err != nil {
		t.Fatal(err)
	}
	sendAll(t, addrs, nil, numbered("x", 0, 2))
	if got := values(pollAll(t, openKafka(t, kafkaEnv(t, nil), kafkaConfig(addrs, "x"), nil), 9)); got != "0" {
		t.Fatalf("want row 0, before the open transaction, got %q", got)
	}
	if err := cl.EndTransaction(t.Context(), kgo.TryCommit); err != nil {
		t.Fatal(err)
	}
	if got := values(pollAll(t, openKafka(t, kafkaEnv(t, nil), kafkaConfig(addrs, "x"), nil), 9)); got != "0 1 2" {
		t.Fatalf("want rows 0 1 2, got %q", got)
	}
}

func TestKafkaRejectsWhatIsNoRow(t *testing.T) {
	_, addrs := fakeKafka(t, kfake.SeedTopics(1, "x"))
	recs := numberedUpTo("x", 6)
	recs[1].Value = []byte(`{"n":`)
	recs[2].Value = nil
	recs[4].Value = []byte(`{"n":"seven"}`)
	sendAll(t, addrs, nil, recs...)
	c := kafkaConfig(addrs, "x")
	c.Schema = flow.Ordered[string]{{Key: "n", Value: "int64"}}
	var bad kafkaRejects
	rows := pollAll(t, openKafka(t, kafkaEnv(t, &bad), c, nil), 1)
	if got := values(rows); got != "0 3 5" {
		t.Fatalf("want rows 0 3 5, got %s", got)
	}
	if len(bad) != 3 {
		t.Fatalf("want 3 rejections, got %v", bad)
	}
	for i, at := range []int64{1, 2, 4} {
		r := bad[i]
		if r.Topic != "x" || r.Partition != 0 || r.Offset != at || !bytes.Equal(r.Raw, recs[at].Value) || r.Reason == "" {
			t.Errorf("rejection %d is %+v, want offset %d with its bytes", i, r, at)
		}
	}
	if !strings.Contains(bad[1].Reason, "tombstone") {
		t.Errorf("want the reason to name the tombstone, got %q", bad[1].Reason)
	}
}

func TestKafkaReadsMessageLargerThanFetch(t *testing.T) {
	_, addrs := fakeKafka(t, kfake.BrokerConfigs(map[string]string{"message.max.bytes": "9000000"}), kfake.SeedTopics(2, "x"))
	big := strings.Repeat("a", 3<<20)
	for p := range int32(2) {
		for i := range 3 {
			r := numbered("x", p, i)
			r.Value = fmt.Appendf(nil, `{"n":%d,"s":%q}`, i, big)
			sendAll(t, addrs, []kgo.Opt{kgo.ProducerBatchMaxBytes(8 << 20)}, r, numbered("x", p, 10+i))
		}
	}
	c := kafkaConfig(addrs, "x")
	c.MaxBytes = 1024
	if rows := pollAll(t, openKafka(t, kafkaEnv(t, nil), c, nil), 5); len(rows) != 12 {
		t.Fatalf("want 12 rows, got %d", len(rows))
	}
}

func TestKafkaMissingTopicSuggests(t *testing.T) {
	_, addrs := fakeKafka(t, kfake.SeedTopics(1, "clicks"))
	k, err := NewKafka(kafkaConfig(addrs, "clikcs"))
	if err != nil {
		t.Fatal(err)
	}
	err = k.Open(t.Context(), kafkaEnv(t, nil))
	if !errors.Is(err, flow.ErrConfig) || !strings.Contains(err.Error(), `did you mean "clicks"?`) {
		t.Fatalf("want ErrConfig with a suggestion, got %v", err)
	}
}

func TestKafkaDeadBrokerIsNamed(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	addr := l.Addr().String()
	l.Close()
	c := kafkaConfig([]string{addr}, "x")
	c.RetrySeconds = 1
	k, err := NewKafka(c)
	if err != nil {
		t.Fatal(err)
	}
	began := time.Now()
	err = k.Open(t.Context(), kafkaEnv(t, nil))
	if !errors.Is(err, flow.ErrTransient) || !strings.Contains(err.Error(), addr) {
		t.Fatalf("want ErrTransient that names %s, got %v", addr, err)
	}
	if took := time.Since(began); took > 5*time.Second {
		t.Fatalf("gave up after %s, want about 1 s", took)
	}
}

func TestKafkaBrokerDiesMidway(t *testing.T) {
	cl, addrs := fakeKafka(t, kfake.SeedTopics(1, "x"))
	sendAll(t, addrs, nil, numberedUpTo("x", 10)...)
	c := kafkaConfig(addrs, "x")
	c.Until, c.RetrySeconds = "", 1
	k := openKafka(t, kafkaEnv(t, nil), c, nil)
	equalRows(t, pollRows(t, k, 10), numbers(0, 10))
	cl.Close()
	for {
		_, err := poll(t.Context(), k, 10)
		if err == nil {
			continue
		}
		if !errors.Is(err, flow.ErrTransient) || !strings.Contains(err.Error(), addrs[0]) {
			t.Fatalf("want ErrTransient that names %s, got %v", addrs[0], err)
		}
		return
	}
}

func TestKafkaRetentionStopsClearly(t *testing.T) {
	_, addrs := fakeKafka(t, kfake.SeedTopics(1, "x"))
	sendAll(t, addrs, nil, numberedUpTo("x", 10)...)
	c := kafkaConfig(addrs, "x")
	first := openKafka(t, kafkaEnv(t, nil), c, nil)
	pollRows(t, first, 3)
	state := keepState(first)
	cl, err := kgo.NewClient(kgo.SeedBrokers(addrs...))
	if err != nil {
		t.Fatal(err)
	}
	defer cl.Close()
	var o kadm.Offsets
	o.Add(kadm.Offset{Topic: "x", Partition: 0, At: 8})
	if _, err := kadm.NewClient(cl).DeleteRecords(t.Context(), o); err != nil {
		t.Fatal(err)
	}
	k := openKafka(t, kafkaEnv(t, nil), c, state)
	_, err = k.Next(t.Context(), 1)
	if !errors.Is(err, flow.ErrConfig) || !strings.Contains(err.Error(), "offset 3 is not there any more (the log starts at 8)") {
		t.Fatalf("want a clear stop, got %v", err)
	}
}

func TestKafkaEmptyTopicEndsAtOnce(t *testing.T) {
	_, addrs := fakeKafka(t, kfake.SeedTopics(2, "x"))
	for _, s := range []flow.Ordered[string]{nil, {{Key: "n", Value: "int64"}}} {
		c := kafkaConfig(addrs, "x")
		c.Schema = s
		k := openKafka(t, kafkaEnv(t, nil), c, nil)
		if rows := pollAll(t, k, 5); len(rows) != 0 {
			t.Fatalf("want no rows, got %v", rows)
		}
		if n := k.Schema().NumFields(); n != len(s)+2 {
			t.Fatalf("want %d columns, got %d", len(s)+2, n)
		}
	}
}

func TestKafkaColumnNullInTheSample(t *testing.T) {
	_, addrs := fakeKafka(t, kfake.SeedTopics(1, "x"))
	recs := numberedUpTo("x", 20)
	for i, r := range recs {
		r.Value = fmt.Appendf(nil, `{"n":%d,"late":null}`, i)
		if i >= 10 {
			r.Value = fmt.Appendf(nil, `{"n":%d,"late":%d}`, i, i)
		}
	}
	sendAll(t, addrs, nil, recs...)
	c := kafkaConfig(addrs, "x")
	c.InferRows, c.Meta = 5, nil
	rows := pollAll(t, openKafka(t, kafkaEnv(t, nil), c, nil), 50)
	if len(rows) != 20 || rows[0] != "0 (null)" || rows[10] != "10 10" {
		t.Fatalf("want 20 rows, the late number kept as text, got %q", rows)
	}
}

func TestKafkaMetaColumns(t *testing.T) {
	_, addrs := fakeKafka(t, kfake.SeedTopics(1, "x"))
	r := numbered("x", 0, 1)
	r.Key, r.Headers = []byte("k"), []kgo.RecordHeader{{Key: "h", Value: []byte("v")}, {Key: "e"}}
	sendAll(t, addrs, nil, r, numbered("x", 0, 2))
	c := kafkaConfig(addrs, "x")
	c.Meta = messageMetaNames
	rows := pollAll(t, openKafka(t, kafkaEnv(t, nil), c, nil), 50)
	equalRows(t, rows, []string{
		`1 x 0 0 1970-01-01 00:00:01.001Z aw== [{"key":"h","value":"dg=="},{"key":"e","value":null}]`,
		`2 x 0 1 1970-01-01 00:00:01.002Z (null) []`,
	})
}

func TestKafkaValidate(t *testing.T) {
	good := kafkaConfig([]string{"127.0.0.1:1"}, "x")
	for key, change := range map[string]func(*KafkaConfig){
		"brokers":       func(c *KafkaConfig) { c.Brokers = nil },
		"topic":         func(c *KafkaConfig) { c.Topic = "" },
		"format":        func(c *KafkaConfig) { c.Format = "jsn" },
		"infer_rows":    func(c *KafkaConfig) { c.InferRows = 0 },
		"start":         func(c *KafkaConfig) { c.Start = "earlist" },
		"group":         func(c *KafkaConfig) { c.Start = startCommitted },
		"until":         func(c *KafkaConfig) { c.Until = "forever" },
		"merge":         func(c *KafkaConfig) { c.Merge, c.Until = mergeTimestamp, "" },
		"meta":          func(c *KafkaConfig) { c.Meta = []string{"ofset"} },
		"max_bytes":     func(c *KafkaConfig) { c.MaxBytes = 1 },
		"on_gap":        func(c *KafkaConfig) { c.OnGap = "skipp" },
		"retry_seconds": func(c *KafkaConfig) { c.RetrySeconds = 0 },
		"schema.n":      func(c *KafkaConfig) { c.Schema = flow.Ordered[string]{{Key: "n", Value: "in64"}} },
	} {
		c := good
		change(&c)
		vs := check.Of(c.Validate())
		if len(vs) != 1 || vs[0].Key != key {
			t.Errorf("want one violation of %s, got %v", key, vs)
		}
	}
	if err := good.Validate(); err != nil {
		t.Error(err)
	}
}
