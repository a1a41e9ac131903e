package cpu

import (
	"gorgonia.org/tensor"

	tc "github.com/sluice-stream/sluice/tensorcore"
)

// Gemm sets dst = act(opA(a) opB(b) + bias) for each matrix of the batch.
func (e *Engine) Gemm(dst, a, b, bias *tensor.Dense, s tc.GemmSpec) {
	if is32(dst) {
		var row []float32
		if bias != nil {
			row = bias.Float32s()
		}
		if !gemmFast(e, dst.Float32s(), a.Float32s(), b.Float32s(), row, s) {
			gemm(e, dst.Float32s(), a.Float32s(), b.Float32s(), row, s)
		}
		return
	}
	var row []float64
	if bias != nil {
		row = bias.Float64s()
	}
	if !gemmFast(e, dst.Float64s(), a.Float64s(), b.Float64s(), row, s) {
		gemm(e, dst.Float64s(), a.Float64s(), b.Float64s(), row, s)
	}
}

func gemm[T float](e *Engine, dst, a, b, bias []T, s tc.GemmSpec) {
	e.split(s.Batch*s.I, max(1, 1<<16/max(1, s.J*s.K)), func(from, to int) {
		for r := from; r < to; r++ {
			n, i := r/s.I, r%s.I
			an, bn := a[n*s.I*s.K:(n+1)*s.I*s.K], b[n*s.K*s.J:(n+1)*s.K*s.J]
			gemmRow(dst[r*s.J:(r+1)*s.J], an, bn, bias, i, s)
		}
	})
}

func gemmRow[T float](dst, a, b, bias []T, i int, s tc.GemmSpec) {
	clear(dst)
	ai, as := i*s.K, 1
	if s.TransA {
		ai, as = i, s.I
	}
	for k := range s.K {
		v := a[ai+k*as]
		if s.TransB {
			for j := range dst {
				dst[j] += v * b[j*s.K+k]
			}
			continue
		}
		for j, w := range b[k*s.J : (k+1)*s.J] {
			dst[j] += v * w
		}
	}
	finishRow(dst, bias, s.Relu)
}

func finishRow[T float](dst, bias []T, relu bool) {
	for i, v := range bias {
		dst[i] += v
	}
	if relu {
		for i, v := range dst {
			dst[i] = where(v < 0, 0, v)
		}
	}
}
