package cpu

import (
	"testing"

	"gorgonia.org/tensor"

	tc "github.com/sluice-stream/sluice/tensorcore"
)

// BenchmarkElementwise measures functions of 4096 x 1024 elements, at one and two threads.
func BenchmarkElementwise(b *testing.B) {
	const rows, width = 4096, 1024
	x, y := tc.NewFloat32([]int{rows, width}, random32(1, rows*width)), tc.Zeros(tensor.Float32, rows, width)
	row, column := tc.NewFloat32([]int{width}, random32(2, width)), tc.NewFloat32([]int{rows, 1}, random32(3, rows))
	sum := tc.Zeros(tensor.Float32, rows)
	cases := map[string]func(e *Engine){
		"add":        func(e *Engine) { e.Binary(tc.Add, y, x, x) },
		"add row":    func(e *Engine) { e.Binary(tc.Add, y, x, row) },
		"mul column": func(e *Engine) { e.Binary(tc.Mul, y, x, column) },
		"exp":        func(e *Engine) { e.Unary(tc.Exp, y, x, 0, 0) },
		"sigmoid":    func(e *Engine) { e.Unary(tc.Sigmoid, y, x, 0, 0) },
		"tanh":       func(e *Engine) { e.Unary(tc.Tanh, y, x, 0, 0) },
		"gelu":       func(e *Engine) { e.Unary(tc.Gelu, y, x, 0, 0) },
		"log":        func(e *Engine) { e.Unary(tc.Log, y, x, 0, 0) },
		"softmax":    func(e *Engine) { e.Along(tc.Softmax, y, x, rows, width, 1, 0) },
		"layer norm": func(e *Engine) { e.Along(tc.LayerNorm, y, x, rows, width, 1, 1e-5) },
		"sum rows":   func(e *Engine) { e.Reduce(tc.Sum, sum, x, rows, width, 1) },
		"softmax 16": func(e *Engine) { e.Along(tc.Softmax, y, x, rows*width/16, 16, 1, 0) },
	}
	for _, threads := range []int{1, 2} {
		for _, e := range engines(b, threads)[1:] {
			for name, f := range cases {
				b.Run(name+"/"+string(e.Kernels())+map[int]string{1: "/one", 2: "/two"}[threads], func(b *testing.B) {
					b.ReportAllocs()
					for b.Loop() {
						f(e)
					}
					b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/(rows*width), "ns/element")
				})
			}
		}
	}
}
