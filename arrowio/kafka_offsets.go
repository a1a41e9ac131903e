package arrowio

import (
	"context"
	"fmt"
	"time"

	kafka "github.com/segmentio/kafka-go"
	"github.com/segmentio/kafka-go/protocol/listoffsets"
	"github.com/segmentio/kafka-go/protocol/offsetfetch"
)

// Times that ask for an end of the log instead of a time.
const (
	atLatest   = -1
	atEarliest = -2
)

// offsets returns, for each partition, the first offset whose time is at or behind ms, or an end of the log.
// The latest offset is the last stable one: no row of an open transaction lies before it.
func (c *kafkaClient) offsets(ctx context.Context, parts []int32, ms int64) (map[int32]int64, error) {
	return c.logOffsets(ctx, parts, ms, readCommitted)
}

// logOffsets is offsets with a choice of isolation: read uncommitted, the latest offset is the end of the log.
func (c *kafkaClient) logOffsets(ctx context.Context, parts []int32, ms int64, isolation int8) (map[int32]int64, error) {
	req := &listoffsets.Request{ReplicaID: consumer, IsolationLevel: isolation, Topics: []listoffsets.RequestTopic{{Topic: c.topic}}}
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

// outOfRange says why l has nothing at its position: a gap, errOutOfRange when that has passed, or an error. It asks
// where the log starts and ends, because the answer to the fetch does not tell.
func (c *kafkaClient) outOfRange(ctx context.Context, l *lane) (gap, error) {
	p := []int32{l.partition}
	first, err := c.offsets(ctx, p, atEarliest)
	if err != nil {
		return gap{}, err
	}
	end, err := c.logOffsets(ctx, p, atLatest, readUncommitted)
	at, from, to := l.pos, first[l.partition], end[l.partition]
	switch {
	case err != nil:
		return gap{}, err
	case at < from:
		return gap{kind: removed, from: at, to: from, epoch: noEpoch, end: noEnd}, nil
	case at > to:
		g := gap{kind: truncated, from: at, to: to, epoch: noEpoch, end: noEnd}
		if l.end >= 0 {
			g.end = to
		}
		return g, nil
	}
	return gap{}, errOutOfRange
}
