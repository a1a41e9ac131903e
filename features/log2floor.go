package features

import (
	"math"

	"github.com/sluice-stream/sluice/learn"
)

func init() {
	learn.Register(learn.Bucketizers, learn.Entry[Log2FloorConfig, learn.Bucketizer]{
		Name:    "log2floor",
		Summary: "Squared logarithm, rounded down: fine steps for small counts, coarse ones for large.",
		Source:  "OptFS preprocessing of Criteo (github.com/fuyuanlyu/OptFS): v > 2 -> floor(ln(v)^2), else trunc(v)",
		Example: "{}",
		Build:   func(Log2FloorConfig) (learn.Bucketizer, error) { return log2floor{}, nil },
	})
}

// Log2FloorConfig has no settings.
type Log2FloorConfig struct{}

type log2floor struct{}

// Bucketize maps v > 2 to floor(ln(v)^2) and all else to trunc(v), bounded by +-2^53.
func (log2floor) Bucketize(x []float64, out []int64) {
	for i, v := range x {
		if v > 2 {
			l := math.Log(v)
			out[i] = int64(l * l)
			continue
		}
		out[i] = int64(max(v, -(1 << 53)))
	}
}

func (log2floor) Walk(learn.Visitor) {}
