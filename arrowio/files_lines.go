package arrowio

import (
	"bufio"
	"bytes"
	"context"
	"fmt"
	"io"
)

const (
	// textRows is how many rows of a text format make a chunk.
	textRows = 4096
	// textLine is the longest line that becomes a row, in bytes.
	textLine = 64 << 20
	// textRaw is how much of a longer line a rejection keeps, in bytes.
	textRaw = 64 << 10
	// inferBytes bounds the text that a schema is inferred from.
	inferBytes = 64 << 20
)

var utf8Mark = []byte("\xef\xbb\xbf")

// lineReader reads the lines of one text file. Blank lines are passed over; a byte order mark is skipped.
type lineReader struct {
	name  string
	raw   io.Closer
	r     *bufio.Reader
	buf   []byte // a line that spans buffers
	begun bool
	back  []byte // lines that were put back
}

func openLines(ctx context.Context, e *fileEnv, f inputFile) (*lineReader, error) {
	raw, err := e.store.openText(ctx, f)
	if err != nil {
		return nil, err
	}
	return &lineReader{name: f.name, raw: raw, r: bufio.NewReaderSize(raw, 1<<18)}, nil
}

// line returns the next line with its end of line, valid until the next call; io.EOF behind the last one. Of a line
// beyond textLine it returns the first textRaw bytes, and its whole length in size.
func (l *lineReader) line() (line []byte, size int, err error) {
	for {
		line, size, err = l.any()
		if err != nil || line[0] > ' ' || len(bytes.TrimSpace(line)) > 0 {
			return line, size, err
		}
	}
}

// any is line for blank lines too. A line holds at least a byte.
func (l *lineReader) any() (line []byte, size int, err error) {
	if len(l.back) > 0 {
		line, l.back = cutLine(l.back)
		size = len(line)
	} else if line, size, err = l.read(); err != nil {
		return nil, 0, err
	}
	if !l.begun {
		l.begun = true
		if line = bytes.TrimPrefix(line, utf8Mark); len(line) == 0 {
			return l.any()
		}
	}
	return line, size, nil
}

func cutLine(b []byte) (line, rest []byte) {
	if i := bytes.IndexByte(b, '\n'); i >= 0 {
		return b[:i+1], b[i+1:]
	}
	return b, nil
}

// putBack makes the next calls return the lines of b first. b may be what line returned.
func (l *lineReader) putBack(b []byte) {
	l.back = append(bytes.Clone(b), l.back...)
}

func (l *lineReader) read() ([]byte, int, error) {
	part, err := l.r.ReadSlice('\n')
	if err == nil || err == io.EOF && len(part) > 0 {
		return part, len(part), nil
	}
	size := len(part)
	l.buf = append(l.buf[:0], part...)
	for err == bufio.ErrBufferFull {
		part, err = l.r.ReadSlice('\n')
		size += len(part)
		if size <= textLine {
			l.buf = append(l.buf, part...)
		}
	}
	switch {
	case err != nil && err != io.EOF:
		return nil, 0, badFile(l.name, "a whole text file", err)
	case size == 0:
		return nil, 0, io.EOF
	case size > textLine:
		return l.buf[:min(len(l.buf), textRaw)], size, nil
	}
	return l.buf, size, nil
}

// tooLong is the reason for which a line beyond textLine is rejected.
func tooLong(size int) string {
	return fmt.Sprintf("want a line of at most %d bytes, got %d; only its start is kept here", textLine, size)
}

func (l *lineReader) close() { _ = l.raw.Close() } // read only: nothing can be lost
