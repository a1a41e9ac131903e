package arrowio

import (
	"errors"
	"strings"
	"testing"

	"github.com/twmb/franz-go/pkg/kfake"

	"github.com/sluice-stream/sluice/flow"
	"github.com/sluice-stream/sluice/internal/state"
)

func TestKafkaAssignStatic(t *testing.T) {
	_, addrs := fakeKafka(t, kfake.SeedTopics(4, "x"))
	for p := range int32(4) {
		sendAll(t, addrs, nil, numbered("x", p, 10*int(p)), numbered("x", p, 10*int(p)+1))
	}
	c := kafkaConfig(addrs, "x")
	c.Assign, c.Partitions = assignStatic, []int{3, 0}
	want := []string{"0 0 0", "1 0 1", "30 3 0", "31 3 1"}
	equalRows(t, pollAll(t, openKafka(t, kafkaEnv(t, nil), c, nil), 10), want)

	c.Until = "" // partitions that are added are not read, also behind a restart
	k := openKafka(t, kafkaEnv(t, nil), c, nil)
	equalRows(t, pollRows(t, k, 4), want)
	saved := keepState(k)
	res, err := fakeAdmin(t, addrs).CreatePartitions(t.Context(), 1, "x")
	noError(t, errors.Join(err, res.Error()))
	sendAll(t, addrs, nil, numbered("x", 4, 40), numbered("x", 0, 2))
	again := openKafka(t, kafkaEnv(t, nil), c, saved)
	equalRows(t, pollRows(t, again, 1), []string{"2 0 2"})
	if rows, err := poll(t.Context(), again, 5); err != nil || len(rows) > 0 {
		t.Errorf("want no more rows, got %v, %v", rows, err)
	}

	c.Partitions = []int{0, 9}
	k, err = NewKafka(c)
	noError(t, err)
	if err := k.Open(t.Context(), kafkaEnv(t, nil)); !errors.Is(err, flow.ErrConfig) || !strings.Contains(err.Error(), `partitions: want partitions of topic "x", 0 to 4, got 9`) {
		t.Errorf("want ErrConfig for partition 9, got %v", err)
	}
}

func TestKafkaAssignSettings(t *testing.T) {
	group := func(c *KafkaConfig) { c.Assign, c.Group, c.Until, c.SessionSeconds = assignGroup, "g", "", 45 }
	for want, change := range map[string]func(*KafkaConfig){
		"": group,
		"assign: want one of all, group, static, got \"some\"": func(c *KafkaConfig) { c.Assign = "some" },
		"partitions: want at least one beside assign: static":  func(c *KafkaConfig) { c.Assign = assignStatic },
		"partitions: want assign: static beside them":          func(c *KafkaConfig) { c.Partitions = []int{1} },
		"partitions: want each partition once, got 1":          func(c *KafkaConfig) { c.Assign, c.Partitions = assignStatic, []int{1, 1} },
		"partitions: want 0 to 2147483647, got -1":             func(c *KafkaConfig) { c.Assign, c.Partitions = assignStatic, []int{-1} },
		"member: want assign: group beside it":                 func(c *KafkaConfig) { c.Member = "m" },
		"group: want the group that shares the partitions":     func(c *KafkaConfig) { group(c); c.Group = "" },
		"until: want none beside assign: group":                func(c *KafkaConfig) { group(c); c.Until = untilEnd },
		"merge: want none beside assign: group":                func(c *KafkaConfig) { group(c); c.Merge = mergeTimestamp },
		"start: want earliest, latest or a time beside":        func(c *KafkaConfig) { group(c); c.Start = startCommitted },
		"brokers: want brokers that outlive this process":      func(c *KafkaConfig) { group(c); c.Brokers = []string{flow.EmbeddedBroker} },
		"session_seconds: want 1 to 1800, got 0":               func(c *KafkaConfig) { group(c); c.SessionSeconds = 0 },
	} {
		c := kafkaConfig([]string{"127.0.0.1:1"}, "x")
		change(&c)
		err := c.Validate()
		if want == "" && err != nil || want != "" && (err == nil || !strings.Contains(err.Error(), want)) {
			t.Errorf("want %q, got %v", want, err)
		}
	}
}

// Without sharing, a group is only told where the checkpoints stand, and a group that cannot be told stops nothing.
func TestKafkaTellsTheLag(t *testing.T) {
	_, addrs := fakeKafka(t, kfake.SeedTopics(1, "x"))
	sendAll(t, addrs, nil, numberedUpTo("x", 10)...)
	c := kafkaConfig(addrs, "x")
	c.Group = "lag"
	k := openKafka(t, kafkaEnv(t, nil), c, nil)
	pollRows(t, k, 4)
	part, err := partOf(k)
	noError(t, err)
	noError(t, k.Decide(t.Context(), 1, part))
	at, err := fakeAdmin(t, addrs).FetchOffsets(t.Context(), "lag")
	noError(t, err)
	if o, ok := at.Lookup("x", 0); !ok || o.At != 4 {
		t.Errorf("want offset 4 committed, got %v", at)
	}
	if id, err := k.Decided(t.Context(), kafkaEnv(t, nil), 7); id != 7 || err != nil {
		t.Errorf("want every checkpoint to count, got %d, %v", id, err)
	}
	shared := newMember(t, "a", groupConfig(addrs, "x")) // makes the group refuse commits of strangers
	shared.cfg.Group, shared.cfg.SessionSeconds = "lag", 6
	noError(t, shared.start())
	noError(t, shared.k.group.await(t.Context()))
	noError(t, k.Decide(t.Context(), 2, part))
	if k.lag.quiet.IsZero() {
		t.Error("want the refusal noticed")
	}
	shared.k.Close()
}

func partOf(k *Kafka) ([]byte, error) {
	var b strings.Builder
	err := state.WritePart(&b, k)
	return []byte(b.String()), err
}
