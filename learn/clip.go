package learn

import (
	"math"

	"github.com/sluice-stream/sluice/check"
)

// Clip bounds the gradients of one step; the zero Clip does nothing.
type Clip struct {
	Norm  float64 `yaml:"norm" doc:"gradients of a step are scaled down together so that their Euclidean norm is at most this, >= 0; 0: not"`
	Value float64 `yaml:"value" doc:"each gradient value is cut to this size, before norm, >= 0; 0: not"`
}

// Validate checks the ranges.
func (c Clip) Validate() error {
	return check.All(check.NotNegative("norm", c.Norm), check.NotNegative("value", c.Value))
}

// Scale returns what all gradients of a step are to be multiplied by, 1 where they are short enough:
// norm / (their norm + 1e-6), as torch.nn.utils.clip_grad_norm_. Gradients that stand for rows of a table count
// as they stand. Penalties are no part of them.
func (c Clip) Scale(updates []Update) float64 {
	if c.Norm == 0 {
		return 1
	}
	var sum float64
	for _, u := range updates {
		sum += c.squares(u.Grad)
	}
	return min(1, c.Norm/(math.Sqrt(sum)+1e-6))
}

// squares is the sum of the squares of g, cut to Value. Four sums, because one would wait for itself.
func (c Clip) squares(g []float32) float64 {
	most := math.Inf(1)
	if c.Value > 0 {
		most = c.Value
	}
	var s [4]float64
	for i, x := range g {
		v := min(math.Abs(float64(x)), most)
		s[i&3] += v * v
	}
	return s[0] + s[1] + (s[2] + s[3])
}

// Apply writes g, clipped, into dst of the same length; scale is what Scale returned for the step.
func (c Clip) Apply(dst, g []float32, scale float64) {
	most, f := float32(math.Inf(1)), float32(scale)
	if c.Value > 0 {
		most = float32(c.Value)
	}
	for i, x := range g {
		dst[i] = max(min(x, most), -most) * f
	}
}
