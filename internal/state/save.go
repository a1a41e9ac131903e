package state

import (
	"fmt"
	"io"
	"unsafe"

	"github.com/apache/arrow/go/v17/arrow"
	"github.com/apache/arrow/go/v17/arrow/array"
	"github.com/apache/arrow/go/v17/arrow/ipc"
	"github.com/apache/arrow/go/v17/arrow/memory"
)

// A part is an Arrow IPC file with one row: each visited value is a column, a slice is a large list. Any Arrow
// reader opens it.

// saver is the Visitor that collects columns.
type saver struct {
	*columns
	prefix string
}

type columns struct {
	fields []arrow.Field
	arrays []arrow.Array
	names  map[string]bool
	err    error
}

// WritePart writes the state of c as a part to w.
func WritePart(w io.Writer, c Stateful) error {
	cols := &columns{names: map[string]bool{}}
	c.Walk(saver{columns: cols})
	defer func() {
		for _, a := range cols.arrays {
			a.Release()
		}
	}()
	if cols.err != nil {
		return cols.err
	}
	rec := array.NewRecord(arrow.NewSchema(cols.fields, nil), cols.arrays, 1)
	defer rec.Release()
	fw, err := ipc.NewFileWriter(&counter{Writer: w}, ipc.WithSchema(rec.Schema()))
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

func (s saver) Restoring() bool { return false }

func (s saver) Fail(err error) {
	if s.err == nil {
		s.err = err
	}
}

func (s saver) Scope(name string) Visitor { return saver{s.columns, s.prefix + name + "."} }

func (s saver) Visit(name string, ptr any) {
	name = s.prefix + name
	if s.names[name] {
		panic("state: " + name + " visited twice")
	}
	s.names[name] = true
	typ, data := column(ptr, name)
	s.fields = append(s.fields, arrow.Field{Name: name, Type: typ})
	s.arrays = append(s.arrays, data)
}

// column returns what ptr points to as an array of length 1. Slices of numbers are viewed, not copied.
func column(ptr any, name string) (arrow.DataType, arrow.Array) {
	switch p := ptr.(type) {
	case *bool:
		return one(array.NewBooleanBuilder(memory.DefaultAllocator), *p)
	case *int:
		return one(array.NewInt64Builder(memory.DefaultAllocator), int64(*p))
	case *int64:
		return one(array.NewInt64Builder(memory.DefaultAllocator), *p)
	case *uint64:
		return one(array.NewUint64Builder(memory.DefaultAllocator), *p)
	case *float64:
		return one(array.NewFloat64Builder(memory.DefaultAllocator), *p)
	case *string:
		return one(array.NewStringBuilder(memory.DefaultAllocator), *p)
	case *[]string:
		b := array.NewLargeListBuilder(memory.DefaultAllocator, arrow.BinaryTypes.LargeString)
		defer b.Release()
		b.Append(true)
		b.ValueBuilder().(*array.LargeStringBuilder).AppendValues(*p, nil)
		return b.Type(), b.NewArray()
	case *[]bool:
		b := array.NewLargeListBuilder(memory.DefaultAllocator, arrow.FixedWidthTypes.Boolean)
		defer b.Release()
		b.Append(true)
		b.ValueBuilder().(*array.BooleanBuilder).AppendValues(*p, nil)
		return b.Type(), b.NewArray()
	case *[]uint8:
		return list(arrow.PrimitiveTypes.Uint8, *p)
	case *[]int32:
		return list(arrow.PrimitiveTypes.Int32, *p)
	case *[]int64:
		return list(arrow.PrimitiveTypes.Int64, *p)
	case *[]uint32:
		return list(arrow.PrimitiveTypes.Uint32, *p)
	case *[]uint64:
		return list(arrow.PrimitiveTypes.Uint64, *p)
	case *[]float32:
		return list(arrow.PrimitiveTypes.Float32, *p)
	case *[]float64:
		return list(arrow.PrimitiveTypes.Float64, *p)
	}
	panic(fmt.Sprintf("state: %s has type %T, which cannot be kept", name, ptr))
}

type builder[T any] interface {
	Append(T)
	Release()
	NewArray() arrow.Array
	Type() arrow.DataType
}

func one[T any](b builder[T], v T) (arrow.DataType, arrow.Array) {
	defer b.Release()
	b.Append(v)
	return b.Type(), b.NewArray()
}

func list[T any](elem arrow.DataType, s []T) (arrow.DataType, arrow.Array) {
	values := array.NewData(elem, len(s), []*memory.Buffer{nil, memory.NewBufferBytes(bytesOf(s))}, nil, 0, 0)
	defer values.Release()
	typ := arrow.LargeListOf(elem)
	offsets := arrow.Int64Traits.CastToBytes([]int64{0, int64(len(s))})
	data := array.NewData(typ, 1, []*memory.Buffer{nil, memory.NewBufferBytes(offsets)}, []arrow.ArrayData{values}, 0, 0)
	defer data.Release()
	return typ, array.MakeFromData(data)
}

func bytesOf[T any](s []T) []byte {
	if len(s) == 0 {
		return nil
	}
	var t T
	return unsafe.Slice((*byte)(unsafe.Pointer(&s[0])), len(s)*int(unsafe.Sizeof(t)))
}
