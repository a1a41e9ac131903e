package sinks

import (
	"context"
	"fmt"
	"io"

	"github.com/apache/arrow/go/v17/arrow"
	"github.com/apache/arrow/go/v17/arrow/compute"
	"github.com/apache/arrow/go/v17/arrow/memory"

	"github.com/sluice-stream/sluice/check"
	"github.com/sluice-stream/sluice/flow"
)

// Rotate says when a file is full. Every checkpoint ends a file too.
type Rotate struct {
	Rows  int64 `yaml:"rows" doc:"rows of a file, at most; 0: no limit"`
	Bytes int64 `yaml:"bytes" doc:"bytes after which a file is full, looked at after each row group; 0: no limit"`
}

// Validate reports limits below 0.
func (r Rotate) Validate() error {
	return check.All(check.NotNegative("rows", r.Rows), check.NotNegative("bytes", r.Bytes))
}

// encoder writes records of one file; each record becomes a row group.
type encoder interface {
	Write(arrow.Record) error
	Close() error // writes the footer
}

// format is a kind of file.
type format struct {
	accepts func(arrow.Field) error // nil when a column can be stored
	begin   func(w io.Writer, schema *arrow.Schema, mem memory.Allocator) (encoder, error)
}

// table is a sink that writes rows to files of fixed row groups in two phases: flow.Sink and flow.Opener.
type table struct {
	staging
	name     string // of the sink, for messages
	format   format
	rotate   Rotate
	rowGroup int64

	mem       memory.Allocator
	in, out   *arrow.Schema // bound, stored
	wait      pending
	file      *stageFile // nil between files
	next      flow.CheckpointID
	number    int // files of next so far
	recovered bool
	broken    error // a write failed: rows are lost until Recover starts over
}

// Open checks that files can be made below the path.
func (t *table) Open(_ context.Context, env flow.Env) error {
	t.fs, t.mem, t.fresh = env.FS, env.Alloc, env.Fresh
	t.wait.mem = env.Alloc
	return t.probe()
}

// Bind reports the columns that the file cannot hold.
func (t *table) Bind(in *arrow.Schema) error {
	out, err := plainSchema(in, t.format.accepts)
	if err != nil {
		return err
	}
	t.in, t.out = in, out
	return nil
}

// Write takes rec's rows. After an error the sink takes no more rows until it was recovered, for some of these
// may be on disk and some not.
func (t *table) Write(ctx context.Context, rec arrow.Record) error {
	if t.broken != nil {
		return t.broken
	}
	if !t.recovered {
		return fmt.Errorf("%s: want Recover before the first Write", t.name)
	}
	if err := t.write(compute.WithAllocator(ctx, t.mem), rec); err != nil {
		return t.breakDown(err)
	}
	return nil
}

func (t *table) write(ctx context.Context, rec arrow.Record) error {
	if err := sameColumns(t.in, rec.Schema()); err != nil {
		return err
	}
	rec, err := plainRecord(ctx, rec, t.out)
	if err != nil {
		return err
	}
	defer rec.Release()
	for from := int64(0); from < rec.NumRows(); {
		to := min(rec.NumRows(), from+t.space())
		if err := t.wait.add(rec, from, to); err != nil {
			return err
		}
		from = to
		if t.space() == 0 {
			if err := t.flush(); err != nil {
				return err
			}
		}
	}
	return nil
}

// space is how many rows fit until a row group or the file is full.
func (t *table) space() int64 {
	space := t.rowGroup - t.wait.rows
	if t.rotate.Rows > 0 {
		written := int64(0)
		if t.file != nil {
			written = t.file.rows
		}
		space = min(space, t.rotate.Rows-written-t.wait.rows)
	}
	return space
}

// flush writes the waiting rows as one row group, and ends the file when it is full.
func (t *table) flush() error {
	if t.wait.rows == 0 {
		return nil
	}
	rec, err := t.wait.take()
	if err != nil {
		return err
	}
	defer rec.Release()
	if t.file == nil {
		if err := t.begin(); err != nil {
			return err
		}
	}
	if err := t.file.write(rec); err != nil {
		return flow.Disk("cannot write", t.file.path, err)
	}
	full := t.rotate.Rows > 0 && t.file.rows >= t.rotate.Rows || t.rotate.Bytes > 0 && t.file.out.n >= t.rotate.Bytes
	if full {
		return t.end()
	}
	return nil
}

func (t *table) begin() error {
	path := t.stage(t.staging.name(t.next, t.number))
	f, err := newStageFile(t.fs, path, func(w io.Writer) (encoder, error) { return t.format.begin(w, t.out, t.mem) })
	if err != nil {
		return flow.Disk("cannot create", path, err)
	}
	t.file = f
	t.number++
	return nil
}

func (t *table) end() error {
	f := t.file
	t.file = nil
	if err := f.finish(); err != nil {
		return flow.Disk("cannot write", f.path, err)
	}
	return nil
}

// Prepare makes the rows since the last Prepare durable, in files that are not visible yet.
func (t *table) Prepare(_ context.Context, id flow.CheckpointID) error {
	if t.broken != nil {
		return t.broken
	}
	if id != t.next {
		return fmt.Errorf("%s: want checkpoint %d to be prepared next, got %d", t.name, t.next, id)
	}
	err := t.flush()
	if err == nil && t.file != nil {
		err = t.end()
	}
	if err != nil {
		return t.breakDown(err)
	}
	t.prepare(id, t.number)
	t.next, t.number = id+1, 0
	return nil
}

// Commit makes the files of id visible. It may be repeated.
func (t *table) Commit(_ context.Context, id flow.CheckpointID) error {
	if err := t.commit(id); err != nil {
		return fmt.Errorf("%s: %w", t.name, err)
	}
	return nil
}

// Recover refuses files of another run, removes all files beyond last, and all rows that wait, and finishes what last had prepared.
func (t *table) Recover(_ context.Context, last flow.CheckpointID) error {
	t.abandon()
	if err := t.recover(last); err != nil {
		return err
	}
	t.next, t.number, t.broken, t.recovered = last+1, 0, nil, true
	return nil
}

// Close drops rows that were not prepared.
func (t *table) Close() error {
	t.abandon()
	if t.fs != nil {
		t.tidy()
	}
	return nil
}

func (t *table) abandon() {
	t.wait.reset()
	if t.file != nil {
		t.file.abandon()
		t.file = nil
	}
}

func (t *table) breakDown(err error) error {
	t.abandon()
	t.broken = fmt.Errorf("%s: %w", t.name, err)
	return t.broken
}
