package cpu

import (
	"math"

	"gorgonia.org/tensor"

	tc "github.com/sluice-stream/sluice/tensorcore"
)

const binaryGrain = 1 << 16

// Binary sets dst = op(a, b), broadcast.
func (e *Engine) Binary(op tc.BinaryOp, dst, a, b *tensor.Dense) {
	if is32(dst) {
		binaryND(e, e.run2, op, dst, a, b, dst.Float32s(), a.Float32s(), b.Float32s())
		return
	}
	binaryND(e, binary[float64], op, dst, a, b, dst.Float64s(), a.Float64s(), b.Float64s())
}

// binary32 runs the assembly where there is some.
func (e *Engine) binary32(op tc.BinaryOp, dst, a, b []float32) {
	if len(dst) == 0 {
		return
	}
	if v := e.vectors(); v != nil && v.runs(op, dst, a, b) {
		return
	}
	binary(op, dst, a, b)
}

// runs computes a run; false where there is no assembly for it.
func (v *vectors) runs(op tc.BinaryOp, dst, a, b []float32) bool {
	n := len(dst)
	switch {
	case len(a) == n && len(b) == n:
		f := v.binary[op]
		if f != nil {
			f(&dst[0], &a[0], &b[0], n)
		}
		return f != nil
	case op > tc.Div:
		return false
	case len(a) == n:
		v.one[op](&dst[0], &a[0], b[0], n)
	case len(b) == n:
		v.by[op](&dst[0], &b[0], a[0], n)
	default:
		return false
	}
	return true
}

// binaryND splits a broadcast into runs along the inner axes, where each of a and b is either whole or one element.
func binaryND[T float](e *Engine, run func(tc.BinaryOp, []T, []T, []T), op tc.BinaryOp, dst, a, b *tensor.Dense, d, x, y []T) {
	if len(d) == 0 {
		return
	}
	if len(x) == len(d) && len(y) == len(d) {
		if e.serial(len(d), binaryGrain) {
			run(op, d, x, y)
			return
		}
		e.split(len(d), binaryGrain, func(from, to int) { run(op, d[from:to], x[from:to], y[from:to]) })
		return
	}
	w := newWalk(0, dst.Shape(), a.Shape(), b.Shape(), nil)
	if w.run == len(d) && !e.serial(len(d), binaryGrain) {
		e.split(len(d), binaryGrain, func(from, to int) { run(op, d[from:to], cut(x, from, to), cut(y, from, to)) })
		return
	}
	grain, n := max(1, binaryGrain/w.run), len(d)/w.run
	if e.serial(n, grain) {
		binaryRuns(e.vectors(), w, run, op, d, x, y)
		return
	}
	e.split(n, grain, func(from, to int) {
		w := newWalk(from, dst.Shape(), a.Shape(), b.Shape(), nil)
		binaryRuns(e.vectors(), w, run, op, d[from*w.run:to*w.run], x, y)
	})
}

// cut is a part of a run's source, which may be a single element.
func cut[T float](x []T, from, to int) []T {
	if len(x) == 1 {
		return x
	}
	return x[from:to]
}

func binaryRuns[T float](v *vectors, w walk, run func(tc.BinaryOp, []T, []T, []T), op tc.BinaryOp, d, x, y []T) {
	d32, x32, y32, many := rows32Of(v, op, d, x, y)
	for at := 0; at < len(d); {
		n := 1
		if many {
			n = v.manyRuns(&w, op, d32[at:], x32, y32)
		} else {
			run(op, d[at:at+w.run], part(&w, 0, x), part(&w, 1, y))
		}
		w.skip(n)
		at += n * w.run
	}
}

// rows32Of gives float32 slices for operations that have kernels of many rows.
func rows32Of[T float](v *vectors, op tc.BinaryOp, d, x, y []T) (d32, x32, y32 []float32, ok bool) {
	if v == nil || op > tc.Div {
		return nil, nil, nil, false
	}
	if d32, ok = any(d).([]float32); !ok {
		return nil, nil, nil, false
	}
	return d32, any(x).([]float32), any(y).([]float32), true
}

