package tensorcore

import (
	"fmt"
	"testing"

	"gorgonia.org/tensor"
)

func TestBroadcast(t *testing.T) {
	for _, c := range []struct {
		a, b []int
		want string
	}{
		{[]int{2, 3}, []int{3}, "[2 3] true"},
		{[]int{2, 1}, []int{1, 4}, "[2 4] true"},
		{[]int{}, []int{5}, "[5] true"},
		{[]int{0, 3}, []int{1, 3}, "[0 3] true"},
		{[]int{2}, []int{3}, "[] false"},
		{[]int{0}, []int{2}, "[] false"},
	} {
		got, ok := Broadcast(nil, c.a, c.b)
		if s := fmt.Sprint(got, ok); s != c.want {
			t.Errorf("%v with %v: want %s, got %s", c.a, c.b, c.want, s)
		}
	}
}

func TestFitKeepsMemory(t *testing.T) {
	data := []float32{1, 2, 3, 4, 5, 6}
	d := NewFloat32([]int{2, 3}, data)
	if !Fit(d, []int{4}) || fmt.Sprint(d.Shape(), d.Strides(), d.Float32s()) != "(4) [1] [1 2 3 4]" {
		t.Fatalf("got %v %v %v", d.Shape(), d.Strides(), d.Float32s())
	}
	if !Fit(d, []int{3, 2}) || &d.Float32s()[0] != &data[0] || d.Strides()[0] != 2 {
		t.Fatal("want the same memory as 3 rows of 2")
	}
	if Fit(d, []int{7}) || d.Shape()[0] != 3 {
		t.Fatal("want no change when the memory is too small")
	}
	if n := testing.AllocsPerRun(10, func() { Fit(d, []int{2, 3}); Fit(d, []int{}) }); n > 0 {
		t.Errorf("want no allocation, got %g", n)
	}
}

func TestZerosOfAnyShape(t *testing.T) {
	for _, shape := range [][]int{{}, {0}, {0, 3}, {2, 0, 2}, {1}, {2, 3}} {
		for _, dt := range []tensor.Dtype{tensor.Float32, tensor.Float64} {
			d := Zeros(dt, shape...)
			if !SameShape(d.Shape(), shape) || !RowMajor(d) {
				t.Errorf("%v: got shape %v, row-major %v", shape, d.Shape(), RowMajor(d))
			}
		}
	}
}

func TestRowMajor(t *testing.T) {
	d := NewFloat32([]int{2, 3}, make([]float32, 6))
	if !RowMajor(d) {
		t.Error("a new tensor is row-major")
	}
	col := tensor.New(tensor.WithShape(2, 3), tensor.AsFortran([]float32{1, 2, 3, 4, 5, 6}))
	if RowMajor(col) {
		t.Error("a column-major tensor is not")
	}
	part, err := tensor.New(tensor.WithShape(2, 3), tensor.WithBacking([]float32{1, 2, 3, 4, 5, 6})).Slice(nil, tensor.S(0, 2))
	if err != nil {
		t.Fatal(err)
	}
	if RowMajor(part.(*tensor.Dense)) {
		t.Error("a slice with gaps is not")
	}
}
