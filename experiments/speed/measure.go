package main

import (
	"context"
	"fmt"
	"math"
	"runtime"
	"runtime/debug"
	"time"

	"github.com/sluice-stream/sluice/experiments/speed/cases"
)

// options say how to measure.
type options struct {
	env     cases.Env
	rounds  int
	seconds float64 // of a turn
	clock   cases.Clock
	profile string // folder, "" for none
}

// rest is a pause between turns, in which the threads of a peer that wait in a loop give up.
const rest = 40 * time.Millisecond

// measure prepares our side and takes turns with the peers. It returns the figures and the peer that counts.
func measure(ctx context.Context, c comparison, o options, peers *python) (line, string, error) {
	work, err := c.sluice()
	if err != nil {
		return line{}, "", err
	}
	defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(c.threads))
	defer debug.FreeOSMemory()
	run, err := work.Prepare(ctx, o.env, c.threads)
	if err != nil {
		return line{}, "", err
	}
	if c.counts {
		n, err := cases.Allocations(run)
		return line{Case: c.name, Sluice: n, Unit: "allocations/step"}, "", err
	}
	r := rounds{peers: make([][]float64, len(c.peers))}
	for i := range o.rounds {
		if i >= 3 && median(r.sluice) > cases.Long.Seconds() {
			break
		}
		if err := r.turn(ctx, i, c, run, work.Work, o, peers); err != nil {
			return line{}, "", err
		}
	}
	if o.profile != "" {
		if err := profile(o.profile, c.name, run); err != nil {
			return line{}, "", err
		}
	}
	return r.line(c.name, work.Work, work.Unit), c.peers[r.fastest()].String(), nil
}

// turn measures round n: ours first in every second one, last in the others.
func (r *rounds) turn(ctx context.Context, n int, c comparison, run cases.Run, work float64, o options, peers *python) error {
	ours := func() error {
		time.Sleep(rest)
		s, err := cases.Seconds(run, o.clock, time.Duration(o.seconds*float64(time.Second)))
		r.sluice = append(r.sluice, s)
		return err
	}
	if n%2 == 0 {
		if err := ours(); err != nil {
			return err
		}
	}
	r.patience = 0
	for i, p := range c.peers {
		if len(r.peers[i]) < n || n > 0 && r.hopeless(i) {
			continue // once out, out for good
		}
		time.Sleep(rest)
		from := time.Now()
		s, err := r.patiently(ctx, func(ctx context.Context) (float64, error) { return peers.seconds(ctx, p, work, o) })
		if err != nil {
			return fmt.Errorf("%s: %w", p.script, err)
		}
		r.peers[i] = append(r.peers[i], s)
		if !p.served() {
			r.patience = 3 * time.Since(from)
		}
	}
	if n%2 != 0 {
		return ours()
	}
	return nil
}

// patiently asks a peer. One that takes three times as long as the peer before is stopped, and counts as endless.
func (r *rounds) patiently(ctx context.Context, ask func(context.Context) (float64, error)) (float64, error) {
	if r.patience == 0 {
		return ask(ctx)
	}
	limited, stop := context.WithTimeout(ctx, r.patience)
	defer stop()
	s, err := ask(limited)
	if err != nil && ctx.Err() == nil && limited.Err() != nil {
		return math.Inf(1), nil
	}
	return s, err
}
