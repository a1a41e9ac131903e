package autograd_test

import (
	"math"
	"testing"

	"gorgonia.org/tensor"

	tc "github.com/sluice-stream/sluice/tensorcore"
	"github.com/sluice-stream/sluice/tensorcore/autograd"
	"github.com/sluice-stream/sluice/tensorcore/cpu"
)

// TestEmptyAndSingleDims runs a whole model on batches of 0 and 1 rows, and layers of width 0 and 1.
func TestEmptyAndSingleDims(t *testing.T) {
	for _, rows := range []int{0, 1, 2} {
		for _, fields := range []int{0, 1, 3} {
			for _, dim := range []int{0, 1, 16} {
				for _, dt := range []tensor.Dtype{tensor.Float32, tensor.Float64} {
					tp := autograd.NewTape(cpu.New(1))
					table := tp.Leaf("t", nil, tc.Zeros(dt, 5, dim))
					w := tp.Leaf("w", nil, tc.Zeros(dt, fields*dim, 4))
					b := tp.Leaf("b", nil, tc.Zeros(dt, 4))
					idx := make([]int32, rows*fields)
					x := tp.Reshape(tp.Gather(table, idx), rows, fields, dim)
					h := tp.LinearRelu(tp.Reshape(x, rows, fields*dim), w, b)
					z := tp.Add(tp.Sum(h, 1), tp.Sum(tp.Square(tp.Sum(x, 1)), 1))
					h = tp.Concat(1, tp.Tanh(tp.NormalizeRows(tp.Softmax(h, 1))), tp.LayerNorm(h, 1e-5))
					loss := tp.Add(tp.Sum(tp.Softplus(z)), tp.Sum(tp.Transpose(h)))
					g, err := tp.Grad(loss, table, w, b)
					if err != nil {
						t.Fatalf("rows %d fields %d dim %d: %v", rows, fields, dim, err)
					}
					if s := g[1].Shape(); s[0] != fields*dim || s[1] != 4 || math.IsNaN(loss.Scalar()) {
						t.Fatalf("rows %d fields %d dim %d: gradient %v, loss %g", rows, fields, dim, s, loss.Scalar())
					}
				}
			}
		}
	}
}

func TestOpsKeepShapes(t *testing.T) {
	tp := newTape()
	x := tp.Fill(1, 2, 3, 4)
	for _, c := range []struct {
		y    *vr
		want []int
	}{
		{tp.Sum(x), []int{}}, {tp.Sum(x, 1), []int{2, 4}}, {tp.Sum(x, 0, 2), []int{3}}, {tp.SumKeep(x), []int{1, 1, 1}},
		{tp.MeanKeep(x, -1), []int{2, 3, 1}}, {tp.Max(x, -2), []int{2, 4}}, {tp.LogSumExp(x, 0), []int{3, 4}},
		{tp.Reshape(x, -1), []int{24}}, {tp.Reshape(x, 6, -1), []int{6, 4}}, {tp.Transpose(x), []int{4, 3, 2}},
		{tp.Transpose(x, -1, 0, 1), []int{4, 2, 3}}, {tp.Concat(-1, x, x), []int{2, 3, 8}}, {tp.Slice(x, 1, 1, 1), []int{2, 0, 4}},
		{tp.Embed(x, 0, 1, 5), []int{5, 3, 4}}, {tp.BatchMatMul(x, x, false, true), []int{2, 3, 3}}, {tp.Gather(x, []int32{1}), []int{1, 3, 4}},
		{tp.ScatterAdd(x, []int32{1, 1}, 7), []int{7, 3, 4}}, {tp.SegmentSum(x, []int32{0, 2}), []int{1, 3, 4}},
		{tp.Mul(x, tp.Fill(2, 5, 1, 1, 4)), []int{5, 2, 3, 4}}, {tp.Sum(tp.Fill(1)), []int{}},
	} {
		if !tc.SameShape(c.y.Shape(), c.want) {
			t.Errorf("want shape %v, got %v", c.want, c.y.Shape())
		}
	}
	if err := tp.Err(); err != nil {
		t.Fatal(err)
	}
	near(t, "scatter meets", tp.Sum(tp.Slice(tp.ScatterAdd(x, []int32{1, 1}, 7), 0, 1, 2)).Scalar(), 24)
}

// TestSameBitsForAnyThreads wants the gradients of a step to agree to the bit on 1, 2 and 4 threads.
func TestSameBitsForAnyThreads(t *testing.T) {
	w := []*tensor.Dense{random(1, 464, 256), random(2, 256), random(3, 256, 1), random(4, 1)}
	x, y := random(5, 600, 464), random(6, 600)
	var want []float32
	for _, threads := range []int{1, 2, 4} {
		tp := autograd.NewTape(cpu.New(threads))
		var got []float32
		for _, g := range mlpStep(t, tp, x, y, w) {
			got = append(got, g.Float32s()...)
		}
		z := tp.LogSoftmax(tp.LayerNorm(tp.Softmax(tp.Exp(tp.Leaf(w[0], nil, nil)), 1), 1e-5), 0)
		for _, g := range backward(t, tp, tp.Mean(tp.Mul(z, tp.Sum(z, 0)))) {
			got = append(got, g.Float32s()...)
		}
		if want == nil {
			want = got
		}
		for i := range got {
			if got[i] != want[i] {
				t.Fatalf("%d threads, element %d: want %g, got %g", threads, i, want[i], got[i])
			}
		}
	}
}

// TestTapeIsReused wants a step on a used tape to give the bits of a fresh one.
func TestTapeIsReused(t *testing.T) {
	w := []*tensor.Dense{random(1, 46, 25), random(2, 25), random(3, 25, 1), random(4, 1)}
	tp := newTape()
	step := func(tp *tape, rows int) []float32 {
		return mlpStep(t, tp, random(5, rows, 46), random(6, rows), w)[0].Float32s()
	}
	for _, rows := range []int{30, 7, 30, 1} {
		got, want := step(tp, rows), step(newTape(), rows)
		for i := range got {
			if got[i] != want[i] {
				t.Fatalf("%d rows, element %d: want %g, got %g", rows, i, want[i], got[i])
			}
		}
	}
}
