package sinks

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/sluice-stream/sluice/flow"
)

// witness tells which spool was sent last. It is the metadata of an offset commit of the group, for partition 0 of
// the topic, in the same transaction as the messages.
type witness struct {
	Pipeline   string            `json:"pipeline"`
	Checkpoint flow.CheckpointID `json:"checkpoint"` // 0: none, the pipeline was started over
	Spool      string            `json:"spool"`      // token of the spool
}

// readWitness reads the newest witness; there is none: the zero value. It waits for a transaction that is being
// completed.
func (s *sender) readWitness(ctx context.Context) (w witness, err error) {
	all, err := kadm.NewClient(s.ask).FetchOffsetsForTopics(kadm.RequireStable(ctx), s.name, s.cfg.Topic)
	if errors.Is(err, kerr.GroupIDNotFound) {
		return w, nil
	}
	if err != nil {
		return w, err
	}
	at, ok := all.Lookup(s.cfg.Topic, 0)
	if !ok || at.Err != nil {
		return w, at.Err
	}
	if at.At < 0 || at.Metadata == "" {
		return w, nil
	}
	if err := json.Unmarshal([]byte(at.Metadata), &w); err != nil || uint64(w.Checkpoint) != uint64(at.At) {
		return w, flow.Configf("kafka: group %q at the brokers is not this sink's: want the offsets that it commits there, got offset %d with %q; give another transactional_id", s.name, at.At, at.Metadata)
	}
	return w, nil
}

func (w witness) text() string {
	b, _ := json.Marshal(w) // two texts and a number have a form
	return string(b)
}

// forgetWitness tells that the pipeline starts over.
func (s *sender) forgetWitness(ctx context.Context) error {
	w := witness{Pipeline: s.pipeline}
	var o kadm.Offsets
	o.Add(kadm.Offset{Topic: s.cfg.Topic, Partition: 0, At: 0, LeaderEpoch: -1, Metadata: w.text()})
	err := kadm.NewClient(s.ask).CommitAllOffsets(ctx, s.name, o)
	if err == nil {
		s.seen = w
	}
	return err
}

// putWitness adds w to the open transaction.
func (s *sender) putWitness(ctx context.Context, w witness) error {
	id, epoch, err := s.out.ProducerID(ctx)
	if err != nil {
		return err
	}
	if !s.version2 { // else the commit itself adds the group to the transaction
		if err := s.whileBusy(ctx, func() error { return s.addGroup(ctx, id, epoch) }); err != nil {
			return err
		}
	}
	return s.whileBusy(ctx, func() error { return s.commitWitness(ctx, id, epoch, w) })
}

func (s *sender) addGroup(ctx context.Context, id int64, epoch int16) error {
	req := kmsg.NewPtrAddOffsetsToTxnRequest()
	req.TransactionalID, req.ProducerID, req.ProducerEpoch, req.Group = s.name, id, epoch, s.name
	resp, err := req.RequestWith(ctx, s.ask)
	if err != nil {
		return err
	}
	return kerr.ErrorForCode(resp.ErrorCode)
}

func (s *sender) commitWitness(ctx context.Context, id int64, epoch int16, w witness) error {
	text := w.text()
	part := kmsg.NewTxnOffsetCommitRequestTopicPartition()
	part.Offset, part.LeaderEpoch, part.Metadata = int64(w.Checkpoint), -1, &text
	topic := kmsg.NewTxnOffsetCommitRequestTopic()
	topic.Topic, topic.Partitions = s.cfg.Topic, append(topic.Partitions, part)
	req := kmsg.NewPtrTxnOffsetCommitRequest()
	req.TransactionalID, req.ProducerID, req.ProducerEpoch, req.Group = s.name, id, epoch, s.name
	req.Topics = append(req.Topics, topic)
	resp, err := req.RequestWith(ctx, s.ask)
	if err != nil {
		return err
	}
	if len(resp.Topics) != 1 || len(resp.Topics[0].Partitions) != 1 {
		return fmt.Errorf("want an answer for one partition to the commit of offsets, got %d topics", len(resp.Topics))
	}
	return kerr.ErrorForCode(resp.Topics[0].Partitions[0].ErrorCode)
}

// whileBusy repeats f while a coordinator is loading, moving, or completing what was before.
func (s *sender) whileBusy(ctx context.Context, f func() error) error {
	for {
		err := f()
		var k *kerr.Error
		if !errors.As(err, &k) || !k.Retriable && !errors.Is(err, kerr.ConcurrentTransactions) {
			return err
		}
		if serr := sleepFor(ctx, 20*time.Millisecond); serr != nil {
			return errors.Join(err, context.Cause(ctx))
		}
	}
}
