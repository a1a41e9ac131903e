package arrowio

import (
	"encoding/binary"
	"errors"
	"fmt"
	"runtime"

	"github.com/apache/arrow/go/v17/arrow"
	"github.com/apache/arrow/go/v17/arrow/array"
	"github.com/apache/arrow/go/v17/arrow/bitutil"
	"github.com/apache/arrow/go/v17/arrow/memory"
)

// A record batch of an IPC stream is its columns' buffers, one behind the other, as they are used: a record can be
// a view of them. The decoder of the Arrow library copies each buffer into memory that it clears first, which is
// most of what reading a message costs. Views are made of what arrives most often: the types below, not
// compressed, without dictionaries. All else goes through the library.
//
// Values lie at any address, because messages do. The processors named here read them there as fast.
// source: Arrow columnar format, "RecordBatch message" and Message.fbs
const viewsAnywhere = runtime.GOARCH == "amd64" || runtime.GOARCH == "arm64"

// viewable says whether columns of the schema can be views.
func viewable(s *arrow.Schema) bool {
	if !viewsAnywhere || !s.IsNativeEndian() {
		return false
	}
	for _, f := range s.Fields() {
		if !viewableType(f.Type) {
			return false
		}
	}
	return true
}

func viewableType(t arrow.DataType) bool {
	switch t := t.(type) {
	case *arrow.ListType:
		return viewableType(t.Elem())
	case *arrow.FixedSizeListType:
		return viewableType(t.Elem())
	case *arrow.StructType:
		for _, f := range t.Fields() {
			if !viewableType(f.Type) {
				return false
			}
		}
		return true
	}
	switch t.ID() {
	case arrow.BOOL, arrow.INT8, arrow.INT16, arrow.INT32, arrow.INT64, arrow.UINT8, arrow.UINT16, arrow.UINT32, arrow.UINT64,
		arrow.FLOAT32, arrow.FLOAT64, arrow.TIMESTAMP, arrow.DATE32, arrow.DATE64, arrow.STRING, arrow.BINARY:
		return true
	}
	return false
}

// batchView reads one record batch.
type batchView struct {
	meta    []byte
	body    []byte
	owner   *answerBuffer // of body; nil where the collector owns it
	nodes   uint32        // where the next one stands in meta, and how many are left
	nodesN  uint32
	buffers uint32
	bufsN   uint32
}

// errNotViewed says that the library has to decode the batch.
var errNotViewed = errors.New("not a plain record batch")

// viewRecord makes the record of one part of a stream, owned by the caller. Lengths that do not fit the body are
// errors; what the values mean is not looked at.
func viewRecord(schema *arrow.Schema, meta, body []byte, owner *answerBuffer) (arrow.Record, error) {
	const recordBatch = 3
	m := flatTable{buf: meta}
	m.at = m.u32(0)
	if m.kind(1) != recordBatch {
		return nil, errNotViewed
	}
	b := m.table(2)
	if b.field(3) != 0 || b.field(4) != 0 { // compressed, or views of strings
		return nil, errNotViewed
	}
	v := batchView{meta: meta, body: body, owner: owner}
	v.nodes, v.nodesN = b.list(1)
	v.buffers, v.bufsN = b.list(2)
	rows := int64(0)
	if at := b.field(0); at != 0 {
		rows = int64(b.u64(at))
	}
	cols := make([]arrow.Array, 0, schema.NumFields())
	defer func() {
		for _, c := range cols {
			c.Release()
		}
	}()
	for _, f := range schema.Fields() {
		d, err := v.column(f.Type)
		if err != nil {
			return nil, fmt.Errorf("column %q: %w", f.Name, err)
		}
		cols = append(cols, array.MakeFromData(d))
		d.Release()
		if int64(d.Len()) != rows {
			return nil, fmt.Errorf("column %q: it has %d rows, the batch %d", f.Name, d.Len(), rows)
		}
	}
	return array.NewRecord(schema, cols, rows), nil
}

