package autograd_test

import (
	"fmt"
	"math"
	"slices"
	"testing"

	"gorgonia.org/tensor"

	tc "github.com/sluice-stream/sluice/tensorcore"
	"github.com/sluice-stream/sluice/tensorcore/autograd"
	"github.com/sluice-stream/sluice/tensorcore/cpu"
)

func TestTopKOrder(t *testing.T) {
	nan := math.NaN()
	tp := newTape()
	x := tp.Const(f64([]int{2, 5}, 3, nan, 7, 3, 7, nan, nan, math.Inf(1), math.Inf(-1), 0))
	for _, c := range []struct {
		name string
		got  []int32
		want []int32
	}{
		{"ties by position, NaN last", tp.ArgTopK(x, 1, 5), []int32{2, 4, 0, 3, 1, 2, 4, 3, 0, 1}},
		{"rising", tp.ArgSort(x, 1), []int32{0, 3, 2, 4, 1, 3, 4, 2, 0, 1}},
		{"largest", tp.ArgMax(x, 1), []int32{2, 2}},
		{"none", tp.ArgTopK(x, 1, 0), []int32{}},
		{"columns", tp.ArgTopK(tp.Const(f64([]int{2, 3}, 1, 5, 2, 4, 3, 2)), 0, 2), []int32{1, 0, 0, 0, 1, 1}},
	} {
		if !slices.Equal(c.got, c.want) {
			t.Errorf("%s: want %v, got %v", c.name, c.want, c.got)
		}
	}
	v, _ := tp.Sort(tp.Const(f64([]int{3}, 2, 1, 3)), 0)
	same(t, "sort", v, []float64{1, 2, 3})
}

// TestTopKAgreesWithSort compares the insertion of few with the sort of all.
func TestTopKAgreesWithSort(t *testing.T) {
	d := random(4, 3, 1000, 2)
	for i := range d.Float32s() {
		d.Float32s()[i] = float32(int(100 * d.Float32s()[i])) // many ties
	}
	for _, threads := range []int{1, 2} {
		tp := autograd.NewTape(cpu.New(threads))
		x := tp.Const(d)
		few, all := tp.ArgTopK(x, 1, 10), tp.ArgTopK(x, 1, 1000)
		for o := range 3 {
			if want := all[o*2000 : o*2000+20]; !slices.Equal(few[o*20:(o+1)*20], want) {
				t.Fatalf("want %v, got %v", want, few[o*20:(o+1)*20])
			}
		}
	}
}

func TestIndexingKnownValues(t *testing.T) {
	tp := newTape()
	x := tp.Const(f64([]int{2, 3}, 1, 2, 3, 4, 5, 6))
	for _, c := range []struct {
		name string
		y    *vr
		want []float64
	}{
		{"select", tp.IndexSelect(x, 1, []int32{2, 0, 2}), []float64{3, 1, 3, 6, 4, 6}},
		{"take", tp.TakeAlong(x, 1, []int32{2, 0}, 1), []float64{3, 4}},
		{"put", tp.PutAlong(tp.Const(f64([]int{2, 2}, 1, 2, 3, 4)), 1, []int32{2, 2, 0, 1}, 3), []float64{0, 0, 3, 3, 4, 0}},
		{"flip", tp.Flip(x, 0), []float64{4, 5, 6, 1, 2, 3}},
		{"roll", tp.Roll(x, 1, 1), []float64{3, 1, 2, 6, 4, 5}},
		{"stack", tp.Stack(1, tp.Const(f64([]int{2}, 1, 2)), tp.Const(f64([]int{2}, 3, 4))), []float64{1, 3, 2, 4}},
		{"tile", tp.Tile(tp.Const(f64([]int{2}, 1, 2)), 0, 2), []float64{1, 2, 1, 2}},
		{"one hot", tp.OneHot([]int32{1, -1, 0}, 2), []float64{0, 1, 0, 0, 1, 0}},
		{"eye", tp.Eye(2), []float64{1, 0, 0, 1}},
		{"lower", tp.Lower(3), []float64{1, 0, 0, 1, 1, 0, 1, 1, 1}},
		{"iota", tp.Iota(3), []float64{0, 1, 2}},
		{"diag", tp.Diag(tp.Const(f64([]int{2, 2}, 1, 2, 3, 4))), []float64{1, 4}},
		{"sparsemax", tp.Sparsemax(tp.Const(f64([]int{2, 3}, 0.5, 0.4, -1, 3, 1, 0))), []float64{0.55, 0.45, 0, 1, 0, 0}},
		{"bag mean", tp.EmbeddingBagMean(x, []int32{0, 1, 1}, []int32{0, 2, 2, 3}), []float64{2.5, 3.5, 4.5, 0, 0, 0, 4, 5, 6}},
		{"attention of nothing", tp.Attention(tp.Fill(1, 1, 1, 2), tp.Fill(1, 1, 2, 2), tp.Fill(1, 1, 2, 2), tp.Fill(0, 1, 2)), []float64{0, 0}},
		{"attention of one key", tp.Attention(tp.Fill(1, 1, 1, 2), tp.Fill(1, 1, 2, 2), tp.Const(f64([]int{1, 2, 1}, 5, 9)), tp.Const(f64([]int{2}, 0, 1))), []float64{9}},
	} {
		same(t, c.name, c.y, c.want)
	}
	if err := tp.Err(); err != nil {
		t.Fatal(err)
	}
}

