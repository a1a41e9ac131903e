package arrowio

import (
	"context"
	"maps"
	"slices"

	"github.com/apache/arrow/go/v17/arrow"

	"github.com/sluice-stream/sluice/flow"
)

// sharedTurns takes messages from the partitions of this member in turn, which may be none.
type sharedTurns struct{ turns }

func (t *sharedTurns) pick() (*partition, readiness, error) {
	if len(t.parts) == 0 {
		return nil, waiting, nil
	}
	return t.turns.pick()
}

// over takes over other partitions.
func (t *sharedTurns) over(parts []*partition) {
	t.parts = parts
	if t.at >= len(parts) {
		t.at, t.left = 0, t.length
	}
}

// settle brings the reader's partitions in line with what the group has assigned. told says that a checkpoint is
// wanted for partitions that are to be given up.
func (k *Kafka) settle(ctx context.Context) (told bool, err error) {
	g := k.group
	k.release()
	told = k.part()
	if given := g.take(); len(given) > 0 {
		if err := k.claim(ctx, given); err != nil {
			g.untake(given)
			return told, err
		}
	}
	return told, g.failure()
}

// BarrierDue says that partitions are to be given up, and wait for a checkpoint with their last rows.
func (k *Kafka) BarrierDue() bool {
	if k.group == nil {
		return false
	}
	k.release()
	return len(k.leaving) > 0
}

// release forgets partitions that were given up.
func (k *Kafka) release() {
	if len(k.leaving) == 0 {
		return
	}
	g := k.group
	g.mu.Lock()
	defer g.mu.Unlock()
	k.leaving = slices.DeleteFunc(k.leaving, func(p *partition) bool {
		s := g.shares[p.id]
		return s == nil || s.tenure != k.tenure[p.id]
	})
}

// part stops to read the partitions that are to be given up. Their state stays until it was decided.
func (k *Kafka) part() (told bool) {
	g := k.group
	g.mu.Lock()
	defer g.mu.Unlock()
	leave := func(p *partition) bool { s := g.shares[p.id]; return s != nil && s.revoked }
	if !slices.ContainsFunc(k.parts, leave) {
		return false
	}
	var stay []*partition
	for _, p := range k.parts {
		if !leave(p) {
			stay = append(stay, p)
			continue
		}
		k.leaving = append(k.leaving, p)
		k.box.drop(p.lane)
	}
	k.parts = stay
	k.order.(*sharedTurns).over(stay)
	return true
}

// drop makes the fetchers leave l alone, and forgets what it holds.
func (x *inbox) drop(l *lane) {
	x.mu.Lock()
	defer x.mu.Unlock()
	x.lanes = slices.DeleteFunc(x.lanes, func(o *lane) bool { return o == l })
	l.queue, l.bytes = nil, 0
	close(x.added)
	x.added = make(chan struct{})
}

// take returns the shares that the reader has not taken yet. From here on they are not given up without it.
func (g *group) take() (out []*share) {
	g.mu.Lock()
	defer g.mu.Unlock()
	for _, id := range slices.Sorted(maps.Keys(g.shares)) {
		if s := g.shares[id]; !s.held {
			s.held = true
			out = append(out, s)
		}
	}
	return out
}

// untake gives back shares that could not be claimed, so that nobody waits for the reader to let them go.
func (g *group) untake(given []*share) {
	g.mu.Lock()
	defer g.mu.Unlock()
	for _, s := range given {
		if s.held = false; s.revoked && g.shares[s.id] == s {
			delete(g.shares, s.id)
		}
	}
	g.notify()
}

// claim finds where the group stands in new partitions, commits that again under this member's name, and reads on
// from there. The commit fixes where a partition without an offset starts, and shows that our commits arrive.
func (k *Kafka) claim(ctx context.Context, given []*share) error {
	g := k.group
	places, err := k.stand(ctx, given)
	if err != nil {
		return err
	}
	g.mu.Lock()
	decided := g.decided
	g.mu.Unlock()
	for _, at := range places {
		if id, ok := at.note.decided(g.self); ok && id > decided {
			return flow.Configf("kafka: group %q: partition %d has checkpoint %d of this member (%s), which has come to %d: another process runs with a copy of its checkpoint folder; give each process a folder of its own, made with --fresh",
				g.name, at.id, id, g.self, decided)
		}
	}
	err = g.commit(ctx, decided, places, func(member string) error {
		if member != g.member || slices.ContainsFunc(given, func(s *share) bool { return g.shares[s.id] != s }) {
			return g.forgotten()
		}
		return nil
	})
	if err != nil {
		return err
	}
	g.mu.Lock()
	defer g.mu.Unlock()
	for i, s := range given {
		at := places[i]
		s.note, _ = at.note.by(g.self, decided, at.row)
		if s.revoked { // nothing was read of it
			delete(g.shares, s.id)
			continue
		}
		k.enter(s, at)
	}
	k.order.(*sharedTurns).over(k.parts)
	g.notify()
	return nil
}

