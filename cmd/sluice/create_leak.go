package main

import (
	"math"
	"slices"

	"github.com/sluice-stream/sluice/learn/eval"
)

const (
	leakAUC   = 0.99 // a field that alone ranks the label better than this knows too much
	leakBins  = 64   // a column with more numbers than this is cut into as many quantiles
	leakRows  = 200  // fewer labelled rows than this say nothing
	leakPrior = 1.0  // rows of prior that each value's rate starts with
)

// aucAlone returns how well p alone ranks the label, from 0.5: each half of the rows is scored by the rates that
// the other half shows for each value, null being a value, so that a rare value gains nothing by being remembered.
// It is NaN when there are too few rows.
func (p *profile) aucAlone(y []float64) float64 {
	codes := p.leakCodes()
	var labels, scores []float32
	for half := range 2 {
		ones, all := map[int32]float64{}, map[int32]float64{}
		sum, n := 0.0, 0.0
		for i, c := range codes {
			if i%2 != half && !math.IsNaN(y[i]) {
				ones[c] += y[i]
				all[c]++
				sum, n = sum+y[i], n+1
			}
		}
		prior := sum / max(n, 1)
		for i, c := range codes {
			if i%2 == half && !math.IsNaN(y[i]) {
				labels = append(labels, float32(y[i]))
				scores = append(scores, float32((ones[c]+leakPrior*prior)/(all[c]+leakPrior)))
			}
		}
	}
	if len(labels) < leakRows {
		return math.NaN()
	}
	return eval.AUC(labels, scores)
}

// leakCodes are the column's codes, numbers of many values cut into quantiles.
func (p *profile) leakCodes() []int32 {
	if len(p.seen) <= leakBins || (p.kind != kindInteger && p.kind != kindDecimal && p.kind != kindMoment) {
		return p.codes
	}
	sorted := make([]float64, 0, len(p.nums))
	for _, x := range p.nums {
		if !math.IsNaN(x) {
			sorted = append(sorted, x)
		}
	}
	if len(sorted) == 0 {
		return p.codes
	}
	slices.Sort(sorted)
	var cuts []float64
	for b := 1; b < leakBins; b++ {
		cuts = append(cuts, sorted[b*len(sorted)/leakBins])
	}
	out := make([]int32, len(p.nums))
	for i, x := range p.nums {
		out[i] = -1
		if !math.IsNaN(x) {
			at, _ := slices.BinarySearch(cuts, x)
			out[i] = int32(at)
		}
	}
	return out
}
