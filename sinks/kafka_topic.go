package sinks

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kerr"

	"github.com/sluice-stream/sluice/check"
	"github.com/sluice-stream/sluice/flow"
)

// topicLimits is what the topic takes.
type topicLimits struct {
	partitions int32
	bytes      int           // of a batch, so of a message too
	compacted  bool          // wants a key
	appendTime bool          // times are the broker's
	before     time.Duration // how far a time may lie behind now; 0: any
	after      time.Duration // and ahead of it
}

// defaultMessageBytes is what brokers allow unless they are told otherwise.
const defaultMessageBytes = 1_048_588

// refuse says why the topic would not take m, or "".
func (t *topicLimits) refuse(m *spooled, now int64) string {
	switch size := messageSize(m); {
	case size > t.bytes:
		return fmt.Sprintf("kafka: want a message of at most %d bytes, got %d; raise max.message.bytes of the topic, or max_message_bytes", t.bytes, size)
	case t.compacted && m.key == nil:
		return "kafka: the topic is compacted, and the message has no key"
	case m.ms < 0:
		return fmt.Sprintf("kafka: want a message time since 1970, got %s", time.UnixMilli(m.ms).UTC().Format(time.RFC3339))
	case t.appendTime:
		return ""
	case t.after > 0 && m.ms-now > t.after.Milliseconds():
		return fmt.Sprintf("kafka: want a message time at most %s ahead, as message.timestamp.after.max.ms of the topic says, got %s", t.after, time.UnixMilli(m.ms).UTC().Format(time.RFC3339))
	case t.before > 0 && now-m.ms > t.before.Milliseconds():
		return fmt.Sprintf("kafka: want a message time at most %s ago, as message.timestamp.before.max.ms of the topic says, got %s", t.before, time.UnixMilli(m.ms).UTC().Format(time.RFC3339))
	}
	return ""
}

// messageSize is the size of a batch that holds only m, at most.
func messageSize(m *spooled) int {
	const batch, record, varint = 61, 26, 5 // headers of both; of a length
	n := batch + record + 3*varint + len(m.key) + len(m.value)
	for _, h := range m.headers {
		n += 2*varint + headerNameBytes + len(h)
	}
	return n
}

// headerNameBytes bounds the name of a header, which Validate checks.
const headerNameBytes = 128

// look finds the topic, or creates it where the settings say so, and learns what it takes.
func (s *sender) look(ctx context.Context) error {
	adm := kadm.NewClient(s.ask)
	detail, err := adm.ListTopics(ctx, s.cfg.Topic)
	if err != nil {
		return err
	}
	topic := detail[s.cfg.Topic]
	if errors.Is(topic.Err, kerr.UnknownTopicOrPartition) && s.cfg.Create != nil {
		if err := s.create(ctx, adm); err != nil {
			return err
		}
		return errTopicIsNew
	}
	if errors.Is(topic.Err, kerr.UnknownTopicOrPartition) {
		return s.noTopic(ctx, adm)
	}
	if topic.Err != nil {
		return topic.Err
	}
	if len(topic.Partitions) == 0 {
		return errTopicIsNew
	}
	s.topic = topicLimits{partitions: int32(len(topic.Partitions)), bytes: defaultMessageBytes}
	if err := s.limits(ctx, adm); err != nil {
		return err
	}
	if m := s.cfg.MaxMessageBytes; m > 0 {
		s.topic.bytes = min(s.topic.bytes, m)
	}
	return nil
}

// errTopicIsNew passes: not every broker has heard of the topic.
var errTopicIsNew = errors.New("the topic was created, and the brokers do not list its partitions yet")

func (s *sender) create(ctx context.Context, adm *kadm.Client) error {
	res, err := adm.CreateTopic(ctx, int32(s.cfg.Create.Partitions), int16(s.cfg.Create.Replication), nil, s.cfg.Topic)
	if err == nil {
		err = res.Err
	}
	switch {
	case err == nil, errors.Is(err, kerr.TopicAlreadyExists):
		return nil
	case errors.Is(err, kerr.InvalidReplicationFactor):
		return flow.Classify(flow.ErrConfig, check.Violation{Key: "create.replication", Want: "at most as many copies as there are brokers", Got: strconv.Itoa(s.cfg.Create.Replication), Hint: res.ErrMessage})
	}
	return err
}

func (s *sender) noTopic(ctx context.Context, adm *kadm.Client) error {
	all, err := adm.ListTopics(ctx)
	if err != nil {
		return err
	}
	hint := check.DidYouMean(s.cfg.Topic, all.Names())
	if hint == "" {
		hint = "create it, or let the sink do so: create: {partitions: 1}"
	}
	return flow.Classify(flow.ErrConfig, check.Violation{Key: "topic", Want: "a topic that is there", Got: s.cfg.Topic, Hint: hint})
}

// limits reads the topic's configuration. Without the right to do so, the defaults of Kafka stand.
func (s *sender) limits(ctx context.Context, adm *kadm.Client) error {
	all, err := adm.DescribeTopicConfigs(ctx, s.cfg.Topic)
	if err == nil {
		var own kadm.ResourceConfig
		if own, err = all.On(s.cfg.Topic, nil); err == nil {
			err = own.Err
		}
		for _, c := range own.Configs {
			s.topic.set(c.Key, c.MaybeValue())
		}
	}
	if errors.Is(err, kerr.TopicAuthorizationFailed) || errors.Is(err, kerr.ClusterAuthorizationFailed) {
		s.log.Warn("kafka: the topic's configuration cannot be read; a message that it refuses will stop the run", "topic", s.cfg.Topic, "error", err)
		return nil
	}
	return err
}

func (t *topicLimits) set(key, value string) {
	number, _ := strconv.ParseInt(value, 10, 64)
	limit := func() time.Duration {
		if number <= 0 || number > int64(24*time.Hour/time.Millisecond)*100_000 { // as good as none, and no Duration
			return 0
		}
		return time.Duration(number) * time.Millisecond
	}
	switch key {
	case "max.message.bytes":
		if number > 0 {
			t.bytes = int(min(number, 1<<30))
		}
	case "cleanup.policy":
		t.compacted = slices.Contains(strings.Split(value, ","), "compact")
	case "message.timestamp.type":
		t.appendTime = value == "LogAppendTime"
	case "message.timestamp.before.max.ms":
		t.before = limit()
	case "message.timestamp.after.max.ms":
		t.after = limit()
	}
}
