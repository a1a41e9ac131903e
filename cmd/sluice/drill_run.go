package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"path/filepath"
	"time"

	"github.com/sluice-stream/sluice/runtime"
)

// drill is one call of the command.
type drill struct {
	dir      string
	pipeline *runtime.Pipeline // reads the copy; its outputs are set for each trial
	options  drillOptions
	log      io.Writer
	report   *drillReport
	sinks    []drilled
	input    []string        // columns of the copy: what tells one row from another
	topics   map[string]bool // that the drill made
	own      cluster         // where the drill's topics are, once there is one
	broker   *drillBroker    // that one, nil where it is not ours
	bytes    int             // of the messages that a run reads
	cleanup  []func()

	calm  *runtime.Result // of the undisturbed run
	whole time.Duration   // it took
	ready time.Duration   // of that until its first checkpoint
	left  *output         // what it left
}

func (d *drill) note(format string, a ...any) {
	d.report.Notes = append(d.report.Notes, fmt.Sprintf(format, a...))
	d.say("note: "+format, a...)
}

func (d *drill) say(format string, a ...any) { fmt.Fprintf(d.log, format+"\n", a...) }

func (d *drill) close() {
	for _, f := range d.cleanup {
		f()
	}
	if d.broker != nil {
		d.broker.close()
	}
}

// trialRun is the pipeline in a folder of its own, under one fault.
type trialRun struct {
	*drill
	dir       string
	file      string
	outTopics []string // of the sinks that write to Kafka, "" for all others
	patience  time.Duration
	runs      int
	recovery  time.Duration // longest time from a start that goes on to the first new checkpoint
	rows      bool          // only rows are compared: barriers fall elsewhere in these runs
	remark    string        // what the verdict adds when all is well
}

// trial makes the folder of a trial.
func (d *drill) trial(ctx context.Context, name string) (*trialRun, error) {
	r := &trialRun{drill: d, dir: filepath.Join(d.dir, name), patience: max(time.Minute, 20*d.whole)}
	return r, r.write(ctx, d.pipeline.Checkpoint.Every)
}

// again starts the trial over.
func (r *trialRun) again(ctx context.Context, every runtime.Every) error {
	if err := os.RemoveAll(r.dir); err != nil {
		return err
	}
	return r.write(ctx, every)
}

// reference runs the copy undisturbed.
func (d *drill) reference(ctx context.Context) error {
	d.say("copied %s rows; running them undisturbed", count(d.report.Rows))
	r, err := d.trial(ctx, "undisturbed")
	if err != nil {
		return err
	}
	r.patience = 30 * time.Minute
	c, err := r.start(ctx, "")
	if err != nil {
		return err
	}
	code, err := c.wait()
	if err != nil {
		return err
	}
	if ctx.Err() != nil {
		return ctx.Err()
	}
	if code != 0 {
		return fmt.Errorf("drill: the copy does not run even undisturbed: %w\n%s", c.failed(code), c.stderr.String())
	}
	d.whole, d.ready = time.Since(c.began), c.first
	if d.calm, err = r.result(); err != nil {
		return err
	}
	d.report.Rejected, d.report.Checkpoints, d.report.Seconds = d.calm.Rejected, d.calm.Checkpoints, d.whole.Seconds()
	d.left, err = d.read(ctx, r)
	d.say("%.1f s, %d checkpoints, %s rejected, state hash %s", d.whole.Seconds(), d.calm.Checkpoints, count(d.calm.Rejected), d.calm.StateHash)
	return err
}

// skipped is why a fault cannot be tried here.
type skipped string

func (s skipped) Error() string { return string(s) }

// detected is damage that was refused, and after which a run rightly does not go on by itself.
type detected string

func (d detected) Error() string { return string(d) }

// try runs the copy under a fault and compares. Only what stops the drill itself is an error.
func (d *drill) try(ctx context.Context, f fault) (verdict, error) {
	v := verdict{Fault: f.name}
	r, err := d.trial(ctx, f.name)
	if err != nil {
		return v, err
	}
	began := time.Now()
	err = f.run(ctx, r)
	if ctx.Err() != nil {
		return v, ctx.Err()
	}
	v.Runs, v.Recovery = r.runs, r.recovery.Seconds()
	var skip skipped
	var found detected
	switch {
	case errors.As(err, &found):
		v.Verdict = "detected: " + found.Error()
	case errors.As(err, &skip):
		v.Verdict = "skipped: " + skip.Error()
	case err != nil:
		v.Failed, v.Verdict = true, "FAULT: "+err.Error()
		v.Diff, _ = d.compare(ctx, r) // as far as there is something to compare
	default:
		if v.Diff, err = d.compare(ctx, r); err != nil { // such as a file that is cut off
			v.Failed, v.Verdict = true, "FAULT: the outcome cannot be read: "+err.Error()
		} else {
			v.judge(r.remark)
		}
	}
	d.say("%-19s %s (%d %s, %.1f s)", f.name, v.Verdict, v.Runs, plural("run", v.Runs), time.Since(began).Seconds())
	return v, nil
}

// moment is a random duration below d.
func moment(d time.Duration) time.Duration { return time.Duration(rand.Int64N(int64(max(d, 1)))) }
