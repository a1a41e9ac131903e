package cpu

import (
	"math"

	"gorgonia.org/tensor"

	tc "github.com/sluice-stream/sluice/tensorcore"
)

const (
	sumChunk    = 4096 // elements of a row that are summed before they are merged
	columnChunk = 256  // rows that are summed before they are merged
	reduceGrain = 1 << 15
)

// Reduce writes op over the middle axis of [outer, n, inner].
func (e *Engine) Reduce(op tc.ReduceOp, dst, x *tensor.Dense, outer, n, inner int) {
	if is32(dst) {
		reduce(e, op, dst.Float32s(), x.Float32s(), outer, n, inner)
		return
	}
	reduce(e, op, dst.Float64s(), x.Float64s(), outer, n, inner)
}

func reduce[T float](e *Engine, op tc.ReduceOp, dst, x []T, outer, n, inner int) {
	if op == tc.Sum && inner == 1 {
		e.split(outer, max(1, reduceGrain/max(n, 1)), func(from, to int) {
			for o := from; o < to; o++ {
				dst[o] = sumRow(x[o*n : (o+1)*n])
			}
		})
		return
	}
	if op == tc.Sum {
		e.split(outer, max(1, reduceGrain/max(n*inner, 1)), func(from, to int) {
			for o := from; o < to; o++ {
				sumColumns(dst[o*inner:(o+1)*inner], x[o*n*inner:(o+1)*n*inner], n)
			}
		})
		return
	}
	e.split(outer*inner, max(1, reduceGrain/8/max(n, 1)), func(from, to int) {
		for k := from; k < to; k++ {
			at := k/inner*n*inner + k%inner
			if op == tc.Maximum {
				dst[k] = maxAlong(x, at, n, inner)
			} else {
				dst[k] = logSumExp(x, at, n, inner)
			}
		}
	})
}

// sumRow adds in chunks of fixed size, each in 8 lanes, merged in order.
func sumRow[T float](x []T) T {
	var total T
	for len(x) > 0 {
		c := x[:min(sumChunk, len(x))]
		total += sumLanes(c)
		x = x[len(c):]
	}
	return total
}

func sumLanes[T float](x []T) T {
	var l [8]T
	for len(x) >= 8 {
		v := (*[8]T)(x)
		for i := range l {
			l[i] += v[i]
		}
		x = x[8:]
	}
	for i, v := range x {
		l[i] += v
	}
	return ((l[0] + l[1]) + (l[2] + l[3])) + ((l[4] + l[5]) + (l[6] + l[7]))
}

func sumColumns[T float](dst, x []T, n int) {
	clear(dst)
	inner := len(dst)
	if n <= columnChunk {
		addRows(dst, x, n)
		return
	}
	part := make([]T, inner)
	for from := 0; from < n; from += columnChunk {
		rows := min(columnChunk, n-from)
		clear(part)
		addRows(part, x[from*inner:], rows)
		for i, v := range part {
			dst[i] += v
		}
	}
}

func addRows[T float](dst, x []T, n int) {
	inner := len(dst)
	for r := range n {
		row := x[r*inner : (r+1)*inner]
		for i := range dst {
			dst[i] += row[i]
		}
	}
}

func maxAlong[T float](x []T, at, n, step int) T {
	m := T(math.Inf(-1))
	for i := range n {
		m = max(m, x[at+i*step])
	}
	return m
}

func logSumExp[T float](x []T, at, n, step int) T {
	m := maxAlong(x, at, n, step)
	if n == 0 || math.IsInf(float64(m), 0) {
		return m
	}
	s := 0.0
	for i := range n {
		s += math.Exp(float64(x[at+i*step] - m))
	}
	return T(float64(m) + math.Log(s))
}
