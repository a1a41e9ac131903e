package autograd_test

import (
	"fmt"
	"math/rand/v2"
	"testing"

	"gorgonia.org/tensor"

	tc "github.com/sluice-stream/sluice/tensorcore"
	"github.com/sluice-stream/sluice/tensorcore/autograd"
	"github.com/sluice-stream/sluice/tensorcore/cpu"
)

func random(seed uint64, shape ...int) *tensor.Dense {
	r := rand.New(rand.NewPCG(seed, 3))
	d := tc.Zeros(tensor.Float32, shape...)
	for i := range d.Float32s() {
		d.Float32s()[i] = float32(0.1 * r.NormFloat64())
	}
	return d
}

// mlpStep is forward and backward of a two-layer network.
func mlpStep(b testing.TB, tp *tape, x, y *tensor.Dense, w []*tensor.Dense) []*vr {
	tp.Reset()
	h := tp.Const(x)
	for i := 0; i+2 < len(w); i += 2 {
		h = tp.LinearRelu(h, tp.Leaf(w[i], nil, w[i]), tp.Leaf(w[i+1], nil, w[i+1]))
	}
	n := len(w)
	z := tp.Linear(h, tp.Leaf(w[n-2], nil, w[n-2]), tp.Leaf(w[n-1], nil, w[n-1]))
	return backward(b, tp, tp.BCEWithLogits(tp.Reshape(z, x.Shape()[0]), tp.Const(y), nil))
}

func backward(b testing.TB, tp *tape, loss *vr) []*vr {
	wrt := make([]*vr, 0, 16)
	for _, l := range tp.Leaves() {
		wrt = append(wrt, l.Var)
	}
	g, err := tp.Grad(loss, wrt...)
	if err != nil {
		b.Fatal(err)
	}
	return g
}

func BenchmarkMLPStep(b *testing.B) {
	tp := autograd.NewTape(cpu.New(1))
	w := []*tensor.Dense{random(1, 464, 256), random(2, 256), random(3, 256, 1), random(4, 1)}
	x, y := random(5, 64, 464), random(6, 64)
	b.ReportAllocs()
	for b.Loop() {
		mlpStep(b, tp, x, y, w)
	}
}

// BenchmarkDeepFMStep is forward and backward of DeepFM: 29 fields, dimension 16, MLP 256-128.
func BenchmarkDeepFMStep(b *testing.B) {
	for _, rows := range []int{16, 64, 512} {
		b.Run(fmt.Sprintf("batch=%d", rows), func(b *testing.B) {
			const fields, dim = 29, 16
			tp := autograd.NewTape(cpu.New(1))
			unique := min(10*rows, 3000)
			idx := make([]int32, rows*fields)
			r := rand.New(rand.NewPCG(1, 1))
			for i := range idx {
				idx[i] = r.Int32N(int32(unique))
			}
			table, first := random(1, unique, dim), random(2, unique, 1)
			w := []*tensor.Dense{random(1, fields*dim, 256), random(2, 256), random(3, 256, 128), random(3, 128), random(3, 128, 1), random(4, 1)}
			y := random(6, rows)
			b.ReportAllocs()
			for b.Loop() {
				tp.Reset()
				x := tp.Reshape(tp.Gather(tp.Leaf("table", nil, table), idx), rows, fields, dim)
				lin := tp.Sum(tp.Reshape(tp.Gather(tp.Leaf("first", nil, first), idx), rows, fields), 1)
				fm := tp.Scale(tp.Sub(tp.Sum(tp.Square(tp.Sum(x, 1)), 1), tp.Sum(tp.Square(x), 1, 2)), 0.5)
				h := tp.Reshape(x, rows, fields*dim)
				for i := 0; i < 4; i += 2 {
					h = tp.LinearRelu(h, tp.Leaf(w[i], nil, w[i]), tp.Leaf(w[i+1], nil, w[i+1]))
				}
				h = tp.Linear(h, tp.Leaf(w[4], nil, w[4]), tp.Leaf(w[5], nil, w[5]))
				z := tp.Add(tp.Add(fm, lin), tp.Reshape(h, rows))
				backward(b, tp, tp.BCEWithLogits(z, tp.Const(y), nil))
			}
			b.ReportMetric(float64(rows)*float64(b.N)/b.Elapsed().Seconds(), "rows/s")
		})
	}
}
