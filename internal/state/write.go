package state

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"path/filepath"

	"github.com/zeebo/xxh3"

	"github.com/sluice-stream/sluice/internal/vfs"
)

// A new base is written when the deltas hold more than half of it, or are this many: a restore then reads at most
// one and a half times the state, from 17 files.
const mostDeltas = 16

// Write makes what was captured durable and returns the parts in order. Nothing that was published is changed; what
// it wrote is removed by a later Sweep unless it is published. It runs beside whatever the components do.
func (s *Store) Write(ctx context.Context, all []*Captured) ([]Part, error) {
	s.files.Lock()
	defer s.files.Unlock()
	parts := make([]Part, len(all))
	for i, c := range all {
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		p, err := s.writePart(ctx, c)
		if err != nil {
			return nil, fmt.Errorf("checkpoint part %s: %w", c.name, err)
		}
		parts[i] = p
		s.mu.Lock()
		s.pending[c.name] = &image{p, c.now.blocks}
		s.mu.Unlock()
	}
	return parts, nil
}

func (s *Store) writePart(ctx context.Context, c *Captured) (Part, error) {
	if c.unchanged() {
		return c.from.part, nil
	}
	if c.all() || c.compacts(c.bytes) {
		return s.writeBase(ctx, c)
	}
	encode := func(w io.Writer) error { return encodeDelta(w, c.from.part.Content, c.content, c.values) }
	f, err := nameFile(ctx, c.name+"-delta", encode)
	if err != nil {
		return Part{}, err
	}
	if c.compacts(f.Bytes) { // what is around few elements counts too
		return s.writeBase(ctx, c)
	}
	p := c.from.part
	p.Content = c.content
	p.Deltas = append(append([]File{}, p.Deltas...), f)
	return p, s.writeFile(ctx, f, encode)
}

// compacts says that the deltas, with one more of some bytes, are too many or too large.
func (c *Captured) compacts(bytes int64) bool {
	p := c.from.part
	return len(p.Deltas) >= mostDeltas || p.DeltaBytes()+bytes > p.Bytes/2
}

// writeBase writes the whole state. What was not captured is read back from the files, so that compacting costs the
// component no time.
func (s *Store) writeBase(ctx context.Context, c *Captured) (Part, error) {
	values, err := c.merged()
	if err != nil {
		return Part{}, err
	}
	encode := func(w io.Writer) error { return encodeBase(w, values) }
	f, err := nameFile(ctx, c.name, encode)
	if err != nil {
		return Part{}, err
	}
	return Part{Name: c.name, Content: c.content, File: f.File, Bytes: f.Bytes, Hash: f.Hash}, s.writeFile(ctx, f, encode)
}

// nameFile finds out the name of a file, which is the hash of its bytes, by encoding it once for nothing. So the
// bytes are never held as a whole, and a store that cannot rename needs no second copy.
func nameFile(ctx context.Context, name string, encode func(io.Writer) error) (File, error) {
	h := &hasher{ctx: ctx}
	if err := encode(h); err != nil {
		return File{}, err
	}
	sum := h.Sum128().Bytes()
	hash := fmt.Sprintf("%x", sum[:])
	return File{File: fmt.Sprintf("parts/%s-%s.arrow", name, hash[:16]), Bytes: h.bytes, Hash: hash}, nil
}

func (s *Store) writeFile(ctx context.Context, f File, encode func(io.Writer) error) error {
	return vfs.Write(s.fs, filepath.Join(s.dir, f.File), func(w io.Writer) error {
		b := bufio.NewWriterSize(stoppable{ctx, w}, 64<<10) // Arrow writes what is around the elements in crumbs
		if err := encode(b); err != nil {
			return err
		}
		return b.Flush()
	})
}

// hasher hashes and counts what is written to it.
type hasher struct {
	xxh3.Hasher
	ctx   context.Context
	bytes int64
}

func (h *hasher) Write(b []byte) (int, error) {
	h.bytes += int64(len(b))
	n, err := h.Hasher.Write(b)
	if err == nil {
		err = h.ctx.Err()
	}
	return n, err
}

// stoppable is a writer that fails once its context has ended.
type stoppable struct {
	ctx context.Context
	io.Writer
}

func (w stoppable) Write(b []byte) (int, error) {
	if err := w.ctx.Err(); err != nil {
		return 0, err
	}
	return w.Writer.Write(b)
}
