package cpu

import (
	"fmt"
	"math"
)

// AdamStep is one step of Adam on float32 slices of one length:
//
//	w *= 1-Shrink;  g' = g + Decay*w;  m += Rate1*(g'-m);  v += Rate2*(g'*g'-v)
//	w -= Step*m / (sqrt(v)*(1/Root) + Eps)
//
// Step is lr/(1-beta1^t), Root sqrt(1-beta2^t), Rate1 1-beta1, Rate2 1-beta2, Shrink AdamW's lr*decay; Eps > 0.
// Every machine and any number of threads, up to GOMAXPROCS for long slices, give the same bits.
type AdamStep struct{ Step, Root, Eps, Decay, Shrink, Rate1, Rate2 float32 }

// Run changes w, m and v.
func (s AdamStep) Run(w, m, v, g []float32) {
	m, v, g = m[:len(w)], v[:len(w)], g[:len(w)]
	if steps.serial(len(w), stepGrain) {
		s.part(w, m, v, g)
		return
	}
	steps.split(len(w), stepGrain, func(from, to int) { s.part(w[from:to], m[from:to], v[from:to], g[from:to]) })
}

// Rows changes distinct rows of the tables w, m and v of `width` columns; g holds their gradients, in the order of rows.
func (s AdamStep) Rows(w, m, v, g []float32, rows []int32, width int) {
	m, v, g = m[:len(w)], v[:len(w)], g[:len(rows)*width]
	checkRows(rows, len(w), width)
	grain := max(1, rowGrain/max(width, 1))
	if steps.serial(len(rows), grain) {
		s.partRows(w, m, v, g, rows, width)
		return
	}
	steps.split(len(rows), grain, func(from, to int) {
		s.partRows(w, m, v, g[from*width:to*width], rows[from:to], width)
	})
}

// Elements of a step that are worth a goroutine: rows of a large table come from memory one by one.
const (
	stepGrain = 1 << 16
	rowGrain  = 1 << 14
)

// steps runs the steps of optimizers, which have no engine.
var steps = newEngine(0, best)

func (s AdamStep) part(w, m, v, g []float32) {
	if vec := bestVectors; vec != nil && len(w) > 0 {
		vec.adam(&w[0], &m[0], &v[0], &g[0], s.Step, 1/s.Root, s.Eps, s.Decay, 1-s.Shrink, s.Rate1, s.Rate2, len(w))
		return
	}
	s.run(w, m, v, g)
}

func (s AdamStep) partRows(w, m, v, g []float32, rows []int32, width int) {
	if len(g) == 0 {
		return
	}
	if vec := bestVectors; vec != nil {
		vec.adamRows(&w[0], &m[0], &v[0], &g[0], s.Step, 1/s.Root, s.Eps, s.Decay, 1-s.Shrink, s.Rate1, s.Rate2, &rows[0], len(rows), width)
		return
	}
	for i, r := range rows {
		d := int(r) * width
		s.run(w[d:d+width], m[d:d+width], v[d:d+width], g[i*width:(i+1)*width])
	}
}

func (s AdamStep) run(w, m, v, g []float32) {
	inv, keep := 1/s.Root, 1-s.Shrink
	for i, wi := range w { // conversions keep the compiler from fusing
		wi = float32(wi * keep)
		gi := g[i] + float32(s.Decay*wi)
		mi := m[i] + float32(s.Rate1*(gi-m[i]))
		vi := v[i] + float32(s.Rate2*(float32(gi*gi)-v[i]))
		m[i], v[i] = mi, vi
		w[i] = wi - float32(s.Step*mi)/(float32(sqrt32(vi)*inv)+s.Eps)
	}
}

// checkRows stops what would write outside a table: assembly does not look.
func checkRows(rows []int32, size, width int) {
	for _, r := range rows {
		if r < 0 || (int(r)+1)*width > size {
			panic(fmt.Sprintf("cpu: row %d of width %d in a table of %d elements", r, width, size))
		}
	}
}

// AdaGradStep is one step of AdaGrad on float32 slices of one length:
//
//	sum += g*g;  w -= Step*g / (sqrt(sum) + Eps)
//
// Eps > 0. Every machine gives the same bits.
type AdaGradStep struct{ Step, Eps float32 }

// Run changes w and sum.
func (s AdaGradStep) Run(w, sum, g []float32) {
	sum, g = sum[:len(w)], g[:len(w)]
	if steps.serial(len(w), stepGrain) {
		s.part(w, sum, g)
		return
	}
	steps.split(len(w), stepGrain, func(from, to int) { s.part(w[from:to], sum[from:to], g[from:to]) })
}

// Rows changes distinct rows of the tables w and sum, as AdamStep.Rows does.
func (s AdaGradStep) Rows(w, sum, g []float32, rows []int32, width int) {
	sum, g = sum[:len(w)], g[:len(rows)*width]
	checkRows(rows, len(w), width)
	grain := max(1, rowGrain/max(width, 1))
	if steps.serial(len(rows), grain) {
		s.partRows(w, sum, g, rows, width)
		return
	}
	steps.split(len(rows), grain, func(from, to int) {
		s.partRows(w, sum, g[from*width:to*width], rows[from:to], width)
	})
}

func (s AdaGradStep) part(w, sum, g []float32) {
	if vec := bestVectors; vec != nil && len(w) > 0 {
		vec.adaGrad(&w[0], &sum[0], &g[0], s.Step, s.Eps, len(w))
		return
	}
	s.run(w, sum, g)
}

func (s AdaGradStep) partRows(w, sum, g []float32, rows []int32, width int) {
	if len(g) == 0 {
		return
	}
	if vec := bestVectors; vec != nil {
		vec.adaGradRows(&w[0], &sum[0], &g[0], s.Step, s.Eps, &rows[0], len(rows), width)
		return
	}
	for i, r := range rows {
		d := int(r) * width
		s.run(w[d:d+width], sum[d:d+width], g[i*width:(i+1)*width])
	}
}

func (s AdaGradStep) run(w, sum, g []float32) {
	for i, gi := range g {
		si := sum[i] + float32(gi*gi)
		sum[i] = si
		w[i] -= float32(s.Step*gi) / (sqrt32(si) + s.Eps)
	}
}

func sqrt32(x float32) float32 { return float32(math.Sqrt(float64(x))) }
