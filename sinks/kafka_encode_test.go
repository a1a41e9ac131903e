package sinks

import (
	"bytes"
	"errors"
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"
	"time"

	"github.com/apache/arrow/go/v17/arrow"
	"github.com/apache/arrow/go/v17/arrow/array"
	"github.com/apache/arrow/go/v17/arrow/ipc"
	"github.com/apache/arrow/go/v17/arrow/memory"
	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/sluice-stream/sluice/flow"
	"github.com/sluice-stream/sluice/internal/vfs"
)

// TestMurmur2 compares with the partitioner of franz-go, which is held to Kafka's own.
func TestMurmur2(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	reference := kgo.StickyKeyPartitioner(nil).ForTopic("t")
	for n := range 300 {
		key := make([]byte, 1+n%40)
		for i := range key {
			key[i] = byte(r.Uint32())
		}
		if want, got := reference.Partition(&kgo.Record{Key: key}, 1<<20), int(murmur2(key)&0x7fffffff)%(1<<20); got != want {
			t.Fatalf("%x: want %d, got %d", key, want, got)
		}
	}
}

// fromJSON builds a record from text.
func fromJSON(t testing.TB, mem memory.Allocator, schema *arrow.Schema, rows string) arrow.Record {
	t.Helper()
	rec, _, err := array.RecordFromJSON(mem, schema, strings.NewReader(rows))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(rec.Release)
	return rec
}

func messageSchemaOf() *arrow.Schema {
	return arrow.NewSchema([]arrow.Field{
		{Name: "user", Type: &arrow.DictionaryType{IndexType: arrow.PrimitiveTypes.Int32, ValueType: arrow.BinaryTypes.String}, Nullable: true},
		{Name: "to", Type: arrow.PrimitiveTypes.Int64, Nullable: true},
		{Name: "at", Type: arrow.FixedWidthTypes.Timestamp_s, Nullable: true},
		{Name: "city", Type: arrow.BinaryTypes.String, Nullable: true},
	}, nil)
}

func TestKafkaKeyTimeAndHeaders(t *testing.T) {
	_, addrs := fakeCluster(t, kfake.SeedTopics(5, "five"))
	cfg := kafkaSettings(addrs, "five")
	cfg.Key, cfg.Timestamp, cfg.Headers = []string{"user"}, "at", flow.Ordered[string]{{Key: "place", Value: "city"}, {Key: "who", Value: "user"}}
	env := kafkaTestEnv(t, vfs.NewMem(), nil)
	schema := messageSchemaOf()
	k := started(t, cfg, env, schema, 0)
	rec := fromJSON(t, env.Alloc, schema, `[{"user":"ann","to":1,"at":"2026-01-02 03:04:05","city":"Rome"},{"user":null,"to":null,"at":null,"city":null},{"user":"bob","to":1,"at":null,"city":""}]`)
	before := time.Now().Truncate(time.Millisecond)
	if err := errors.Join(k.Write(t.Context(), rec), k.Prepare(t.Context(), 1), k.Commit(t.Context(), 1)); err != nil {
		t.Fatal(err)
	}
	got := map[string]*kgo.Record{}
	for _, r := range visible(t, addrs, "five") {
		got[string(r.Key)] = r
	}
	ann, null, bob := got["ann"], got[""], got["bob"]
	if ann == nil || null == nil || bob == nil {
		t.Fatalf("want three messages, got %v", got)
	}
	if want := `{"user":"ann","to":1,"at":"2026-01-02T03:04:05Z","city":"Rome"}`; string(ann.Value) != want || ann.Timestamp.Unix() != 1767323045 {
		t.Errorf("want %s, got %s at %s", want, ann.Value, ann.Timestamp)
	}
	if h := fmt.Sprintf("%s", ann.Headers); h != "[{place Rome} {who ann}]" {
		t.Errorf("headers of ann: %s", h)
	}
	if null.Key != nil || len(null.Headers) != 0 || null.Timestamp.Before(before) || null.Partition != 0 {
		t.Errorf("want no key, no headers, the time now and the first partition, got %+v", null)
	}
	if len(bob.Headers) != 2 || len(bob.Headers[0].Value) != 0 {
		t.Errorf("an empty text is a header all the same: %+v", bob.Headers)
	}
	for _, r := range []*kgo.Record{ann, bob} {
		if want := kgo.StickyKeyPartitioner(nil).ForTopic("five").Partition(r, 5); int(r.Partition) != want {
			t.Errorf("%s: want partition %d, got %d", r.Key, want, r.Partition)
		}
	}
}

