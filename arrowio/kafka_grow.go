package arrowio

import (
	"context"
	"maps"
	"slices"
)

// freshPart is a partition that was added to the topic while it is read.
type freshPart struct {
	id    int32
	first int64 // the first offset that is there
}

// watch looks at the topic every refresh interval. It hands partitions that were added to the reader of a live
// run; a bounded one ended before they were there. It ends the input when the topic is gone or another one has
// its name, which a broker before Kafka 3.1 does not tell at a fetch.
func (f *fetchers) watch(ctx context.Context) {
	known := map[int32]bool{}
	lanes, _ := f.box.all()
	for _, l := range lanes {
		known[l.partition] = true
	}
	for sleep(ctx, refresh) == nil {
		leaders, err := f.c.describe(ctx)
		if final(err) {
			f.box.fail(err)
			return
		}
		if err != nil || !f.live {
			continue // the fetchers judge trouble
		}
		fresh := slices.DeleteFunc(slices.Sorted(maps.Keys(leaders)), func(id int32) bool { return known[id] })
		if len(fresh) == 0 {
			continue
		}
		first, err := f.c.offsets(ctx, fresh, atEarliest)
		if err != nil {
			continue
		}
		for _, id := range fresh {
			known[id] = true
			f.box.announce(freshPart{id, first[id]})
		}
	}
}

// announce tells the reader of p.
func (x *inbox) announce(p freshPart) {
	x.mu.Lock()
	defer x.mu.Unlock()
	x.fresh = append(x.fresh, p)
	x.signal()
}

// announced returns the partitions that the reader has not been told of yet.
func (x *inbox) announced() []freshPart {
	x.mu.Lock()
	defer x.mu.Unlock()
	out := x.fresh
	x.fresh = nil
	return out
}

// add makes the fetchers fill l too.
func (x *inbox) add(l *lane) {
	x.mu.Lock()
	defer x.mu.Unlock()
	x.lanes = append(x.lanes, l)
	close(x.added)
	x.added = make(chan struct{})
}

// all returns the lanes, and what tells that there are more.
func (x *inbox) all() ([]*lane, <-chan struct{}) {
	x.mu.Lock()
	defer x.mu.Unlock()
	return slices.Clone(x.lanes), x.added
}

// adopt reads the partitions that were announced from their first row on, or those that a group shares out. From
// here the state has them. told says that a checkpoint is wanted.
func (k *Kafka) adopt(ctx context.Context) (told bool, err error) {
	if k.group != nil {
		return k.settle(ctx)
	}
	for _, n := range k.box.announced() {
		p := &partition{id: n.id, first: n.first, next: n.first, end: noEnd, epoch: noEpoch, known: noEpoch, gaps: k.gaps, box: k.box}
		p.lane = k.newLane(p)
		k.parts = append(k.parts, p)
		k.order.(*turns).parts = k.parts // a merge is bounded
		k.box.add(p.lane)
	}
	return false, nil
}

// newLane gives p its share of a fetch.
func (k *Kafka) newLane(p *partition) *lane {
	share := int32(max(k.cfg.MaxBytes/max(len(k.parts), 1), min(leastBytes, k.cfg.MaxBytes)))
	return &lane{partition: p.id, pos: p.next, end: p.end, epoch: p.epoch, leader: noEpoch, checked: p.known, share: share, limit: share}
}
