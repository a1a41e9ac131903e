package sinks

import (
	"bufio"
	"fmt"
	"io"

	"github.com/apache/arrow/go/v17/arrow"

	"github.com/sluice-stream/sluice/internal/vfs"
)

// stageFile is a file that is being written and that nobody sees yet.
type stageFile struct {
	path string
	f    vfs.File
	buf  *bufio.Writer
	out  *meter
	enc  encoder
	rows int64
}

func newStageFile(fs vfs.FS, path string, begin func(io.Writer) (encoder, error)) (*stageFile, error) {
	f, err := fs.Create(path)
	if err != nil {
		return nil, err
	}
	s := &stageFile{path: path, f: f, buf: bufio.NewWriterSize(f, 256<<10)}
	s.out = &meter{w: s.buf}
	err = s.guard(func() (err error) { s.enc, err = begin(s.out); return err })
	if err != nil {
		_ = f.Close() // the first error counts
		return nil, err
	}
	return s, nil
}

func (s *stageFile) write(rec arrow.Record) error {
	s.rows += rec.NumRows()
	err := s.guard(func() error { return s.enc.Write(rec) })
	if err != nil {
		s.abandon()
	}
	return err
}

// finish writes what is buffered and makes the file durable.
func (s *stageFile) finish() error {
	err := s.guard(s.enc.Close)
	if err == nil {
		err = s.buf.Flush()
	}
	if err == nil {
		err = s.f.Sync()
	}
	if cerr := s.f.Close(); err == nil {
		err = cerr
	}
	return err
}

// abandon closes the file as it is. The encoder is closed for the memory that it holds.
func (s *stageFile) abandon() {
	if s.f == nil {
		return
	}
	s.out.err = io.ErrClosedPipe // nothing more reaches the file
	_ = s.guard(s.enc.Close)
	_ = s.f.Close()
	s.f = nil
}

// guard runs a step of the encoder. The writer's own error counts most: the encoders lose some of them. A panic
// in the encoder, which cannot be ruled out for every type, becomes an error.
func (s *stageFile) guard(step func() error) (err error) {
	defer func() {
		if p := recover(); p != nil {
			err = fmt.Errorf("the file format's encoder failed: %v", p)
		}
		if s.out.err != nil {
			err = s.out.err
		}
	}()
	return step()
}

// meter counts what is written and keeps the first error instead of returning it, because the Parquet encoder
// panics on some errors and drops others.
type meter struct {
	w   io.Writer
	n   int64
	err error
}

func (m *meter) Write(p []byte) (int, error) {
	if m.err == nil {
		_, m.err = m.w.Write(p)
	}
	m.n += int64(len(p))
	return len(p), nil
}

// Seek tells the position, which is all that the Arrow file writer asks for.
func (m *meter) Seek(offset int64, whence int) (int64, error) {
	if offset != 0 || whence != io.SeekCurrent {
		return 0, fmt.Errorf("cannot seek in a file that is being written")
	}
	return m.n, nil
}
