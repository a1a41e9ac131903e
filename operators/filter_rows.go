package operators

import (
	"context"
	"fmt"
	"math/bits"
	"slices"
	"unsafe"

	"github.com/apache/arrow/go/v17/arrow"
	"github.com/apache/arrow/go/v17/arrow/array"
	"github.com/apache/arrow/go/v17/arrow/bitutil"
	"github.com/apache/arrow/go/v17/arrow/compute"
	"github.com/apache/arrow/go/v17/arrow/memory"
)

// positions appends the numbers of the bits that are set to dst.
func positions(dst []int, keep []uint64) []int {
	for w, x := range keep {
		for ; x != 0; x &= x - 1 {
			dst = append(dst, w*64+bits.TrailingZeros64(x))
		}
	}
	return dst
}

// gather copies chosen rows, in ascending order, so a result is never larger than what it comes from.
// compute.FilterRecordBatch does the same for every type at 1 M rows/s and about 1 KB of garbage a row (six columns,
// two of them text); it serves here for the types that are rare.
type gather struct {
	ctx   context.Context
	alloc memory.Allocator
}

func (g gather) record(rec arrow.Record, at []int) (arrow.Record, error) {
	cols := make([]arrow.Array, 0, rec.NumCols())
	defer func() {
		for _, c := range cols {
			c.Release()
		}
	}()
	for i, c := range rec.Columns() {
		d, err := g.data(c.Data(), at)
		if err != nil {
			return nil, fmt.Errorf("column %q: %w", rec.ColumnName(i), err)
		}
		cols = append(cols, array.MakeFromData(d))
		d.Release()
	}
	return array.NewRecord(rec.Schema(), cols, int64(len(at))), nil
}

// data gathers by the layout of the type. at counts from the offset of d.
func (g gather) data(d arrow.ArrayData, at []int) (arrow.ArrayData, error) {
	if len(at) == 0 { // inside a list; there may be no buffers to look into
		return array.NewSliceData(d, 0, 0), nil
	}
	switch dt := d.DataType().(type) {
	case *arrow.NullType:
		return array.NewData(dt, len(at), []*memory.Buffer{nil}, nil, len(at), 0), nil
	case *arrow.BooleanType:
		return g.build(d, at, nil, g.bits(d.Buffers()[1].Bytes(), d.Offset(), at)), nil
	case *arrow.StringType, *arrow.BinaryType:
		offsets, values := gatherText[int32](g, d, at)
		return g.build(d, at, nil, offsets, values), nil
	case *arrow.LargeStringType, *arrow.LargeBinaryType:
		offsets, values := gatherText[int64](g, d, at)
		return g.build(d, at, nil, offsets, values), nil
	case *arrow.StructType:
		return g.structs(d, at)
	case *arrow.ListType, *arrow.MapType:
		return g.lists(d, at)
	case *arrow.FixedSizeListType:
		return g.vectors(d, int(dt.Len()), at)
	case arrow.ExtensionType:
		return g.rare(d, at)
	case arrow.FixedWidthDataType: // a dictionary is one too, by its indices
		if dt.BitWidth()%8 == 0 {
			return g.build(d, at, nil, g.fixed(d, dt.BitWidth()/8, at)), nil
		}
	}
	return g.rare(d, at)
}

func (g gather) rare(d arrow.ArrayData, at []int) (arrow.ArrayData, error) {
	b := array.NewInt64Builder(g.alloc)
	defer b.Release()
	for _, k := range at {
		b.Append(int64(k))
	}
	where := b.NewArray()
	defer where.Release()
	from := array.MakeFromData(d)
	defer from.Release()
	out, err := compute.TakeArray(compute.WithAllocator(g.ctx, g.alloc), from, where)
	if err != nil {
		return nil, err
	}
	defer out.Release()
	out.Data().Retain()
	return out.Data(), nil
}

// build puts the gathered buffers and children, which it takes over, behind the gathered validity.
func (g gather) build(d arrow.ArrayData, at []int, children []arrow.ArrayData, buffers ...*memory.Buffer) arrow.ArrayData {
	valid, nulls := g.valid(d, at)
	all := append([]*memory.Buffer{valid}, buffers...)
	defer func() {
		for _, b := range all {
			if b != nil {
				b.Release()
			}
		}
		for _, c := range children {
			c.Release()
		}
	}()
	if d.DataType().ID() == arrow.DICTIONARY {
		return array.NewDataWithDictionary(d.DataType(), len(at), all, nulls, 0, d.Dictionary().(*array.Data))
	}
	return array.NewData(d.DataType(), len(at), all, children, nulls, 0)
}

func (g gather) buffer(size int) *memory.Buffer {
	b := memory.NewResizableBuffer(g.alloc)
	b.Resize(size)
	return b
}