// TestMovesOfNothing runs the moving operations on empty extents.
func TestMovesOfNothing(t *testing.T) {
	for _, shape := range [][]int{{0, 3}, {2, 0}, {1, 1}, {0, 0}} {
		tp := newTape()
		x := tp.Leaf("x", nil, tc.Zeros(tensor.Float64, shape...))
		v, _ := tp.TopK(x, 1, min(shape[1], 1))
		y := tp.Concat(1, tp.Flip(x, 1), tp.Roll(x, 1, 1), tp.IndexSelect(x, 1, nil), tp.Tile(x, 1, 2), v)
		loss := tp.Add(tp.Sum(y), tp.Sum(tp.Stack(0, x, x)))
		loss = tp.Add(loss, tp.Sum(tp.RBF(x, x, 1)))
		loss = tp.Add(loss, tp.Sum(tp.EmbeddingBagMean(tp.Fill(1, 3, 2), nil, []int32{0, 0})))
		loss = tp.Add(loss, tp.Sum(tp.DiagEmbed(x)))
		if g, err := tp.Backward(loss, x); err != nil || !tc.SameShape(g[0].Shape(), shape) {
			t.Fatalf("shape %v: %v", shape, err)
		}
	}
}

func TestRandomIsKeyed(t *testing.T) {
	const n = 1 << 15
	draw := func(threads int, key uint64) [3][]float32 {
		tp := autograd.NewTape(cpu.New(threads))
		return [3][]float32{tp.Uniform(key, n).Float32s(), tp.Normal(key, n).Float32s(), tp.Bernoulli(key, 0.3, n).Float32s()}
	}
	a, b, c := draw(1, 7), draw(2, 7), draw(1, 8)
	for i, want := range [3][2]float64{{0.5, 1. / 12}, {0, 1}, {0.3, 0.21}} {
		if !slices.Equal(a[i], b[i]) {
			t.Errorf("distribution %d differs with the number of threads", i)
		}
		if slices.Equal(a[i], c[i]) {
			t.Errorf("distribution %d does not depend on the key", i)
		}
		mean, sq := 0.0, 0.0
		for _, v := range a[i] {
			mean += float64(v) / n
			sq += float64(v) * float64(v) / n
		}
		if math.Abs(mean-want[0]) > 0.015 || math.Abs(sq-mean*mean-want[1]) > 0.02 {
			t.Errorf("distribution %d: want mean and variance %v, got %g and %g", i, want, mean, sq-mean*mean)
		}
	}
	tp := newTape()
	kept := 0
	for _, v := range tp.Dropout(tp.Fill(1, 1000), 0.25, 3).Float32s() {
		if v != 0 {
			kept++
			if math.Abs(float64(v)-1/0.75) > 1e-6 {
				t.Fatalf("want 4/3, got %g", v)
			}
		}
	}
	if kept < 700 || kept > 800 {
		t.Errorf("want about 750 of 1000 kept, got %d", kept)
	}
	mean := tp.Mean(tp.Gumbel(5, n)).Scalar()
	if math.Abs(mean-0.5772) > 0.03 {
		t.Errorf("want the Gumbel mean 0.5772, got %g", mean)
	}
}

func TestDecompositionsRebuildTheMatrix(t *testing.T) {
	for _, dt := range []tensor.Dtype{tensor.Float32, tensor.Float64} {
		for _, s := range [][2]int{{4, 4}, {5, 3}, {2, 5}, {1, 1}} {
			tp := autograd.NewTape(cpu.New(2))
			d := tc.Zeros(dt, 3, s[0], s[1])
			for i, v := range values(5, -1, 1, 3*s[0]*s[1]) {
				if dt == tensor.Float32 {
					d.Float32s()[i] = float32(v)
				} else {
					d.Float64s()[i] = v
				}
			}
			x := tp.Const(d)
			name := fmt.Sprintf("%v %v", dt, s)
			u, sv, v := tp.SVD(x)
			r := min(s[0], s[1])
			small(t, name+" svd", tp.Sub(tp.BatchMatMul(tp.Mul(u, tp.Reshape(sv, 3, 1, r)), v, false, true), x))
			small(t, name+" u", tp.Sub(tp.BatchMatMul(u, u, true, false), tp.Eye(r)))
			gram := tp.Add(tp.BatchMatMul(x, x, false, true), tp.Eye(s[0]))
			l := tp.Cholesky(gram)
			small(t, name+" cholesky", tp.Sub(tp.BatchMatMul(l, l, false, true), gram))
			small(t, name+" inverse", tp.Sub(tp.BatchMatMul(gram, tp.InverseSPD(gram), false, false), tp.Eye(s[0])))
			w, q := tp.EigenSym(gram)
			small(t, name+" eigen", tp.Sub(tp.BatchMatMul(tp.Mul(q, tp.Reshape(w, 3, 1, s[0])), q, false, true), gram))
			small(t, name+" log det", tp.Sub(tp.LogDetSPD(gram), tp.Sum(tp.Log(w), 1)))
			if err := tp.Err(); err != nil {
				t.Fatal(err)
			}
		}
	}
}

