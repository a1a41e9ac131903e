package eval

import (
	"math"
	"slices"
)

const (
	clip      = 1e-7
	eceGroups = 20
)

// Scores is how good predictions were.
type Scores struct {
	Rows    int64
	AUC     float64 // NaN when one class is missing
	LogLoss float64 // mean, in nats
	NE      float64 // normalised entropy: log loss over the entropy of the base rate; NaN when one class is missing
	ECE     float64 // calibration error: mean over 20 groups of equal size in p of |mean y - mean p|, by size
}

// Map returns the scores that are defined by their report names: auc, logloss, ne, ece. It is empty without rows.
func (s Scores) Map() map[string]float64 {
	out := map[string]float64{}
	if s.Rows == 0 {
		return out
	}
	for name, v := range map[string]float64{"auc": s.AUC, "logloss": s.LogLoss, "ne": s.NE, "ece": s.ECE} {
		if !math.IsNaN(v) && !math.IsInf(v, 0) {
			out[name] = v
		}
	}
	return out
}

// Exact scores a finite set by sorting it. y and p are equally long and left alone; the groups of the
// calibration error end at numpy's linear quantiles of p, the upper end included.
func Exact(y, p []float32) Scores {
	n := len(p)
	s := Scores{Rows: int64(n), AUC: math.NaN(), LogLoss: math.NaN(), NE: math.NaN(), ECE: math.NaN()}
	if n == 0 {
		return s
	}
	keys := make([]uint64, n)
	var loss, pos float64
	for i, v := range p {
		c := clipped(v)
		if c != c {
			return s
		}
		keys[i] = uint64(ordered(float32(c))) << 1
		if y[i] > .5 {
			keys[i], pos = keys[i]|1, pos+1
		}
		loss += rowLoss(c, y[i] > .5)
	}
	slices.Sort(keys)
	s.AUC = aucSorted(keys)
	s.LogLoss = loss / float64(n)
	s.NE = s.LogLoss / entropy(pos/float64(n))
	s.ECE = exactECE(keys)
	return s.defined()
}

func exactECE(keys []uint64) float64 {
	at := func(i int) float64 { return float64(unordered(uint32(keys[i] >> 1))) }
	n, from, ece := len(keys), 0, 0.
	for g := 1; g <= eceGroups; g++ {
		to := n
		if g < eceGroups {
			h := float64(g) / eceGroups * float64(n-1)
			lo := int(h)
			edge := at(lo)
			if lo+1 < n {
				edge += (at(lo+1) - edge) * (h - float64(lo))
			}
			for to = from; to < n && at(to) <= edge; to++ {
			}
		}
		var y, p float64
		for i := from; i < to; i++ {
			y, p = y+float64(keys[i]&1), p+at(i)
		}
		ece += math.Abs(y-p) / float64(n)
		from = to
	}
	return ece
}

// defined turns an infinite or undefined normalised entropy into NaN.
func (s Scores) defined() Scores {
	if math.IsInf(s.NE, 0) {
		s.NE = math.NaN()
	}
	return s
}

func clipped(p float32) float64 { return min(max(float64(p), clip), 1-clip) }

func rowLoss(p float64, positive bool) float64 {
	if positive {
		return -math.Log(p)
	}
	return -math.Log1p(-p)
}

func entropy(p float64) float64 {
	if p <= 0 || p >= 1 {
		return 0
	}
	return -p*math.Log(p) - (1-p)*math.Log1p(-p)
}

func unordered(u uint32) float32 {
	if u>>31 == 1 {
		return math.Float32frombits(u &^ (1 << 31))
	}
	return math.Float32frombits(^u)
}
