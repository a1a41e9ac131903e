package autograd_test

import (
	"fmt"
	"math"
	"testing"

	"gorgonia.org/tensor"

	tc "github.com/sluice-stream/sluice/tensorcore"
	"github.com/sluice-stream/sluice/tensorcore/autograd"
	"github.com/sluice-stream/sluice/tensorcore/cpu"
)

// slowConv is the definition of a convolution, in float64.
func slowConv(x, w []float64, xs, ws [4]int, win tc.Window, out [2]int) []float64 {
	y := make([]float64, xs[0]*out[0]*out[1]*ws[3])
	for n := range xs[0] {
		for a := range out[0] {
			for b := range out[1] {
				for o := range ws[3] {
					sum := 0.0
					for i := range ws[0] {
						for j := range ws[1] {
							h := a*max(win.Stride[0], 1) - win.Before[0] + i*max(win.Dilation[0], 1)
							v := b*max(win.Stride[1], 1) - win.Before[1] + j*max(win.Dilation[1], 1)
							if h < 0 || h >= xs[1] || v < 0 || v >= xs[2] {
								continue
							}
							for c := range ws[2] {
								sum += x[((n*xs[1]+h)*xs[2]+v)*xs[3]+c] * w[((i*ws[1]+j)*ws[2]+c)*ws[3]+o]
							}
						}
					}
					y[((n*out[0]+a)*out[1]+b)*ws[3]+o] = sum
				}
			}
		}
	}
	return y
}

func TestConvAgainstItsDefinition(t *testing.T) {
	windows := []tc.Window{same3, stride2, skewed, {}, {Stride: [2]int{3, 1}, After: [2]int{2, 2}}, {Dilation: [2]int{1, 3}, Before: [2]int{0, 4}}}
	for _, win := range windows {
		for _, size := range [][2]int{{3, 3}, {2, 3}, {1, 1}, {1, 2}} {
			for _, threads := range []int{1, 2} {
				xs, ws := [4]int{2, 7, 6, 3}, [4]int{size[0], size[1], 3, 4}
				x, w := values(1, -1, 1, 2*7*6*3), values(2, -1, 1, size[0]*size[1]*12)
				tp := autograd.NewTape(cpu.New(threads))
				y := tp.Conv2D(tp.Const(tc.NewFloat64(xs[:], x)), tp.Const(tc.NewFloat64(ws[:], w)), nil, win)
				if err := tp.Err(); err != nil {
					t.Fatal(err)
				}
				for i, v := range slowConv(x, w, xs, ws, win, [2]int(y.Shape()[1:3])) {
					near(t, fmt.Sprintf("window %v of %v, element %d", win, size, i), y.Float64s()[i], v)
				}
			}
		}
	}
}

// TestConvTransposeIsTheAdjoint wants <conv(x), y> = <x, convTranspose(y)> with the same kernel.
func TestConvTransposeIsTheAdjoint(t *testing.T) {
	for _, win := range []tc.Window{same3, stride2, skewed} {
		size := win.Size
		tp := newTape()
		x := tp.Const(tc.NewFloat64([]int{2, 5, 6, 3}, values(1, -1, 1, 180)))
		w := tp.Const(tc.NewFloat64([]int{size[0], size[1], 3, 4}, values(2, -1, 1, size[0]*size[1]*12)))
		y := tp.Conv2D(x, w, nil, win)
		u := tp.Const(tc.NewFloat64(y.Shape(), values(3, -1, 1, y.Size())))
		back := tp.ConvTranspose2D(u, tp.Transpose(w, 3, 0, 1, 2), nil, win, 5, 6)
		near(t, "inner products", tp.Sum(tp.Mul(x, back)).Scalar(), tp.Sum(tp.Mul(y, u)).Scalar())
	}
}

