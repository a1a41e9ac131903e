package features

import (
	"fmt"
	"slices"

	"github.com/sluice-stream/sluice/check"
	"github.com/sluice-stream/sluice/learn"
)

func init() {
	learn.Register(learn.Bucketizers, learn.Entry[QuantileConfig, learn.Bucketizer]{
		Name:    "quantile",
		Summary: "Bins that held equally many of the first values of the stream; fixed from then on.",
		Example: "{bins: 32, sample: 1000}",
		Default: QuantileConfig{Bins: 32, Sample: 1000},
		Build: func(c QuantileConfig) (learn.Bucketizer, error) {
			return &quantile{cfg: c}, nil
		},
	})
}

// QuantileConfig is the settings of quantile.
type QuantileConfig struct {
	Bins   int `yaml:"bins" doc:"bins, 2 to 65536; fewer remain where values repeat"`
	Sample int `yaml:"sample" doc:"values that are looked at before the borders are fixed, >= bins"`
}

// Validate checks the settings.
func (c QuantileConfig) Validate() error {
	return check.All(check.Between("bins", c.Bins, 2, 1<<16), check.AtLeast("sample", c.Sample, max(c.Bins, 2)))
}

// learning is the category of values that came before the borders were fixed. It never returns, so that a
// category means the same numbers for ever.
const learning = -1

type quantile struct {
	cfg     QuantileConfig
	sample  []float64
	borders []float64 // rising; category = how many are <= x
	fixed   bool
}

// Bucketize gives the first values, of which it learns, the category -1, and every later one its bin from 0.
func (q *quantile) Bucketize(x []float64, out []int64) {
	i := 0
	for ; i < len(x) && !q.fixed; i++ {
		q.learn(x[i])
		out[i] = learning
	}
	for ; i < len(x); i++ {
		out[i] = q.bin(x[i])
	}
}

func (q *quantile) bin(x float64) int64 {
	lo, hi := 0, len(q.borders)
	for lo < hi {
		if mid := (lo + hi) / 2; q.borders[mid] <= x {
			lo = mid + 1
		} else {
			hi = mid
		}
	}
	return int64(lo)
}

func (q *quantile) learn(x float64) {
	q.sample = append(q.sample, x+0) // -0 sorts as 0
	if len(q.sample) == q.cfg.Sample {
		q.Freeze()
	}
}

// Survey learns from values without categorising them; passes over a file call it before the first real one.
func (q *quantile) Survey(x []float64) {
	for i := 0; i < len(x) && !q.fixed; i++ {
		q.learn(x[i])
	}
}

// Freeze fixes the borders from what was seen; without any value there is one bin.
func (q *quantile) Freeze() {
	if q.fixed {
		return
	}
	slices.Sort(q.sample)
	n := len(q.sample)
	for j := 1; j < q.cfg.Bins && n > 0; j++ {
		b := q.sample[j*n/q.cfg.Bins]
		if b > q.sample[0] && (len(q.borders) == 0 || b > q.borders[len(q.borders)-1]) {
			q.borders = append(q.borders, b)
		}
	}
	q.sample, q.fixed = nil, true
}

// Walk saves and restores the sample and the borders.
func (q *quantile) Walk(v learn.Visitor) {
	v.Visit("sample", &q.sample)
	v.Visit("borders", &q.borders)
	v.Visit("fixed", &q.fixed)
	if v.Restoring() && (!slices.IsSorted(q.borders) || len(q.borders) >= q.cfg.Bins || len(q.sample) >= q.cfg.Sample) {
		v.Fail(fmt.Errorf("quantile: want fewer than %d rising borders and %d values, got %d and %d",
			q.cfg.Bins, q.cfg.Sample, len(q.borders), len(q.sample)))
	}
}
