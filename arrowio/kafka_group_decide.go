package arrowio

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"fmt"

	"github.com/sluice-stream/sluice/flow"
	"github.com/sluice-stream/sluice/internal/state"
)

// Decide makes a checkpoint of a member count by committing its offsets to the group, in one request that the
// broker takes whole or not at all, and lets go of the partitions that were to be given up. The commit is refused
// when the group has gone on without this member.
//
// A member that dies behind Decide and before its sinks have committed leaves rows that count and that nobody sees
// yet. They become visible when it is started again with its checkpoint folder, however long others have read on
// from there meanwhile; no other member can deliver them.
//
// Where partitions are not shared, the checkpoint counts anyway, and a group is only told of it.
func (k *Kafka) Decide(ctx context.Context, id flow.CheckpointID, saved []byte) error {
	if k.cfg.Group == "" {
		return nil
	}
	at := &Kafka{cfg: k.cfg}
	if err := state.ReadPart(saved, at); err != nil {
		return err
	}
	if k.group == nil {
		k.lag.tell(ctx, k.client, k.cfg.Group, &at.saved)
		return nil
	}
	return k.group.decide(ctx, id, &at.saved)
}

func (g *group) decide(ctx context.Context, id flow.CheckpointID, s *kafkaState) error {
	places := make([]place, len(s.parts))
	g.mu.Lock()
	for i, p := range s.parts {
		places[i] = place{id: p, offset: s.next[i], epoch: s.epoch[i], row: s.row[i]}
		if sh := g.shares[p]; sh != nil {
			places[i].note = sh.note
		}
	}
	g.mu.Unlock()
	if len(places) > 0 { // else there are no rows that anybody else could read
		err := g.commit(ctx, id, places, func(member string) error {
			for i, p := range s.parts {
				if sh := g.shares[p]; sh == nil || sh.tenure != s.tenure[i] || member != g.member {
					return g.forgotten()
				}
			}
			return nil
		})
		if err != nil {
			return err
		}
	}
	g.mu.Lock()
	defer g.mu.Unlock()
	g.decided = id
	for i, p := range s.parts {
		sh := g.shares[p]
		switch {
		case sh == nil || sh.tenure != s.tenure[i]: // lost since the commit, which counts all the same
		case s.leaving[i]:
			delete(g.shares, p)
		default:
			sh.note, _ = places[i].note.by(g.self, id, s.row[i])
		}
	}
	g.notify()
	return nil
}

// Decided joins the group, which shuts out what an earlier life of this member may still have on its way, and
// returns newest when the notes of its partitions say that its commit came through, and the checkpoint before it
// when they say that it did not. The source has been restored from newest.
func (k *Kafka) Decided(ctx context.Context, env flow.Env, newest flow.CheckpointID) (flow.CheckpointID, error) {
	if !k.cfg.shared() {
		return newest, nil
	}
	s := &k.saved
	if !s.restored {
		return 0, fmt.Errorf("kafka: group %q: want the state of checkpoint %d before it is asked for, got none", k.cfg.Group, newest)
	}
	if err := k.meet(ctx, env); err != nil {
		return 0, err
	}
	id, err := k.verdict(ctx, newest)
	if err != nil {
		return 0, err
	}
	k.group.mu.Lock()
	k.group.decided = id
	k.group.mu.Unlock()
	if id == 0 {
		k.saved = kafkaState{self: s.self}
	}
	return id, nil
}

// meet joins the group, and waits for the first assignment, which may be empty.
func (k *Kafka) meet(ctx context.Context, env flow.Env) (err error) {
	if err := k.contact(env); err != nil {
		return err
	}
	if _, err := k.client.leaders(ctx); err != nil { // it learns the id of the topic
		return err
	}
	if err := k.join(ctx, env); err != nil {
		return err
	}
	return k.group.await(ctx)
}

// join begins to join the group.
func (k *Kafka) join(ctx context.Context, env flow.Env) (err error) {
	if k.group != nil {
		return nil
	}
	if k.saved.self == "" {
		var b [6]byte
		rand.Read(b[:]) // never fails
		k.saved.self = hex.EncodeToString(b[:])
	}
	k.tenure = map[int32]int64{}
	k.group, err = joinGroup(k.cfg, groupOptions{client: k.client, self: k.saved.self, log: env.Log})
	if err == nil {
		k.group.dismiss(ctx, k.saved.member)
	}
	return err
}

// verdict reads the notes of the partitions of the newest checkpoint.
//
// Every commit of a partition carries on what its note said of other members, and this member wrote one when it took
// the partition, before the first row. So the newest note knows the newest checkpoint that it committed there, and
// one partition speaks for all, because they were committed together.
func (k *Kafka) verdict(ctx context.Context, newest flow.CheckpointID) (flow.CheckpointID, error) {
	s := &k.saved
	if len(s.parts) == 0 {
		return newest, nil // it holds no row that anybody else could have read
	}
	have, err := k.group.committed(ctx, s.parts)
	if err != nil {
		return 0, err
	}
	known, last := false, flow.CheckpointID(0)
	for _, p := range s.parts {
		if id, ok := have[p].note.decided(s.self); ok {
			known, last = true, max(last, id)
		}
	}
	switch {
	case !known:
		return 0, flow.Configf("kafka: group %q has no trace of this member (%s) in partitions %v any more, so nothing tells whether its checkpoint %d counts: the offsets of the group were reset, deleted or expired, or another group is set; set the group back, or start over with --fresh, which goes on where the group is",
			k.cfg.Group, s.self, s.parts, newest)
	case last > newest:
		return 0, flow.Configf("kafka: group %q has checkpoint %d of this member (%s), the newest one here is %d: the checkpoint folder was copied or set back, and rows since then would be lost; bring back the newest one, or start over with --fresh, which goes on where the group is",
			k.cfg.Group, last, s.self, newest)
	case last == newest:
		return newest, nil
	}
	return newest - 1, nil
}
