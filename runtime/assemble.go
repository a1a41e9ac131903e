package runtime

import (
	"context"
	"fmt"
	"io"

	"github.com/apache/arrow/go/v17/arrow"

	"github.com/sluice-stream/sluice/check"
	"github.com/sluice-stream/sluice/flow"
	"github.com/sluice-stream/sluice/internal/state"
)

// stage is one operator in its place.
type stage struct {
	name string // operator.0.train: its part of a checkpoint
	op   flow.Operator
	out  *arrow.Schema
}

// outlet is one sink in its place.
type outlet struct {
	name  string
	sink  flow.Sink
	from  string // output of an operator, "" for the row stream
	stage int    // the operator that publishes it
	sub   flow.Subscriber
}

// graph is a built pipeline.
type graph struct {
	*Pipeline
	source  flow.Source
	stages  []stage
	outlets []outlet
	dead    flow.Sink // nil without
	replay  flow.Replayer
	last    int // stages up to this one see rows once a pass; -1 without a replayer
}

// sourcePart names the source in checkpoints.
const sourcePart = "source.0"

// repeats says whether the component sees the same rows in every pass.
func (g *graph) repeats(name string) bool {
	for _, s := range g.stages[:g.last+1] {
		if s.name == name {
			return true
		}
	}
	return name == sourcePart
}

// place is where a component stands in the way of a row: the source 0, then the operators, then all else.
func (g *graph) place(name string) int {
	if name == sourcePart {
		return 0
	}
	for i, s := range g.stages {
		if s.name == name {
			return i + 1
		}
	}
	return len(g.stages) + 1
}

// build makes every component; its error holds the errors of all of them.
func (p *Pipeline) build() (*graph, error) {
	g := &graph{Pipeline: p, last: -1}
	var errs []error
	var err error
	if !p.Source.IsZero() { // else the file has been found wanting already
		if g.source, err = p.Source.Build(); err != nil {
			errs = append(errs, err)
		}
	}
	for i, c := range p.Operators {
		if c.IsZero() {
			continue
		}
		op, err := c.Build()
		if err != nil {
			errs = append(errs, err)
			continue
		}
		g.stages = append(g.stages, stage{name: fmt.Sprintf("operator.%d.%s", i, c.Name()), op: op})
		if r, ok := op.(flow.Replayer); ok && r.Replays() {
			if g.replay != nil {
				errs = append(errs, c.Locate(check.That(false, "", "one operator that trains in epochs", "two")))
			}
			g.replay, g.last = r, i
		}
	}
	for i, c := range p.Sinks {
		if c.IsZero() {
			continue
		}
		s, err := c.Build()
		if err != nil {
			errs = append(errs, err)
			continue
		}
		o := outlet{name: fmt.Sprintf("sink.%d.%s", i, c.Name()), sink: s}
		if sub, ok := s.(flow.Subscriber); ok {
			o.sub, o.from = sub, sub.From()
		}
		g.outlets = append(g.outlets, o)
	}
	if !p.DeadLetter.IsZero() {
		if g.dead, err = p.DeadLetter.Build(); err != nil {
			errs = append(errs, err)
		}
	}
	if len(errs) == 0 {
		errs = append(g.ownFolders(), g.ill()...)
	}
	return g, all(errs)
}

// all joins errors into one of class ErrConfig, nil for none.
func all(errs []error) error {
	if len(errs) == 0 {
		return nil
	}
	err := errs[0]
	for _, e := range errs[1:] {
		err = fmt.Errorf("%w\n%w", err, e)
	}
	return flow.Classify(flow.ErrConfig, err)
}

// open restores and opens the source, then opens, binds and restores everything behind it.
func (g *graph) open(ctx context.Context, env flow.Env, from *state.Checkpoint, reject func(stage string) func(flow.Rejection)) error {
	if from != nil {
		if err := restore(from, sourcePart, g.source); err != nil {
			return err
		}
	}
	if err := openOne(ctx, env, reject(sourcePart), g.source); err != nil {
		return openError(g.Source, err)
	}
	schema := g.source.Schema()
	for i := range g.stages {
		s := &g.stages[i]
		if err := openOne(ctx, env, reject(s.name), s.op); err != nil {
			return openError(g.Operators[i], err)
		}
		out, err := s.op.Bind(schema)
		if err != nil {
			return g.explain(bindError(g.Operators[i], err))
		}
		s.out, schema = out, out
		if from != nil {
			if err := restore(from, s.name, s.op); err != nil {
				return err
			}
		}
	}
	return g.openSinks(ctx, env, from, schema, reject)
}

func (g *graph) openSinks(ctx context.Context, env flow.Env, from *state.Checkpoint, rows *arrow.Schema, reject func(string) func(flow.Rejection)) error {
	for i := range g.outlets {
		o := &g.outlets[i]
		schema := rows
		if o.from != "" {
			var err error
			if o.stage, schema, err = g.publisher(o.from); err != nil {
				return bindError(g.Sinks[i], err)
			}
		}
		if err := openOne(ctx, env, reject(o.name), o.sink); err != nil {
			return openError(g.Sinks[i], err)
		}
		if err := o.sink.Bind(schema); err != nil {
			return bindError(g.Sinks[i], err)
		}
		if from != nil {
			if err := restore(from, o.name, o.sink); err != nil {
				return err
			}
		}
	}
	if g.dead == nil {
		return nil
	}
	if err := openOne(ctx, env, reject("dead_letter"), g.dead); err != nil {
		return openError(g.DeadLetter, err)
	}
	return bindError(g.DeadLetter, g.dead.Bind(flow.RejectionSchema))
}

// publisher finds the operator that keeps the output.
func (g *graph) publisher(output string) (int, *arrow.Schema, error) {
	var names []string
	for i, s := range g.stages {
		p, ok := s.op.(flow.Publisher)
		if !ok {
			continue
		}
		for _, o := range p.Outputs() {
			if o.Name == output {
				return i, o.Schema, nil
			}
			names = append(names, o.Name)
		}
	}
	if len(names) == 0 {
		return 0, nil, check.Violation{Want: "an operator that publishes " + output, Got: "none in this pipeline", Hint: "add `train`"}
	}
	return 0, nil, check.OneOf("from", output, names...)
}

func openOne(ctx context.Context, env flow.Env, reject func(flow.Rejection), c any) error {
	o, ok := c.(flow.Opener)
	if !ok {
		return nil
	}
	env.Reject = reject
	return o.Open(ctx, env)
}

func restore(from *state.Checkpoint, name string, c any) error {
	s, ok := c.(flow.Stateful)
	if !ok {
		return nil
	}
	return from.Restore(name, s)
}

// sinks returns every sink, the dead letters last.
func (g *graph) sinks() []flow.Sink {
	var out []flow.Sink
	for _, o := range g.outlets {
		out = append(out, o.sink)
	}
	if g.dead != nil {
		out = append(out, g.dead)
	}
	return out
}

// close closes what can be closed, last first, and returns the first error.
func (g *graph) close() error {
	var first error
	keep := func(err error) {
		if first == nil {
			first = err
		}
	}
	for _, s := range g.sinks() {
		keep(s.Close())
	}
	for _, s := range g.stages {
		if c, ok := s.op.(io.Closer); ok {
			keep(c.Close())
		}
	}
	if g.source != nil {
		keep(g.source.Close())
	}
	return first
}
