package runtime

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/apache/arrow/go/v17/arrow"

	"github.com/sluice-stream/sluice/flow"
	"github.com/sluice-stream/sluice/internal/state"
)

// chain runs the operators and the sinks in one goroutine.
type chain struct {
	g      *graph
	env    flow.Env
	store  *state.Store // nil without checkpoints
	origin string       // topic or path of the source, for rows that do not carry it
	read   *reader
	emits  []flow.Emit // emits[i] hands a record to stage i; the last one to the sinks
	ctx    context.Context
	id     flow.CheckpointID // of the newest checkpoint, which may be under way
	rows   int64
	pass   int
	reject rejects
	watch  *watcher
	result *Result

	underway *underway // nil when every checkpoint is settled
}

// wire makes the emit functions once, so that no record costs a closure.
func (c *chain) wire() {
	n := len(c.g.stages)
	c.emits = make([]flow.Emit, n+1)
	c.emits[n] = c.toSinks
	for i := n - 1; i >= 0; i-- {
		op, next := c.g.stages[i].op, i+1
		c.emits[i] = func(rec arrow.Record) error { return op.Process(c.ctx, rec, c.emits[next]) }
	}
}

func (c *chain) toSinks(rec arrow.Record) error {
	for i := range c.g.outlets {
		o := &c.g.outlets[i]
		if o.from != "" {
			continue
		}
		if err := o.sink.Write(c.ctx, rec); err != nil {
			return fmt.Errorf("%s: %w", o.name, err)
		}
	}
	return nil
}

// run consumes items until the input is finished; the last checkpoint is final.
func (c *chain) run(ctx context.Context) error {
	c.ctx = ctx
	c.wire()
	err := c.consume()
	if err != nil {
		return c.wind(err)
	}
	c.watch.progress(c, true)
	return nil
}

func (c *chain) consume() error {
	for {
		it, ok, err := c.next()
		if err != nil {
			return err
		}
		if !ok {
			return c.ctx.Err() // the reader failed or was stopped; its error says why
		}
		if it.err != nil {
			return it.err
		}
		if err := c.take(it); err != nil {
			return err
		}
		if !it.eof {
			continue
		}
		again, err := c.endOfPass()
		if err != nil || !again {
			return err
		}
		if err := c.settle(c.ctx); err != nil {
			return err
		}
		c.read.rewind <- struct{}{}
	}
}

// next waits for an item, and settles a checkpoint as soon as it is written.
func (c *chain) next() (it item, ok bool, err error) {
	for {
		select { // first the checkpoint, so that the order does not depend on chance where both are there
		case w := <-c.settled():
			if err := c.conclude(c.ctx, w); err != nil {
				return it, false, err
			}
			continue
		default:
		}
		select {
		case w := <-c.settled():
			if err := c.conclude(c.ctx, w); err != nil {
				return it, false, err
			}
		case it, ok = <-c.read.out:
			return it, ok, nil
		}
	}
}

// take runs one item through the chain.
func (c *chain) take(it item) error {
	if it.rec != nil {
		defer it.rec.Release()
	}
	c.rows = it.rows
	for _, r := range it.rejected {
		c.refuse(r, 0, true)
	}
	rows := int64(len(it.rejected))
	if it.rec != nil && it.rec.NumRows() > 0 {
		rows += it.rec.NumRows()
		if err := c.emits[0](it.rec); err != nil {
			return err
		}
	}
	c.reject.seen(rows)
	if err := c.judge(); err != nil {
		return err
	}
	c.watch.progress(c, false)
	if it.barrier {
		return c.checkpoint(it, false)
	}
	return nil
}

// refuse takes a row that the source or an operator rejected. Up to the operator that asks for several passes, the
// later ones meet the same rows again: the first one has told. Behind it there is only the last pass.
func (c *chain) refuse(r flow.Rejection, by int, again bool) {
	if again && c.pass > 0 {
		return
	}
	if r.Topic == "" {
		r.Topic = c.origin
	}
	c.reject.add(r, by)
}

// endOfPass finishes a pass over the input and says whether the source is to start over.
func (c *chain) endOfPass() (again bool, err error) {
	if err := c.flush(); err != nil {
		return false, err
	}
	if err := c.reject.verdict(c.g.MaxRejected, true); err != nil {
		return false, err
	}
	for c.g.replay != nil {
		phase, err := c.g.replay.Advance(c.ctx)
		if err != nil {
			return false, err
		}
		c.watch.progress(c, true)
		switch phase {
		case flow.Again:
			if err := c.checkpoint(item{}, false); err != nil {
				return false, err
			}
			continue
		case flow.Replay:
			c.pass++
			for _, s := range c.g.stages {
				if p, ok := s.op.(flow.Repeatable); ok {
					p.StartPass(c.pass)
				}
			}
			return true, nil
		}
		break
	}
	return false, c.checkpoint(item{}, true)
}

// flush finishes the rows that operators hold, in order.
func (c *chain) flush() error {
	for i, s := range c.g.stages {
		f, ok := s.op.(flow.Flusher)
		if !ok {
			continue
		}
		if err := f.Flush(c.ctx, c.emits[i+1]); err != nil {
			return fmt.Errorf("%s: %w", s.name, err)
		}
	}
	return c.bury()
}

// publish hands operators' tables to the sinks that take them.
func (c *chain) publish(id flow.CheckpointID, final bool) error {
	for i := range c.g.outlets {
		o := &c.g.outlets[i]
		if o.from == "" || !o.sub.Due(id, final) {
			continue
		}
		p := c.g.stages[o.stage].op.(flow.Publisher)
		err := p.Publish(c.ctx, o.from, id, func(rec arrow.Record) error { return o.sink.Write(c.ctx, rec) })
		if err != nil {
			return fmt.Errorf("%s: %w", o.name, err)
		}
	}
	return nil
}

// retry repeats what failed for a passing reason.
func retry(ctx context.Context, f func() error) error {
	wait := 200 * time.Millisecond
	for try := 0; ; try++ {
		err := f()
		if err == nil || !errors.Is(err, flow.ErrTransient) || try == 5 {
			return err
		}
		select {
		case <-ctx.Done():
			return err
		case <-time.After(wait):
			wait *= 2
		}
	}
}
