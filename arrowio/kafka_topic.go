package arrowio

import (
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"slices"

	kafka "github.com/segmentio/kafka-go"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/sluice-stream/sluice/check"
	"github.com/sluice-stream/sluice/flow"
)

// topicID tells a topic from another one of the same name. Brokers before Kafka 2.8 do not know it: it is zero.
type topicID [16]byte

// String is the id in hexadecimal, empty for zero.
func (id topicID) String() string {
	if id == (topicID{}) {
		return ""
	}
	return hex.EncodeToString(id[:])
}

// parseTopicID reads what String has written.
func parseTopicID(s string) (id topicID, err error) {
	b, err := hex.DecodeString(s)
	if err != nil || len(b) != 0 && len(b) != len(id) {
		return id, flow.Corruptf("kafka: want a topic id of %d bytes in hexadecimal, got %q; use an older checkpoint, or start over with --fresh", len(id), s)
	}
	copy(id[:], b)
	return id, nil
}

var (
	errNoLeader = errors.New("a partition has no leader")
	errNoTopic  = errors.New("no such topic")
)

// metadata asks any broker about topics, all of them for none. The answer is never a cached one.
func (c *kafkaClient) metadata(ctx context.Context, topics ...string) ([]kmsg.MetadataResponseTopic, error) {
	req := kmsg.NewPtrMetadataRequest()
	for _, name := range topics {
		t := kmsg.NewMetadataRequestTopic()
		t.Topic = &name
		req.Topics = append(req.Topics, t)
	}
	a, err := c.roundTrip(ctx, &kafkaCall{req: req, oldest: 4, newest: 12, leader: anyBroker})
	if err != nil {
		return nil, err
	}
	return a.Response.(*kmsg.MetadataResponse).Topics, nil
}

// describe returns the leader of each partition and notes the topic's id and the leaders' epochs. Another id than
// before is ErrConfig; an older epoch than before is of a broker that lags, and another one is to be asked.
func (c *kafkaClient) describe(ctx context.Context) (map[int32]int32, error) {
	topics, err := c.metadata(ctx, c.topic)
	if err != nil {
		return nil, err
	}
	if len(topics) != 1 {
		return nil, fmt.Errorf("want one topic described, got %d", len(topics))
	}
	t := topics[0]
	if kafka.Error(t.ErrorCode) == kafka.UnknownTopicOrPartition {
		return nil, errNoTopic
	}
	if err := codeError(t.ErrorCode); err != nil {
		return nil, err
	}
	if err := c.identify(t.TopicID); err != nil {
		return nil, err
	}
	out := make(map[int32]int32, len(t.Partitions))
	for _, p := range t.Partitions {
		if p.Leader < 0 {
			return nil, fmt.Errorf("%w: %d", errNoLeader, p.Partition)
		}
		out[p.Partition] = p.Leader
	}
	return out, c.noteEpochs(t.Partitions)
}

// identify learns the topic's id, and refuses another one than is known.
func (c *kafkaClient) identify(got topicID) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.id != (topicID{}) && got != (topicID{}) && c.id != got {
		return flow.Configf("kafka: topic %q was deleted and made anew: want the topic with id %s, got %s; offsets of the old one mean other rows in the new one: start over with --fresh",
			c.topic, c.id, got)
	}
	if got != (topicID{}) {
		c.id = got
	}
	return nil
}

func (c *kafkaClient) identity() topicID {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.id
}

// leaders returns the leader of each partition of the topic. A topic that does not exist is ErrConfig.
func (c *kafkaClient) leaders(ctx context.Context) (out map[int32]int32, err error) {
	err = c.retry(ctx, func() error {
		out, err = c.describe(ctx)
		if errors.Is(err, errNoTopic) {
			return c.missing(ctx)
		}
		return err
	})
	return out, err
}

// missing explains that the topic is not there, with the name that is nearest.
func (c *kafkaClient) missing(ctx context.Context) error {
	topics, err := c.metadata(ctx)
	if err != nil {
		return err
	}
	var names []string
	for _, t := range topics {
		if !t.IsInternal && t.Topic != nil {
			names = append(names, *t.Topic)
		}
	}
	if slices.Contains(names, c.topic) {
		return fmt.Errorf("topic %q has just been made", c.topic)
	}
	v := check.Violation{Key: "topic", Want: "a topic of " + c.name, Got: fmt.Sprintf("%q", c.topic), Hint: check.DidYouMean(c.topic, names)}
	return flow.Classify(flow.ErrConfig, check.All(v))
}