func TestKafkaRejectsWhatTheBrokerWould(t *testing.T) {
	_, addrs := fakeCluster(t)
	cfg := kafkaSettings(addrs, "out")
	cfg.Partition, cfg.Timestamp, cfg.MaxMessageBytes = "to", "at", 1024
	var rejects []flow.Rejection
	env, schema := kafkaTestEnv(t, vfs.NewMem(), &rejects), messageSchemaOf()
	k := started(t, cfg, env, schema, 0)
	k.send.topic.after, k.send.topic.before = time.Hour, 100*24*time.Hour
	now := time.Now().UTC()
	at := func(d time.Duration) string { return now.Add(d).Format("2006-01-02 15:04:05") }
	long := strings.Repeat("x", 1024)
	rec := fromJSON(t, env.Alloc, schema, fmt.Sprintf(`[{"to":1,"city":"good"},{"to":null,"city":"a"},{"to":2,"city":"b"},{"to":-1,"city":"c"},{"to":0,"city":%q},
		{"to":0,"at":%q},{"to":0,"at":%q},{"to":0,"at":"1969-12-31 00:00:00"},{"to":0,"at":%q,"city":"good"}]`, long, at(2*time.Hour), at(-101*24*time.Hour), at(time.Minute)))
	if err := errors.Join(k.Write(t.Context(), rec), k.Prepare(t.Context(), 1), k.Commit(t.Context(), 1)); err != nil {
		t.Fatal(err)
	}
	got := visible(t, addrs, "out")
	if len(got) != 2 || got[0].Partition != 0 || got[1].Partition != 1 {
		t.Errorf("want two messages, each where its column says, got %d", len(got))
	}
	want := []string{"to is null", "partition from 0 to 1 in to, got 2", "got -1", "at most 1024 bytes", "1h0m0s ahead", "2400h0m0s ago", "since 1970, got 1969-12-31"}
	if len(rejects) != len(want) {
		t.Fatalf("want %d rejections, got %v", len(want), rejects)
	}
	for i, w := range want {
		if !strings.Contains(rejects[i].Reason, w) || !bytes.Contains(rejects[i].Raw, []byte(`"city":`)) {
			t.Errorf("want %q with the row, got %+v", w, rejects[i])
		}
	}
}

func TestKafkaCompactedTopic(t *testing.T) {
	compact := "compact"
	_, addrs := fakeCluster(t)
	makeTopic(t, addrs, "table", map[string]*string{"cleanup.policy": &compact})
	cfg := kafkaSettings(addrs, "table")
	k, err := newKafka(cfg)
	if err != nil {
		t.Fatal(err)
	}
	defer k.Close()
	if err := k.Open(t.Context(), kafkaTestEnv(t, vfs.NewMem(), nil)); err != nil {
		t.Fatal(err)
	}
	if err := k.Bind(numberSchema); !mentions(err, "key: want a column", "compacted") {
		t.Errorf("want a key asked for, got %v", err)
	}
	cfg.Key, cfg.From, cfg.Every = []string{"user", "city"}, "embeddings", 2
	var rejects []flow.Rejection
	env := kafkaTestEnv(t, vfs.NewMem(), &rejects)
	k = started(t, cfg, env, messageSchemaOf(), 0)
	if k.From() != "embeddings" || k.Due(1, false) || !k.Due(2, false) || !k.Due(3, true) {
		t.Error("want every second checkpoint and the last")
	}
	rec := fromJSON(t, env.Alloc, messageSchemaOf(), `[{"user":"a\"","city":"x","to":1},{"user":null,"city":"y"}]`)
	if err := errors.Join(k.Write(t.Context(), rec), k.Prepare(t.Context(), 1), k.Commit(t.Context(), 1)); err != nil {
		t.Fatal(err)
	}
	keys := map[string]bool{}
	for _, r := range visible(t, addrs, "table") {
		keys[string(r.Key)] = true
	}
	if !keys[`{"user":"a\"","city":"x"}`] || !keys[`{"user":null,"city":"y"}`] {
		t.Errorf("got keys %v", keys)
	}
	cfg.Key, cfg.From, cfg.Every = []string{"user"}, "", 0
	k = started(t, cfg, env, messageSchemaOf(), 0)
	if err := k.Write(t.Context(), rec); err != nil || len(rejects) != 1 || !strings.Contains(rejects[0].Reason, "has no key") {
		t.Errorf("want the row without a key rejected, got %v, %v", rejects, err)
	}
}

