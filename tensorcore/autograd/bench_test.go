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
	var room [64]*vr
	wrt := room[:0]
	for _, l := range tp.Leaves() {
		wrt = append(wrt, l.Var)
	}
	g, err := tp.Backward(loss, wrt...)
	if err != nil {
		b.Fatal(err)
	}
	return g
}

func BenchmarkMLPStep(b *testing.B) { benchmark(b, 64, newMLP()) }

// BenchmarkDeepFMStep is forward and backward of DeepFM: 29 fields, dimension 16, MLP 256-128.
func BenchmarkDeepFMStep(b *testing.B) {
	for _, rows := range []int{16, 64, 512} {
		b.Run(fmt.Sprintf("batch=%d", rows), func(b *testing.B) { benchmark(b, rows, newDeepFM(rows)) })
	}
}

// BenchmarkTransformerStep is forward and backward of two layers over 15 tokens of width 64 with 4 heads.
func BenchmarkTransformerStep(b *testing.B) {
	for _, rows := range []int{16, 512} {
		b.Run(fmt.Sprintf("batch=%d", rows), func(b *testing.B) { benchmark(b, rows, newTransformer(rows, false)) })
	}
	b.Run("batch=512/recompute", func(b *testing.B) { benchmark(b, 512, newTransformer(512, true)) })
}

// step is forward and backward of a model.
type step func(tb testing.TB, tp *tape) []*vr

func benchmark(b *testing.B, rows int, f step) {
	tp := autograd.NewTape(cpu.New(1))
	for range 2 { // the first life finds out how much memory it takes
		f(b, tp)
	}
	b.ReportAllocs()
	for b.Loop() {
		f(b, tp)
	}
	b.ReportMetric(float64(rows)*float64(b.N)/b.Elapsed().Seconds(), "rows/s")
}

func newMLP() step {
	w := []*tensor.Dense{random(1, 464, 256), random(2, 256), random(3, 256, 1), random(4, 1)}
	x, y := random(5, 64, 464), random(6, 64)
	return func(tb testing.TB, tp *tape) []*vr { return mlpStep(tb, tp, x, y, w) }
}

func newDeepFM(rows int) step {
	const fields, dim = 29, 16
	unique := min(10*rows, 3000)
	idx := make([]int32, rows*fields)
	r := rand.New(rand.NewPCG(1, 1))
	for i := range idx {
		idx[i] = r.Int32N(int32(unique))
	}
	table, first := random(1, unique, dim), random(2, unique, 1)
	w := []*tensor.Dense{random(1, fields*dim, 256), random(2, 256), random(3, 256, 128), random(3, 128), random(3, 128, 1), random(4, 1)}
	y := random(6, rows)
	return func(tb testing.TB, tp *tape) []*vr {
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
		return backward(tb, tp, tp.BCEWithLogits(z, tp.Const(y), nil))
	}
}

// block is one pre-norm layer.
type block struct {
	tp   *tape
	w    [6]*tensor.Dense // q, k, v, out, and the two of the MLP
	b    [2]*tensor.Dense
	rows int
}

const tokens, width, heads = 15, 64, 4

func (k *block) forward(x ...*vr) *vr {
	tp := k.tp
	leaf := func(d *tensor.Dense) *vr { return tp.Leaf(d, nil, d) }
	n := tp.LayerNorm(x[0], 1e-5)
	part := func(i int) *vr {
		return tp.Heads(tp.Reshape(tp.Linear(n, leaf(k.w[i]), nil), k.rows, tokens, width), heads)
	}
	a := tp.MergeHeads(tp.Attention(part(0), part(1), part(2), nil), heads)
	h := tp.Add(x[0], tp.Linear(tp.Reshape(a, k.rows*tokens, width), leaf(k.w[3]), nil))
	m := tp.Gelu(tp.Linear(tp.LayerNorm(h, 1e-5), leaf(k.w[4]), leaf(k.b[0])))
	return tp.Add(h, tp.Linear(m, leaf(k.w[5]), leaf(k.b[1])))
}

func newTransformer(rows int, again bool) step {
	var layers [2]*block
	for i := range layers {
		k := &block{rows: rows, b: [2]*tensor.Dense{random(1, 4*width), random(2, width)}}
		for j := range 4 {
			k.w[j] = random(uint64(10*i+j), width, width)
		}
		k.w[4], k.w[5] = random(3, width, 4*width), random(4, 4*width, width)
		layers[i] = k
	}
	run := [2]func(x ...*vr) *vr{layers[0].forward, layers[1].forward}
	x := random(7, rows*tokens, width)
	return func(tb testing.TB, tp *tape) []*vr {
		tp.Reset()
		h := tp.Leaf(x, nil, x)
		for i, k := range layers {
			k.tp = tp
			if again {
				h = tp.Recompute(run[i], h)
			} else {
				h = k.forward(h)
			}
		}
		return backward(tb, tp, tp.Mean(tp.Square(h)))
	}
}
