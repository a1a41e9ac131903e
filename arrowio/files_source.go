package arrowio

import (
	"context"
	"io"
	"log/slog"
	"slices"

	"github.com/apache/arrow/go/v17/arrow"
	"github.com/apache/arrow/go/v17/arrow/array"
	"github.com/apache/arrow/go/v17/arrow/memory"

	"github.com/sluice-stream/sluice/check"
	"github.com/sluice-stream/sluice/flow"
)

// fileFormat is what turns the files of one format into chunks.
type fileFormat interface {
	name() string
	endings() []string // of the files that are taken from a folder, lower case
	// settle returns the schema of the source: declared, of the first file, or inferred from the files.
	settle(ctx context.Context, e *fileEnv) (*arrow.Schema, error)
	// open reads f from a row, as records of e.schema.
	open(ctx context.Context, e *fileEnv, f inputFile, row int64) (chunkReader, error)
}

// fileEnv is what a format needs to read.
type fileEnv struct {
	store   *fileStore
	alloc   memory.Allocator
	log     *slog.Logger
	files   []inputFile
	columns []string      // projection, empty for all
	schema  *arrow.Schema // valid once settled
}

// placeNames are the values of the setting meta.
var placeNames = map[string]arrow.Field{
	"file": {Name: flow.ColFile, Type: arrow.BinaryTypes.String},
	"row":  {Name: flow.ColRow, Type: arrow.PrimitiveTypes.Int64},
}

// checkFiles checks the settings that all file sources share.
func checkFiles(path string, columns, meta []string) error {
	errs := []error{check.Required("path", path)}
	for _, m := range meta {
		errs = append(errs, check.OneOf("meta", m, "file", "row"))
	}
	for i, c := range columns {
		errs = append(errs, check.That(!slices.Contains(columns[:i], c), "columns", "each column once", c+" twice"))
	}
	return check.All(errs...)
}

// fileSource reads files as one stream of records; see the package comment.
type fileSource struct {
	format  fileFormat
	path    string
	columns []string
	meta    []string

	env    flow.Env
	e      fileEnv
	out    *arrow.Schema
	cancel context.CancelFunc // of life
	life   context.Context

	file  int   // position: the next row is row `row` of file `file`
	row   int64 //
	saved *savedFiles

	cur   cursor
	ahead *readAhead
	rows  []int64 // scratch: file rows of a record
}

// Open lists the files, compares them with those of a restored position and settles the schema.
func (s *fileSource) Open(ctx context.Context, env flow.Env) error {
	s.env = env
	s.e = fileEnv{alloc: env.Alloc, log: env.Log, columns: s.columns}
	if s.e.alloc == nil {
		s.e.alloc = memory.DefaultAllocator
	}
	if s.e.log == nil {
		s.e.log = slog.New(slog.DiscardHandler)
	}
	if s.env.Reject == nil {
		s.env.Reject = func(r flow.Rejection) {
			s.e.log.Warn("row rejected", "file", r.Topic, "row", r.Offset, "reason", r.Reason)
		}
	}
	store, pattern, err := openStore(ctx, s.path)
	if err != nil {
		return err
	}
	s.e.store = store
	if s.e.files, err = store.list(ctx, pattern, s.format.endings()); err != nil {
		return err
	}
	if err := s.saved.sameFiles(s.e.files); err != nil {
		return err
	}
	if err := s.settle(ctx); err != nil {
		return err
	}
	s.life, s.cancel = context.WithCancel(context.WithoutCancel(ctx))
	return nil
}

func (s *fileSource) settle(ctx context.Context) error {
	schema, err := s.format.settle(ctx, &s.e)
	if err != nil {
		return err
	}
	if err := s.saved.sameSchema(schema); err != nil {
		return err
	}
	s.e.schema = schema
	fields := slices.Clone(schema.Fields())
	for _, m := range s.meta {
		if schema.HasField(placeNames[m].Name) {
			return flow.Configf("meta: want no column called %s in the files, got one; leave %q out of meta", placeNames[m].Name, m)
		}
		fields = append(fields, placeNames[m])
	}
	s.out = arrow.NewSchema(fields, nil)
	return nil
}

// Place is the path that is read.
func (s *fileSource) Place() string { return s.path }

// Origin is the path of the files.
func (s *fileSource) Origin() string { return s.path }

// Schema returns the columns of the files and those that meta asks for.
func (s *fileSource) Schema() *arrow.Schema { return s.out }

// Next returns at most max rows; see flow.Source.
func (s *fileSource) Next(ctx context.Context, max int) (arrow.Record, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	if s.cur.done() {
		if err := s.advance(ctx); err != nil {
			return nil, err
		}
	}
	var runs func(first, n int64)
	s.rows = s.rows[:0]
	if len(s.meta) > 0 {
		runs = func(first, n int64) {
			for i := range n {
				s.rows = append(s.rows, first+i)
			}
		}
	}
	name := s.e.files[s.file].name
	rec, bad := s.cur.take(int64(max), runs)
	s.reject(name, bad)
	s.row = s.cur.row
	if s.cur.done() && s.cur.last {
		s.file, s.row = s.file+1, 0
	}
	if rec == nil {
		rec = emptyRecord(s.e.alloc, s.e.schema)
	}
	return withPlace(s.e.alloc, rec, s.out, name, s.rows), nil
}

// advance makes the next chunk the current one.
func (s *fileSource) advance(ctx context.Context) error {
	if s.ahead == nil {
		open := func(ctx context.Context, i int, row int64) (chunkReader, error) {
			return s.format.open(ctx, &s.e, s.e.files[i], row)
		}
		s.ahead = startAhead(s.life, open, s.e.files, s.file, s.row)
	}
	it, err := s.ahead.next(ctx)
	switch {
	case err == io.EOF:
		s.stop()
		s.file, s.row = len(s.e.files), 0
		return io.EOF
	case err != nil && ctx.Err() == nil:
		s.stop() // a retry starts again at the position
		return err
	case err != nil:
		return err
	}
	s.file = it.file
	s.cur.reset(it.chunk)
	return nil
}

func (s *fileSource) reject(file string, bad []badRow) {
	for _, b := range bad {
		s.env.Reject(flow.Rejection{
			Reason: b.reason, Stage: s.format.name(), Topic: file, Partition: -1, Offset: b.row, Raw: b.raw,
		})
	}
}

// Rewind starts over at the first row of the first file.
func (s *fileSource) Rewind(context.Context) error {
	s.stop()
	s.file, s.row = 0, 0
	return nil
}

// Close frees everything that was decoded ahead.
func (s *fileSource) Close() error {
	s.stop()
	if s.cancel != nil {
		s.cancel()
	}
	s.e.store.close()
	s.e.store = nil
	return nil
}

func (s *fileSource) stop() {
	if s.ahead != nil {
		s.ahead.stop()
		s.ahead = nil
	}
	s.cur.reset(chunk{})
}

func emptyRecord(alloc memory.Allocator, schema *arrow.Schema) arrow.Record {
	b := array.NewRecordBuilder(alloc, schema)
	defer b.Release()
	return b.NewRecord()
}
