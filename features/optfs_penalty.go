package features

import (
	"math"

	"github.com/sluice-stream/sluice/tensorcore/cpu"
)

// penalize adds the gradient of lambda * sum sigmoid(tau*gc), of the whole table at every step.
func (g *OptFS) penalize(value, grad []float32) {
	tau, lambda := g.Tau(), g.cfg.Lambda
	if g.cfg.LambdaUnit == "per_batch" {
		lambda /= float64(max(g.batches, 1))
	}
	if lambda == 0 {
		return
	}
	cpu.AddSigmoidSlope(grad, value, float32(tau), float32(lambda*tau))
}

func sigmoid(z float64) float64 { return 1 / (1 + math.Exp(-z)) }

// slope is sigmoid(z)*sigmoid(-z), from one exponential that cannot overflow.
func slope(z float64) float64 {
	e := math.Exp(-math.Abs(z))
	return e / ((1 + e) * (1 + e))
}
