package expr

import (
	"fmt"
	"math"
	"math/bits"

	"github.com/apache/arrow/go/v17/arrow"
	"github.com/apache/arrow/go/v17/arrow/array"
	"github.com/apache/arrow/go/v17/arrow/memory"
)

// writer puts the blocks of a result together to one Arrow array.
type writer struct {
	typ   typ
	rows  int
	nulls int
	alloc memory.Allocator

	valid *memory.Buffer // nil until the first null
	data  *memory.Buffer
	text  *memory.Buffer // bytes of a text; data then holds its offsets
}

func newWriter(alloc memory.Allocator, t typ, rows int) *writer {
	w := &writer{typ: t, rows: rows, alloc: alloc, data: memory.NewResizableBuffer(alloc)}
	switch t.kind {
	case truth:
		w.data.Resize((rows + 63) / 64 * 8)
	case text:
		w.data.Resize((rows + 1) * 4)
		arrow.Int32Traits.CastFromBytes(w.data.Bytes())[0] = 0
		w.text = memory.NewResizableBuffer(alloc)
	default:
		w.data.Resize(rows * 8)
	}
	return w
}

func (w *writer) release() {
	for _, b := range []*memory.Buffer{w.valid, w.data, w.text} {
		if b != nil {
			b.Release()
		}
	}
}

// array returns the finished array, owned by the caller.
func (w *writer) array() arrow.Array {
	buffers := []*memory.Buffer{w.valid, w.data}
	if w.text != nil {
		buffers = append(buffers, w.text)
	}
	d := array.NewData(w.typ.arrow(), w.rows, buffers, nil, w.nulls, 0)
	defer d.Release()
	return array.MakeFromData(d)
}

// write appends rows lo to lo+n.
func (w *writer) write(v *vec, lo, n int) error {
	w.writeNulls(v, lo, n)
	switch w.typ.kind {
	case float:
		writeFixed(arrow.Float64Traits.CastFromBytes(w.data.Bytes())[lo:lo+n], v.f, v)
	case whole, moment:
		writeFixed(arrow.Int64Traits.CastFromBytes(w.data.Bytes())[lo:lo+n], v.i, v)
	case truth:
		dst := arrow.Uint64Traits.CastFromBytes(w.data.Bytes())[lo/64:]
		for k := 0; k*64 < n; k++ {
			dst[k] = v.b[k] & wordMask(n, k)
		}
	case text:
		return w.writeTexts(v, lo, n)
	}
	return nil
}

// writeFixed copies a block; null rows become 0, so that equal inputs give equal bytes.
func writeFixed[T float64 | int64](dst, src []T, v *vec) {
	copy(dst, src[:len(dst)])
	if v.valid == nil {
		return
	}
	for i := range dst {
		if !v.isValid(i) {
			dst[i] = 0
		}
	}
}

func (w *writer) writeNulls(v *vec, lo, n int) {
	if v.valid == nil && w.valid == nil {
		return
	}
	if w.valid == nil {
		w.valid = memory.NewResizableBuffer(w.alloc)
		w.valid.Resize((w.rows + 63) / 64 * 8)
		before := arrow.Uint64Traits.CastFromBytes(w.valid.Bytes())[:lo/64]
		for k := range before {
			before[k] = ^uint64(0)
		}
	}
	dst := arrow.Uint64Traits.CastFromBytes(w.valid.Bytes())[lo/64:]
	for k := 0; k*64 < n; k++ {
		m := wordMask(n, k)
		dst[k] = v.validWord(k) & m
		w.nulls += bits.OnesCount64(m &^ dst[k])
	}
}

func (w *writer) writeTexts(v *vec, lo, n int) error {
	size := w.text.Len()
	end := size
	for i, s := range v.s[:n] {
		if v.isValid(i) {
			end += len(s)
		}
	}
	if end > math.MaxInt32 {
		return fmt.Errorf("want at most 2 GiB of text in one record, got more; read fewer rows at a time")
	}
	if end > w.text.Cap() { // as if the rest were as long as this block
		w.text.Reserve(max(end+(end-size)/n*(w.rows-lo-n), w.text.Cap()*3/2))
	}
	w.text.ResizeNoShrink(end)
	bytes := w.text.Bytes()
	offsets := arrow.Int32Traits.CastFromBytes(w.data.Bytes())[lo+1:]
	for i, s := range v.s[:n] {
		if v.isValid(i) {
			size += copy(bytes[size:], s)
		}
		offsets[i] = int32(size)
	}
	return nil
}
