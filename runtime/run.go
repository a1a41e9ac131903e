package runtime

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"time"

	"github.com/apache/arrow/go/v17/arrow/memory"
	"golang.org/x/sync/errgroup"

	"github.com/sluice-stream/sluice/flow"
	"github.com/sluice-stream/sluice/internal/registry"
	"github.com/sluice-stream/sluice/internal/state"
	"github.com/sluice-stream/sluice/internal/vfs"
)

// Options of a run. The zero value is a quiet run on the real file system.
type Options struct {
	Fresh         bool             // forget checkpoints and start over
	Observer      Observer         // may be nil
	ProgressEvery time.Duration    // between two looks of the observer, default half a second
	Log           *slog.Logger     // default: discard
	FS            vfs.FS           // default: the real one
	Dial          flow.Dial        // default: the real network
	Alloc         memory.Allocator // default: Go's
}

func (o Options) filled() Options {
	if o.Log == nil {
		o.Log = slog.New(slog.NewTextHandler(io.Discard, nil))
	}
	if o.FS == nil {
		o.FS = vfs.OS{}
	}
	if o.Alloc == nil {
		o.Alloc = memory.DefaultAllocator
	}
	if o.ProgressEvery == 0 {
		o.ProgressEvery = 500 * time.Millisecond
	}
	return o
}

// Run runs the pipeline to the end of its input, or until ctx ends. A run that was stopped goes on from its
// newest checkpoint the next time, and ends equal to one that was not.
func Run(ctx context.Context, p *Pipeline, o Options) (*Result, error) {
	o = o.filled()
	g, err := p.build()
	if err != nil {
		return nil, err
	}
	store, unlock, err := openStore(p, o)
	if err != nil {
		return nil, errors.Join(err, g.close())
	}
	defer unlock()
	free, err := g.lockSinks(o.FS)
	if err != nil {
		return nil, errors.Join(err, g.close())
	}
	defer free()
	r := &run{graph: g, opts: o, store: store, result: &Result{Pipeline: p.Name}}
	err = r.execute(ctx)
	return r.result, errors.Join(err, g.close())
}

// openStore returns the store of checkpoints, nil when the pipeline has none, locked against a second run. In an
// object store there is no lock: there a run claims the place, and the one before it stops.
func openStore(p *Pipeline, o Options) (*state.Store, func(), error) {
	if p.Checkpoint == nil {
		return nil, func() {}, nil
	}
	path := p.Checkpoint.Path
	fs, dir, err := vfs.Open(path)
	if err != nil {
		return nil, nil, flow.Classify(flow.ErrConfig, fmt.Errorf("%s: %w", p.at("checkpoint.path"), err))
	}
	if _, local := fs.(vfs.OS); !local {
		return state.NewStore(fs, dir, p.Checkpoint.Keep), func() {}, nil
	}
	unlock, err := lockDir(dir)
	if err != nil {
		return nil, nil, fmt.Errorf("%s: %w", p.at("checkpoint.path"), err)
	}
	return state.NewStore(o.FS, dir, p.Checkpoint.Keep), unlock, nil
}

type run struct {
	*graph
	opts   Options
	store  *state.Store
	result *Result
	unfed  []flow.Rejection // rows that never reached the topic
}

func (r *run) execute(ctx context.Context) error {
	began := time.Now()
	from, err := r.newest()
	if err != nil {
		return err
	}
	if from, err = r.claim(from); err != nil {
		return err
	}
	env := flow.Env{Pipeline: r.Name, Seed: r.Seed, Alloc: r.opts.Alloc, Log: r.opts.Log, FS: r.opts.FS, Dial: r.opts.Dial, Fresh: r.opts.Fresh}
	if from, err = r.decided(ctx, env, from); err != nil {
		return err
	}
	if from == nil || !from.Final {
		stop, err := r.feed(ctx, &env, from == nil)
		if err != nil {
			return err
		}
		defer stop()
	}
	c := &chain{g: r.graph, env: env, store: r.store, result: r.result, reject: newRejects()}
	if o, ok := r.source.(flow.Originator); ok {
		c.origin = o.Origin()
	}
	c.read = newReader(r.source, r.store, r.every())
	if from != nil && from.Final {
		return r.finished(ctx, env, from, c)
	}
	if err := r.open(ctx, env, from, c.rejecter()); err != nil {
		return err
	}
	if err := r.clear(); err != nil {
		return err
	}
	for _, rej := range r.unfed {
		c.reject.add(rej, 0)
	}
	if err := r.recover(ctx, from, c); err != nil {
		return err
	}
	c.watch = &watcher{obs: r.opts.Observer, began: time.Now(), from: c.rows, every: r.opts.ProgressEvery}
	err = r.goroutines(ctx, c)
	r.result.fill(c.rows, c.reject.total, c.report())
	r.result.Seconds = time.Since(began).Seconds()
	if s := time.Since(c.watch.began).Seconds(); s > 0 {
		r.result.RowsPerS = float64(c.rows-c.watch.from) / s
	}
	return err
}

func (r *run) every() Every {
	if r.Checkpoint == nil {
		return Every{}
	}
	return r.Checkpoint.Every
}

// clear forgets the checkpoints where the user said so, now that the pipeline has shown that it can start.
func (r *run) clear() error {
	if !r.opts.Fresh || r.store == nil {
		return nil
	}
	if err := r.store.Clear(); err != nil {
		return flow.Disk("cannot clear the checkpoints in", r.Checkpoint.Path, err)
	}
	return nil
}

// newest loads the newest checkpoint and refuses one of another pipeline.
func (r *run) newest() (*state.Checkpoint, error) {
	if r.store == nil || r.opts.Fresh {
		return nil, nil
	}
	from, err := r.store.Newest()
	if err != nil {
		return nil, r.unread(err)
	}
	if from == nil {
		return nil, nil
	}
	return from, r.sameIdentity(from.Identity)
}