// manyRuns computes the runs that lie evenly one after the other, and returns how many.
func (v *vectors) manyRuns(w *walk, op tc.BinaryOp, d, x, y []float32) int {
	n, steps := w.rows()
	n = min(n, len(d)/w.run)
	a, b := w.src[0], w.src[1]
	switch {
	case a.whole && b.whole:
		v.rows[op](&d[0], &x[a.pos], &y[b.pos], n, 4*steps[0], 4*steps[1], w.run)
	case a.whole:
		v.columns[op](&d[0], &x[a.pos], &y[b.pos], n, 4*steps[0], 4*steps[1], w.run)
	case b.whole && (op == tc.Add || op == tc.Mul):
		v.columns[op](&d[0], &y[b.pos], &x[a.pos], n, 4*steps[1], 4*steps[0], w.run)
	default:
		v.runs(op, d[:w.run], part(w, 0, x), part(w, 1, y))
		return 1
	}
	return n
}

// binary computes a run; a source of one element stands for all.
func binary[T float](op tc.BinaryOp, dst, a, b []T) {
	if len(a) == len(dst) && len(b) == len(dst) {
		binarySame(op, dst, a, b)
		return
	}
	sa, sb := step(a, dst), step(b, dst)
	if fastRun(op, dst, a, b, sa, sb) {
		return
	}
	f := pairOf[T](op)
	for i := range dst {
		dst[i] = f(a[i*sa], b[i*sb])
	}
}

func step[T float](s, dst []T) int {
	if len(s) == len(dst) {
		return 1
	}
	return 0
}

// fastRun handles the common arithmetic of a run with a single element.
func fastRun[T float](op tc.BinaryOp, dst, a, b []T, sa, sb int) bool {
	if op != tc.Add && op != tc.Mul && op != tc.Sub || sa+sb != 1 {
		return false
	}
	whole, one := a, b[0]
	if sa == 0 {
		whole, one = b, a[0]
	}
	switch {
	case op == tc.Add:
		for i, v := range whole {
			dst[i] = v + one
		}
	case op == tc.Mul:
		for i, v := range whole {
			dst[i] = v * one
		}
	case sa == 1:
		for i, v := range whole {
			dst[i] = v - one
		}
	default:
		for i, v := range whole {
			dst[i] = one - v
		}
	}
	return true
}

func binarySame[T float](op tc.BinaryOp, dst, a, b []T) {
	a, b = a[:len(dst)], b[:len(dst)]
	switch op {
	case tc.Add:
		for i := range dst {
			dst[i] = a[i] + b[i]
		}
	case tc.Sub:
		for i := range dst {
			dst[i] = a[i] - b[i]
		}
	case tc.Mul:
		for i := range dst {
			dst[i] = a[i] * b[i]
		}
	case tc.Div:
		for i := range dst {
			dst[i] = a[i] / b[i]
		}
	case tc.ReluGrad:
		for i := range dst {
			dst[i] = where(b[i] > 0, a[i], 0)
		}
	case tc.SigmoidGrad:
		for i := range dst {
			dst[i] = a[i] * b[i] * (1 - b[i])
		}
	case tc.TanhGrad:
		for i := range dst {
			dst[i] = a[i] * (1 - T(b[i]*b[i]))
		}
	default:
		f := pairOf[T](op)
		for i := range dst {
			dst[i] = f(a[i], b[i])
		}
	}
}

// pairFunc is the reference of a binary function.
func pairFunc[T float](op tc.BinaryOp) func(a, b T) T {
	switch op {
	case tc.Add:
		return func(a, b T) T { return a + b }
	case tc.Sub:
		return func(a, b T) T { return a - b }
	case tc.Mul:
		return func(a, b T) T { return a * b }
	case tc.Div:
		return func(a, b T) T { return a / b }
	case tc.Max:
		return func(a, b T) T { return max(a, b) }
	case tc.Min:
		return func(a, b T) T { return min(a, b) }
	case tc.MaxShare:
		return func(a, b T) T { return where(a > b, 1, where[T](a == b, 0.5, 0)) }
	case tc.Greater:
		return func(a, b T) T { return where[T](a > b, 1, 0) }
	case tc.GreaterEq:
		return func(a, b T) T { return where[T](a >= b, 1, 0) }
	case tc.Equal:
		return func(a, b T) T { return where[T](a == b, 1, 0) }
	case tc.ReluGrad:
		return func(a, b T) T { return where(b > 0, a, 0) }
	case tc.SigmoidGrad:
		return func(a, b T) T { return a * b * (1 - b) }
	case tc.TanhGrad:
		return func(a, b T) T { return a * (1 - T(b*b)) }
	case tc.BCE:
		if f, ok := any(bce32).(func(a, b T) T); ok {
			return f
		}
		return func(a, b T) T {
			z := float64(a)
			return T(max(z, 0)-z*float64(b)) + T(math.Log1p(math.Exp(-math.Abs(z))))
		}
	}
	panic("cpu: unknown binary function")
}
