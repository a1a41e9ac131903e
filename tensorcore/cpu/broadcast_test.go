package cpu

import (
	"testing"

	tc "github.com/sluice-stream/sluice/tensorcore"
)

var broadcasts = []struct{ out, a, b []int }{
	{[]int{3, 4, 5}, []int{3, 4, 5}, []int{5}},
	{[]int{3, 4, 5}, []int{3, 4, 1}, []int{3, 4, 5}},
	{[]int{3, 4, 5}, []int{3, 4, 5}, []int{3, 4, 1}},
	{[]int{3, 4, 5}, []int{3, 1, 5}, []int{4, 1}},
	{[]int{3, 4, 5}, []int{1, 4, 1}, []int{3, 1, 5}},
	{[]int{2, 3, 1, 17}, []int{2, 1, 1, 17}, []int{3, 1, 17}},
	{[]int{5, 33}, []int{5, 1}, []int{1, 33}},
	{[]int{7, 1, 16}, []int{7, 1, 1}, []int{16}},
	{[]int{2, 3, 4, 9}, []int{1, 3, 1, 9}, []int{2, 1, 4, 1}},
	{[]int{6}, []int{1}, []int{6}},
	{[]int{4, 8}, []int{}, []int{4, 8}},
	{[]int{1, 1}, []int{1}, []int{}},
	{[]int{2, 0, 3}, []int{2, 0, 1}, []int{3}},
}

// source is where element i of a result of shape out comes from in a source.
func source(i int, out, src []int) int {
	at, step := 0, 1
	for ax, s := len(out)-1, len(src)-1; ax >= 0; ax, s = ax-1, s-1 {
		if s >= 0 && src[s] != 1 {
			at += i % out[ax] * step
			step *= src[s]
		}
		i /= out[ax]
	}
	return at
}

func TestBroadcastAgainstIndices(t *testing.T) {
	for _, c := range broadcasts {
		a, b := random32(1, tc.Size(c.a)), random32(2, tc.Size(c.b))
		A, B := tc.NewFloat32(c.a, a), tc.NewFloat32(c.b, b)
		n := tc.Size(c.out)
		cond := make([]float32, n)
		for i := range cond {
			cond[i] = float32(i % 3)
		}
		for _, k := range Available() {
			for _, threads := range []int{1, 2, 4} {
				e := newEngine(threads, k)
				e.spread = threads > 1
				got := make([]float32, n)
				check := func(name string, want func(i int) float32) {
					t.Helper()
					for i, v := range got {
						if w := want(i); !sameBits(v, w) {
							t.Fatalf("%s, %d threads, %s %v of %v and %v, element %d: want %g, got %g", k, threads, name, c.out, c.a, c.b, i, w, v)
						}
					}
				}
				x := func(i int) float32 { return a[source(i, c.out, c.a)] }
				y := func(i int) float32 { return b[source(i, c.out, c.b)] }
				for op := tc.Add; op <= tc.TanhGrad; op++ {
					e.Binary(op, tc.NewFloat32(c.out, got), A, B)
					f := pairFunc[float32](op)
					check("binary", func(i int) float32 { return f(x(i), y(i)) })
				}
				e.Expand(tc.NewFloat32(c.out, got), A)
				check("expand", x)
				e.Where(tc.NewFloat32(c.out, got), tc.NewFloat32(c.out, cond), A, B)
				check("where", func(i int) float32 {
					if cond[i] != 0 {
						return x(i)
					}
					return y(i)
				})
			}
		}
	}
}

func TestPermuteAgainstIndices(t *testing.T) {
	for _, c := range []struct{ shape, axes []int }{
		{[]int{3, 5, 2, 16}, []int{0, 2, 1, 3}}, {[]int{3, 5, 4, 3}, []int{0, 2, 1, 3}}, {[]int{17, 33}, []int{1, 0}},
		{[]int{2, 19, 21}, []int{0, 2, 1}}, {[]int{2, 3, 4, 5}, []int{3, 2, 1, 0}}, {[]int{2, 3, 4}, []int{0, 1, 2}},
		{[]int{1, 6, 1}, []int{2, 1, 0}}, {[]int{4, 100}, []int{0, 1}}, {[]int{3, 4, 100}, []int{1, 0, 2}}, {[]int{}, []int{}}, {[]int{2, 0, 3}, []int{2, 1, 0}},
	} {
		x := random32(1, tc.Size(c.shape))
		out := make([]int, len(c.shape))
		for i, a := range c.axes {
			out[i] = c.shape[a]
		}
		for _, k := range Available() {
			for _, threads := range []int{1, 2, 4} {
				e := newEngine(threads, k)
				e.spread = threads > 1
				got := make([]float32, len(x))
				e.Permute(tc.NewFloat32(out, got), tc.NewFloat32(c.shape, x), c.axes)
				for i, v := range got {
					at := make([]int, len(out))
					for ax, rest := len(out)-1, i; ax >= 0; ax-- {
						at[c.axes[ax]] = rest % out[ax]
						rest /= out[ax]
					}
					from := 0
					for ax, p := range at {
						from = from*c.shape[ax] + p
					}
					if v != x[from] {
						t.Fatalf("%s, %d threads, %v by %v, element %d: want %g, got %g", k, threads, c.shape, c.axes, i, x[from], v)
					}
				}
			}
		}
	}
}

// TestNothingBeyondTheEnd: kernels write no element behind the last.
func TestNothingBeyondTheEnd(t *testing.T) {
	for _, e := range engines(t, 1) {
		for n := range 40 {
			x, d := random32(1, n), make([]float32, n+20)
			for i := range d {
				d[i] = 7
			}
			for op := tc.Affine; op <= tc.GeluSlope; op++ {
				e.Unary(op, vec(d[:n]), vec(x), 1, 2)
			}
			for op := tc.Add; op <= tc.BCE; op++ {
				e.Binary(op, vec(d[:n]), vec(x), vec(x))
			}
			if n > 0 {
				e.Along(tc.Softmax, vec(d[:n]), vec(x), 1, n, 1, 0)
				e.Along(tc.LayerNorm, vec(d[:n]), vec(x), 1, n, 1, 1e-5)
				e.AlongGrad(tc.LayerNorm, vec(d[:n]), vec(x), vec(x), vec(x), 1, n, 1, 1e-5)
			}
			for i, v := range d[n:] {
				if v != 7 {
					t.Fatalf("%s: length %d: element %d behind the end was written", e.Kernels(), n, i)
				}
			}
		}
	}
}
