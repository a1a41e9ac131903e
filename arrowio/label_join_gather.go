package arrowio

import (
	"context"

	"github.com/apache/arrow/go/v17/arrow"
	"github.com/apache/arrow/go/v17/arrow/array"
	"github.com/apache/arrow/go/v17/arrow/bitutil"
	"github.com/apache/arrow/go/v17/arrow/compute"
	"github.com/apache/arrow/go/v17/arrow/memory"
)

// joinGather copies rows of several records of one schema into one, in any order: row i is row at[i] of record part[i].
// compute.Take serves the types that are rare: on text it takes the square of the bytes, and it knows one source only.
type joinGather struct {
	alloc    memory.Allocator
	recs     []arrow.Record
	part, at []int32
}

// record gathers every column.
func (g *joinGather) record() (arrow.Record, error) {
	cols := make([]arrow.Array, 0, g.recs[0].NumCols())
	defer func() { releaseArrays(cols) }()
	for c := range int(g.recs[0].NumCols()) {
		col, err := g.column(c)
		if err != nil {
			return nil, err
		}
		cols = append(cols, col)
	}
	return array.NewRecord(g.recs[0].Schema(), cols, int64(len(g.at))), nil
}

// copied is record in memory of its own.
func (g *joinGather) copied() (arrow.Record, error) {
	out, err := g.record()
	if err != nil || len(g.recs) > 1 || !g.consecutive() {
		return out, err
	}
	defer out.Release()
	return copyRecord(g.alloc, out) // a slice would keep the others
}

// column gathers one column; rows of one record that follow each other are not copied.
func (g *joinGather) column(c int) (arrow.Array, error) {
	if n := int64(len(g.at)); len(g.recs) == 1 && n > 0 && g.consecutive() {
		from := int64(g.at[0])
		return array.NewSlice(g.recs[0].Column(c), from, from+n), nil
	}
	from := make([]arrow.Array, len(g.recs))
	for k, r := range g.recs {
		from[k] = r.Column(c)
	}
	switch from[0].(type) {
	case *array.String, *array.Binary:
		return g.text(from), nil
	case *array.Boolean:
		bits := g.bits(func(k, i int32) bool { return from[k].(*array.Boolean).Value(int(i)) })
		return g.build(from, bits), nil
	}
	if t, ok := from[0].DataType().(arrow.FixedWidthDataType); ok && t.BitWidth()%8 == 0 && len(from[0].Data().Children()) == 0 && t.ID() != arrow.DICTIONARY {
		return g.build(from, g.fixed(from, t.BitWidth()/8)), nil
	}
	return g.rare(from)
}

func (g *joinGather) consecutive() bool {
	for i, at := range g.at {
		if at != g.at[0]+int32(i) {
			return false
		}
	}
	return true
}

func (g *joinGather) buffer(size int) *memory.Buffer {
	b := memory.NewResizableBuffer(g.alloc)
	b.Resize(size)
	return b
}

// build puts buffers, which it takes over, behind the gathered validity.
func (g *joinGather) build(from []arrow.Array, buffers ...*memory.Buffer) arrow.Array {
	nulls := 0
	all := append([]*memory.Buffer{nil}, buffers...)
	for _, a := range from {
		nulls += a.NullN()
	}
	if nulls > 0 {
		all[0] = g.bits(func(k, i int32) bool { return from[k].IsValid(int(i)) })
		nulls = len(g.at) - bitutil.CountSetBits(all[0].Bytes(), 0, len(g.at))
	}
	data := array.NewData(from[0].DataType(), len(g.at), all, nil, nulls, 0)
	defer data.Release()
	for _, b := range all {
		if b != nil {
			b.Release()
		}
	}
	return array.MakeFromData(data)
}

func (g *joinGather) bits(of func(k, i int32) bool) *memory.Buffer {
	b := g.buffer(int(bitutil.BytesForBits(int64(len(g.at)))))
	clear(b.Bytes())
	for i, at := range g.at {
		if of(g.part[i], at) {
			bitutil.SetBit(b.Bytes(), i)
		}
	}
	return b
}

func (g *joinGather) fixed(from []arrow.Array, width int) *memory.Buffer {
	out := g.buffer(len(g.at) * width)
	src := make([][]byte, len(from))
	for k, a := range from {
		if b := a.Data().Buffers()[1]; b != nil {
			src[k] = b.Bytes()[a.Data().Offset()*width:]
		}
	}
	switch width {
	case 1:
		gatherFixed[uint8](g, out, src)
	case 4:
		gatherFixed[uint32](g, out, src)
	case 8:
		gatherFixed[uint64](g, out, src)
	default:
		for i, at := range g.at {
			copy(out.Bytes()[i*width:(i+1)*width], src[g.part[i]][int(at)*width:])
		}
	}
	return out
}

func gatherFixed[T uint8 | uint32 | uint64](g *joinGather, out *memory.Buffer, src [][]byte) {
	dst, from := arrow.GetData[T](out.Bytes()), make([][]T, len(src))
	for k, b := range src {
		from[k] = arrow.GetData[T](b)
	}
	for i, at := range g.at {
		dst[i] = from[g.part[i]][at]
	}
}

func (g *joinGather) text(from []arrow.Array) arrow.Array {
	offsets := g.buffer((len(g.at) + 1) * 4)
	ends := arrow.GetData[int32](offsets.Bytes())
	src, bounds := make([][]byte, len(from)), make([][]int32, len(from))
	for k, a := range from {
		bounds[k] = arrow.GetOffsets[int32](a.Data(), 1)
		if b := a.Data().Buffers()[2]; b != nil {
			src[k] = b.Bytes()
		}
	}
	ends[0] = 0
	for i, at := range g.at {
		o := bounds[g.part[i]]
		ends[i+1] = ends[i] + o[at+1] - o[at]
	}
	values := g.buffer(int(ends[len(g.at)]))
	for i, at := range g.at {
		o := bounds[g.part[i]]
		copy(values.Bytes()[ends[i]:], src[g.part[i]][o[at]:o[at+1]])
	}
	return g.build(from, offsets, values)
}

// rare puts the sources behind each other and takes from that.
func (g *joinGather) rare(from []arrow.Array) (arrow.Array, error) {
	begin := make([]int64, len(from))
	for k := range from[1:] {
		begin[k+1] = begin[k] + int64(from[k].Len())
	}
	rows := make([]int64, len(g.at))
	for i, at := range g.at {
		rows[i] = begin[g.part[i]] + int64(at)
	}
	all, err := array.Concatenate(from, g.alloc)
	if err != nil {
		return nil, err
	}
	defer all.Release()
	where := int64Array(g.alloc, rows)
	defer where.Release()
	return compute.TakeArrayOpts(compute.WithAllocator(context.Background(), g.alloc), all, where, compute.TakeOptions{})
}
