package cpu

import tc "github.com/sluice-stream/sluice/tensorcore"

const (
	swapRows = 96 // rows of a up to which packing it costs less than packing b, which has twice as many or more
	swapCols = 4  // columns of b that would leave most of a vector empty
)

// swapPays reports whether opB(b)' opA(a)' is the faster way to the product. A bias belongs to columns, so it can be
// turned only when there is one.
func swapPays(s tc.GemmSpec, bias bool) bool {
	if bias && s.J > 1 || s.I <= s.J || s.K < 8 {
		return !bias && s.TransB && s.I <= swapRows && s.J >= 2*s.I && s.K >= 8
	}
	return s.J <= swapCols && s.I >= 2*swapCols
}

// gemmSwapped computes the transposed product and turns it. Every element is the same sum in the same order.
func gemmSwapped[T float](e *Engine, dst, a, b, bias []T, s tc.GemmSpec) {
	t := tc.GemmSpec{Batch: s.Batch, I: s.J, J: s.I, K: s.K, TransA: !s.TransB, TransB: !s.TransA, Relu: s.Relu}
	if s.J == 1 {
		if bias == nil {
			gemmPlanned(e, dst, b, a, nil, t)
			return
		}
		row := scratch[T](s.I)
		for i := range row.s {
			row.s[i] = bias[0]
		}
		gemmPlanned(e, dst, b, a, row.s, t)
		row.done()
		return
	}
	turned := scratch[T](len(dst))
	gemmPlanned(e, turned.s, b, a, nil, t)
	for n := range s.Batch {
		transpose(dst[n*s.I*s.J:], turned.s[n*s.I*s.J:], s.J, s.I, s.J, s.I)
	}
	turned.done()
}
