package arrowio

import (
	"context"
	"errors"
	"fmt"

	"github.com/twmb/franz-go/pkg/kmsg"
)

// Leader epochs. Each election of a partition's leader gets the next epoch, and every batch carries that of the
// leader that took it. A leader that was not in sync lacks the end of the log; the offsets there are given to other
// rows. Whoever read up to offset n, the last row of epoch e, asks a new leader where e ends in its log: below n
// means that what was read is void. (KIP-101, KIP-320)

// noteEpochs remembers the epoch of each leader. It refuses an answer that is older than one before.
func (c *kafkaClient) noteEpochs(parts []kmsg.MetadataResponseTopicPartition) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, p := range parts {
		if known, ok := c.epochs[p.Partition]; ok && p.LeaderEpoch < known {
			return fmt.Errorf("partition %d: the broker knows the leader of epoch %d, want that of %d or a later one", p.Partition, p.LeaderEpoch, known)
		}
	}
	for _, p := range parts {
		c.epochs[p.Partition] = p.LeaderEpoch
	}
	return nil
}

// epoch is that of the partition's leader in the newest answer of describe; noEpoch where brokers do not tell
// (before Kafka 2.1).
func (c *kafkaClient) epoch(partition int32) int32 {
	c.mu.Lock()
	defer c.mu.Unlock()
	if e, ok := c.epochs[partition]; ok {
		return e
	}
	return noEpoch
}

// epochEnd is where an epoch ends in a leader's log.
type epochEnd struct {
	epoch  int32 // the one asked for, or the last one below it; noEpoch where the leader does not know
	offset int64
}

// epochEnds asks a leader where the epochs of lanes end, by partition. A partition with an error stands in none.
func (c *kafkaClient) epochEnds(ctx context.Context, leader int32, lanes []*lane) (map[int32]epochEnd, error) {
	req := kmsg.NewPtrOffsetForLeaderEpochRequest()
	req.ReplicaID = consumer
	topic := kmsg.NewOffsetForLeaderEpochRequestTopic()
	topic.Topic = c.topic
	for _, l := range lanes {
		p := kmsg.NewOffsetForLeaderEpochRequestTopicPartition()
		p.Partition, p.CurrentLeaderEpoch, p.LeaderEpoch = l.partition, l.leader, l.epoch
		topic.Partitions = append(topic.Partitions, p)
	}
	req.Topics = append(req.Topics, topic)
	a, err := c.roundTrip(ctx, &kafkaCall{req: req, oldest: 2, newest: 4, leader: leader})
	if err != nil {
		return nil, err
	}
	out := map[int32]epochEnd{}
	for _, t := range a.Response.(*kmsg.OffsetForLeaderEpochResponse).Topics {
		for _, p := range t.Partitions {
			if err := codeError(p.ErrorCode); err != nil {
				return nil, fmt.Errorf("partition %d: %w", p.Partition, err)
			}
			out[p.Partition] = epochEnd{p.LeaderEpoch, p.EndOffset}
		}
	}
	return out, nil
}

// verify asks the leader whether what was read of lanes, and what is wanted of them, is in its log; for each lane
// once an epoch of its leader.
func (f *fetchers) verify(ctx context.Context, leader int32, lanes []*lane) error {
	var read, ended []*lane
	for _, l := range lanes {
		if l.checked == l.leader || l.leader == noEpoch {
			continue
		}
		if l.epoch != noEpoch {
			read = append(read, l)
		}
		if l.end >= 0 && !l.fetchedAll() {
			ended = append(ended, l)
		}
	}
	if err := f.verifyRead(ctx, leader, read); err != nil {
		return err
	}
	if err := f.verifyEnds(ctx, ended); err != nil {
		return err
	}
	for _, l := range lanes {
		l.checked = l.leader
	}
	return nil
}

func (f *fetchers) verifyRead(ctx context.Context, leader int32, lanes []*lane) error {
	if len(lanes) == 0 {
		return nil
	}
	ends, err := f.c.epochEnds(ctx, leader, lanes)
	if errors.Is(err, errOldBroker) {
		return nil // it gives an epoch, but cannot say where one ends
	}
	if err != nil {
		return err
	}
	for _, l := range lanes {
		e, ok := ends[l.partition]
		if !ok || e.epoch == noEpoch || e.offset < 0 || e.offset >= l.pos {
			continue
		}
		g := gap{kind: truncated, from: l.pos, to: e.offset, epoch: e.epoch, end: noEnd}
		if l.end >= 0 {
			g.end = e.offset
		}
		if err := f.box.miss(f.c.topic, f.skip, l, g); err != nil {
			return err
		}
	}
	return nil
}

// verifyEnds looks whether the log still reaches to where a bounded run ends; else it would wait for ever.
func (f *fetchers) verifyEnds(ctx context.Context, lanes []*lane) error {
	if len(lanes) == 0 {
		return nil
	}
	parts := make([]int32, len(lanes))
	for i, l := range lanes {
		parts[i] = l.partition
	}
	ends, err := f.c.logOffsets(ctx, parts, atLatest, readUncommitted)
	if err != nil {
		return err
	}
	for _, l := range lanes {
		if end := ends[l.partition]; end < l.end {
			if err := f.box.miss(f.c.topic, f.skip, l, gap{kind: truncated, from: l.pos, to: min(l.pos, end), epoch: l.epoch, end: end}); err != nil {
				return err
			}
		}
	}
	return nil
}
