package sinks

import (
	"bytes"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/twmb/franz-go/pkg/kfake"

	"github.com/sluice-stream/sluice/check"
	"github.com/sluice-stream/sluice/flow"
	"github.com/sluice-stream/sluice/internal/kafkaconn"
	"github.com/sluice-stream/sluice/internal/state"
	"github.com/sluice-stream/sluice/internal/vfs"
)

func TestKafkaSettings(t *testing.T) {
	c := KafkaConfig{Format: "jsn", Every: 2, TransactionTimeout: time.Millisecond, Compression: "zst", MaxMessageBytes: 5, TransactionalID: "x",
		Headers: flow.Ordered[string]{{Key: strings.Repeat("h", 129), Value: "n"}}, Create: &KafkaTopic{}}
	var keys []string
	for _, v := range check.Of(c.Validate()) {
		keys = append(keys, v.Key)
	}
	want := []string{"brokers", "topic", "format", "spool", "every", "transaction_timeout", "compression", "max_message_bytes", "retry_seconds", "transactional_id",
		"headers", "create.partitions", "create.replication"}
	if d := cmp.Diff(want, keys); d != "" {
		t.Error(d)
	}
	a := kafkaSettings([]string{"x:1"}, "out")
	a.Format, a.Key, a.Partition = formatArrow, []string{"n"}, "n"
	if err := a.Validate(); !mentions(err, "key: want format: json beside it", "partition: want format: json beside it") {
		t.Errorf("want key and partition refused for arrow_ipc, got %v", err)
	}
}

func TestKafkaIsRegistered(t *testing.T) {
	var c flow.Choice[flow.Sink]
	settings, ok := c.Select("kafka")
	if !ok {
		t.Fatal("not registered")
	}
	k := settings.(*KafkaConfig)
	k.Brokers, k.Topic, k.Spool = []string{"localhost:9092"}, "out", "spool"
	if _, err := c.Build(); err != nil {
		t.Errorf("the defaults do not build: %v", err)
	}
}

func TestKafkaIdentity(t *testing.T) {
	c := KafkaConfig{Topic: "out"}
	e := KafkaConfig{Topic: "out", From: "embeddings"}
	own := KafkaConfig{Topic: "out", TransactionalID: "mine"}
	if a, b, d := c.identity("p"), e.identity("p"), own.identity("p"); a != "sluice.p.out" || b != "sluice.p.out.embeddings" || d != "mine" {
		t.Errorf("got %s, %s, %s", a, b, d)
	}
}

func TestKafkaTopicIsMissing(t *testing.T) {
	_, addrs := fakeCluster(t, kfake.SeedTopics(1, "clicks"))
	for topic, hint := range map[string]string{"click": `did you mean "clicks"?`, "zzzzzzzz": "create: {partitions: 1}"} {
		k, err := newKafka(kafkaSettings(addrs, topic))
		if err != nil {
			t.Fatal(err)
		}
		err = k.Open(t.Context(), kafkaTestEnv(t, vfs.NewMem(), nil))
		if !errors.Is(err, flow.ErrConfig) || !mentions(err, "topic: want a topic that is there, got "+topic, hint) {
			t.Errorf("want %s and a hint, got %v", topic, err)
		}
		k.Close()
	}
	cfg := kafkaSettings(addrs, "fresh")
	cfg.Create = &KafkaTopic{Partitions: 3, Replication: -1}
	for range 2 { // it may be there already
		k := started(t, cfg, kafkaTestEnv(t, vfs.NewMem(), nil), numberSchema, 0)
		if n := k.send.topic.partitions; n != 3 {
			t.Fatalf("want 3 partitions, got %d", n)
		}
	}
	cfg.Topic, cfg.Create = "wide", &KafkaTopic{Partitions: 1, Replication: 9}
	k, err := newKafka(cfg)
	if err != nil {
		t.Fatal(err)
	}
	defer k.Close()
	if err := k.Open(t.Context(), kafkaTestEnv(t, vfs.NewMem(), nil)); !errors.Is(err, flow.ErrConfig) || !mentions(err, "create.replication") {
		t.Errorf("want the copies refused, got %v", err)
	}
}