func small(t *testing.T, name string, y *vr) {
	t.Helper()
	limit := 1e-12
	if y.Value() != nil && y.Value().Dtype() == tensor.Float32 {
		limit = 1e-5
	}
	if worst := scalarMax(y); !(worst <= limit) {
		t.Errorf("%s: off by %g", name, worst)
	}
}

func scalarMax(y *vr) float64 {
	worst := 0.0
	for _, v := range y.Float32s() {
		worst = max(worst, math.Abs(float64(v)))
	}
	for _, v := range y.Float64s() {
		worst = max(worst, math.Abs(v))
	}
	return worst
}

// TestEigenvaluesOfEqualOnes wants a finite gradient where eigenvalues coincide: that of the trace is the identity.
func TestEigenvaluesOfEqualOnes(t *testing.T) {
	tp := newTape()
	x := tp.Leaf("x", nil, f64([]int{3, 3}, 2, 0, 0, 0, 2, 0, 0, 0, 2))
	w, _ := tp.EigenSym(x)
	g, err := tp.Grad(tp.Sum(w), x)
	if err != nil {
		t.Fatal(err)
	}
	same(t, "gradient", g[0], []float64{1, 0, 0, 0, 1, 0, 0, 0, 1})
}

func TestDistancesFarFromTheOrigin(t *testing.T) {
	tp := autograd.NewTape(cpu.New(1))
	a := tc.NewFloat32([]int{2, 1}, []float32{10000, 10001})
	d := tp.SquaredDistances(tp.Const(a), tp.Const(a)).Float32s()
	if d[0] != 0 || d[1] != 1 || d[2] != 1 || d[3] != 0 {
		t.Errorf("want [0 1 1 0], got %v", d)
	}
}

func TestLossesKnownValues(t *testing.T) {
	tp := newTape()
	sure := tp.Const(f64([]int{1, 2}, math.Log(0.75), math.Log(0.25))) // first: it makes the tape float64
	even := tp.Fill(math.Log(0.5), 1, 2)
	near(t, "kl", tp.KL(sure, even).Scalar(), 0.75*math.Log(1.5)+0.25*math.Log(0.5))
	near(t, "js of equals", tp.JS(sure, sure).Scalar(), 0)
	near(t, "js apart", tp.JS(tp.Const(f64([]int{1, 2}, 0, -800)), tp.Const(f64([]int{1, 2}, -800, 0))).Scalar(), math.Ln2)
	near(t, "entropy", tp.Entropy(even).Scalar(), math.Ln2)
	near(t, "huber", tp.Huber(tp.Const(f64([]int{2}, 0.5, 3)), tp.Fill(0), 1).Scalar(), (0.125+2.5)/2)
	near(t, "pinball", tp.Pinball(tp.Fill(0, 2), tp.Const(f64([]int{2}, 2, -4)), tp.Fill(0.9)).Scalar(), (1.8+0.4)/2)
	near(t, "focal", tp.FocalLoss(tp.Fill(0, 1), tp.Fill(1, 1), 0.25, 2).Scalar(), 0.25*0.25*math.Ln2)
	near(t, "labels", tp.CrossEntropyLabels(tp.Fill(0, 2, 4), []int32{1, 3}, nil).Scalar(), math.Log(4))
	near(t, "soft", tp.CrossEntropy(tp.Fill(0, 2, 4), tp.Smooth(tp.OneHot([]int32{1, 3}, 4), 0.2), nil).Scalar(), math.Log(4))
	near(t, "smooth", tp.Smooth(tp.OneHot([]int32{1}, 4), 0.2).Float64s()[1], 0.85)
	near(t, "info nce", tp.InfoNCE(tp.Eye(4), tp.Eye(4), 1).Scalar(), math.Log(math.E+3)-1)
	near(t, "no pairs", tp.PairLoss(tp.Fill(3, 2, 2), tp.Fill(0, 2, 2), tp.Fill(0, 2, 2)).Scalar(), 0)
	near(t, "no negatives", tp.PairLoss(tp.Fill(3, 2, 2), tp.Fill(1, 2, 2), tp.Fill(0, 2, 2)).Scalar(), 0)
	near(t, "pairs", tp.PairLoss(tp.Fill(3, 2, 2), tp.Eye(2), tp.Sub(tp.Fill(1), tp.Eye(2))).Scalar(), math.Ln2)
	if err := tp.Err(); err != nil {
		t.Fatal(err)
	}
}
