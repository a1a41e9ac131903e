package arrowio

import (
	"bytes"
	"context"
	"errors"
	"io"

	"github.com/apache/arrow/go/v17/arrow"
	"github.com/apache/arrow/go/v17/arrow/array"
	"github.com/apache/arrow/go/v17/arrow/ipc"
	"github.com/apache/arrow/go/v17/arrow/memory"

	"github.com/sluice-stream/sluice/flow"
)

// arrowPayloads decodes messages that are Arrow IPC streams. A message is decoded whole before any of its rows
// is used, so that a broken one leaves no rows behind.
//
// Columns are matched by name: one that a message lacks, or has without a type, is null; one that the schema does
// not have is left out; one of another type makes the message ErrData.
type arrowPayloads struct {
	alloc   memory.Allocator
	schema  *arrow.Schema
	open    bool // batches are those of the message at offset of partition
	part    int32
	offset  int64
	batches []arrow.Record
	pieces  []arrow.Record // rows taken since the last columns
	bytes   int            // of the messages that they are from
	known   knownSchema
}

// knownSchema is the schema of the newest message: nearly always that of the next one.
type knownSchema struct {
	meta []byte // as in the stream
	pick columnPick
	view bool // batches can be views of the message
}

func (a *arrowPayloads) add(p int32, r *krecord, from int64, most int) (rows int, whole bool, err error) {
	if !a.open || a.part != p || a.offset != r.offset {
		a.drop()
		if a.batches, err = a.read(r); err != nil {
			return 0, true, err
		}
		a.open, a.part, a.offset = true, p, r.offset
		a.bytes += len(r.value)
	}
	for _, b := range a.batches {
		n := b.NumRows()
		if from >= n {
			from -= n
			continue
		}
		to := min(n, from+int64(most-rows))
		if to == from {
			return rows, false, nil
		}
		a.pieces = append(a.pieces, b.NewSlice(from, to))
		rows += int(to - from)
		if to < n {
			return rows, false, nil
		}
		from = 0
	}
	a.drop()
	return rows, true, nil
}

// full says that enough rows wait: large messages pass on without a copy, and small ones are joined to columns
// that stay far below the 2 GiB of a utf8 column.
func (a *arrowPayloads) full() bool {
	return len(a.pieces) > 0 && (a.pieces[0].NumRows() >= 256 || a.bytes >= recordBytes)
}

func (a *arrowPayloads) columns() ([]arrow.Array, error) {
	defer func() { a.pieces, a.bytes = releaseAll(a.pieces), 0 }()
	out := make([]arrow.Array, a.schema.NumFields())
	for c := range out {
		col, err := a.column(c)
		if err != nil {
			for _, o := range out[:c] {
				o.Release()
			}
			return nil, err
		}
		out[c] = col
	}
	return out, nil
}

func (a *arrowPayloads) column(c int) (arrow.Array, error) {
	switch len(a.pieces) {
	case 0:
		return array.MakeArrayOfNull(a.alloc, a.schema.Field(c).Type, 0), nil
	case 1:
		col := a.pieces[0].Column(c)
		col.Retain()
		return col, nil
	}
	parts := make([]arrow.Array, len(a.pieces))
	for i, p := range a.pieces {
		parts[i] = p.Column(c)
	}
	return array.Concatenate(parts, a.alloc)
}

func (a *arrowPayloads) drop() {
	a.batches, a.open = releaseAll(a.batches), false
}

func (a *arrowPayloads) release() {
	a.drop()
	a.pieces = releaseAll(a.pieces)
}

func releaseAll(recs []arrow.Record) []arrow.Record {
	for _, r := range recs {
		r.Release()
	}
	return recs[:0]
}

// read decodes every batch of a message into records of the schema.
func (a *arrowPayloads) read(r *krecord) (out []arrow.Record, err error) {
	g := newGuard(a.alloc, len(r.value))
	defer func() {
		if p := recover(); p != nil { // the decoder of broken bytes
			err = flow.Dataf("arrow_ipc: message of %d bytes is broken: %v", len(r.value), p)
		}
		if err != nil {
			releaseAll(out)
			out = nil
		}
		g.done(err != nil)
	}()
	if err := verifyStream(r.value); err != nil {
		return nil, flow.Dataf("arrow_ipc: message of %d bytes is broken: %w", len(r.value), err)
	}
	if out, err = a.view(r); errors.Is(err, errNotViewed) {
		out, err = a.decode(g, r.value)
	}
	return out, err
}