// column takes the next node and its buffers.
func (v *batchView) column(t arrow.DataType) (d *array.Data, err error) {
	rows, nulls, err := v.node()
	if err != nil {
		return nil, err
	}
	valid, err := v.buffer()
	if err != nil {
		return nil, err
	}
	if nulls == 0 {
		valid = nil
	}
	bufs := []*memory.Buffer{v.keep(valid)}
	var children []arrow.ArrayData
	defer func() {
		for _, b := range bufs {
			if b != nil {
				b.Release()
			}
		}
		for _, c := range children {
			c.Release()
		}
	}()
	child := func(t arrow.DataType, least int) error {
		c, err := v.column(t)
		if err != nil {
			return err
		}
		children = append(children, c)
		if c.Len() < least {
			return fmt.Errorf("want %d values below it, got %d", least, c.Len())
		}
		return nil
	}
	plain := func(least int64) error {
		b, err := v.buffer()
		if err == nil && int64(len(b)) < least {
			err = fmt.Errorf("%d rows of %s have %d bytes", rows, t, len(b))
		}
		bufs = append(bufs, v.keep(b))
		return err
	}
	offsets := int64(0)
	if rows > 0 {
		offsets = 4 * (int64(rows) + 1)
	}
	switch t := t.(type) {
	case *arrow.StringType, *arrow.BinaryType:
		if err = plain(offsets); err == nil {
			err = plain(0)
		}
	case *arrow.ListType:
		if err = plain(offsets); err == nil {
			err = child(t.Elem(), 0)
		}
	case *arrow.FixedSizeListType:
		err = child(t.Elem(), rows*int(t.Len()))
	case *arrow.StructType:
		for _, f := range t.Fields() {
			if err = child(f.Type, rows); err != nil {
				break
			}
		}
	default:
		err = plain(bitutil.BytesForBits(int64(rows) * int64(t.(arrow.FixedWidthDataType).BitWidth())))
	}
	if err != nil {
		return nil, err
	}
	return array.NewData(t, rows, bufs, children, nulls, 0), nil
}

// node is the number of rows of the next column, and how many of them are null.
func (v *batchView) node() (rows, nulls int, err error) {
	at := v.nodes
	if v.nodesN == 0 || uint64(at)+16 > uint64(len(v.meta)) {
		return 0, 0, errors.New("the batch has fewer columns than its schema")
	}
	v.nodes, v.nodesN = at+16, v.nodesN-1
	n, k := int64(binary.LittleEndian.Uint64(v.meta[at:])), int64(binary.LittleEndian.Uint64(v.meta[at+8:]))
	if n < 0 || n > 8*int64(len(v.body))+maxEmptyRows || k < 0 || k > n {
		return 0, 0, fmt.Errorf("it has %d rows and %d nulls", n, k)
	}
	return int(n), int(k), nil
}

// maxEmptyRows bounds the rows of a column without a body.
const maxEmptyRows = 1 << 20

// buffer is the bytes of the next buffer.
func (v *batchView) buffer() ([]byte, error) {
	at := v.buffers
	if v.bufsN == 0 || uint64(at)+16 > uint64(len(v.meta)) {
		return nil, errors.New("the batch has fewer buffers than its schema")
	}
	v.buffers, v.bufsN = at+16, v.bufsN-1
	from, n := binary.LittleEndian.Uint64(v.meta[at:]), binary.LittleEndian.Uint64(v.meta[at+8:])
	if size := uint64(len(v.body)); from > size || n > size-from {
		return nil, fmt.Errorf("a buffer of %d bytes at %d lies outside its %d bytes", n, from, size)
	}
	return v.body[from : from+n : from+n], nil
}

// keep makes a buffer that holds its owner until it is released.
func (v *batchView) keep(b []byte) *memory.Buffer {
	switch {
	case len(b) == 0:
		return nil
	case v.owner == nil || v.owner.pool == nil:
		return memory.NewBufferBytes(b)
	}
	v.owner.retain()
	return memory.NewBufferWithAllocator(b, v.owner)
}
