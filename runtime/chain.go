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
	id     flow.CheckpointID // of the newest checkpoint
	rows   int64
	pass   int
	reject rejects
	watch  *watcher
	result *Result
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
	for {
		it, ok := <-c.read.out
		if !ok {
			return ctx.Err() // the reader failed or was stopped; its error says why
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
		again, err := c.endOfPass(it)
		if err != nil {
			return err
		}
		if !again {
			c.watch.progress(c, true)
			return nil
		}
		c.read.rewind <- struct{}{}
	}
}

// take runs one item through the chain.
func (c *chain) take(it item) error {
	if it.rec != nil {
		defer it.rec.Release()
	}
	c.rows = it.rows
	for _, r := range it.rejected {
		c.refuse(r, true)
	}
	rows := int64(len(it.rejected))
	if it.rec != nil && it.rec.NumRows() > 0 {
		rows += it.rec.NumRows()
		if err := c.emits[0](it.rec); err != nil {
			return err
		}
	}
	c.reject.seen(rows)
	if err := c.bury(); err != nil {
		return err
	}
	c.watch.progress(c, false)
	if it.barrier {
		return c.checkpoint(it.source, false)
	}
	return nil
}

// refuse takes a row that the source or an operator rejected. Up to the operator that asks for several passes, the
// later ones meet the same rows again: the first one has told. Behind it there is only the last pass.
func (c *chain) refuse(r flow.Rejection, again bool) {
	if again && c.pass > 0 {
		return
	}
	if r.Topic == "" {
		r.Topic = c.origin
	}
	c.reject.add(r)
}

// endOfPass finishes a pass over the input and says whether the source is to start over.
func (c *chain) endOfPass(it item) (again bool, err error) {
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
			if err := c.checkpoint(it.source, false); err != nil {
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
	return false, c.checkpoint(it.source, true)
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

// checkpoint saves everything at once: state, then what the sinks hold, then the manifest; then sinks commit.
func (c *chain) checkpoint(source []byte, final bool) error {
	began := time.Now()
	if !final {
		if err := c.flush(); err != nil {
			return err
		}
	}
	id := c.id + 1
	if err := c.publish(id, final); err != nil {
		return err
	}
	for _, s := range c.g.sinks() {
		if err := s.Prepare(c.ctx, id); err != nil {
			return err
		}
	}
	if err := c.save(id, source, final); err != nil {
		return err
	}
	c.id = id
	c.result.Checkpoints++
	for _, s := range c.g.sinks() {
		if err := retry(c.ctx, func() error { return s.Commit(c.ctx, id) }); err != nil {
			return err
		}
	}
	if c.store != nil {
		if err := c.stored(c.store.Sweep()); err != nil {
			return err
		}
	}
	c.watch.checkpoint(id, c.rows, time.Since(began))
	return nil
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
