package arrowio

import (
	"encoding/binary"
	"fmt"
)

// verifyStream checks the lengths in an IPC stream that the decoder trusts: those of its parts, and those of the
// lists in its schema. It allocates what they say before it looks, and memory that is not there ends the process.
// source: Arrow columnar format, "Encapsulated message format" and Schema.fbs
func verifyStream(b []byte) error {
	const continued, headerSchema = 0xffffffff, 1
	for part := 0; len(b) >= 4; part++ {
		size := binary.LittleEndian.Uint32(b)
		b = b[4:]
		if size == continued {
			if len(b) < 4 {
				return fmt.Errorf("part %d ends in its length", part)
			}
			size = binary.LittleEndian.Uint32(b)
			b = b[4:]
		}
		if size == 0 {
			return nil
		}
		if uint64(size) > uint64(len(b)) {
			return fmt.Errorf("part %d is cut: it has %d of %d bytes", part, len(b), size)
		}
		m := flatTable{buf: b[:size]}
		m.at = m.u32(0)
		if m.kind(1) == headerSchema {
			v := flatVerifier{left: int64(size)}
			if !v.schema(m.table(2)) {
				return fmt.Errorf("part %d: a list of the schema is longer than the schema", part)
			}
		}
		body := uint64(0)
		if at := m.field(3); at != 0 {
			body = m.u64(at)
		}
		b = b[size:]
		if body > uint64(len(b)) {
			return fmt.Errorf("part %d: its body is cut: it has %d of %d bytes", part, len(b), body)
		}
		b = b[body:]
	}
	return nil
}

// flatTable is a table of a flatbuffer. Positions wrap at 32 bits, as they do in the decoder; those that lie
// outside the buffer read as 0, where the decoder panics and is caught.
type flatTable struct {
	buf []byte
	at  uint32
}

func (t flatTable) read(at uint32, size int) []byte {
	if int(at)+size > len(t.buf) {
		return make([]byte, size)
	}
	return t.buf[at : int(at)+size]
}

func (t flatTable) u16(at uint32) uint32 { return uint32(binary.LittleEndian.Uint16(t.read(at, 2))) }
func (t flatTable) u32(at uint32) uint32 { return binary.LittleEndian.Uint32(t.read(at, 4)) }
func (t flatTable) u64(at uint32) uint64 { return binary.LittleEndian.Uint64(t.read(at, 8)) }

// field returns where field i stands, 0 where the table does not have it.
func (t flatTable) field(i uint32) uint32 {
	vtable := t.at - t.u32(t.at)
	entry := 4 + 2*i
	if entry >= t.u16(vtable) {
		return 0
	}
	if offset := t.u16(vtable + entry); offset != 0 {
		return t.at + offset
	}
	return 0
}

// kind reads the byte in field i.
func (t flatTable) kind(i uint32) byte {
	at := t.field(i)
	if at == 0 {
		return 0
	}
	return t.read(at, 1)[0]
}

// table follows the reference in field i.
func (t flatTable) table(i uint32) flatTable {
	at := t.field(i)
	if at == 0 {
		return flatTable{}
	}
	return flatTable{buf: t.buf, at: at + t.u32(at)}
}

// list returns where the list in field i begins and how long it says it is.
func (t flatTable) list(i uint32) (at, n uint32) {
	at = t.field(i)
	if at == 0 {
		return 0, 0
	}
	at += t.u32(at)
	return at + 4, t.u32(at)
}

// flatVerifier walks a schema. All lists together cannot have more elements than the schema has bytes: this also
// ends fields that hold themselves.
type flatVerifier struct{ left int64 }

func (v *flatVerifier) schema(t flatTable) bool { return v.fields(t, 1) && v.spend(t, 2) }

func (v *flatVerifier) spend(t flatTable, list uint32) bool {
	_, n := t.list(list)
	v.left -= int64(n)
	return v.left >= 0
}

func (v *flatVerifier) fields(t flatTable, list uint32) bool {
	at, n := t.list(list)
	if v.left -= int64(n); v.left < 0 {
		return false
	}
	for i := range n {
		ref := at + 4*i
		f := flatTable{buf: t.buf, at: ref + t.u32(ref)}
		if !v.fields(f, 5) || !v.spend(f, 6) {
			return false
		}
		if f.kind(2) == unionType && !v.spend(f.table(3), 1) {
			return false
		}
	}
	return true
}

// unionType is the type of a field whose type has a list: its type ids.
const unionType = 14
