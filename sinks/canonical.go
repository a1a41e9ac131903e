package sinks

import (
	"fmt"

	"github.com/apache/arrow/go/v17/arrow"
	"github.com/apache/arrow/go/v17/arrow/array"
	"github.com/apache/arrow/go/v17/arrow/bitutil"
	"github.com/apache/arrow/go/v17/arrow/memory"
)

// canonical returns arr in the one form that all arrays of equal rows share: zeros under nulls, nothing kept
// of what a null list or text spans, no validity bitmap without a null. Bytes under a null are whatever an
// operator left there, so without this two runs over the same rows could write different files.
//
// arr must own its buffers and start at offset 0, as array.Concatenate makes it: they are changed in place.
func canonical(mem memory.Allocator, arr arrow.Array) (arrow.Array, error) {
	data, err := canon{mem}.data(arr.Data(), nil)
	if err != nil {
		return nil, err
	}
	defer data.Release()
	return array.MakeFromData(data), nil
}

type canon struct{ mem memory.Allocator }

// data works on d; live says which slots stand under a parent that is there, nil for all of them. A slot under
// a null parent becomes a valid zero, so that a child that may not be null stays so.
func (c canon) data(d arrow.ArrayData, live []byte) (arrow.ArrayData, error) {
	n := d.Len()
	if d.Offset() != 0 {
		return nil, fmt.Errorf("canonical: want an array at offset 0, got %d", d.Offset())
	}
	var own []byte
	if d.DataType().ID() != arrow.NULL && d.Buffers()[0] != nil {
		own = d.Buffers()[0].Bytes()
	}
	valid, nulls := c.validity(own, live, n)
	if valid != nil {
		defer valid.Release()
	}
	bufs := append([]*memory.Buffer{}, d.Buffers()...)
	if len(bufs) > 0 {
		bufs[0] = valid
	}
	eff := both(valid, live, n) // slots that say something
	kids, err := c.fill(d, bufs, eff)
	if err != nil {
		return nil, err
	}
	defer releaseAll(kids)
	if d.DataType().ID() == arrow.NULL {
		nulls = n
	}
	return array.NewData(d.DataType(), n, bufs, kids, nulls, 0), nil
}

// fill clears what lies under dead slots, in bufs, and returns the children, owned by the caller.
func (c canon) fill(d arrow.ArrayData, bufs []*memory.Buffer, eff []byte) ([]arrow.ArrayData, error) {
	dt := d.DataType()
	if ext, ok := dt.(arrow.ExtensionType); ok {
		dt = ext.StorageType()
	}
	switch dt := dt.(type) {
	case *arrow.NullType:
		return nil, nil
	case *arrow.BooleanType:
		clearBits(bufs[1], eff, d.Len())
		return nil, nil
	case *arrow.FixedSizeListType:
		return c.kids(d.Children(), spread(eff, d.Len(), int(dt.Len())))
	case *arrow.StructType:
		return c.kids(d.Children(), eff)
	case *arrow.ListType, *arrow.MapType:
		child, err := c.packList(d.Children()[0], bufs[1], eff, d.Len())
		if err != nil {
			return nil, err
		}
		defer child.Release()
		return c.kids([]arrow.ArrayData{child}, nil)
	case *arrow.StringType, *arrow.BinaryType:
		return nil, packBytes(offsets[int32](bufs[1], d.Len()), bufs[2], eff)
	case *arrow.LargeStringType, *arrow.LargeBinaryType:
		return nil, packBytes(offsets[int64](bufs[1], d.Len()), bufs[2], eff)
	case arrow.FixedWidthDataType:
		clearSlots(bufs[1], eff, d.Len(), dt.BitWidth()/8)
		return nil, nil
	}
	return nil, fmt.Errorf("canonical: want a type that the file sinks hold, got %s", dt)
}

func (c canon) kids(in []arrow.ArrayData, live []byte) ([]arrow.ArrayData, error) {
	var out []arrow.ArrayData
	for _, d := range in {
		k, err := c.data(d, live)
		if err != nil {
			releaseAll(out)
			return nil, err
		}
		out = append(out, k)
	}
	return out, nil
}

func releaseAll(ds []arrow.ArrayData) {
	for _, d := range ds {
		d.Release()
	}
}

// validity returns the bitmap of a slot's own nulls, with dead slots valid; nil when none is null.
func (c canon) validity(own, live []byte, n int) (*memory.Buffer, int) {
	if own == nil {
		return nil, 0
	}
	buf := memory.NewResizableBuffer(c.mem)
	buf.Resize(int(bitutil.BytesForBits(int64(n))))
	bits := buf.Bytes()
	for i := range bits {
		bits[i] = own[i]
		if live != nil {
			bits[i] |= ^live[i]
		}
	}
	trim(bits, n)
	nulls := n - bitutil.CountSetBits(bits, 0, n)
	if nulls == 0 {
		buf.Release()
		return nil, 0
	}
	return buf, nulls
}

