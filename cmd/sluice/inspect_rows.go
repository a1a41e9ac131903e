package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"

	"github.com/apache/arrow/go/v17/arrow"
	"github.com/apache/arrow/go/v17/arrow/memory"

	"github.com/sluice-stream/sluice/flow"
	"github.com/sluice-stream/sluice/internal/vfs"
	"github.com/sluice-stream/sluice/runtime"
)

// rowSource is an open source outside of any pipeline, for commands that look at data.
type rowSource struct {
	flow.Source
	rejected int64
	reason   string // of the first rejected row
}

// openRows opens the source that settings describe, as they would stand under `source:` in flow form. embedded is
// the address of an embedded broker, "" for none.
func openRows(ctx context.Context, settings, embedded string) (*rowSource, error) {
	p, err := runtime.Parse("source", fmt.Appendf(nil, "name: rows\nsource: %s\n", settings), os.LookupEnv)
	if err != nil {
		return nil, err
	}
	src, err := p.Source.Build()
	if err != nil {
		return nil, flow.Classify(flow.ErrConfig, err)
	}
	r := &rowSource{Source: src}
	o, ok := src.(flow.Opener)
	if !ok {
		return r, nil
	}
	env := flow.Env{
		Pipeline: p.Name, Seed: p.Seed, Alloc: memory.DefaultAllocator, Log: slog.New(slog.NewTextHandler(io.Discard, nil)),
		FS: vfs.OS{}, Embedded: embedded, Reject: r.reject,
	}
	if err := o.Open(ctx, env); err != nil {
		return nil, errors.Join(err, src.Close())
	}
	return r, nil
}

func (r *rowSource) reject(rej flow.Rejection) {
	r.rejected++
	if r.reason == "" {
		r.reason = rej.Reason
	}
}

// read calls do with records of together at most limit rows. Each is borrowed for the call.
func (r *rowSource) read(ctx context.Context, limit int64, do func(arrow.Record) error) error {
	for left := limit; left > 0; {
		rec, err := r.Next(ctx, int(min(left, 8192)))
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
		left -= rec.NumRows()
		err = do(rec)
		rec.Release()
		if err != nil {
			return err
		}
	}
	return nil
}