func (g gather) valid(d arrow.ArrayData, at []int) (*memory.Buffer, int) {
	src := d.Buffers()[0]
	if src == nil || src.Len() == 0 || d.NullN() == 0 {
		return nil, 0
	}
	b := g.bits(src.Bytes(), d.Offset(), at)
	return b, len(at) - bitutil.CountSetBits(b.Bytes(), 0, len(at))
}

func (g gather) bits(src []byte, off int, at []int) *memory.Buffer {
	b := g.buffer((len(at) + 63) / 64 * 8)
	dst := arrow.Uint64Traits.CastFromBytes(b.Bytes())
	for lo := 0; lo < len(at); lo += 64 {
		var x uint64
		for i, k := range at[lo:min(lo+64, len(at))] {
			k += off
			x |= uint64(src[k>>3]>>(k&7)&1) << i
		}
		dst[lo>>6] = x
	}
	return b
}

// fixed gathers values of width bytes.
func (g gather) fixed(d arrow.ArrayData, width int, at []int) *memory.Buffer {
	b := g.buffer(len(at) * width)
	src := d.Buffers()[1]
	if src == nil || src.Len() == 0 { // nulls only
		clear(b.Bytes())
		return b
	}
	from, to := src.Bytes()[d.Offset()*width:], b.Bytes()
	switch width {
	case 1:
		gatherFixed(arrow.GetData[uint8](to), arrow.GetData[uint8](from), at)
	case 2:
		gatherFixed(arrow.GetData[uint16](to), arrow.GetData[uint16](from), at)
	case 4:
		gatherFixed(arrow.GetData[uint32](to), arrow.GetData[uint32](from), at)
	case 8:
		gatherFixed(arrow.GetData[uint64](to), arrow.GetData[uint64](from), at)
	default:
		for i, k := range at {
			copy(to[i*width:(i+1)*width], from[k*width:])
		}
	}
	return b
}

func gatherFixed[T any](dst, src []T, at []int) {
	for i, k := range at {
		dst[i] = src[k]
	}
}

func gatherText[O int32 | int64](g gather, d arrow.ArrayData, at []int) (offsets, values *memory.Buffer) {
	offsets, total := gatherOffsets[O](g, d, at)
	values = g.buffer(int(total))
	if total == 0 {
		return offsets, values
	}
	from, src, dst := arrow.GetOffsets[O](d, 1), d.Buffers()[2].Bytes(), values.Bytes()
	end := 0
	for _, k := range at {
		end += copy(dst[end:], src[from[k]:from[k+1]])
	}
	return offsets, values
}

// gatherOffsets returns the offsets of the rows at, and the last of them.
func gatherOffsets[O int32 | int64](g gather, d arrow.ArrayData, at []int) (*memory.Buffer, O) {
	from := arrow.GetOffsets[O](d, 1)
	b := g.buffer((len(at) + 1) * int(unsafe.Sizeof(O(0))))
	to := arrow.GetData[O](b.Bytes())
	var end O
	to[0] = 0
	for i, k := range at {
		end += from[k+1] - from[k]
		to[i+1] = end
	}
	return b, end
}

func (g gather) structs(d arrow.ArrayData, at []int) (arrow.ArrayData, error) {
	var children []arrow.ArrayData
	inner := shifted(at, d.Offset())
	for _, c := range d.Children() {
		out, err := g.data(c, inner)
		if err != nil {
			releaseAll(children)
			return nil, err
		}
		children = append(children, out)
	}
	return g.build(d, at, children), nil
}

func (g gather) lists(d arrow.ArrayData, at []int) (arrow.ArrayData, error) {
	from := arrow.GetOffsets[int32](d, 1)
	var inner []int
	for _, k := range at {
		for i := from[k]; i < from[k+1]; i++ {
			inner = append(inner, int(i))
		}
	}
	child, err := g.data(d.Children()[0], inner)
	if err != nil {
		return nil, err
	}
	offsets, _ := gatherOffsets[int32](g, d, at)
	return g.build(d, at, []arrow.ArrayData{child}, offsets), nil
}

func (g gather) vectors(d arrow.ArrayData, size int, at []int) (arrow.ArrayData, error) {
	inner := make([]int, 0, len(at)*size)
	for _, k := range at {
		for i := range size {
			inner = append(inner, (d.Offset()+k)*size+i)
		}
	}
	child, err := g.data(d.Children()[0], inner)
	if err != nil {
		return nil, err
	}
	return g.build(d, at, []arrow.ArrayData{child}), nil
}

func shifted(at []int, by int) []int {
	if by == 0 {
		return at
	}
	out := slices.Clone(at)
	for i := range out {
		out[i] += by
	}
	return out
}

func releaseAll(ds []arrow.ArrayData) {
	for _, d := range ds {
		d.Release()
	}
}
