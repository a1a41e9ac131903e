package runtime

import (
	"context"
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/apache/arrow/go/v17/arrow"

	"github.com/sluice-stream/sluice/flow"
	"github.com/sluice-stream/sluice/internal/state"
)

// item is what travels from the reader to the chain.
type item struct {
	rec      arrow.Record // may be nil
	rejected []flow.Rejection
	barrier  bool            // a checkpoint is due here
	demanded bool            // and the source waits for it
	eof      bool            // the input ended
	err      error           // the input cannot be read on
	source   *state.Captured // state of the source behind this item, with a barrier
	took     time.Duration   // to copy that state
	rows     int64           // delivered in this pass, this item included
}

const (
	chunkRows    = 8192 // most rows of one record
	queueRecords = 4    // records between the reader and the chain
)

// reader pulls the source in a goroutine of its own.
type reader struct {
	source  flow.Source
	store   *state.Store // nil without checkpoints
	every   Every
	rows    int64
	out     chan item
	rewind  chan struct{}
	free    chan struct{}    // holds a token while no barrier is on its way or unsettled
	pending []flow.Rejection // of the call to Next under way
}

func newReader(s flow.Source, store *state.Store, every Every) *reader {
	r := &reader{source: s, store: store, every: every, out: make(chan item, queueRecords), rewind: make(chan struct{}), free: make(chan struct{}, 1)}
	r.free <- struct{}{}
	return r
}

func (r *reader) reject(rej flow.Rejection) { r.pending = append(r.pending, rej) }

// run reads until the input ends and the chain does not ask for it again. It closes out when it returns.
func (r *reader) run(ctx context.Context) error {
	defer close(r.out)
	for {
		if err := r.pass(ctx); err != nil {
			return r.fail(ctx, err)
		}
		if _, more := <-r.rewind; !more {
			return nil
		}
		if err := r.source.(flow.Rewinder).Rewind(ctx); err != nil {
			return r.fail(ctx, err)
		}
		r.rows = 0
		if err := r.send(ctx, item{barrier: true}); err != nil {
			return r.fail(ctx, err)
		}
	}
}

// fail sends err behind the rows that came before it, so that their checkpoints are still taken.
func (r *reader) fail(ctx context.Context, err error) error {
	if ctx.Err() != nil || r.send(ctx, item{err: err}) != nil {
		return err
	}
	return nil
}

func (r *reader) pass(ctx context.Context) error {
	since, last := int64(0), time.Now() // every pass starts, and every run resumes, at a barrier
	for {
		limit := int64(chunkRows)
		if r.every.Rows > 0 {
			limit = min(limit, r.every.Rows-since)
		}
		rec, err := r.next(ctx, int(limit))
		if errors.Is(err, io.EOF) {
			return r.send(ctx, item{eof: true, rejected: r.take()})
		}
		if err != nil {
			return err
		}
		if rec == nil || rec.NumRows() > limit {
			return fmt.Errorf("source: it broke its contract: want a record of at most %d rows", limit)
		}
		n := rec.NumRows()
		r.rows += n
		since += n
		due := r.every.Rows > 0 && since >= r.every.Rows ||
			r.every.Seconds > 0 && since > 0 && time.Since(last).Seconds() >= r.every.Seconds
		demanded := false
		if d, ok := r.source.(flow.Demander); ok {
			demanded = d.BarrierDue()
		}
		due = due || demanded
		if err := r.send(ctx, item{rec: rec, rejected: r.take(), barrier: due, demanded: demanded}); err != nil {
			return err
		}
		if due {
			since, last = 0, time.Now()
		}
	}
}

// next retries what is transient, with a wait that doubles from half a second, for about half a minute.
func (r *reader) next(ctx context.Context, limit int) (arrow.Record, error) {
	tries := 6
	if s, ok := r.source.(flow.Retrier); ok && s.Retries() {
		tries = 0
	}
	wait := 500 * time.Millisecond
	for try := 0; ; try++ {
		rec, err := r.source.Next(ctx, limit)
		if err == nil || !errors.Is(err, flow.ErrTransient) || try == tries {
			return rec, err
		}
		select {
		case <-ctx.Done():
			return nil, ctx.Err()
		case <-time.After(wait):
			wait *= 2
		}
	}
}

func (r *reader) take() []flow.Rejection {
	p := r.pending
	r.pending = nil
	return p
}

func (r *reader) send(ctx context.Context, it item) error {
	it.rows = r.rows
	err := r.mark(ctx, &it)
	if err == nil {
		select {
		case r.out <- it:
		case <-ctx.Done():
			err = ctx.Err()
		}
	}
	if err != nil {
		if it.rec != nil {
			it.rec.Release()
		}
		return err
	}
	if it.demanded {
		return r.await(ctx)
	}
	return nil
}

// mark puts the state of the source into a barrier, as soon as the one before is settled: what has changed is
// told by comparison with it.
func (r *reader) mark(ctx context.Context, it *item) (err error) {
	if !it.barrier {
		return nil
	}
	select {
	case <-r.free:
	case <-ctx.Done():
		return ctx.Err()
	}
	if s, ok := r.source.(flow.Stateful); ok && r.store != nil {
		began := time.Now()
		it.source, err = r.store.Capture(sourcePart, s)
		it.took = time.Since(began)
	}
	return err
}

// await returns when the barrier that was sent is settled.
func (r *reader) await(ctx context.Context) error {
	select {
	case <-r.free:
		r.free <- struct{}{}
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// drain releases what is left when the chain stopped early.
func (r *reader) drain() {
	for it := range r.out {
		if it.rec != nil {
			it.rec.Release()
		}
	}
}
