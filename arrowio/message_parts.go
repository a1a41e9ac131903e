package arrowio

import (
	"encoding/binary"
	"fmt"
	"io"

	"github.com/apache/arrow/go/v17/arrow/ipc"
	"github.com/apache/arrow/go/v17/arrow/memory"
)

// messageParts hands the parts of an IPC stream in memory to the decoder without a copy of them; the decoder
// copies each column's buffers out. The stream was verified, so lengths are not checked again.
type messageParts struct {
	rest []byte
	last *ipc.Message
}

// Message returns the next part, valid until the next call; io.EOF behind the last one.
func (m *messageParts) Message() (*ipc.Message, error) {
	m.Release()
	meta, body, rest, err := cutPart(m.rest)
	if err != nil {
		return nil, err
	}
	m.rest = rest
	m.last = ipc.NewMessage(memory.NewBufferBytes(meta), memory.NewBufferBytes(body))
	return m.last, nil
}

// Release lets go of the last part.
func (m *messageParts) Release() {
	if m.last != nil {
		m.last.Release()
		m.last = nil
	}
}

// Retain is part of the contract; the parts have one owner.
func (m *messageParts) Retain() {}

// cutPart cuts the first part off b: the bytes of its metadata and its body. io.EOF is the end of the stream.
func cutPart(b []byte) (meta, body, rest []byte, err error) {
	const continued = 0xffffffff
	w := wire{b: b}
	size := w.le32()
	if size == continued {
		size = w.le32()
	}
	switch {
	case len(b) == 0, !w.bad && size == 0:
		return nil, nil, nil, io.EOF
	case w.bad:
		return nil, nil, nil, fmt.Errorf("the length of a part is cut: %w", io.ErrUnexpectedEOF)
	}
	meta = w.skip(int(size))
	t := flatTable{buf: meta}
	t.at = t.u32(0)
	if at := t.field(3); at != 0 {
		body = w.skip(int(t.u64(at)))
	}
	if w.bad {
		return nil, nil, nil, fmt.Errorf("a part is cut: %w", io.ErrUnexpectedEOF)
	}
	return meta, body, w.b, nil
}

// le32 reads four bytes, the least significant first.
func (w *wire) le32() uint32 {
	if b := w.skip(4); b != nil {
		return binary.LittleEndian.Uint32(b)
	}
	return 0
}