// stand returns the places of shares, in their order; a partition without a committed offset starts by start.
func (k *Kafka) stand(ctx context.Context, given []*share) ([]place, error) {
	ids := make([]int32, len(given))
	for i, s := range given {
		ids[i] = s.id
	}
	have, err := k.group.committed(ctx, ids)
	if err != nil {
		return nil, err
	}
	missing := slices.DeleteFunc(slices.Clone(ids), func(id int32) bool { _, ok := have[id]; return ok })
	if len(missing) > 0 {
		first, err := k.firstOffsets(ctx, k.group.log, missing)
		if err != nil {
			return nil, err
		}
		for _, id := range missing {
			have[id] = place{id: id, offset: first[id], epoch: noEpoch}
		}
	}
	out := make([]place, len(ids))
	for i, id := range ids {
		out[i] = have[id]
	}
	return out, nil
}

// enter begins to read a partition; the group is locked.
func (k *Kafka) enter(s *share, at place) {
	p := &partition{id: s.id, first: at.offset, next: at.offset, row: at.row, end: noEnd, epoch: at.epoch, known: noEpoch, gaps: k.gaps, box: k.box}
	k.parts = append(k.parts, p)
	p.lane = k.newLane(p)
	k.tenure[s.id] = s.tenure
	k.box.add(p.lane)
	k.group.log.Info("kafka: took over a partition", "group", k.group.name, "partition", s.id, "offset", at.offset)
}

// runShared fetches what this member has, also behind times when it has nothing.
func (f *fetchers) runShared(ctx context.Context) {
	for ctx.Err() == nil && f.box.failure() == nil {
		lanes, added := f.box.all()
		if len(lanes) > 0 {
			f.run(ctx)
			continue
		}
		select {
		case <-added:
		case <-ctx.Done():
		}
	}
}

// sampled returns every partition from its start, to learn the columns from: all members look at the same messages.
func (k *Kafka) sampled(ctx context.Context, ids []int32) ([]*partition, error) {
	first, err := k.client.offsets(ctx, ids, atEarliest)
	if err != nil {
		return nil, err
	}
	var out []*partition
	for _, id := range ids {
		out = append(out, &partition{id: id, first: first[id], next: first[id], end: noEnd, epoch: noEpoch, known: noEpoch})
	}
	return out, nil
}

// walkGroup saves and restores what a member of a group keeps: its name in checkpoints, what the broker calls it,
// and for each partition which share of it this is, and whether it is being given up.
func (s *kafkaState) walkGroup(v flow.Visitor) {
	v.Visit("group_self", &s.self)
	v.Visit("group_member", &s.member)
	v.Visit("group_tenure", &s.tenure)
	v.Visit("group_leaving", &s.leaving)
	if n := len(s.parts); v.Restoring() && (len(s.tenure) != n || len(s.leaving) != n || s.self == "") {
		v.Fail(flow.Corruptf("kafka: the state of %d shares of a group has lists of other lengths; use an older checkpoint, or start over with --fresh", n))
	}
}

// collectGroup adds to the state what a member keeps for the partitions in it.
func (k *Kafka) collectGroup() {
	s := &k.saved
	s.member, _ = k.group.cl.GroupMetadata()
	for i, p := range s.parts {
		s.tenure, s.leaving = append(s.tenure, k.tenure[p]), append(s.leaving, i >= len(k.parts))
	}
}

// told is what Next returns when a checkpoint is wanted, or the member is out.
func (k *Kafka) told(err error) (arrow.Record, error) {
	if err != nil {
		return nil, err
	}
	return k.rows.record(0)
}
