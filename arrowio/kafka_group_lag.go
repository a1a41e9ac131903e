package arrowio

import (
	"context"
	"log/slog"
	"time"

	"github.com/segmentio/kafka-go/protocol/offsetcommit"
)

// lagTeller commits offsets to a group for the tools that show how far behind its readers are. Nothing in a run
// depends on it.
type lagTeller struct {
	log   *slog.Logger
	quiet time.Time // until then a coordinator that failed is left alone
}

const (
	tellWithin = 3 * time.Second
	tellAgain  = 30 * time.Second
)

func (l *lagTeller) tell(ctx context.Context, c *kafkaClient, group string, s *kafkaState) {
	if time.Now().Before(l.quiet) {
		return
	}
	ctx, cancel := context.WithTimeout(ctx, tellWithin)
	defer cancel()
	if err := c.commitSimply(ctx, group, s); err != nil {
		l.quiet = time.Now().Add(tellAgain)
		l.log.Warn("kafka: the offsets of a checkpoint could not be committed to the group; tools will show it too far behind", "group", group, "error", err)
	}
}

// commitSimply commits offsets for a group without members.
func (c *kafkaClient) commitSimply(ctx context.Context, group string, s *kafkaState) error {
	req := &offsetcommit.Request{GroupID: group, GenerationID: -1, RetentionTimeMs: -1, Topics: []offsetcommit.RequestTopic{{Name: c.topic}}}
	for i, p := range s.parts {
		req.Topics[0].Partitions = append(req.Topics[0].Partitions,
			offsetcommit.RequestPartition{PartitionIndex: p, CommittedOffset: s.next[i], CommittedLeaderEpoch: s.epoch[i]})
	}
	m, err := c.tr.RoundTrip(ctx, c.addr, req)
	if err != nil {
		return err
	}
	for _, t := range m.(*offsetcommit.Response).Topics {
		for _, p := range t.Partitions {
			if err := codeError(p.ErrorCode); err != nil {
				return err
			}
		}
	}
	return nil
}
