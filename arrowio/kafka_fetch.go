package arrowio

import (
	"context"
	"errors"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/sluice-stream/sluice/flow"
)

// How long a fetch waits for the first row: while some lanes of the leader are full, only shortly, so that they
// are asked again soon after the reader made room.
const (
	waitForRows = 250 * time.Millisecond
	waitBeside  = 20 * time.Millisecond
	leastBytes  = 256 << 10 // asked for per partition, however many share an answer
	refresh     = 3 * time.Second
)

// fetchers fills an inbox: one goroutine a leader, grouped anew when leaders change or partitions are added.
type fetchers struct {
	c        *kafkaClient
	box      *inbox
	maxBytes int32
	live     bool // partitions that are added are read too
	skip     bool // gaps are skipped
}

var errMoved = errors.New("partitions have moved to other brokers")

// run fetches until every lane is at its end, ctx ends, or nothing helps any more.
func (f *fetchers) run(ctx context.Context) {
	ctx, cancel := context.WithCancel(ctx)
	watched := make(chan struct{})
	go func() {
		defer close(watched)
		f.watch(ctx)
	}()
	defer func() {
		cancel()
		<-watched
	}()
	for {
		err := f.once(ctx)
		if err == nil || ctx.Err() != nil {
			return
		}
		if !errors.Is(err, errMoved) {
			f.box.fail(err)
			return
		}
		if sleep(ctx, 100*time.Millisecond) != nil {
			return
		}
	}
}

func (f *fetchers) once(ctx context.Context) error {
	leaders, err := f.c.leaders(ctx)
	if err != nil {
		return err
	}
	groups := map[int32][]*lane{}
	lanes, added := f.box.all()
	for _, l := range lanes {
		id, ok := leaders[l.partition]
		if !ok {
			return flow.Configf("kafka: topic %q has no partition %d any more; start over with --fresh", f.c.topic, l.partition)
		}
		l.leader = f.c.epoch(l.partition)
		groups[id] = append(groups[id], l)
	}
	g, ctx := errgroup.WithContext(ctx)
	for leader, lanes := range groups {
		g.Go(func() error { return f.follow(ctx, leader, lanes, added) })
	}
	return g.Wait()
}

// follow fetches the lanes of one leader, until all are at their ends or added says that there are new ones.
func (f *fetchers) follow(ctx context.Context, leader int32, lanes []*lane, added <-chan struct{}) error {
	if err := f.verified(ctx, leader, lanes); err != nil {
		return err
	}
	pause := firstPause
	for turn := 0; ctx.Err() == nil; turn++ {
		want, waiting, room := f.box.wanted(lanes)
		if len(want) == 0 && waiting == 0 {
			return nil
		}
		if len(want) == 0 {
			select {
			case <-room:
			case <-added:
				return errMoved
			case <-ctx.Done():
			}
			continue
		}
		select {
		case <-added:
			return errMoved
		default:
		}
		wait := waitForRows
		if waiting > 0 {
			wait = waitBeside
		}
		again, err := f.ask(ctx, leader, rotate(want, turn), wait)
		if err != nil {
			return err
		}
		if again == nil {
			pause = firstPause
			continue
		}
		if err := f.patience(want, again); err != nil {
			return err
		}
		if sleep(ctx, pause) != nil {
			return nil
		}
		pause = min(2*pause, 2*time.Second)
	}
	return nil
}

// verified verifies lanes, and groups them anew until that succeeds or they have failed for too long.
func (f *fetchers) verified(ctx context.Context, leader int32, lanes []*lane) error {
	began := time.Now()
	err := f.verify(ctx, leader, lanes)
	if err == nil || final(err) {
		return err
	}
	f.note(lanes, began)
	return f.patience(lanes, errors.Join(errMoved, err))
}

// rotate starts at another lane each turn: a broker sends at least one batch of the first partition, however
// large, so every partition moves on.
func rotate(lanes []*lane, turn int) []*lane {
	at := turn % len(lanes)
	return append(append([]*lane{}, lanes[at:]...), lanes[:at]...)
}

// ask does one fetch. again is trouble that may pass; it is noted in the lanes that it touches.
func (f *fetchers) ask(ctx context.Context, leader int32, want []*lane, wait time.Duration) (again, err error) {
	parts := make([]wantedRows, len(want))
	total := f.maxBytes
	byID := make(map[int32]*lane, len(want))
	for i, l := range want {
		byID[l.partition] = l
		parts[i] = wantedRows{partition: l.partition, offset: l.pos, epoch: l.leader, limit: l.limit}
		total = max(total, l.limit)
	}
	began := time.Now()
	answer, buf, err := f.c.fetch(ctx, leader, parts, wait, total)
	defer buf.release()
	f.box.pace(want, time.Since(began), err)
	if err != nil {
		if final(err) {
			return nil, err
		}
		f.note(want, began)
		return err, nil
	}
	for _, a := range answer {
		l := byID[a.partition]
		if l == nil {
			continue
		}
		a.buf = buf
		trouble, err := f.box.take(f.c.topic, l, a)
		switch {
		case err != nil:
			return nil, err
		case trouble == nil:
			l.failing = time.Time{}
		case errors.Is(trouble, errOutOfRange):
			if err := f.outOfRange(ctx, l); final(err) {
				return nil, err
			} else if err != nil {
				f.note([]*lane{l}, began)
				again = err
			}
		case moved(a.code):
			f.note([]*lane{l}, began)
			again = errors.Join(errMoved, trouble)
		default:
			f.note([]*lane{l}, began)
			again = trouble
		}
	}
	return again, nil
}

// outOfRange skips the gap at l's position, or says why not.
func (f *fetchers) outOfRange(ctx context.Context, l *lane) error {
	g, err := f.c.outOfRange(ctx, l)
	if err != nil {
		return err
	}
	return f.box.miss(f.c.topic, f.skip, l, g)
}

// note remembers since when lanes fail.
func (f *fetchers) note(lanes []*lane, since time.Time) {
	for _, l := range lanes {
		if l.failing.IsZero() {
			l.failing = since
		}
	}
}

// patience returns the error that ends the input once a lane has failed for too long, and errMoved when the
// partitions are to be grouped anew.
func (f *fetchers) patience(lanes []*lane, trouble error) error {
	for _, l := range lanes {
		if l.failing.IsZero() || time.Since(l.failing) < f.c.giveUp {
			continue
		}
		if errors.Is(trouble, errBroken) {
			return flow.Corruptf("kafka: topic %q %w; it reads the same each time: check the broker's disk, or start behind it", f.c.topic, trouble)
		}
		return f.c.dead(trouble)
	}
	if errors.Is(trouble, errMoved) || errors.Is(trouble, errNoBroker) {
		return errMoved
	}
	return nil
}
