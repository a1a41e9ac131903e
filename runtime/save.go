package runtime

import (
	"context"
	"encoding/json"
	"fmt"
	"time"

	"github.com/sluice-stream/sluice/flow"
	"github.com/sluice-stream/sluice/internal/state"
)

// underway is a checkpoint whose parts are being written while the chain goes on. Its sinks are prepared; they
// commit when it has been written and decided.
type underway struct {
	m      *state.Manifest
	source *state.Captured
	inform bool // the reader waits for it
	began  time.Time
	done   chan written
	stop   context.CancelFunc // ends the writing
}

type written struct {
	parts []state.Part
	err   error
}

// checkpoint saves everything at once. The chain stops only while the operators finish what they hold, the sinks
// make their files durable, and what has changed of the state is copied.
func (c *chain) checkpoint(it item, final bool) error {
	began := time.Now()
	if err := c.settle(c.ctx); err != nil {
		return err
	}
	if !final {
		if err := c.flush(); err != nil {
			return err
		}
	}
	id := c.id + 1
	if err := c.publish(id, final); err != nil {
		return err
	}
	if err := c.bury(); err != nil { // what a sink refused of a table
		return err
	}
	for _, s := range c.g.sinks() {
		if err := s.Prepare(c.ctx, id); err != nil {
			return err
		}
	}
	u := &underway{inform: it.barrier, source: it.source, began: began, done: make(chan written, 1)}
	if err := c.capture(u, id, final); err != nil {
		return err
	}
	c.id, c.underway = id, u
	var err error
	if final || it.demanded || c.store == nil {
		err = c.settle(c.ctx)
	}
	c.result.Pause = max(c.result.Pause, (time.Since(began) + it.took).Seconds())
	return err
}

// capture copies what the checkpoint is made of, and begins to write it.
func (c *chain) capture(u *underway, id flow.CheckpointID, final bool) error {
	u.m = &state.Manifest{
		Pipeline: c.g.Name, Checkpoint: uint64(id), Rows: c.rows, Rejected: c.reject.total, Window: c.reject.copied(), Pass: c.pass, Final: final,
	}
	var err error
	if u.m.Identity, err = c.g.identity(); err != nil {
		return err
	}
	if c.store == nil {
		return c.describe(u, final)
	}
	if u.m.Report, err = json.Marshal(c.report()); err != nil {
		return err
	}
	all := []*state.Captured{}
	if st, ok := c.g.source.(flow.Stateful); ok && u.source == nil { // at its end, where the reader waits
		if u.source, err = c.store.Capture(sourcePart, st); err != nil {
			return err
		}
	}
	if u.source != nil {
		all = append(all, u.source)
	}
	err = c.stateful(func(name string, st flow.Stateful) error {
		p, err := c.store.Capture(name, st)
		all = append(all, p)
		return err
	})
	if err != nil {
		return err
	}
	ctx, stop := context.WithCancel(context.WithoutCancel(c.ctx)) // what was begun is finished, if that is soon
	u.stop = stop
	go func() {
		var w written
		if w.err = c.store.Sweep(); w.err == nil {
			w.parts, w.err = c.store.Write(ctx, all)
		}
		u.done <- w
	}()
	return nil
}

// describe stands in for writing where nothing is kept: at the end the hash of the state is still told.
func (c *chain) describe(u *underway, final bool) error {
	var w written
	if final {
		w.err = c.stateful(func(name string, st flow.Stateful) error {
			p, err := state.Describe(name, st)
			w.parts = append(w.parts, p)
			return err
		})
	}
	u.done <- w
	return nil
}

// stateful calls do for each operator and sink that has state, in order.
func (c *chain) stateful(do func(name string, st flow.Stateful) error) error {
	for _, s := range c.g.stages {
		if st, ok := s.op.(flow.Stateful); ok {
			if err := do(s.name, st); err != nil {
				return err
			}
		}
	}
	for _, o := range c.g.outlets {
		if st, ok := o.sink.(flow.Stateful); ok {
			if err := do(o.name, st); err != nil {
				return err
			}
		}
	}
	return nil
}