func TestKafkaLogin(t *testing.T) {
	_, addrs := fakeCluster(t, kfake.EnableSASL(), kfake.Superuser("SCRAM-SHA-256", "ann", "right"))
	cfg := kafkaSettings(addrs, "out")
	cfg.SASL = &kafkaconn.SASL{Mechanism: "scram-sha-256", User: "ann", Password: "right"}
	k := started(t, cfg, kafkaTestEnv(t, vfs.NewMem(), nil), numberSchema, 0)
	put(t, k, 1, 0, 10)
	if err := k.Commit(t.Context(), 1); err != nil {
		t.Fatal(err)
	}
	cfg.SASL.Password, cfg.RetrySeconds = "wrong", 1
	bad, err := newKafka(cfg)
	if err != nil {
		t.Fatal(err)
	}
	defer bad.Close()
	if err := bad.Open(t.Context(), kafkaTestEnv(t, vfs.NewMem(), nil)); !mentions(err, "ann", "password") || mentions(err, "wrong") {
		t.Errorf("want the login refused, got %v", err)
	}
}

func TestKafkaNoBroker(t *testing.T) {
	cfg := kafkaSettings([]string{"127.0.0.1:1"}, "out")
	cfg.RetrySeconds = 1
	k, err := newKafka(cfg)
	if err != nil {
		t.Fatal(err)
	}
	defer k.Close()
	if err := k.Open(t.Context(), kafkaTestEnv(t, vfs.NewMem(), nil)); !errors.Is(err, flow.ErrTransient) || !mentions(err, "127.0.0.1:1", "gave no usable answer for 1s") {
		t.Errorf("want an error that may pass and names the broker, got %v", err)
	}
}

// TestKafkaEmbeddedIsGone: a run that had ended is looked at once more, without the broker that ran inside it.
func TestKafkaEmbeddedIsGone(t *testing.T) {
	k, err := newKafka(kafkaSettings([]string{flow.EmbeddedBroker}, "out"))
	if err != nil {
		t.Fatal(err)
	}
	defer k.Close()
	if err := errors.Join(k.Open(t.Context(), kafkaTestEnv(t, vfs.NewMem(), nil)), k.Recover(t.Context(), 3), k.Commit(t.Context(), 3)); err != nil {
		t.Fatal(err)
	}
	if err := k.Bind(numberSchema); !mentions(err, "brokers: want a feed") {
		t.Errorf("want a pipeline without a feed refused, got %v", err)
	}
}

// TestKafkaTopicOfAnotherRun: rows that are there already are not written twice without a word.
func TestKafkaTopicOfAnotherRun(t *testing.T) {
	_, addrs := fakeCluster(t)
	cfg, disk := kafkaSettings(addrs, "out"), vfs.NewMem()
	k := started(t, cfg, kafkaTestEnv(t, disk, nil), numberSchema, 0)
	for id := flow.CheckpointID(1); id <= 3; id++ {
		put(t, k, id, int(id-1)*10, int(id)*10)
		if err := k.Commit(t.Context(), id); err != nil {
			t.Fatal(err)
		}
	}
	k.Close()
	for _, last := range []flow.CheckpointID{0, 2} {
		k := opened(t, cfg, kafkaTestEnv(t, disk, nil), numberSchema)
		if err := k.Recover(t.Context(), last); !errors.Is(err, flow.ErrConfig) || !mentions(err, "checkpoint 3", "--fresh", "twice") {
			t.Errorf("last %d: want the topic refused, got %v", last, err)
		}
	}
	env := kafkaTestEnv(t, disk, nil)
	env.Fresh = true
	started(t, cfg, env, numberSchema, 0).Close() // and dies before its first checkpoint
	k = started(t, cfg, kafkaTestEnv(t, disk, nil), numberSchema, 0)
	put(t, k, 1, 30, 40)
	if err := k.Commit(t.Context(), 1); err != nil {
		t.Fatal(err)
	}
	appears(t, addrs, "out", 40)
}

