package flow

import (
	"context"
	"fmt"

	"github.com/apache/arrow/go/v17/arrow"

	"github.com/sluice-stream/sluice/internal/state"
)

// Emit hands a record on. The callee borrows the record for the call.
type Emit func(arrow.Record) error

// Source yields records.
type Source interface {
	// Schema is valid once the source is open and does not change afterwards.
	Schema() *arrow.Schema
	// Next returns at most max rows (max >= 1), owned by the caller. It may return fewer, or none together with
	// rejected rows. io.EOF ends a bounded input. The state that Walk would save after Next stands exactly
	// behind the rows that were returned: this is what makes every barrier exact.
	Next(ctx context.Context, max int) (arrow.Record, error)
	Close() error
}

// Operator turns records into records.
//
// Memory: the callee borrows rec for the call; whoever creates a record releases it; whoever keeps one
// beyond the call retains it.
type Operator interface {
	// Bind is called once, first, with the schema of the input, and returns that of the output. It reports every
	// error of the schema at once, as check.Violations whose keys are keys of the settings.
	Bind(in *arrow.Schema) (out *arrow.Schema, err error)
	Process(ctx context.Context, rec arrow.Record, emit Emit) error
}

// Sink takes records out of the pipeline in two phases. What is written after Prepare(n) belongs to n+1.
type Sink interface {
	Bind(in *arrow.Schema) error
	Write(ctx context.Context, rec arrow.Record) error
	// Prepare makes what was written since the last Prepare durable but not visible.
	Prepare(ctx context.Context, id CheckpointID) error
	// Commit makes it visible. It is repeated after a crash, also for an id that was committed before.
	Commit(ctx context.Context, id CheckpointID) error
	// Recover is called once before the first Write: last is the newest committed checkpoint, 0 for none.
	// Whatever the sink holds beyond it, visible or not, is of a run that died, and is removed.
	Recover(ctx context.Context, last CheckpointID) error
	Close() error
}

// CheckpointID numbers barriers from 1.
type CheckpointID uint64

func (id CheckpointID) String() string { return fmt.Sprintf("%08d", uint64(id)) }

// The contract of state; see package internal/state.
type (
	Visitor  = state.Visitor
	Stateful = state.Stateful
)

// Opener is a component that needs the outside world: files, brokers, the allocator, a place for bad rows.
type Opener interface {
	Open(ctx context.Context, env Env) error
}

// Flusher is an operator that buffers rows. Flush finishes them; it is called at each barrier and at the end.
type Flusher interface {
	Flush(ctx context.Context, emit Emit) error
}

// Phase says what a Replayer wants next.
type Phase int

const (
	Done   Phase = iota // nothing more: the final checkpoint follows
	Again               // a unit of work is done: take a checkpoint if one is due, then call Advance again
	Replay              // start the source over and run all rows through the chain once more
)

// Replayer is an operator that reads a bounded input more than once or works on after its end (training
// epochs). Advance is called at the end of each pass until it returns Done. It emits rows in its last pass only.
type Replayer interface {
	Replays() bool // false: an ordinary operator after all, by its settings
	Advance(ctx context.Context) (Phase, error)
}

// Repeatable is an operator with state that may stand before a Replayer: it knows that it will see rows again.
// StartPass is called before each pass but the first, which is 0.
type Repeatable interface{ StartPass(pass int) }

// Bounded is a source that may have no end, by its settings. A source without this method has one.
type Bounded interface{ Bounded() bool }

// Sharer is a source that may share its input with other runs, by its settings: it needs checkpoints to do so.
type Sharer interface{ Shares() bool }

// Rewinder is a source that can start over from where it first started.
type Rewinder interface {
	Rewind(ctx context.Context) error
}

// Retrier is a source that itself repeats what fails for a passing reason; the runtime then does not.
type Retrier interface{ Retries() bool }

// Demander is a source that may need a barrier before one is due, such as before it gives up a partition. The
// runtime asks after each call to Next and takes a checkpoint when it says true. It says true until Decide is called.
type Demander interface{ BarrierDue() bool }

// Arbiter is a source whose share of the input is settled with others, such as a member of a consumer group: a
// checkpoint counts when it says so. The runtime writes the checkpoint, calls Decide, and only then have the sinks
// commit. Decide is called from another goroutine than Next.
type Arbiter interface {
	// Decide makes checkpoint id count: for others, and for this member when it starts again. saved is what Walk
	// saved at its barrier, as a part (state.ReadPart). An error means that it may not become visible; a member
	// that was fenced off gets one of class ErrTransient and starts over from what was decided.
	Decide(ctx context.Context, id CheckpointID, saved []byte) error
	// Decided is called before Open, with the state of the newest checkpoint that was written restored. It returns the one that counts: newest, or one before it when Decide(newest) never came through.
	Decided(ctx context.Context, env Env, newest CheckpointID) (CheckpointID, error)
}

// Originator is a source of one topic, file or folder; its name stands in rejections of rows that do not carry it.
type Originator interface{ Origin() string }

// Placed is a source that reads files, or a sink that writes into a folder of its own: no two may share one.
type Placed interface{ Place() string }

// Channel is a source that reads a topic, or a sink that writes one: reading what it writes, a pipeline would never end.
type Channel interface {
	Channel() (brokers []string, topic string)
}

// Composite is a source made of others; where it reads is where these read.
type Composite interface{ Sources() []Source }

// Sized is a source that may know, once open, how many rows it holds in all; 0 means that it does not.
type Sized interface{ Rows() int64 }

// Output is a table that an operator keeps beside the row stream, such as its embeddings.
type Output struct {
	Name   string
	Schema *arrow.Schema
}

// Publisher is an operator with such tables. Publish emits the whole table as it stands at the barrier id.
type Publisher interface {
	Outputs() []Output // valid after Bind
	Publish(ctx context.Context, output string, id CheckpointID, emit Emit) error
}

// Subscriber is a sink that takes an Output instead of the row stream.
type Subscriber interface {
	From() string                         // name of the output, "" for the row stream
	Due(id CheckpointID, final bool) bool // whether this checkpoint publishes
}

// Reporter is an operator, or a source, that measures. An operator's Report may be called between any two records, a
// source's at any time and from another goroutine than Next.
type Reporter interface{ Report() Report }

// Report is what an operator found so far.
type Report struct {
	Metrics   map[string]float64            // auc, logloss, ne, ece over the whole stream, or the test split
	Window    map[string]float64            // the same over the newest rows
	Valid     map[string]float64            // validation split, batch mode only
	Baselines map[string]map[string]float64 // prior, last_label: what any model must beat
	Gate      map[string]float64            // features, kept, ratio
	Trained   int64                         // rows trained on
	Notes     []string                      // findings in words, such as a likely order leak
}
