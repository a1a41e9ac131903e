package state

import (
	"fmt"
	"io"

	"github.com/apache/arrow/go/v17/arrow"
	"github.com/apache/arrow/go/v17/arrow/array"
	"github.com/apache/arrow/go/v17/arrow/ipc"
	"github.com/apache/arrow/go/v17/arrow/memory"
)

// A part file is an Arrow IPC file with one row: each value is a column, a list is a large list. In a delta a list
// that has changed in part is a struct of its length, the changed blocks and their elements, and one that has not
// changed is null. Any Arrow reader opens both.

// Keys of the metadata of the schema of a delta.
const (
	metaKind = "sluice_part" // delta
	metaFrom = "from"        // content of the state that the delta changes
	metaTo   = "content"     // content that it leads to
)

// WritePart writes the state of c as a base part to w.
func WritePart(w io.Writer, c Stateful) error {
	values, err := viewOf(c)
	if err != nil {
		return err
	}
	return encodeBase(w, values)
}

func encodeBase(w io.Writer, values []value) error {
	fields, cols := make([]arrow.Field, len(values)), make([]arrow.Array, len(values))
	for i := range values {
		cols[i] = values[i].column()
		fields[i] = arrow.Field{Name: values[i].name, Type: cols[i].DataType()}
	}
	return encode(w, arrow.NewSchema(fields, nil), cols)
}

func encodeDelta(w io.Writer, from, to string, changes []change) error {
	fields, cols := make([]arrow.Field, len(changes)), make([]arrow.Array, len(changes))
	for i := range changes {
		cols[i] = changes[i].column()
		fields[i] = arrow.Field{Name: changes[i].name, Type: cols[i].DataType()}
	}
	meta := arrow.NewMetadata([]string{metaKind, metaFrom, metaTo}, []string{"delta", from, to})
	return encode(w, arrow.NewSchema(fields, &meta), cols)
}

func encode(w io.Writer, schema *arrow.Schema, cols []arrow.Array) error {
	rec := array.NewRecord(schema, cols, 1)
	defer rec.Release()
	for _, c := range cols {
		c.Release()
	}
	fw, err := ipc.NewFileWriter(&counter{Writer: w}, ipc.WithSchema(schema))
	if err != nil {
		return err
	}
	if err := fw.Write(rec); err != nil {
		return err
	}
	return fw.Close()
}

// counter tells the position, which is all the IPC writer seeks for.
type counter struct {
	io.Writer
	at int64
}

func (c *counter) Write(b []byte) (int, error) {
	n, err := c.Writer.Write(b)
	c.at += int64(n)
	return n, err
}

func (c *counter) Seek(offset int64, whence int) (int64, error) {
	if offset != 0 || whence != io.SeekCurrent {
		return 0, fmt.Errorf("state: cannot seek in a part")
	}
	return c.at, nil
}

// column returns the value as an array of length 1.
func (v *value) column() arrow.Array {
	elements := v.elements()
	if !v.list {
		return elements
	}
	defer elements.Release()
	return listOf(elements)
}

// elements returns the elements as an array. Numbers are viewed, not copied.
func (v *value) elements() arrow.Array {
	switch {
	case v.kind == kindString && v.list:
		b := array.NewLargeStringBuilder(memory.DefaultAllocator)
		defer b.Release()
		b.AppendValues(v.text, nil)
		return b.NewArray()
	case v.kind == kindString:
		b := array.NewStringBuilder(memory.DefaultAllocator)
		defer b.Release()
		b.AppendValues(v.text, nil)
		return b.NewArray()
	case v.kind == kindBool:
		b := array.NewBooleanBuilder(memory.DefaultAllocator)
		defer b.Release()
		b.Reserve(len(v.raw))
		for _, x := range v.raw {
			b.UnsafeAppend(x != 0)
		}
		return b.NewArray()
	}
	return numbers(v.kind.arrowType(), v.raw, v.len())
}

func numbers(typ arrow.DataType, raw []byte, n int) arrow.Array {
	data := array.NewData(typ, n, []*memory.Buffer{nil, memory.NewBufferBytes(raw)}, nil, 0, 0)
	defer data.Release()
	return array.MakeFromData(data)
}

// listOf returns one list of all the elements.
func listOf(elements arrow.Array) arrow.Array {
	offsets := memory.NewBufferBytes(bytesOf([]int64{0, int64(elements.Len())}))
	data := array.NewData(arrow.LargeListOf(elements.DataType()), 1, []*memory.Buffer{nil, offsets}, []arrow.ArrayData{elements.Data()}, 0, 0)
	defer data.Release()
	return array.MakeFromData(data)
}

// Fields of a list of which a delta holds some blocks.
var deltaFields = []string{"length", "block", "start", "count", "data"}

// column returns the change as an array of length 1.
func (c *change) column() arrow.Array {
	switch {
	case c.same:
		return array.NewNull(1)
	case c.all():
		return c.value.column()
	}
	starts, counts := make([]int64, len(c.runs)), make([]int64, len(c.runs))
	for i, r := range c.runs {
		starts[i], counts[i] = r.start, r.count
	}
	width := int64(c.kind.width())
	long := func(x []int64) arrow.Array { return numbers(arrow.PrimitiveTypes.Int64, bytesOf(x), len(x)) }
	parts := []arrow.Array{long([]int64{int64(c.size) / width}), long([]int64{blockBytes / width}),
		listOf(long(starts)), listOf(long(counts)), c.value.column()}
	out, err := array.NewStructArray(parts, deltaFields)
	if err != nil {
		panic("state: " + err.Error()) // all five have length 1
	}
	for _, p := range parts {
		p.Release()
	}
	return out
}