// view makes records that are views of the message; errNotViewed says that it has something else than that allows.
func (a *arrowPayloads) view(r *krecord) (out []arrow.Record, err error) {
	meta, _, rest, err := cutPart(r.value)
	if err != nil || a.known.meta == nil || !bytes.Equal(meta, a.known.meta) || !a.known.view {
		return nil, errNotViewed
	}
	for {
		meta, body, next, err := cutPart(rest)
		if errors.Is(err, io.EOF) {
			return out, nil
		}
		if err == nil {
			var rec arrow.Record
			if rec, err = viewRecord(a.schema, meta, body, r.in); err == nil {
				out, rest = append(out, rec), next
				err = verifyColumns(rec)
			}
		}
		if errors.Is(err, errNotViewed) {
			releaseAll(out)
			return nil, err
		}
		if err != nil {
			return out, flow.Dataf("arrow_ipc: batch %d of the message: %w", len(out), err)
		}
	}
}

// decode reads a message through the library, and remembers its schema.
func (a *arrowPayloads) decode(alloc memory.Allocator, value []byte) (out []arrow.Record, err error) {
	rd, err := ipc.NewReaderFromMessageReader(&messageParts{rest: value}, ipc.WithAllocator(alloc))
	if err != nil {
		return nil, flow.Dataf("arrow_ipc: want an Arrow IPC stream, got %d bytes: %w", len(value), err)
	}
	defer rd.Release()
	if err := a.learn(rd.Schema(), value); err != nil {
		return nil, err
	}
	for rd.Next() {
		rec, err := a.known.pick.apply(alloc, rd.Record())
		if err != nil {
			return out, err
		}
		out = append(out, rec)
		if err := verifyColumns(rec); err != nil {
			return out, flow.Dataf("arrow_ipc: batch %d of the message: %w", len(out)-1, err)
		}
	}
	if rd.Err() != nil {
		return out, flow.Dataf("arrow_ipc: batch %d of the message: %w", len(out), rd.Err())
	}
	return out, nil
}

// learn matches the schema of a message, unless it is that of the message before.
func (a *arrowPayloads) learn(got *arrow.Schema, value []byte) error {
	meta, _, _, err := cutPart(value)
	if err == nil && a.known.meta != nil && bytes.Equal(meta, a.known.meta) {
		return nil
	}
	a.known = knownSchema{}
	pick, err := matchColumns(got, a.schema)
	if err != nil {
		return err
	}
	a.known = knownSchema{meta: bytes.Clone(meta), pick: pick, view: pick.same && viewable(got)}
	return nil
}

// columnPick says which column of a message fills each column of the schema, -1 for none.
type columnPick struct {
	schema *arrow.Schema
	from   []int
	same   bool // the message has exactly the schema's columns
}

func matchColumns(got, want *arrow.Schema) (columnPick, error) {
	p := columnPick{schema: want, from: make([]int, want.NumFields()), same: got.NumFields() == want.NumFields()}
	for i, f := range want.Fields() {
		p.from[i] = -1
		at := got.FieldIndices(f.Name)
		if len(at) > 0 && got.Field(at[0]).Type.ID() != arrow.NULL {
			p.from[i] = at[0]
			if g := normalType(got.Field(at[0]).Type); !arrow.TypeEqual(g, f.Type) {
				return p, flow.Dataf("arrow_ipc: column %q: want %s, got %s", f.Name, f.Type, g)
			}
		}
		p.same = p.same && p.from[i] == i && arrow.TypeEqual(got.Field(i).Type, f.Type)
	}
	return p, nil
}

// apply returns rec as a record of the schema, owned by the caller.
func (p columnPick) apply(alloc memory.Allocator, rec arrow.Record) (arrow.Record, error) {
	cols := make([]arrow.Array, len(p.from))
	for i, at := range p.from {
		var err error
		switch {
		case at < 0:
			cols[i] = array.MakeArrayOfNull(alloc, p.schema.Field(i).Type, int(rec.NumRows()))
		case p.same:
			cols[i] = rec.Column(at)
			cols[i].Retain()
		default:
			cols[i], err = normalArray(context.Background(), alloc, rec.Column(at))
		}
		if err != nil {
			return nil, flow.Dataf("arrow_ipc: column %q: %w", p.schema.Field(i).Name, err)
		}
		defer cols[i].Release()
	}
	return array.NewRecord(p.schema, cols, rec.NumRows()), nil
}

// messageSchema returns the columns of an IPC stream, in the types that operators know.
func messageSchema(value []byte) (s *arrow.Schema, err error) {
	defer func() {
		if p := recover(); p != nil {
			err = flow.Dataf("arrow_ipc: schema is broken: %v", p)
		}
	}()
	if err := verifyStream(value); err != nil {
		return nil, err
	}
	rd, err := ipc.NewReader(bytes.NewReader(value))
	if err != nil {
		return nil, err
	}
	defer rd.Release()
	s = normalSchema(rd.Schema())
	return s, uniqueNames("message", s)
}
