package cpu

import (
	"math"
	"testing"

	"gorgonia.org/tensor"

	tc "github.com/sluice-stream/sluice/tensorcore"
)

// rowLengths have every kind of tail of both vector widths, and rows beyond one chunk of a sum.
var rowLengths = []int{1, 2, 7, 8, 9, 15, 16, 17, 24, 31, 32, 33, 47, 64, 100, sumChunk, sumChunk + 5}

// rowResults are the functions of rows of n elements.
func rowResults(e *Engine, x, g []float32, n int) map[string][]float32 {
	rows := len(x) / n
	out := map[string][]float32{}
	run := func(name string, size int, f func(d *tensor.Dense)) {
		d := make([]float32, size)
		f(vec(d))
		out[name] = d
	}
	along := func(name string, op tc.AlongOp) {
		run(name, len(x), func(d *tensor.Dense) { e.Along(op, d, vec(x), rows, n, 1, 1e-5) })
	}
	along("softmax", tc.Softmax)
	along("log softmax", tc.LogSoftmax)
	along("layer norm", tc.LayerNorm)
	grad := func(name string, op tc.AlongOp) {
		run(name+" gradient", len(x), func(d *tensor.Dense) {
			e.AlongGrad(op, d, vec(g), vec(out[name]), vec(x), rows, n, 1, 1e-5)
		})
		run(name+" gradient in place", len(x), func(d *tensor.Dense) {
			copy(d.Float32s(), g)
			e.AlongGrad(op, d, d, vec(out[name]), vec(x), rows, n, 1, 1e-5)
		})
	}
	grad("softmax", tc.Softmax)
	grad("layer norm", tc.LayerNorm)
	run("sum", rows, func(d *tensor.Dense) { e.Reduce(tc.Sum, d, vec(x), rows, n, 1) })
	run("log-sum-exp", rows, func(d *tensor.Dense) { e.Reduce(tc.LogSumExp, d, vec(x), rows, n, 1) })
	return out
}

// wantRows are the same in float64.
func wantRows(x, g []float32, n int) map[string][]float64 {
	rows := len(x) / n
	wide := func(s []float32) *tensor.Dense {
		out := make([]float64, len(s))
		for i, v := range s {
			out[i] = float64(v)
		}
		return tc.NewFloat64([]int{len(s)}, out)
	}
	e, X, G := newEngine(1, Go), wide(x), wide(g)
	out := map[string][]float64{}
	run := func(name string, size int, f func(d *tensor.Dense)) *tensor.Dense {
		d := tc.Zeros(tensor.Float64, size)
		f(d)
		out[name] = d.Float64s()
		return d
	}
	for name, op := range map[string]tc.AlongOp{"softmax": tc.Softmax, "log softmax": tc.LogSoftmax, "layer norm": tc.LayerNorm} {
		y := run(name, len(x), func(d *tensor.Dense) { e.Along(op, d, X, rows, n, 1, 1e-5) })
		if op != tc.LogSoftmax {
			run(name+" gradient", len(x), func(d *tensor.Dense) { e.AlongGrad(op, d, G, y, X, rows, n, 1, 1e-5) })
			out[name+" gradient in place"] = out[name+" gradient"]
		}
	}
	run("sum", rows, func(d *tensor.Dense) { e.Reduce(tc.Sum, d, X, rows, n, 1) })
	run("log-sum-exp", rows, func(d *tensor.Dense) { e.Reduce(tc.LogSumExp, d, X, rows, n, 1) })
	return out
}

func TestRowsNearFloat64(t *testing.T) {
	for _, n := range rowLengths {
		x, g := random32(1, 3*n), random32(2, 3*n)
		want := wantRows(x, g, n)
		for _, e := range engines(t, 1) {
			for name, got := range rowResults(e, x, g, n) {
				if n == 1 && name == "layer norm gradient" || n == 2 { // differences of nearly equal numbers
					continue
				}
				for i, w := range want[name] {
					if d := math.Abs(float64(got[i]) - w); !(d <= 2e-5*max(1, math.Abs(w))) {
						t.Fatalf("%s %s of %d, element %d: want %g, got %g", e.Kernels(), name, n, i, w, got[i])
					}
				}
			}
		}
	}
}

// TestRowsSameBits: all sets of kernels and any number of threads, also with numbers that are none.
func TestRowsSameBits(t *testing.T) {
	for _, n := range rowLengths {
		for _, x := range [][]float32{random32(1, 6*n+1)[1:], mixed(3, 6*n), make([]float32, 6*n)} {
			g := random32(2, len(x))
			want := rowResults(newEngine(1, Go), x, g, n)
			for _, k := range Available() {
				for _, threads := range []int{1, 2, 4} {
					e := newEngine(threads, k)
					e.spread = threads > 1
					for name, got := range rowResults(e, x, g, n) {
						for i, w := range want[name] {
							if !sameBits(got[i], w) {
								t.Fatalf("%s, %d threads, %s of %d, element %d: want %g, got %g", k, threads, name, n, i, w, got[i])
							}
						}
					}
				}
			}
		}
	}
}

// TestRowsBesideOthers: a row's bits do not depend on the rows around it, nor on where it lies in memory.
func TestRowsBesideOthers(t *testing.T) {
	const n = 37
	x, g := random32(1, 5*n), random32(2, 5*n)
	for _, e := range engines(t, 1) {
		all, one := rowResults(e, x, g, n), rowResults(e, x[3*n:4*n], g[3*n:4*n], n)
		for name, got := range one {
			for i, w := range got {
				if v := all[name][3*len(got)+i]; !sameBits(v, w) {
					t.Fatalf("%s %s element %d: alone %g, among others %g", e.Kernels(), name, i, w, v)
				}
			}
		}
	}
}

func TestEmptyRows(t *testing.T) {
	none := vec(nil)
	for _, e := range engines(t, 2) {
		e.Along(tc.Softmax, none, none, 0, 4, 1, 0)
		e.Along(tc.LayerNorm, none, none, 4, 0, 1, 0)
		e.AlongGrad(tc.Softmax, none, none, none, none, 0, 4, 1, 0)
		e.AlongGrad(tc.LayerNorm, none, none, none, none, 4, 0, 1, 0)
		got := []float32{5, 5}
		if e.Reduce(tc.Sum, vec(got), none, 2, 0, 1); got[0] != 0 || got[1] != 0 {
			t.Errorf("%s: sums of nothing: want 0, got %v", e.Kernels(), got)
		}
	}
}

// FuzzRows compares the kernels with their twin on any bits.
func FuzzRows(f *testing.F) {
	f.Add(uint64(1), uint8(15), uint8(3))
	f.Add(uint64(2), uint8(64), uint8(0))
	f.Fuzz(func(t *testing.T, seed uint64, length, shift uint8) {
		n := int(length)%200 + 1
		x, g := mixed(seed%1000, 2*n+int(shift)%8)[int(shift)%8:], random32(seed+1, 2*n)
		want := rowResults(newEngine(1, Go), x, g, n)
		for _, k := range Available()[1:] {
			for name, got := range rowResults(newEngine(1, k), x, g, n) {
				for i, w := range want[name] {
					if !sameBits(got[i], w) {
						t.Fatalf("%s %s of %d, element %d: want %g, got %g", k, name, n, i, w, got[i])
					}
				}
			}
		}
	})
}