// unread gives an error of reading checkpoints its class. Damage has one, and says where it is.
func (r *run) unread(err error) error {
	if errors.Is(err, flow.ErrCorrupt) {
		return err
	}
	return flow.Disk("cannot read the checkpoints in", r.Checkpoint.Path, err)
}

// decided goes back to the newest checkpoint that counts, where the source settles that with others.
func (r *run) decided(ctx context.Context, env flow.Env, from *state.Checkpoint) (*state.Checkpoint, error) {
	a, ok := r.source.(flow.Arbiter)
	if from == nil || !ok {
		return from, nil
	}
	if err := restore(from, sourcePart, r.source); err != nil { // it may be known there by a name that it keeps
		return nil, err
	}
	id, err := a.Decided(ctx, env, flow.CheckpointID(from.Checkpoint))
	if err != nil {
		return nil, openError(r.Source, err)
	}
	if uint64(id) == from.Checkpoint {
		return from, nil
	}
	if err := r.store.Forget(uint64(id)); err != nil {
		return nil, flow.Disk("cannot take back a checkpoint in", r.Checkpoint.Path, err)
	}
	return r.newest()
}

// rejecter hands each component the place for its rejected rows. The reader's travel with its items, all others
// are the chain's.
func (c *chain) rejecter() func(stage string) func(flow.Rejection) {
	return func(stage string) func(flow.Rejection) {
		again, by := c.g.repeats(stage), c.g.place(stage)
		add := func(r flow.Rejection) { c.refuse(r, by, again) }
		if stage == sourcePart {
			stage, add = "source", c.read.reject
		}
		return func(r flow.Rejection) {
			if r.Stage == "" {
				r.Stage = stage
			}
			add(r)
		}
	}
}

// recover brings the sinks to the checkpoint that the run goes on from.
func (r *run) recover(ctx context.Context, from *state.Checkpoint, c *chain) error {
	if from != nil {
		c.id, c.rows, c.pass = flow.CheckpointID(from.Checkpoint), from.Rows, from.Pass
		c.read.rows = from.Rows
		c.reject.resume(from.Manifest)
		r.result.ResumedFrom = from.Checkpoint
		if r.opts.Observer != nil && !from.Final {
			r.opts.Observer.Resumed(c.id, c.rows)
		}
	}
	for i, s := range r.sinks() {
		if err := s.Recover(ctx, c.id); err != nil {
			return r.sinkError(i, err)
		}
		if from == nil {
			continue
		}
		if err := retry(ctx, func() error { return s.Commit(ctx, c.id) }); err != nil {
			return err
		}
	}
	return nil
}

// finished repeats the commit of a run that had ended, in case it died between its manifest and its commit.
func (r *run) finished(ctx context.Context, env flow.Env, from *state.Checkpoint, c *chain) error {
	for i, o := range r.outlets {
		if err := openOne(ctx, env, c.rejecter()(o.name), o.sink); err != nil {
			return openError(r.Sinks[i], err)
		}
		if err := restore(from, o.name, o.sink); err != nil {
			return err
		}
	}
	if r.dead != nil {
		if err := openOne(ctx, env, c.rejecter()("dead_letter"), r.dead); err != nil {
			return openError(r.DeadLetter, err)
		}
	}
	if err := r.recover(ctx, from, c); err != nil {
		return err
	}
	var rep flow.Report
	if len(from.Report) > 0 {
		if err := json.Unmarshal(from.Report, &rep); err != nil {
			return flow.Corruptf("checkpoint %d: its report cannot be read: %v", from.Checkpoint, err)
		}
	}
	r.result.fill(from.Rows, from.Rejected, rep)
	r.result.StateHash, r.result.Finished = from.StateHash, true
	return nil
}

// feed fills the embedded broker and puts its address into env. Rows that its source rejects go to the dead
// letters when this is the first run.
func (r *run) feed(ctx context.Context, env *flow.Env, first bool) (stop func(), err error) {
	if r.Feed == nil {
		return func() {}, nil
	}
	began := time.Now()
	src, err := r.Feed.Generate.Build()
	if err != nil {
		return nil, flow.Classify(flow.ErrConfig, err)
	}
	defer src.Close()
	if o, ok := src.(flow.Opener); ok {
		own := *env
		own.Reject = func(rej flow.Rejection) {
			if first { // a run that goes on has them already
				rej.Stage = "feed"
				r.unfed = append(r.unfed, rej)
			}
		}
		if err := o.Open(ctx, own); err != nil {
			return nil, openError(r.Feed.Generate, err)
		}
	}
	broker, err := registry.Make[flow.Broker](flow.EmbeddedBroker)
	if err != nil {
		return nil, flow.Configf("feed: %v", err)
	}
	if env.Embedded, err = broker.Start(ctx); err != nil {
		return nil, fmt.Errorf("feed: %w", err)
	}
	rows, err := broker.Fill(ctx, *r.Feed, src)
	if err != nil {
		return nil, errors.Join(r.feedError(err), broker.Close())
	}
	if r.opts.Observer != nil {
		r.opts.Observer.Filled(r.Feed.Topic, rows, time.Since(began))
	}
	return func() { broker.Close() }, nil
}

// goroutines runs the reader and the chain until both end, and returns the error that came first.
func (r *run) goroutines(ctx context.Context, c *chain) error {
	grp, ctx := errgroup.WithContext(ctx)
	grp.Go(func() error { return c.read.run(ctx) })
	grp.Go(func() error {
		defer close(c.read.rewind)
		return c.run(ctx)
	})
	err := grp.Wait()
	c.read.drain()
	return err
}
