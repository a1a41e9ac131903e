package sinks

import (
	"slices"
	"testing"

	"github.com/apache/arrow/go/v17/arrow"
	"github.com/apache/arrow/go/v17/arrow/array"
	"github.com/apache/arrow/go/v17/arrow/memory"
)

// TestCanonicalFormHidesWhatLiesUnderNulls: equal rows with different buffers become equal to the byte, and
// stay the same rows.
func TestCanonicalFormHidesWhatLiesUnderNulls(t *testing.T) {
	mem := memory.NewCheckedAllocator(memory.NewGoAllocator())
	defer mem.AssertSize(t, 0)
	for _, f := range allTypes(true).Fields() {
		if f.Type.ID() == arrow.DICTIONARY {
			continue
		}
		t.Run(f.Name, func(t *testing.T) {
			for n := range 40 {
				clean := makeColumn(mem, f, 3, 1, 0, n, false)
				litter := makeColumn(mem, f, 3, 1, 0, n, true)
				a, b := canonicalCopy(t, mem, clean), canonicalCopy(t, mem, litter)
				if want, got := asJSON(t, clean), asJSON(t, a); got != want {
					t.Fatalf("n=%d: other rows: want %s, got %s", n, want, got)
				}
				sameBuffers(t, a.Data(), b.Data())
				for _, x := range []arrow.Array{a, b, clean, litter} {
					x.Release()
				}
			}
		})
	}
}

func canonicalCopy(t *testing.T, mem memory.Allocator, arr arrow.Array) arrow.Array {
	t.Helper()
	c, err := array.Concatenate([]arrow.Array{arr}, mem)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Release()
	out, err := canonical(mem, c)
	if err != nil {
		t.Fatal(err)
	}
	return out
}

func asJSON(t *testing.T, arr arrow.Array) string {
	t.Helper()
	js, err := arr.MarshalJSON()
	if err != nil {
		t.Fatal(err)
	}
	return string(js)
}

func sameBuffers(t *testing.T, a, b arrow.ArrayData) {
	t.Helper()
	if a.Len() != b.Len() || a.NullN() != b.NullN() || len(a.Children()) != len(b.Children()) {
		t.Fatalf("want length %d with %d nulls, got %d with %d", a.Len(), a.NullN(), b.Len(), b.NullN())
	}
	for i := range a.Buffers() {
		x, y := a.Buffers()[i], b.Buffers()[i]
		if (x == nil) != (y == nil) || x != nil && !slices.Equal(x.Bytes(), y.Bytes()) {
			t.Fatalf("%s: buffer %d differs: %v, %v", a.DataType(), i, x, y)
		}
	}
	for i := range a.Children() {
		sameBuffers(t, a.Children()[i], b.Children()[i])
	}
}

func TestCanonicalWantsOffsetZero(t *testing.T) {
	b := array.NewInt64Builder(memory.DefaultAllocator)
	b.AppendValues([]int64{1, 2, 3}, nil)
	arr := b.NewInt64Array()
	s := array.NewSlice(arr, 1, 3)
	if _, err := canonical(memory.DefaultAllocator, s); err == nil {
		t.Fatal("a slice would be changed in place, and others see its buffers")
	}
}