func TestPoolingAndResizeKnownValues(t *testing.T) {
	tp := newTape()
	x := tp.Const(f64([]int{1, 2, 3, 1}, 1, 2, 3, 4, 5, 6))
	for _, c := range []struct {
		name string
		y    *vr
		want []float64
	}{
		{"max", tp.MaxPool(x, autograd.Square(2, 1, 0)), []float64{5, 6}},
		{"max, negative with padding", tp.MaxPool(tp.Neg(x), autograd.Square(3, 2, 1)), []float64{-1, -2}},
		{"avg counts zeros", tp.AvgPool(x, autograd.Square(3, 3, 1)), []float64{12. / 9}},
		{"adaptive", tp.AdaptiveAvgPool(x, 1, 2), []float64{3, 4}},
		{"resize doubles", tp.Resize(tp.Const(f64([]int{1, 1, 2, 1}, 0, 4)), 1, 4), []float64{0, 1, 3, 4}},
		{"resize halves", tp.Resize(tp.Const(f64([]int{1, 1, 4, 1}, 0, 2, 4, 10)), 1, 2), []float64{1, 7}},
		{"reflect", tp.PadReflect(tp.Const(f64([]int{3}, 1, 2, 3)), 0, 2, 1), []float64{3, 2, 1, 2, 3, 2}},
		{"const", tp.PadConst(tp.Const(f64([]int{1}, 1)), 0, 1, 2, 9), []float64{9, 1, 9, 9}},
		{"group norm", tp.GroupNorm(tp.Const(f64([]int{1, 4}, 1, 3, 10, 30)), 2, 0), []float64{-1, 1, -1, 1}},
		{"instance norm", tp.GroupNorm(tp.Const(f64([]int{1, 2, 2}, 1, 30, 3, 10)), 2, 0), []float64{-1, 1, 1, -1}},
	} {
		same(t, c.name, c.y, c.want)
	}
}

func same(t *testing.T, name string, y *vr, want []float64) {
	t.Helper()
	got := y.Float64s()
	if len(got) != len(want) {
		t.Errorf("%s: want %v, got %v of shape %v", name, want, got, y.Shape())
		return
	}
	for i, w := range want {
		near(t, fmt.Sprintf("%s, element %d", name, i), got[i], w)
	}
}

func TestBatchNormGivesStatistics(t *testing.T) {
	tp := newTape()
	x := tp.Leaf("x", nil, f64([]int{2, 1, 2, 2}, 1, 10, 2, 10, 3, 10, 6, 14))
	y, mean, variance := tp.BatchNorm(x, 0)
	same(t, "mean", mean, []float64{3, 11})
	same(t, "variance", variance, []float64{3.5, 3})
	near(t, "first", y.Float64s()[0], -2/math.Sqrt(3.5))
	same(t, "inference", tp.Normalized(x, mean, variance, 0), y.Float64s())
	g, err := tp.Grad(tp.Add(tp.Sum(mean), tp.Sum(variance)), x)
	if err != nil {
		t.Fatal(err)
	}
	same(t, "no gradient through statistics", g[0], make([]float64, 8))
}

// TestImagesOfNothing runs layers on no images, images of one pixel, and images of no channels.
func TestImagesOfNothing(t *testing.T) {
	for _, shape := range [][4]int{{0, 4, 4, 2}, {1, 1, 1, 2}, {2, 4, 4, 0}, {1, 4, 4, 1}} {
		for _, dt := range []tensor.Dtype{tensor.Float32, tensor.Float64} {
			tp := autograd.NewTape(cpu.New(1))
			x := tp.Leaf("x", nil, tc.Zeros(dt, shape[:]...))
			w := tp.Leaf("w", nil, tc.Zeros(dt, 3, 3, shape[3], 2))
			y := tp.Conv2D(x, w, tp.Fill(0, 2), same3)
			y = tp.Add(y, tp.ConvTranspose2D(y, tp.Fill(1, 2, 3, 3, 2), nil, same3, shape[1], shape[2]))
			loss := tp.Add(tp.Sum(tp.MaxPool(y, same3)), tp.Sum(tp.Resize(tp.AvgPool(x, same3), 3, 2)))
			loss = tp.Add(loss, tp.Sum(tp.GroupNorm(y, 2, 1e-5)))
			g, err := tp.Backward(loss, x, w)
			if err != nil || !tc.SameShape(g[0].Shape(), shape[:]) || math.IsNaN(loss.Scalar()) {
				t.Fatalf("shape %v: %v, loss %g", shape, err, loss.Scalar())
			}
		}
	}
}
