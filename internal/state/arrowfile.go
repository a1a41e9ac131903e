package state

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"

	"github.com/apache/arrow/go/v17/arrow"
	"github.com/apache/arrow/go/v17/arrow/array"
	"github.com/apache/arrow/go/v17/arrow/ipc"
	"github.com/apache/arrow/go/v17/arrow/memory"
)

// arrowFile reads an Arrow IPC file of one record whose columns share the memory of the file. The reader of the Arrow
// library would copy a part of 1 GB twice before the first value could be taken from it.
func arrowFile(file []byte) (*arrow.Schema, []arrow.Array, error) {
	r, err := ipc.NewFileReader(bytes.NewReader(file)) // reads the footer only
	if err != nil {
		return nil, nil, fmt.Errorf("want an Arrow IPC file: %w", err)
	}
	defer r.Close()
	if r.NumRecords() != 1 {
		return nil, nil, fmt.Errorf("want one record, got %d", r.NumRecords())
	}
	c, err := recordIn(file)
	if err != nil {
		return nil, nil, err
	}
	var cols []arrow.Array
	for _, f := range r.Schema().Fields() {
		data, err := c.next(f.Type)
		if err != nil {
			return nil, nil, fmt.Errorf("%s: %w", f.Name, err)
		}
		cols = append(cols, array.MakeFromData(data))
	}
	return r.Schema(), cols, nil
}

// columns is a record in a file: what its header says of the columns, and their bytes.
type columns struct {
	head           flat
	nodes, buffers int // places of the next ones
	lastNode       int
	lastBuffer     int
	body           []byte
}

var errCut = errors.New("the file is cut off, or is none of ours")

// Fields of the tables of the format: Footer.recordBatches, Message.header_type and header, RecordBatch.nodes, buffers
// and compression; and the header type of a record batch.
const (
	footerRecords, messageType, messageHeader, batchNodes, batchBuffers, batchCompression = 3, 1, 2, 1, 2, 3
	typeRecordBatch                                                                       = 3
)

func recordIn(file []byte) (*columns, error) {
	const tail = 10 // length of the footer, and the magic word
	all := flat{b: file}
	size := int(all.i32(len(file) - tail))
	foot := all.part(len(file)-tail-size, size)
	at, _ := foot.vector(foot.field(foot.root(0), footerRecords))
	offset, meta, length := foot.i64(at), int64(foot.i32(at+8)), foot.i64(at+16)
	c := &columns{head: all.part(int(offset)+8, int(meta)-8), body: all.part(int(offset+meta), int(length)).b}
	h := &c.head
	message := h.root(0)
	batch := h.root(h.field(message, messageHeader))
	if foot.bad || all.bad || h.bad || h.u8(h.field(message, messageType)) != typeRecordBatch || h.field(batch, batchCompression) != 0 {
		return nil, errCut
	}
	var n, m int
	c.nodes, n = h.vector(h.field(batch, batchNodes))
	c.buffers, m = h.vector(h.field(batch, batchBuffers))
	c.lastNode, c.lastBuffer = c.nodes+16*n, c.buffers+16*m
	if h.bad {
		return nil, errCut
	}
	return c, nil
}

// buffer returns the next buffer, of at least so many bytes.
func (c *columns) buffer(least int) (*memory.Buffer, error) {
	offset, length := c.head.i64(c.buffers), c.head.i64(c.buffers+8)
	c.buffers += 16
	n := int64(len(c.body))
	if c.head.bad || c.buffers > c.lastBuffer || offset < 0 || offset > n || length < int64(least) || length > n-offset {
		return nil, errCut
	}
	return memory.NewBufferBytes(c.body[offset : offset+length : offset+length]), nil
}

// next returns the next column, of a type that a part can hold.
func (c *columns) next(typ arrow.DataType) (arrow.ArrayData, error) {
	n := int(c.head.i64(c.nodes))
	if c.nodes += 16; c.head.bad || c.nodes > c.lastNode || n < 0 || n > 8*len(c.body)+1 {
		return nil, errCut
	}
	var sizes []int // of the buffers behind the validity, at least
	var children []arrow.DataType
	switch t := typ.(type) {
	case *arrow.NullType:
		return array.NewData(typ, n, []*memory.Buffer{nil}, nil, n, 0), nil
	case *arrow.StructType:
		for _, f := range t.Fields() {
			children = append(children, f.Type)
		}
	case *arrow.LargeListType:
		sizes, children = []int{16}, []arrow.DataType{t.Elem()}
	case *arrow.StringType:
		sizes = []int{0, 0}
		if n > 0 {
			sizes[0] = 4 * (n + 1)
		}
	case *arrow.LargeStringType:
		sizes = []int{0, 0}
		if n > 0 {
			sizes[0] = 8 * (n + 1)
		}
	case arrow.FixedWidthDataType:
		sizes = []int{(n*t.BitWidth() + 7) / 8}
	default:
		return nil, fmt.Errorf("it has type %s, which no part holds", typ)
	}
	if _, err := c.buffer(0); err != nil { // validity: no part has nulls
		return nil, err
	}
	buffers := []*memory.Buffer{nil}
	for _, size := range sizes {
		b, err := c.buffer(size)
		if err != nil {
			return nil, err
		}
		buffers = append(buffers, b)
	}
	var below []arrow.ArrayData
	for _, child := range children {
		data, err := c.next(child)
		if err != nil {
			return nil, err
		}
		below = append(below, data)
	}
	return array.NewData(typ, n, buffers, below, 0, 0), nil
}

// flat reads a flatbuffer, the encoding of what an Arrow file says about itself. Once a place lies outside it is bad,
// and every answer 0.
type flat struct {
	b   []byte
	bad bool
}

func (f *flat) at(at, n int) []byte {
	if at < 0 || at > len(f.b)-n {
		f.bad = true
		return make([]byte, n)
	}
	return f.b[at : at+n]
}

func (f *flat) u8(at int) byte   { return f.at(at, 1)[0] }
func (f *flat) i32(at int) int32 { return int32(binary.LittleEndian.Uint32(f.at(at, 4))) }
func (f *flat) i64(at int) int64 { return int64(binary.LittleEndian.Uint64(f.at(at, 8))) }

// part returns n bytes from at.
func (f *flat) part(at, n int) flat {
	if at < 0 || n < 0 || at > len(f.b)-n {
		f.bad = true
		return flat{bad: true}
	}
	return flat{b: f.b[at : at+n]}
}

// root follows the offset that stands at at.
func (f *flat) root(at int) int { return at + int(f.i32(at)) }

// field returns the place of field i of a table, 0 when it is absent.
func (f *flat) field(table, i int) int {
	list := table - int(f.i32(table))
	if size := int(binary.LittleEndian.Uint16(f.at(list, 2))); 4+2*i+2 > size {
		return 0
	}
	if o := int(binary.LittleEndian.Uint16(f.at(list+4+2*i, 2))); o > 0 {
		return table + o
	}
	return 0
}

// vector returns the place of the first element of the vector whose offset stands at at, and how many there are.
func (f *flat) vector(at int) (first, n int) {
	first = f.root(at)
	return first + 4, int(f.i32(first))
}
