package main

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"time"

	"github.com/sluice-stream/sluice/runtime"
)

// fault is one way to disturb a run; run returns when the pipeline has come to its end all the same.
type fault struct {
	name, doc string
	run       func(ctx context.Context, r *trialRun) error
}

// allFaults are tried in this order.
var allFaults = []fault{
	{"none", "no fault: two runs that are left alone must agree", calmly},
	{"kill", "SIGKILL at random moments, at least five times", killed},
	{"kill_recovery", "SIGKILL while a run goes on from its checkpoint, five times", killedEarly},
	{"stop", "SIGTERM, and go on, three times", stopped},
	{"broker_bounce", "the broker is away for half a second, three times", bounced},
	{"duplicate_delivery", "the broker sends messages again that were read already", resent},
	{"disk_full", "the disk is full at a random byte; then there is room again", filled},
	{"slow_sink", "each write takes longer", slowed},
	{"corrupted_part", "a byte of the newest checkpoint flips; the advice of the refusal is followed", corrupted},
	{"clock_jump", "all clocks jump ahead: the process stands still for longer than a barrier", jumped},
}

// calmly runs it again.
func calmly(ctx context.Context, r *trialRun) error { return r.complete(ctx) }

// complete runs to the end, without a fault from inside.
func (r *trialRun) complete(ctx context.Context) error {
	c, err := r.start(ctx, "")
	if err != nil {
		return err
	}
	return c.finish()
}

const kills = 5

// killed kills at moments of which every second is behind a new checkpoint, so that the run comes to its end.
func killed(ctx context.Context, r *trialRun) error {
	done := 0
	for i := range 4 * kills {
		c, err := r.start(ctx, "")
		if err != nil {
			return err
		}
		if i%2 == 1 {
			c.until(1)
			c.sleep(moment(r.whole / drillCheckpoints))
		} else {
			c.sleep(moment(r.whole / 3))
		}
		hit, err := c.kill()
		if err != nil {
			return err
		}
		if hit {
			done++
		}
		if !hit && done < kills { // it ended first: once more from the start
			if err := r.again(ctx, r.pipeline.Checkpoint.Every); err != nil {
				return err
			}
		} else if !hit || done > kills && rand.IntN(3) == 0 {
			break
		}
	}
	r.remark = fmt.Sprintf("%d kills", done)
	return r.complete(ctx)
}

// killedEarly kills once in the middle, and then each time before the run that goes on has made a checkpoint.
func killedEarly(ctx context.Context, r *trialRun) error {
	if err := r.killBehind(ctx, uint64(r.calm.Checkpoints)/3); err != nil {
		return err
	}
	early := 0
	for range kills {
		c, err := r.start(ctx, "")
		if err != nil {
			return err
		}
		c.sleep(moment(r.ready))
		if _, err := c.kill(); err != nil {
			return err
		}
		if c.first == 0 {
			early++
		}
	}
	r.remark = fmt.Sprintf("%d of %d before the first new checkpoint", early, kills)
	return r.complete(ctx)
}

// killBehind kills a run behind its n-th new checkpoint.
func (r *trialRun) killBehind(ctx context.Context, n uint64) error {
	c, err := r.start(ctx, "")
	if err != nil {
		return err
	}
	c.until(max(n, 1))
	hit, err := c.kill()
	if err == nil && !hit {
		err = skipped("the run ends before it can be disturbed; give more --rows")
	}
	return err
}

func stopped(ctx context.Context, r *trialRun) error {
	stops := 0
	for range 3 {
		c, err := r.start(ctx, "")
		if err != nil {
			return err
		}
		c.until(1)
		c.sleep(moment(r.whole / 5))
		if err := alive(terminate(c.cmd.Process)); err != nil {
			return err
		}
		code, err := c.wait()
		switch {
		case err != nil:
			return err
		case code == exitStopped || code == -1: // -1: the signal came before the program listened
			stops++
		case code != 0:
			return c.failed(code)
		}
	}
	r.remark = fmt.Sprintf("%d stops", stops)
	return r.complete(ctx)
}

// exitStopped is the exit code of a run that a signal ended.
const exitStopped = 130

const (
	noBroker    = skipped("the source reads no broker")
	foreignOnly = skipped("the broker is not ours to disturb; without --brokers it is tried on an embedded one")
)

// ours returns the drill's own broker.
func (r *trialRun) ours() (*drillBroker, error) {
	if r.broker != nil {
		return r.broker, nil
	}
	if len(r.own.brokers) > 0 {
		return nil, foreignOnly
	}
	return nil, noBroker
}

func bounced(ctx context.Context, r *trialRun) error {
	b, err := r.ours()
	if err != nil {
		return err
	}
	b.gate.bounceAfter(int64(r.bytes/4)+rand.Int64N(int64(r.bytes/16+1)), 3, 500*time.Millisecond)
	err = r.complete(ctx)
	r.remark = fmt.Sprintf("%d times away", b.gate.bounced())
	return err
}

func resent(ctx context.Context, r *trialRun) error {
	b, err := r.ours()
	if err != nil {
		return err
	}
	before := b.resent.Load()
	b.again.Store(1 + rand.Int64N(messagesOfABatch))
	defer b.again.Store(0)
	err = r.complete(ctx)
	r.remark = fmt.Sprintf("%d answers began too early", b.resent.Load()-before)
	return err
}

// jumped stops the process twice for longer than a barrier and lets it go on: to it, every clock jumps. Then once
// more with barriers by time, where only the rows are compared: they fall elsewhere each time.
func jumped(ctx context.Context, r *trialRun) error {
	if err := r.stand(ctx, 500*time.Millisecond); err != nil {
		return err
	}
	if d, err := r.compare(ctx, r); err != nil || !d.equal() {
		return err
	}
	r.rows = true
	r.remark = "with barriers by time too (rows only)"
	if err := r.again(ctx, runtime.Every{Seconds: 0.1}); err != nil {
		return err
	}
	return r.stand(ctx, 300*time.Millisecond)
}

// stand stops the process twice for so long, while it works.
func (r *trialRun) stand(ctx context.Context, long time.Duration) error {
	c, err := r.start(ctx, "")
	if err != nil {
		return err
	}
	for range 2 {
		if !c.sleep(moment(r.whole / 3)) {
			break
		}
		if err := alive(freeze(c.cmd.Process)); err != nil {
			return err
		}
		time.Sleep(long)
		if err := alive(thaw(c.cmd.Process)); err != nil {
			return err
		}
	}
	return c.finish()
}

// alive passes over a process that has ended meanwhile: a signal finds nothing to disturb then.
func alive(err error) error {
	if errors.Is(err, os.ErrProcessDone) {
		return nil
	}
	return err
}
