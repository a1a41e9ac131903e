package arrowio

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/sluice-stream/sluice/flow"
)

// place is where the group stands, or is to stand, in a partition.
type place struct {
	id     int32
	offset int64
	epoch  int32 // of the leader that took the message before, noEpoch for none
	row    int64 // rows of the message at offset that were taken
	note   note  // of the commit
}

// groupPause is the time between two tries.
const groupPause = 100 * time.Millisecond

// commit makes the group stand at places, with the checkpoint id in their notes, and returns when that is settled.
// still says whether the places may be committed by the member of that name; it is called with g locked, behind a
// look at the name and the generation, so that what it says holds for no later ones.
//
// An answer that was lost is not guessed: what the group has then is read, and the same is sent again unless it is
// there. This takes for granted that a coordinator handles the requests of one generation in the order in which it
// was sent them, also over two connections. An error says nothing about whether the commit came through; Decided finds out when the member runs again.
func (g *group) commit(ctx context.Context, id flow.CheckpointID, places []place, still func(member string) error) error {
	began := time.Now()
	var last error
	for time.Since(began) < g.patience {
		member, generation := g.cl.GroupMetadata()
		if err := g.may(member, still); err != nil {
			return err
		}
		err := g.commitOnce(ctx, member, generation, id, places)
		switch {
		case err == nil:
			return nil
		case ctx.Err() != nil:
			return ctx.Err()
		case errors.Is(err, kerr.UnknownMemberID) || errors.Is(err, kerr.FencedInstanceID):
			return g.fence(err)
		case isCode(err) && !passing(err):
			return g.refusedBy(err)
		case !isCode(err) && g.stands(ctx, id, places):
			return nil
		}
		last = err
		if err := sleep(ctx, groupPause); err != nil {
			return err
		}
	}
	return flow.Transientf("kafka: group %q: no commit was accepted within %s: %w; run again, it goes on from what the group has", g.name, g.patience, last)
}

// may says whether a commit by member may be sent.
func (g *group) may(member string, still func(string) error) error {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.err == nil {
		if err := still(member); err != nil {
			g.fail(err)
		}
	}
	return g.err
}

// fence ends a membership that the broker does not know any more.
func (g *group) fence(cause error) error {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.fail(flow.Transientf("kafka: group %q: this member was fenced off, its partitions are read by others: %w; run again, it goes on from its last decided checkpoint", g.name, cause))
	if g.err != nil {
		return g.err
	}
	return cause
}

// refusedBy gives a refusal of the broker its class.
func (g *group) refusedBy(err error) error {
	var e *kerr.Error
	errors.As(err, &e)
	if known := codeError(e.Code); errors.Is(known, flow.ErrConfig) {
		return flow.Configf("kafka: group %q: %w", g.name, known)
	}
	return fmt.Errorf("kafka: group %q: the broker refuses the commit: %w", g.name, err)
}

// isCode says that the broker answered with an error, as against no answer at all.
func isCode(err error) bool {
	var e *kerr.Error
	return errors.As(err, &e)
}

// passing says that a code may not come again: the group is being balanced, or another broker takes it over.
func passing(err error) bool {
	return kerr.IsRetriable(err) || errors.Is(err, kerr.IllegalGeneration) || errors.Is(err, kerr.RebalanceInProgress)
}

// commitOnce sends one request for all places, which the broker appends to its log as one batch.
func (g *group) commitOnce(ctx context.Context, member string, generation int32, id flow.CheckpointID, places []place) error {
	ctx, cancel := context.WithTimeout(ctx, g.each)
	defer cancel()
	req := kmsg.NewPtrOffsetCommitRequest()
	req.Group, req.MemberID, req.Generation, req.InstanceID = g.name, member, generation, g.instance
	topic := kmsg.NewOffsetCommitRequestTopic()
	topic.Topic, topic.TopicID = g.topic, g.topicID
	for _, at := range places {
		p := kmsg.NewOffsetCommitRequestTopicPartition()
		_, text := at.note.by(g.self, id, at.row)
		p.Partition, p.Offset, p.LeaderEpoch, p.Metadata = at.id, at.offset, at.epoch, &text
		topic.Partitions = append(topic.Partitions, p)
	}
	req.Topics = append(req.Topics, topic)
	res, err := req.RequestWith(ctx, g.cl)
	if err != nil {
		return err
	}
	done := 0
	for _, t := range res.Topics {
		for _, p := range t.Partitions {
			if err := kerr.ErrorForCode(p.ErrorCode); err != nil {
				return fmt.Errorf("partition %d: %w", p.Partition, err)
			}
			done++
		}
	}
	if done != len(places) {
		return fmt.Errorf("want the answer for %d partitions, got %d", len(places), done)
	}
	return nil
}

// stands says that the group has exactly these places.
func (g *group) stands(ctx context.Context, id flow.CheckpointID, places []place) bool {
	ids := make([]int32, len(places))
	for i, at := range places {
		ids[i] = at.id
	}
	have, err := g.committedOnce(ctx, ids)
	if err != nil {
		return false
	}
	for _, at := range places {
		is, ok := have[at.id]
		if !ok || is.offset != at.offset || is.row != at.row || is.note.Member != g.self || is.note.Checkpoint != id {
			return false
		}
	}
	return true
}

// committed returns where the group stands in the partitions of ids that it has an offset for.
func (g *group) committed(ctx context.Context, ids []int32) (map[int32]place, error) {
	began := time.Now()
	for {
		out, err := g.committedOnce(ctx, ids)
		switch {
		case err == nil:
			return out, nil
		case ctx.Err() != nil:
			return nil, ctx.Err()
		case isCode(err) && !passing(err):
			return nil, g.refusedBy(err)
		case g.failure() != nil:
			return nil, g.failure()
		case time.Since(began) > g.patience:
			return nil, flow.Transientf("kafka: group %q: its committed offsets cannot be read: %w", g.name, err)
		}
		if err := sleep(ctx, groupPause); err != nil {
			return nil, err
		}
	}
}

func (g *group) committedOnce(ctx context.Context, ids []int32) (map[int32]place, error) {
	ctx, cancel := context.WithTimeout(ctx, g.each)
	defer cancel()
	req := kmsg.NewPtrOffsetFetchRequest()
	req.RequireStable = true
	of, topic := kmsg.NewOffsetFetchRequestGroup(), kmsg.NewOffsetFetchRequestGroupTopic()
	topic.Topic, topic.TopicID, topic.Partitions = g.topic, g.topicID, ids
	of.Group, of.Topics = g.name, append(of.Topics, topic)
	req.Groups = append(req.Groups, of)
	res, err := req.RequestWith(ctx, g.cl)
	if err != nil {
		return nil, err
	}
	out := map[int32]place{}
	for _, in := range res.Groups {
		if err := kerr.ErrorForCode(in.ErrorCode); err != nil && !errors.Is(err, kerr.GroupIDNotFound) {
			return nil, err
		}
		for _, t := range in.Topics {
			for _, p := range t.Partitions {
				if err := kerr.ErrorForCode(p.ErrorCode); err != nil {
					return nil, fmt.Errorf("partition %d: %w", p.Partition, err)
				}
				if p.Offset >= 0 {
					n := parseNote(p.Metadata)
					out[p.Partition] = place{id: p.Partition, offset: p.Offset, epoch: p.LeaderEpoch, row: n.Row, note: n}
				}
			}
		}
	}
	return out, nil
}
