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
	switch {
	case is32(dst) && op == tc.LogSumExp && inner == 1 && n > 0:
		e.logSumExpRows(dst.Float32s(), x.Float32s(), n)
	case is32(dst):
		reduce(e, op, dst.Float32s(), x.Float32s(), outer, n, inner, e.sums32())
	default:
		reduce(e, op, dst.Float64s(), x.Float64s(), outer, n, inner, sums[float64]{lanes: laneSum[float64], rows: addRows[float64]})
	}
}

func (e *Engine) sums32() sums[float32] {
	if v := e.vectors(); v != nil {
		return sums[float32]{v.laneSum, v.addRows, v}
	}
	return sums[float32]{lanes: laneSum[float32], rows: addRows[float32]}
}

// logSumExpRows writes log sum e^x of each row of n elements.
func (e *Engine) logSumExpRows(dst, x []float32, n int) {
	grain := max(1, reduceGrain/4/n)
	if e.serial(len(dst), grain) {
		e.rows32().logSumExps(dst, x, n)
		return
	}
	e.split(len(dst), grain, func(from, to int) { e.rows32().logSumExps(dst[from:to], x[from*n:to*n], n) })
}

// sums are the two kinds of sum: along a row, and down columns. Their order is the same in any kernel.
type sums[T float] struct {
	lanes func(x []T) T
	rows  func(dst, x []T, n int)
	many  *vectors // sums of many rows at once; nil where there is none
}

func reduce[T float](e *Engine, op tc.ReduceOp, dst, x []T, outer, n, inner int, s sums[T]) {
	cost := n * inner
	if op != tc.Sum {
		cost *= 8
	}
	grain := max(1, reduceGrain/max(cost, 1))
	if e.serial(outer, grain) {
		reduceRows(op, dst, x, n, inner, s)
		return
	}
	e.split(outer, grain, func(from, to int) {
		reduceRows(op, dst[from*inner:to*inner], x[from*n*inner:to*n*inner], n, inner, s)
	})
}

func reduceRows[T float](op tc.ReduceOp, dst, x []T, n, inner int, s sums[T]) {
	if d, ok := any(dst).([]float32); ok && s.many != nil && op == tc.Sum && inner == 1 && len(x) > 0 && n <= sumChunk {
		s.many.rowSums(&d[0], &any(x).([]float32)[0], len(d), n)
		return
	}
	for ; len(dst) > 0; dst, x = dst[inner:], x[n*inner:] {
		switch part := x[:n*inner]; {
		case op == tc.Sum && inner == 1:
			dst[0] = sumRow(part, s.lanes)
		case op == tc.Sum:
			sumColumns(dst[:inner], part, n, s.rows)
		default:
			reduceColumns(op, dst[:inner], part, n)
		}
	}
}

func reduceColumns[T float](op tc.ReduceOp, dst, x []T, n int) {
	for i := range dst {
		if op == tc.Maximum {
			dst[i] = maxAlong(x, i, n, len(dst))
		} else {
			dst[i] = logSumExp(x, i, n, len(dst))
		}
	}
}

// sumRow adds in chunks of fixed size, merged in order.
func sumRow[T float](x []T, lanes func([]T) T) T {
	if len(x) <= sumChunk {
		return lanes(x)
	}
	var total T
	for len(x) > 0 {
		c := x[:min(sumChunk, len(x))]
		total += lanes(c)
		x = x[len(c):]
	}
	return total
}

const laneCount = 32

// laneSum adds element i of each group of 32 in lane i, then the lanes by halves.
func laneSum[T float](x []T) T {
	var l [laneCount]T
	for len(x) >= laneCount {
		for i, v := range x[:laneCount] {
			l[i] += v
		}
		x = x[laneCount:]
	}
	for i, v := range x {
		l[i] += v
	}
	for half := laneCount / 2; half > 0; half /= 2 {
		for i := range half {
			l[i] += l[i+half]
		}
	}
	return l[0]
}

// sumColumns adds rows in chunks of fixed size, merged in order.
func sumColumns[T float](dst, x []T, n int, add func(dst, x []T, n int)) {
	clear(dst)
	inner := len(dst)
	if n <= columnChunk {
		add(dst, x, n)
		return
	}
	room := scratch[T](inner)
	defer room.done()
	part := room.s
	for from := 0; from < n; from += columnChunk {
		clear(part)
		add(part, x[from*inner:], min(columnChunk, n-from))
		addTo(dst, part)
	}
}

// addRows adds n rows to dst in order.
func addRows[T float](dst, x []T, n int) {
	for r := range n {
		addTo(dst, x[r*len(dst):])
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
