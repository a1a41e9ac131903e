package arrowio

import (
	"context"
	"fmt"
	"time"

	kafka "github.com/segmentio/kafka-go"
	"github.com/segmentio/kafka-go/protocol/listoffsets"
	"github.com/segmentio/kafka-go/protocol/offsetfetch"

	"github.com/sluice-stream/sluice/flow"
)

// Times that ask for an end of the log instead of a time.
const (
	atLatest   = -1
	atEarliest = -2
)

// offsets returns, for each partition, the first offset whose time is at or behind ms, or an end of the log.
// The latest offset is the last stable one: no row of an open transaction lies before it.
func (c *kafkaClient) offsets(ctx context.Context, parts []int32, ms int64) (map[int32]int64, error) {
	req := &listoffsets.Request{ReplicaID: consumer, IsolationLevel: readCommitted, Topics: []listoffsets.RequestTopic{{Topic: c.topic}}}
	for _, p := range parts {
		req.Topics[0].Partitions = append(req.Topics[0].Partitions,
			listoffsets.RequestPartition{Partition: p, CurrentLeaderEpoch: noEpoch, Timestamp: ms})
	}
	out := make(map[int32]int64, len(parts))
	err := c.retry(ctx, func() error {
		m, err := c.tr.RoundTrip(ctx, c.addr, req)
		if err != nil {
			return err
		}
		for _, t := range m.(*listoffsets.Response).Topics {
			for _, p := range t.Partitions {
				if err := codeError(p.ErrorCode); err != nil {
					return fmt.Errorf("partition %d: %w", p.Partition, err)
				}
				out[p.Partition] = p.Offset
			}
		}
		if len(out) != len(parts) {
			return fmt.Errorf("want the offsets of %d partitions, got %d", len(parts), len(out))
		}
		return nil
	})
	return out, err
}

// offsetsAt returns the first offsets at or behind a time; a partition without such a row starts at its end.
func (c *kafkaClient) offsetsAt(ctx context.Context, parts []int32, at time.Time) (map[int32]int64, error) {
	out, err := c.offsets(ctx, parts, at.UnixMilli())
	if err != nil {
		return nil, err
	}
	return out, c.fill(ctx, out, atLatest)
}

// groupOffsets returns what the consumer group has committed, and the first offset there is for the partitions
// where it has committed nothing, which are counted in missing.
func (c *kafkaClient) groupOffsets(ctx context.Context, parts []int32, group string) (out map[int32]int64, missing int, err error) {
	req := &offsetfetch.Request{GroupID: group, Topics: []offsetfetch.RequestTopic{{Name: c.topic, PartitionIndexes: parts}}}
	out = make(map[int32]int64, len(parts))
	for _, p := range parts {
		out[p] = -1
	}
	err = c.retry(ctx, func() error { // a new broker has no coordinator yet
		m, err := c.tr.RoundTrip(ctx, c.addr, req)
		if err != nil {
			return err
		}
		res := m.(*offsetfetch.Response)
		if kafka.Error(res.ErrorCode) == kafka.GroupIdNotFound {
			return nil
		}
		if err := codeError(res.ErrorCode); err != nil {
			return fmt.Errorf("group %q: %w", group, err)
		}
		for _, t := range res.Topics {
			for _, p := range t.Partitions {
				if err := codeError(p.ErrorCode); err != nil {
					return fmt.Errorf("group %q: partition %d: %w", group, p.PartitionIndex, err)
				}
				out[p.PartitionIndex] = p.CommittedOffset
			}
		}
		return nil
	})
	if err != nil {
		return nil, 0, err
	}
	for _, o := range out {
		if o < 0 {
			missing++
		}
	}
	return out, missing, c.fill(ctx, out, atEarliest)
}

// fill replaces the offsets that are not known by an end of the log.
func (c *kafkaClient) fill(ctx context.Context, offsets map[int32]int64, at int64) error {
	var unknown []int32
	for p, o := range offsets {
		if o < 0 {
			unknown = append(unknown, p)
		}
	}
	if len(unknown) == 0 {
		return nil
	}
	ends, err := c.offsets(ctx, unknown, at)
	for p, o := range ends {
		offsets[p] = o
	}
	return err
}

// outOfRange says why partition p has no offset at. It asks where the log starts and ends, because the answer to
// the fetch does not tell; where that fails too, its error may pass.
func (c *kafkaClient) outOfRange(ctx context.Context, p int32, at int64) error {
	first, err := c.offsets(ctx, []int32{p}, atEarliest)
	if err != nil {
		return err
	}
	end, err := c.offsets(ctx, []int32{p}, atLatest)
	switch {
	case err != nil:
		return err
	case at < first[p]:
		return flow.Configf("kafka: topic %q partition %d: offset %d is not there any more (the log starts at %d): %d offsets were deleted before they were read; start over with --fresh, or keep the topic longer",
			c.topic, p, at, first[p], first[p]-at)
	case at > end[p]:
		return flow.Configf("kafka: topic %q partition %d: offset %d lies behind the end of the log, %d: its end was lost, by the choice of a leader that was not in sync, or the topic was made anew; start over with --fresh",
			c.topic, p, at, end[p])
	}
	return errOutOfRange
}
