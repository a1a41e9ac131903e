package arrowio

import (
	"github.com/sluice-stream/sluice/flow"
)

// partition is the reader's place in one partition.
type partition struct {
	id    int32
	box   *inbox
	lane  *lane
	first int64 // where the source first started
	next  int64 // offset behind the last message that was returned whole
	row   int64 // rows of the message at next that were returned
	end   int64 // offset behind the last row wanted, -1 for none
	epoch int32 // leader epoch of the last message that was returned, noEpoch for none
	known int32 // leader epoch under which first and end were found, noEpoch where they may be of an older one
	gaps  *gapLog

	batch *kbatch
	it    recordIter
	head  krecord
	held  bool  // head is a message that was not taken yet
	err   error // the partition cannot be read on
}

// readiness says whether a partition, or a set of them, has a message to take.
type readiness int

const (
	ready readiness = iota
	waiting
	finished
)

// peek makes head the next message, if it is there. Its errors stay.
func (p *partition) peek() (readiness, error) {
	for !p.held {
		if p.err != nil {
			return waiting, p.err
		}
		if p.batch == nil {
			b, done := p.box.pop(p.lane)
			if b == nil {
				if done {
					return finished, nil
				}
				return waiting, p.box.failure()
			}
			<-b.ready
			if b.gap != nil {
				p.cross(*b.gap)
				continue
			}
			if b.err != nil {
				p.err = p.broken(b.err)
				continue
			}
			p.batch, p.it = b, b.records()
		}
		ok, err := p.it.next(&p.head)
		if err != nil {
			p.err = p.broken(err)
			continue
		}
		if !ok {
			p.batch.release() // every record of it was taken
			p.batch = nil
			continue
		}
		if p.end >= 0 && p.head.offset >= p.end {
			return finished, nil
		}
		p.held = p.head.offset >= p.next // a batch may begin below the offset that was asked for
		if p.head.offset > p.next {
			p.row = 0 // the message that was read in part is gone
		}
	}
	return ready, nil
}

// took records that n more rows of head were returned, and whether that was all of it.
func (p *partition) took(n int, whole bool) {
	p.epoch = p.batch.epoch
	if !whole {
		p.row += int64(n)
		return
	}
	p.next, p.row, p.held = p.head.offset+1, 0, false
}

func (p *partition) broken(err error) error {
	return flow.Corruptf("kafka: partition %d: %w; it reads the same each time: check the producer, and start behind it", p.id, err)
}
