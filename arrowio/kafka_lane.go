package arrowio

import (
	"errors"
	"fmt"
	"sync"
	"time"

	kafka "github.com/segmentio/kafka-go"

	"github.com/sluice-stream/sluice/flow"
)

// lane is the queue of one partition between the goroutine that fetches it and the reader.
type lane struct {
	partition int32
	pos       int64 // next offset to fetch
	end       int64 // offset behind the last row wanted, -1 for none
	epoch     int32 // of the log before pos, noEpoch where it is not known
	leader    int32 // epoch of the leader that is asked
	checked   int32 // epoch of the leader that has confirmed what was read before pos, noEpoch for none
	share     int32 // bytes to ask for on a link of usual speed
	limit     int32 // bytes to ask for
	queue     []*kbatch
	bytes     int       // in queue, as they came
	failing   time.Time // since when nothing usable comes, zero when all is well
}

// inbox holds the lanes. Fetchers push, the reader pops.
type inbox struct {
	mu      sync.Mutex
	lanes   []*lane
	err     error         // why no more comes
	arrived chan struct{} // holds one token when something new is there
	room    chan struct{} // closed and replaced when a full lane has room again
	added   chan struct{} // closed and replaced when a lane is added
	fresh   []freshPart   // partitions that the reader is to add
	packers sync.WaitGroup
}

func newInbox(lanes []*lane) *inbox {
	return &inbox{lanes: lanes, arrived: make(chan struct{}, 1), room: make(chan struct{}), added: make(chan struct{})}
}

func (l *lane) fetchedAll() bool { return l.end >= 0 && l.pos >= l.end }
func (l *lane) full() bool       { return l.bytes >= int(l.limit) }

// push adds what a fetch brought for l and moves its position behind it.
func (x *inbox) push(l *lane, batches []*kbatch, next int64) {
	x.mu.Lock()
	defer x.mu.Unlock()
	if next == l.pos {
		return
	}
	l.pos = next
	wasEmpty := len(l.queue) == 0
	for _, b := range batches {
		l.queue = append(l.queue, b)
		l.bytes += len(b.body)
	}
	if wasEmpty && len(l.queue) > 0 {
		x.unpack(l.queue[0])
	}
	x.signal()
}

// unpack starts to inflate b, so that one batch a lane is ready ahead of the reader.
func (x *inbox) unpack(b *kbatch) {
	b.packed = len(b.body)
	if b.attrs&7 == 0 {
		b.inflate()
		return
	}
	x.packers.Add(1)
	go func() {
		defer x.packers.Done()
		b.inflate()
	}()
}

func (x *inbox) signal() {
	select {
	case x.arrived <- struct{}{}:
	default:
	}
}

// pop takes the next batch of l, nil when none is queued; done says that none will come.
func (x *inbox) pop(l *lane) (b *kbatch, done bool) {
	x.mu.Lock()
	defer x.mu.Unlock()
	if len(l.queue) == 0 {
		return nil, l.fetchedAll()
	}
	b, l.queue = l.queue[0], l.queue[1:]
	wasFull := l.full()
	l.bytes -= b.packed
	if len(l.queue) > 0 {
		x.unpack(l.queue[0])
	}
	if wasFull && !l.full() {
		close(x.room)
		x.room = make(chan struct{})
	}
	return b, false
}

// fail ends the input with err; the reader meets it when it has read what is queued.
func (x *inbox) fail(err error) {
	x.mu.Lock()
	defer x.mu.Unlock()
	if x.err == nil {
		x.err = err
	}
	x.signal()
}

func (x *inbox) failure() error {
	x.mu.Lock()
	defer x.mu.Unlock()
	return x.err
}

// wanted returns the lanes that can take a fetch, how many wait for room, and what tells that room is there.
func (x *inbox) wanted(lanes []*lane) (want []*lane, waiting int, room <-chan struct{}) {
	x.mu.Lock()
	defer x.mu.Unlock()
	for _, l := range lanes {
		switch {
		case l.fetchedAll():
		case l.full():
			waiting++
		default:
			want = append(want, l)
		}
	}
	return want, waiting, x.room
}

// errOutOfRange says that the log has no such offset. The answer does not tell why: real brokers leave out where
// the log starts.
var errOutOfRange = errors.New("offset out of range")

// take puts an answer into its lane. again says that the partition has another leader, that the broker had a
// moment of trouble, or errOutOfRange; any other error ends the input.
func (x *inbox) take(topic string, l *lane, f fetched) (again, err error) {
	switch kafka.Error(f.code) {
	case 0:
	case kafka.OffsetOutOfRange:
		return errOutOfRange, nil
	default:
		err := codeError(f.code)
		if final(err) {
			return nil, err
		}
		return fmt.Errorf("partition %d: %w", l.partition, err), nil
	}
	batches, cut, err := splitBatches(f.records)
	if err != nil && len(batches) == 0 {
		return fmt.Errorf("partition %d: %w", l.partition, flow.Classify(errBroken, err)), nil
	}
	next := l.pos
	if n := len(batches); n > 0 {
		next = max(next, batches[n-1].last+1)
		l.epoch = batches[n-1].epoch
	} else if cut {
		x.grow(l)
	}
	for _, b := range batches {
		b.in = f.buf
		b.in.retain()
	}
	x.push(l, committed(batches, f.aborted), next)
	return nil, nil
}

// grow asks for more bytes: a batch did not fit into the answer.
func (x *inbox) grow(l *lane) {
	x.mu.Lock()
	defer x.mu.Unlock()
	l.limit = min(2*l.limit, unlimited)
}

// A fetch that takes longer than slowFetch asks for less the next time, and so does one that failed: on a slow link,
// or one that is cut now and then, a large answer would come late or never. It never asks for less than leastPace.
const (
	slowFetch = 3 * time.Second
	leastPace = 16 << 10 // bytes; a single batch comes whole all the same
)

// pace sets how much is asked for next, after a fetch that took a while, or failed.
func (x *inbox) pace(lanes []*lane, took time.Duration, err error) {
	x.mu.Lock()
	defer x.mu.Unlock()
	for _, l := range lanes {
		switch {
		case err != nil || took > slowFetch:
			l.limit = max(l.limit/2, min(l.limit, leastPace))
		case l.limit < l.share:
			l.limit = min(2*l.limit, l.share)
		}
	}
}

// errBroken marks a batch that cannot be read. It is fetched again, in case it broke on its way.
var errBroken = fmt.Errorf("broken batch")
