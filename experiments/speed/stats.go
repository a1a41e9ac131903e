package main

import (
	"math"
	"slices"
	"time"
)

// line is what is printed of a case. Rates are medians over the rounds; a ratio says how many times as fast Sluice
// is, low and high are the smallest and largest of any round. Where nothing is compared, they are null.
type line struct {
	Case   string   `json:"case"`
	Sluice float64  `json:"sluice"`
	Peer   *float64 `json:"peer"`
	Ratio  *float64 `json:"ratio"`
	Low    *float64 `json:"low"`
	High   *float64 `json:"high"`
	Unit   string   `json:"unit"`
}

// median returns the middle of s, NaN when it is empty.
func median(s []float64) float64 {
	if len(s) == 0 {
		return math.NaN()
	}
	s = slices.Sorted(slices.Values(s))
	n := len(s)
	return (s[(n-1)/2] + s[n/2]) / 2
}

// rounds are the seconds that a run took: ours, and each peer's, fewer for a peer that was given up as too slow.
type rounds struct {
	sluice   []float64
	peers    [][]float64
	patience time.Duration // with a script that runs once a turn; 0: no end
}

// fastest returns the position of the peer with the smallest median.
func (r rounds) fastest() int {
	best := 0
	for i, p := range r.peers {
		if median(p) < median(r.peers[best]) {
			best = i
		}
	}
	return best
}

// hopeless says that peer i is so much slower than the fastest that more rounds would not make it the fastest: at
// first a factor of two, after two rounds a quarter.
func (r rounds) hopeless(i int) bool {
	factor := 2.0
	if len(r.sluice) > 1 {
		factor = 1.25
	}
	return median(r.peers[i]) > factor*median(r.peers[r.fastest()])
}

// line sums up: work is that of one run. The ratio is the median of the rounds' ratios.
func (r rounds) line(name string, work float64, unit string) line {
	l := line{Case: name, Sluice: figures(work / median(r.sluice)), Unit: unit}
	peer := r.peers[r.fastest()]
	var ratios []float64
	for i, s := range peer {
		ratios = append(ratios, s/r.sluice[i])
	}
	l.Peer, l.Ratio = pointer(work/median(peer)), pointer(median(ratios))
	l.Low, l.High = pointer(slices.Min(ratios)), pointer(slices.Max(ratios))
	return l
}

func pointer(x float64) *float64 {
	x = figures(x)
	return &x
}

// figures rounds to four significant digits, more than the noise leaves.
func figures(x float64) float64 {
	if x == 0 || math.IsInf(x, 0) || math.IsNaN(x) {
		return x
	}
	scale := math.Pow(10, 3-math.Floor(math.Log10(math.Abs(x))))
	return math.Round(x*scale) / scale
}