func TestKafkaBindReportsEverything(t *testing.T) {
	_, addrs := fakeCluster(t)
	cfg := kafkaSettings(addrs, "out")
	cfg.Key, cfg.Partition, cfg.Timestamp, cfg.Headers = []string{"usr"}, "city", "to", flow.Ordered[string]{{Key: "h", Value: "nowhere"}}
	k, err := newKafka(cfg)
	if err != nil {
		t.Fatal(err)
	}
	defer k.Close()
	if err := k.Open(t.Context(), kafkaTestEnv(t, vfs.NewMem(), nil)); err != nil {
		t.Fatal(err)
	}
	fields := append(messageSchemaOf().Fields(), arrow.Field{Name: "span", Type: arrow.FixedWidthTypes.Duration_s}, arrow.Field{Name: "to", Type: arrow.BinaryTypes.String})
	err = k.Bind(arrow.NewSchema(fields, nil))
	if !mentions(err, `"span" of type duration[s]`, `"to" twice`, `did you mean "user"?`, "partition: want an integer column", "timestamp: want a timestamp column", "headers.h: want one of") {
		t.Errorf("want every violation, got %v", err)
	}
}

// TestKafkaArrowMessages: how rows were cut into records does not show, and a message that is too large is cut down
// to the rows that are to blame.
func TestKafkaArrowMessages(t *testing.T) {
	_, addrs := fakeCluster(t)
	var rejects []flow.Rejection
	env := kafkaTestEnv(t, vfs.NewMem(), &rejects)
	schema := allTypes(false)
	cfg := kafkaSettings(addrs, "out")
	cfg.Format = formatArrow
	k := started(t, cfg, env, schema, 0)
	writeCut(t, k, env.Alloc, schema, 0, 2500, rand.New(rand.NewPCG(3, 3)), true)
	if err := errors.Join(k.Prepare(t.Context(), 1), k.Commit(t.Context(), 1)); err != nil {
		t.Fatal(err)
	}
	want := makeRows(env.Alloc, schema, 9, 0, 2500, false)
	defer want.Release()
	messages := visible(t, addrs, "out")
	if len(messages) != 3 || len(rejects) != 0 {
		t.Fatalf("want three messages, got %d, %v", len(messages), rejects)
	}
	var got []string
	for _, i := range []int{0, 2, 1} { // the first and the third are in partition 0
		got = append(got, streamRows(t, messages[i].Value)...)
	}
	if g, w := strings.Join(got, "\n"), strings.Join(rowsOf(t, want), "\n"); g != w {
		t.Fatal("the rows differ")
	}

	small := kafkaSettings(addrs, "out")
	small.Format, small.MaxMessageBytes, small.TransactionalID = formatArrow, 2000, "other"
	k = started(t, small, env, arrow.NewSchema([]arrow.Field{{Name: "s", Type: arrow.BinaryTypes.String}}, nil), 0)
	rec := fromJSON(t, env.Alloc, k.in, fmt.Sprintf(`[{"s":"a"},{"s":%q},{"s":%q},{"s":"b"}]`, strings.Repeat("x", 900), strings.Repeat("y", 3000)))
	if err := errors.Join(k.Write(t.Context(), rec), k.Prepare(t.Context(), 1), k.Commit(t.Context(), 1)); err != nil {
		t.Fatal(err)
	}
	if len(rejects) != 1 || !bytes.Contains(rejects[0].Raw, []byte("yyyy")) {
		t.Errorf("want the one large row rejected, got %d", len(rejects))
	}
}

func streamRows(t *testing.T, value []byte) (out []string) {
	t.Helper()
	rd, err := ipc.NewReader(bytes.NewReader(value))
	if err != nil {
		t.Fatal(err)
	}
	defer rd.Release()
	for rd.Next() {
		out = append(out, rowsOf(t, rd.Record())...)
	}
	if rd.Err() != nil {
		t.Fatal(rd.Err())
	}
	return out
}