// TestKafkaSpoolIsMissing: a checkpoint came to a machine without the spool that it needs.
func TestKafkaSpoolIsMissing(t *testing.T) {
	_, addrs := fakeCluster(t)
	cfg, disk := kafkaSettings(addrs, "out"), vfs.NewMem()
	k := started(t, cfg, kafkaTestEnv(t, disk, nil), numberSchema, 0)
	put(t, k, 1, 0, 10)
	part := partOf(t, k)
	k.Close()
	resume := func(fs vfs.FS) (*Kafka, error) {
		k := opened(t, cfg, kafkaTestEnv(t, fs, nil), numberSchema)
		if err := state.ReadPart(part, k); err != nil {
			t.Fatal(err)
		}
		return k, k.Recover(t.Context(), 1)
	}
	if _, err := resume(vfs.NewMem()); !errors.Is(err, flow.ErrCorrupt) || !mentions(err, "checkpoint 1", "spool", "restore the folder") {
		t.Fatalf("want the missing spool noticed, got %v", err)
	}
	k, err := resume(disk)
	if err != nil {
		t.Fatal(err)
	}
	appears(t, addrs, "out", 10)
	k.Close()
	if k, err = resume(vfs.NewMem()); err != nil { // the topic knows
		t.Fatal(err)
	}
	if err := k.send.forgetWitness(t.Context()); err != nil { // as offsets expire
		t.Fatal(err)
	}
	k.Close()
	if _, err = resume(disk); err != nil { // the mark knows
		t.Fatal(err)
	}
	appears(t, addrs, "out", 10)
}

func partOf(t testing.TB, k *Kafka) []byte {
	t.Helper()
	var b bytes.Buffer
	if err := state.WritePart(&b, k); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

func TestKafkaBrokenSpool(t *testing.T) {
	_, addrs := fakeCluster(t)
	disk := vfs.NewMem()
	k := started(t, kafkaSettings(addrs, "out"), kafkaTestEnv(t, disk, nil), numberSchema, 0)
	put(t, k, 1, 0, 1000)
	k.Close()
	for path, data := range disk.Files() {
		for _, cut := range []int{0, 1, len(data) / 2, len(data) - 1} {
			f, err := disk.Create(path)
			if err != nil {
				t.Fatal(err)
			}
			f.Write(data[:cut])
			if err := errors.Join(f.Sync(), f.Close()); err != nil {
				t.Fatal(err)
			}
			k := opened(t, kafkaSettings(addrs, "out"), kafkaTestEnv(t, disk, nil), numberSchema)
			if err := k.Recover(t.Context(), 1); !errors.Is(err, flow.ErrCorrupt) || !mentions(err, path, "checkpoint 1") {
				t.Errorf("%d of %d bytes: want the file to be refused, got %v", cut, len(data), err)
			}
			k.Close()
		}
	}
}

// TestKafkaWithoutTransactions: rows are there after each commit, and a crash repeats at most what was being sent.
func TestKafkaWithoutTransactions(t *testing.T) {
	_, addrs := fakeCluster(t)
	cfg, disk := kafkaSettings(addrs, "out"), vfs.NewMem()
	cfg.ExactlyOnce = false
	k := started(t, cfg, kafkaTestEnv(t, disk, nil), numberSchema, 0)
	put(t, k, 1, 0, 100)
	if err := errors.Join(k.Commit(t.Context(), 1), k.Commit(t.Context(), 1)); err != nil {
		t.Fatal(err)
	}
	appears(t, addrs, "out", 100)
	put(t, k, 2, 100, 200)
	part := partOf(t, k)
	k.Close()
	k = opened(t, cfg, kafkaTestEnv(t, disk, nil), numberSchema)
	if err := errors.Join(state.ReadPart(part, k), k.Recover(t.Context(), 2), k.Commit(t.Context(), 2)); err != nil {
		t.Fatal(err)
	}
	appears(t, addrs, "out", 200)
	k.Close()
	k = opened(t, cfg, kafkaTestEnv(t, disk, nil), numberSchema)
	if err := errors.Join(state.ReadPart(part, k), k.Recover(t.Context(), 2)); err != nil {
		t.Fatal(err)
	}
	appears(t, addrs, "out", 200)
}

// TestKafkaOldTransactions runs against a cluster of before KIP-890.
func TestKafkaOldTransactions(t *testing.T) {
	for name, arm := range protocolFaults() {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			_, addrs := fakeCluster(t, oldCluster())
			k := started(t, kafkaSettings(addrs, "out"), kafkaTestEnv(t, vfs.NewMem(), nil), numberSchema, 0)
			if k.send.version2 {
				t.Fatal("want a cluster with transactions of version 1")
			}
			k.Close()
			lostRequest(t, addrs, "out", arm, 1, "decided")
		})
	}
}
