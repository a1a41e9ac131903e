package arrowio

import (
	"bufio"
	"compress/gzip"
	"context"
	"errors"
	"io"
	"io/fs"
	"os"
	"strings"

	"github.com/klauspost/compress/zstd"
	"gocloud.dev/blob"

	"github.com/sluice-stream/sluice/flow"
)

// openRandom opens f to be read at any place.
func (s *fileStore) openRandom(ctx context.Context, f inputFile) (randomFile, error) {
	if s.bucket != nil {
		return &blobFile{ctx: ctx, bucket: s.bucket, file: f}, nil
	}
	return openLocal(f)
}

func openLocal(f inputFile) (*os.File, error) {
	file, err := os.Open(f.name)
	switch {
	case errors.Is(err, fs.ErrNotExist), errors.Is(err, fs.ErrPermission):
		return nil, flow.Configf("%s: want a readable file, got: %w", f.name, err)
	case err != nil:
		return nil, flow.Transientf("%s: %w", f.name, err)
	}
	return file, nil
}

// openText opens f to be read from its start, decompressed by its ending (.gz, .zst).
func (s *fileStore) openText(ctx context.Context, f inputFile) (io.ReadCloser, error) {
	var raw io.ReadCloser
	if s.bucket == nil {
		file, err := openLocal(f)
		if err != nil {
			return nil, err
		}
		raw = file
	} else {
		r, err := s.bucket.NewReader(ctx, f.key, nil)
		if err != nil {
			return nil, storeError(f.name, err)
		}
		raw = storeReader{f.name, r}
	}
	return decompress(f, raw)
}

func decompress(f inputFile, raw io.ReadCloser) (io.ReadCloser, error) {
	name := strings.ToLower(f.name)
	switch {
	case f.size == 0: // no compressor writes nothing, but a writer that died did: no rows
		return raw, nil
	case strings.HasSuffix(name, ".gz"):
		z, err := gzip.NewReader(bufio.NewReaderSize(raw, 1<<16))
		if err != nil {
			raw.Close()
			return nil, badFile(f.name, "a gzip file", err)
		}
		return textFile{z, raw, func() {}}, nil
	case strings.HasSuffix(name, ".zst"), strings.HasSuffix(name, ".zstd"):
		z, err := zstd.NewReader(raw, zstd.WithDecoderConcurrency(1))
		if err != nil {
			raw.Close()
			return nil, badFile(f.name, "a zstd file", err)
		}
		return textFile{z, raw, z.Close}, nil
	}
	return raw, nil
}

// textFile reads through a decompressor and closes what lies below it.
type textFile struct {
	io.Reader
	raw  io.Closer
	done func()
}

func (t textFile) Close() error {
	t.done()
	return t.raw.Close()
}

// badFile is the error for a file whose content is not what it must be: a class that is never retried.
func badFile(name, want string, err error) error {
	if errors.Is(err, flow.ErrTransient) || errors.Is(err, flow.ErrConfig) || errors.Is(err, flow.ErrCorrupt) ||
		errors.Is(err, context.Canceled) || errors.Is(err, context.DeadlineExceeded) {
		return err
	}
	return flow.Corruptf("%s: want %s, got: %w; was it cut off? write it again, or keep it out of path", name, want, err)
}

// storeReader gives errors of an object store their class.
type storeReader struct {
	name string
	io.ReadCloser
}

func (r storeReader) Read(p []byte) (int, error) {
	n, err := r.ReadCloser.Read(p)
	if err != nil && err != io.EOF {
		err = storeError(r.name, err)
	}
	return n, err
}

// blobFile reads an object at any place, one request a read: Parquet and Arrow readers ask for whole chunks.
type blobFile struct {
	ctx    context.Context // of the source; io.ReaderAt has no place for one
	bucket *blob.Bucket
	file   inputFile
	at     int64
}

func (b *blobFile) ReadAt(p []byte, off int64) (int, error) {
	if off >= b.file.size {
		return 0, io.EOF
	}
	want := min(int64(len(p)), b.file.size-off)
	r, err := b.bucket.NewRangeReader(b.ctx, b.file.key, off, want, nil)
	if err != nil {
		return 0, storeError(b.file.name, err)
	}
	defer r.Close()
	n, err := io.ReadFull(r, p[:want])
	if err != nil {
		return n, storeError(b.file.name, err)
	}
	if n < len(p) {
		return n, io.EOF
	}
	return n, nil
}

func (b *blobFile) Read(p []byte) (int, error) {
	n, err := b.ReadAt(p, b.at)
	b.at += int64(n)
	if n > 0 && err == io.EOF {
		err = nil
	}
	return n, err
}

func (b *blobFile) Seek(off int64, whence int) (int64, error) {
	switch whence {
	case io.SeekCurrent:
		off += b.at
	case io.SeekEnd:
		off += b.file.size
	}
	if off < 0 {
		return 0, flow.Corruptf("%s: want a place inside the file, got byte %d", b.file.name, off)
	}
	b.at = off
	return off, nil
}

func (b *blobFile) Close() error { return nil }
