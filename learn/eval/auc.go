package eval

import (
	"math"
	"slices"
)

// AUC returns the area under the ROC curve: the chance that a random positive row has a higher p than a random
// negative one, ties counting half. It is exact, O(n log n), and leaves its inputs alone.
//
//	y, p    equally long; a row is positive when y > 0.5
//	result  0 to 1; NaN when one class is missing or a p is NaN
func AUC(y, p []float32) float64 {
	keys := make([]uint64, len(p))
	for i, v := range p {
		if v != v {
			return math.NaN()
		}
		keys[i] = uint64(ordered(v)) << 1
		if y[i] > .5 {
			keys[i] |= 1
		}
	}
	slices.Sort(keys)
	return aucSorted(keys)
}

// aucSorted takes keys in order, the label in the lowest bit.
func aucSorted(keys []uint64) float64 {
	var neg, pos, wins float64 // wins: pairs that are ordered rightly
	for i := 0; i < len(keys); {
		var n, m float64
		j := i
		for ; j < len(keys) && keys[j]>>1 == keys[i]>>1; j++ {
			m += float64(keys[j] & 1)
		}
		n = float64(j-i) - m
		wins += m * (neg + n/2)
		neg, pos, i = neg+n, pos+m, j
	}
	if neg == 0 || pos == 0 {
		return math.NaN()
	}
	return wins / (neg * pos)
}

// ordered maps floats to integers in the same order; -0 equals 0.
func ordered(v float32) uint32 {
	u := math.Float32bits(v + 0)
	if v == 0 {
		u = 0
	}
	if u>>31 == 1 {
		return ^u
	}
	return u | 1<<31
}