// settled tells when a checkpoint under way has been written; nil, which never tells, without one.
func (c *chain) settled() <-chan written {
	if c.underway == nil {
		return nil
	}
	return c.underway.done
}

// settle waits until the checkpoint under way is written, and makes it count. It leaves it under way when ctx ends.
func (c *chain) settle(ctx context.Context) error {
	if c.underway == nil {
		return nil
	}
	select {
	case w := <-c.underway.done:
		return c.conclude(ctx, w)
	default:
	}
	select {
	case w := <-c.underway.done:
		return c.conclude(ctx, w)
	case <-ctx.Done():
		return ctx.Err()
	}
}

// conclude publishes the manifest, and then the sinks make visible what they prepared.
func (c *chain) conclude(ctx context.Context, w written) error {
	u := c.underway
	c.underway = nil
	if u.stop != nil {
		u.stop()
	}
	if w.err != nil {
		return c.stored(w.err)
	}
	u.m.Parts = w.parts
	u.m.StateHash = state.StateHash(w.parts, "operator.")
	if err := c.decide(ctx, u); err != nil {
		return err
	}
	if len(w.parts) > 0 {
		c.result.StateHash = u.m.StateHash
	}
	c.result.Checkpoints++
	id := flow.CheckpointID(u.m.Checkpoint)
	for _, s := range c.g.sinks() {
		if err := retry(ctx, func() error { return s.Commit(ctx, id) }); err != nil {
			return err
		}
	}
	if c.store != nil && u.m.Final {
		if err := c.stored(c.store.Sweep()); err != nil {
			return err
		}
	}
	if u.inform {
		c.read.free <- struct{}{}
	}
	c.watch.checkpoint(id, u.m.Rows, time.Since(u.began))
	return nil
}

// decide makes the checkpoint exist, for this run and, where the input is shared out, for all others.
func (c *chain) decide(ctx context.Context, u *underway) error {
	if c.store == nil {
		return nil
	}
	if err := c.stored(c.store.Publish(u.m)); err != nil {
		return err
	}
	a, ok := c.g.source.(flow.Arbiter)
	if !ok {
		return nil
	}
	saved, err := u.source.Whole()
	if err != nil {
		return err
	}
	return a.Decide(ctx, flow.CheckpointID(u.m.Checkpoint), saved)
}

// finishing bounds how long a run that was stopped goes on to finish the checkpoint that it had begun.
var finishing = 10 * time.Second // tests shorten it

// wind finishes a checkpoint that was under way when the run ended with an error that is not its own.
func (c *chain) wind(cause error) error {
	if c.underway == nil {
		return cause
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(c.ctx), finishing)
	defer cancel()
	err := c.settle(ctx)
	if u := c.underway; u != nil { // it was not written in time: the run before it counts
		c.underway = nil
		u.stop()
		<-u.done
		return cause
	}
	if err != nil {
		return fmt.Errorf("%w; then the checkpoint before could not be finished: %w", cause, err)
	}
	return cause
}

// stored gives an error of writing a checkpoint its class.
func (c *chain) stored(err error) error {
	if err == nil {
		return nil
	}
	return flow.Disk("cannot write a checkpoint to", c.g.Checkpoint.Path, err)
}

// report merges what the source and the operators found; a later one's figures stand over an earlier one's.
func (c *chain) report() flow.Report {
	var out flow.Report
	add := func(component any) {
		r, ok := component.(flow.Reporter)
		if !ok {
			return
		}
		notes := out.Notes
		out = r.Report()
		out.Notes = append(notes, out.Notes...)
	}
	add(c.g.source)
	for _, s := range c.g.stages {
		add(s.op)
	}
	return out
}