// both returns the slots that are valid and live, nil for all.
func both(valid *memory.Buffer, live []byte, n int) []byte {
	if valid == nil {
		return live
	}
	if live == nil {
		return valid.Bytes()
	}
	out := make([]byte, bitutil.BytesForBits(int64(n)))
	for i, b := range valid.Bytes() {
		out[i] = b & live[i]
	}
	return out
}

// trim zeroes the bits behind the last slot.
func trim(bits []byte, n int) {
	if r := n % 8; r != 0 {
		bits[n/8] &= byte(1)<<r - 1
	}
}

// spread repeats each bit k times, for the children of lists of fixed size k.
func spread(live []byte, n, k int) []byte {
	if live == nil {
		return nil
	}
	out := make([]byte, bitutil.BytesForBits(int64(n*k)))
	for i := range n {
		if bitutil.BitIsSet(live, i) {
			bitutil.SetBitsTo(out, int64(i*k), int64(k), true)
		}
	}
	return out
}

func clearBits(buf *memory.Buffer, eff []byte, n int) {
	if buf == nil {
		return
	}
	bits := buf.Bytes()
	if eff != nil {
		for i := range bitutil.BytesForBits(int64(n)) {
			bits[i] &= eff[i]
		}
	}
	if n > 0 {
		trim(bits, n)
	}
}

func clearSlots(buf *memory.Buffer, eff []byte, n, width int) {
	if eff == nil || buf == nil {
		return
	}
	b := buf.Bytes()
	for i := range n {
		if eff[i/8] != 0xff && !bitutil.BitIsSet(eff, i) {
			clear(b[i*width : (i+1)*width])
		}
	}
}

// offsets views an offsets buffer of n+1 entries; arrays without rows may have none.
func offsets[T int32 | int64](buf *memory.Buffer, n int) []T {
	if buf == nil || buf.Len() == 0 {
		return nil
	}
	var zero T
	switch any(zero).(type) {
	case int32:
		return any(arrow.Int32Traits.CastFromBytes(buf.Bytes())[:n+1]).([]T)
	default:
		return any(arrow.Int64Traits.CastFromBytes(buf.Bytes())[:n+1]).([]T)
	}
}

// packBytes moves values together so that dead slots span nothing.
func packBytes[T int32 | int64](off []T, values *memory.Buffer, eff []byte) error {
	if eff == nil || len(off) == 0 {
		return nil
	}
	var data []byte
	if values != nil {
		data = values.Bytes()
	}
	end := T(0)
	for i := range len(off) - 1 {
		from, to := off[i], off[i+1]
		off[i] = end
		if !bitutil.BitIsSet(eff, i) {
			continue
		}
		if from != end {
			copy(data[end:], data[from:to])
		}
		end += to - from
	}
	off[len(off)-1] = end
	if values != nil {
		values.Resize(int(end))
	}
	return nil
}

// packList drops the children that dead lists span; it changes the offsets and returns the child, owned.
func (c canon) packList(child arrow.ArrayData, buf *memory.Buffer, eff []byte, n int) (arrow.ArrayData, error) {
	off := offsets[int32](buf, n)
	if eff == nil || off == nil || !spansDead(off, eff) {
		child.Retain()
		return child, nil
	}
	var runs []span // of children of live lists
	end := int32(0)
	for i := range n {
		from, to := off[i], off[i+1]
		off[i] = end
		if !bitutil.BitIsSet(eff, i) || from == to {
			continue
		}
		if last := len(runs) - 1; last >= 0 && runs[last].to == from {
			runs[last].to = to
		} else {
			runs = append(runs, span{from, to})
		}
		end += to - from
	}
	off[n] = end
	return c.gather(child, runs)
}

type span struct{ from, to int32 }

// gather copies the runs of child into one array, owned by the caller.
func (c canon) gather(child arrow.ArrayData, runs []span) (arrow.ArrayData, error) {
	if len(runs) == 0 {
		runs = []span{{0, 0}}
	}
	parts := make([]arrow.Array, len(runs))
	for i, r := range runs {
		s := array.NewSliceData(child, int64(r.from), int64(r.to))
		parts[i] = array.MakeFromData(s)
		s.Release()
		defer parts[i].Release()
	}
	packed, err := array.Concatenate(parts, c.mem)
	if err != nil {
		return nil, err
	}
	defer packed.Release()
	packed.Data().Retain()
	return packed.Data(), nil
}

func spansDead(off []int32, eff []byte) bool {
	for i := range len(off) - 1 {
		if off[i] != off[i+1] && !bitutil.BitIsSet(eff, i) {
			return true
		}
	}
	return false
}
