package arrowio

import (
	"bytes"
	"context"
	"errors"
	"io"

	"github.com/apache/arrow/go/v17/arrow"
	"github.com/apache/arrow/go/v17/arrow/ipc"
	"github.com/apache/arrow/go/v17/arrow/memory"

	"github.com/sluice-stream/sluice/flow"
)

func init() {
	flow.Register(flow.Sources, flow.Entry[ArrowConfig, flow.Source]{
		Name:    "arrow",
		Summary: "Reads Arrow IPC files and streams (Feather version 2) in the order of their names.",
		Example: "{path: data/*.arrow}",
		Build: func(c ArrowConfig) (flow.Source, error) {
			return &fileSource{format: arrowFormat{}, path: c.Path, columns: c.Columns, meta: c.Meta}, c.Validate()
		},
	})
}

// ArrowConfig are the settings of the source arrow.
type ArrowConfig struct {
	Path    string   `yaml:"path" doc:"a file, a folder or a glob; a local path or the URL of an object store (s3://bucket/path/*)"`
	Columns []string `yaml:"columns" doc:"columns to read, in this order; none: all"`
	Meta    []string `yaml:"meta" doc:"columns that say where a row came from: file (_file), row (_row, from 0 in its file)"`
}

// Validate checks the settings.
func (c ArrowConfig) Validate() error { return checkFiles(c.Path, c.Columns, c.Meta) }

type arrowFormat struct{}

func (arrowFormat) name() string { return "arrow" }
func (arrowFormat) endings() []string {
	return []string{".arrow", ".arrows", ".ipc", ".feather"}
}

func (arrowFormat) settle(ctx context.Context, e *fileEnv) (*arrow.Schema, error) {
	return settleHeads(ctx, e, func(ctx context.Context, f inputFile) (*arrow.Schema, error) {
		r, err := openArrow(ctx, e, f)
		if err != nil {
			return nil, err
		}
		defer r.close()
		return r.schema, nil
	})
}

func (arrowFormat) open(ctx context.Context, e *fileEnv, f inputFile, row int64) (chunkReader, error) {
	r, err := openArrow(ctx, e, f)
	if err != nil {
		return nil, err
	}
	at, err := conform(e.schema, r.schema, f.name, e)
	if err != nil {
		r.close()
		return nil, err
	}
	r.c, r.skip = conformer{e, at}, row
	return r, nil
}

// arrowReader reads one file of either format.
type arrowReader struct {
	name   string
	schema *arrow.Schema
	batch  func() (arrow.Record, error) // owned by the caller; io.EOF at the end
	done   func()
	c      conformer
	row    int64 // file row that comes next
	skip   int64 // rows to drop first
}

// openArrow looks at the first bytes: the file format has a magic number, a stream has none.
func openArrow(ctx context.Context, e *fileEnv, f inputFile) (*arrowReader, error) {
	raw, err := e.store.openRandom(ctx, f)
	if err != nil {
		return nil, err
	}
	head := make([]byte, len(ipc.Magic))
	if _, err := raw.ReadAt(head, 0); err != nil {
		raw.Close()
		return nil, badFile(f.name, "an Arrow IPC file or stream", err)
	}
	if bytes.Equal(head, ipc.Magic) {
		return openArrowFile(e, f, raw)
	}
	raw.Close()
	return openArrowStream(ctx, e, f)
}

func openArrowFile(e *fileEnv, f inputFile, raw randomFile) (*arrowReader, error) {
	// The file reader of arrow-go v17 never releases its dictionaries: leave those to the garbage collector.
	alloc := allocFor(memory.NewGoAllocator(), f.size)
	r, err := ipc.NewFileReader(raw, ipc.WithAllocator(alloc))
	alloc.Allocator = e.alloc
	if err != nil {
		raw.Close()
		return nil, badFile(f.name, "a whole Arrow IPC file", err)
	}
	i := 0
	batch := func() (arrow.Record, error) {
		if i == r.NumRecords() {
			return nil, io.EOF
		}
		i++
		return r.RecordAt(i - 1)
	}
	return &arrowReader{name: f.name, schema: r.Schema(), batch: batch, done: func() { _, _ = r.Close(), raw.Close() }}, nil
}

func openArrowStream(ctx context.Context, e *fileEnv, f inputFile) (*arrowReader, error) {
	raw, err := e.store.openText(ctx, f)
	if err != nil {
		return nil, err
	}
	r, err := ipc.NewReader(raw, ipc.WithAllocator(allocFor(e.alloc, f.size)))
	if err != nil {
		raw.Close()
		return nil, badFile(f.name, "an Arrow IPC file or stream", err)
	}
	batch := func() (arrow.Record, error) {
		if r.Next() {
			r.Record().Retain()
			return r.Record(), nil
		}
		if r.Err() != nil {
			return nil, r.Err()
		}
		return nil, io.EOF
	}
	return &arrowReader{name: f.name, schema: r.Schema(), batch: batch, done: func() { r.Release(); raw.Close() }}, nil
}

func (r *arrowReader) next(ctx context.Context) (chunk, error) {
	for {
		rec, err := r.batch()
		if errors.Is(err, io.EOF) && !errors.Is(err, io.ErrUnexpectedEOF) {
			return chunk{}, io.EOF
		}
		if err != nil {
			return chunk{}, badFile(r.name, "a whole Arrow IPC file or stream", err)
		}
		r.row += rec.NumRows()
		if rec = dropRows(rec, &r.skip); rec == nil {
			continue
		}
		rec, err = r.c.record(ctx, rec)
		if err != nil {
			return chunk{}, badFile(r.name, "columns that can be made plain", err)
		}
		return chunk{rec: rec, first: r.row - rec.NumRows(), next: r.row}, nil
	}
}

func (r *arrowReader) close() { r.done() }
