package eval

import (
	"fmt"
	"math"

	"github.com/sluice-stream/sluice/internal/state"
)

// edge bounds the logits of clipped probabilities (16.118).
const edge = 16.2

// histogram counts positives and negatives over bins of equal width in logit(p). Counts are integers, so that
// merging is exact and in any order. With 65,536 bins a p is known to 2.5e-4 in logit.
type histogram struct {
	pos, neg []uint64
}

func newHistogram(bins int) histogram {
	return histogram{pos: make([]uint64, bins), neg: make([]uint64, bins)}
}

func (h *histogram) add(p float64, positive bool) {
	b := int((math.Log(p/(1-p)) + edge) * float64(len(h.pos)) / (2 * edge))
	b = min(max(b, 0), len(h.pos)-1)
	if positive {
		h.pos[b]++
	} else {
		h.neg[b]++
	}
}

func (h *histogram) merge(o histogram) {
	for i := range h.pos {
		h.pos[i] += o.pos[i]
		h.neg[i] += o.neg[i]
	}
}

func (h *histogram) totals() (neg, pos uint64) {
	for i := range h.pos {
		neg, pos = neg+h.neg[i], pos+h.pos[i]
	}
	return neg, pos
}

// auc counts the pairs of one bin as ties.
func (h *histogram) auc() float64 {
	var neg, pos, wins float64
	for i := range h.pos {
		n, m := float64(h.neg[i]), float64(h.pos[i])
		wins += m * (neg + n/2)
		neg, pos = neg+n, pos+m
	}
	if neg == 0 || pos == 0 {
		return math.NaN()
	}
	return wins / (neg * pos)
}

// ece takes the middle of its bin for each p.
func (h *histogram) ece() float64 {
	n0, n1 := h.totals()
	n := n0 + n1
	if n == 0 {
		return math.NaN()
	}
	var seen uint64
	var y, p, ece float64
	group := 1
	for i := range h.pos {
		c := h.pos[i] + h.neg[i]
		if c == 0 {
			continue
		}
		mid := 1 / (1 + math.Exp(edge-(float64(i)+.5)*2*edge/float64(len(h.pos))))
		y, p, seen = y+float64(h.pos[i]), p+float64(c)*mid, seen+c
		closes := false
		for group < eceGroups && seen > uint64(float64(group)/eceGroups*float64(n-1)) {
			group, closes = group+1, true
		}
		if closes {
			ece, y, p = ece+math.Abs(y-p), 0, 0
		}
	}
	return (ece + math.Abs(y-p)) / float64(n)
}

// Walk visits the bins that are in use.
func (h *histogram) Walk(v state.Visitor) {
	var bins []int32
	var pos, neg []uint64
	if !v.Restoring() {
		for i := range h.pos {
			if h.pos[i]|h.neg[i] != 0 {
				bins, pos, neg = append(bins, int32(i)), append(pos, h.pos[i]), append(neg, h.neg[i])
			}
		}
	}
	v.Visit("bins", &bins)
	v.Visit("positive", &pos)
	v.Visit("negative", &neg)
	if !v.Restoring() {
		return
	}
	clear(h.pos)
	clear(h.neg)
	if len(pos) != len(bins) || len(neg) != len(bins) {
		v.Fail(fmt.Errorf("histogram: want as many counts as bins (%d), got %d and %d", len(bins), len(pos), len(neg)))
		return
	}
	for i, b := range bins {
		if b < 0 || int(b) >= len(h.pos) {
			v.Fail(fmt.Errorf("histogram: want bins below %d, got %d", len(h.pos), b))
			return
		}
		h.pos[b], h.neg[b] = pos[i], neg[i]
	}
}
