package cpu

import (
	"math"
	"sync/atomic"

	"gonum.org/v1/gonum/blas"
	"gonum.org/v1/gonum/blas/blas64"
	"gonum.org/v1/gonum/lapack/lapack64"
	"gonum.org/v1/gonum/mat"
	"gorgonia.org/tensor"
)

// each runs f on every matrix of a batch and returns the first for which it is false, or -1.
func (e *Engine) each(batch, cost int, f func(k int) bool) int {
	var bad atomic.Int64
	bad.Store(int64(batch))
	e.split(batch, max(1, 1<<14/max(cost, 1)), func(from, to int) {
		for k := from; k < to; k++ {
			if f(k) {
				continue
			}
			for old := bad.Load(); int64(k) < old && !bad.CompareAndSwap(old, int64(k)); old = bad.Load() {
			}
		}
	})
	if n := int(bad.Load()); n < batch {
		return n
	}
	return -1
}

// float64s copies matrix k of size elements.
func float64s(d *tensor.Dense, k, size int) []float64 {
	out := make([]float64, size)
	if !is32(d) {
		copy(out, d.Float64s()[k*size:])
		return out
	}
	for i, v := range d.Float32s()[k*size : (k+1)*size] {
		out[i] = float64(v)
	}
	return out
}

// symmetric is the symmetric part of matrix k.
func symmetric(d *tensor.Dense, k, n int) []float64 {
	s := float64s(d, k, n*n)
	for i := range n {
		for j := range i {
			v := 0.5 * (s[i*n+j] + s[j*n+i])
			s[i*n+j], s[j*n+i] = v, v
		}
	}
	return s
}

// setFloat64s writes s to d from element `at` on.
func setFloat64s(d *tensor.Dense, at int, s []float64) {
	if !is32(d) {
		copy(d.Float64s()[at:], s)
		return
	}
	out := d.Float32s()[at : at+len(s)]
	for i, v := range s {
		out[i] = float32(v)
	}
}

func allFinite(s []float64) bool {
	sum := 0.0
	for _, v := range s {
		sum += v - v
	}
	return sum == 0
}

// Cholesky writes the lower factor of each symmetric positive definite matrix.
func (e *Engine) Cholesky(dst, a *tensor.Dense, batch, n int) int {
	if n == 0 {
		return -1
	}
	return e.each(batch, n*n*n/3, func(k int) bool {
		s := blas64.Symmetric{N: n, Stride: n, Data: symmetric(a, k, n), Uplo: blas.Lower}
		if !allFinite(s.Data) {
			return false
		}
		l, ok := lapack64.Potrf(s)
		if !ok {
			return false
		}
		for i := range n {
			clear(l.Data[i*n+i+1 : (i+1)*n])
		}
		setFloat64s(dst, k*n*n, l.Data)
		return true
	})
}

// SolveLower solves with the lower triangle of each matrix, or its transpose.
func (e *Engine) SolveLower(dst, l, b *tensor.Dense, batch, n, m int, trans bool) {
	if n == 0 || m == 0 {
		return
	}
	op := blas.NoTrans
	if trans {
		op = blas.Trans
	}
	e.each(batch, n*n*m, func(k int) bool {
		t := blas64.Triangular{N: n, Stride: n, Data: float64s(l, k, n*n), Uplo: blas.Lower, Diag: blas.NonUnit}
		x := blas64.General{Rows: n, Cols: m, Stride: m, Data: float64s(b, k, n*m)}
		blas64.Trsm(blas.Left, op, 1, t, x)
		setFloat64s(dst, k*n*m, x.Data)
		return true
	})
}

// EigenSym writes eigenvalues and eigenvectors of each symmetric matrix.
func (e *Engine) EigenSym(dst, a *tensor.Dense, batch, n int) int {
	if n == 0 {
		return -1
	}
	return e.each(batch, 9*n*n*n, func(k int) bool {
		data := symmetric(a, k, n)
		var eig mat.EigenSym
		if !allFinite(data) || !eig.Factorize(mat.NewSymDense(n, data), true) {
			return false
		}
		var v mat.Dense
		eig.VectorsTo(&v)
		fixSigns(&v, nil)
		at := k * (1 + n) * n
		setFloat64s(dst, at, eig.Values(nil))
		setFloat64s(dst, at+n, v.RawMatrix().Data)
		return true
	})
}

// SVD writes the thin singular value decomposition of each matrix.
func (e *Engine) SVD(dst, a *tensor.Dense, batch, m, n int) int {
	r := min(m, n)
	if r == 0 {
		return -1
	}
	return e.each(batch, 9*m*n*r, func(k int) bool {
		data := float64s(a, k, m*n)
		var svd mat.SVD
		if !allFinite(data) || !svd.Factorize(mat.NewDense(m, n, data), mat.SVDThin) {
			return false
		}
		var u, v mat.Dense
		svd.UTo(&u)
		svd.VTo(&v)
		fixSigns(&u, &v)
		at := k * (1 + m + n) * r
		setFloat64s(dst, at, svd.Values(nil))
		setFloat64s(dst, at+r, u.RawMatrix().Data)
		setFloat64s(dst, at+r+m*r, v.RawMatrix().Data)
		return true
	})
}

// fixSigns makes the first largest part of each column of u positive, and turns v's column with it: a
// decomposition leaves signs open.
func fixSigns(u, v *mat.Dense) {
	rows, cols := u.Dims()
	for c := range cols {
		best := 0
		for r := 1; r < rows; r++ {
			if math.Abs(u.At(r, c)) > math.Abs(u.At(best, c)) {
				best = r
			}
		}
		if u.At(best, c) < 0 {
			flip(u, c)
			if v != nil {
				flip(v, c)
			}
		}
	}
}

func flip(m *mat.Dense, c int) {
	rows, _ := m.Dims()
	for r := range rows {
		m.Set(r, c, -m.At(r, c))
	}
}
