package features

import "math"

// penalize adds the gradient of lambda * sum sigmoid(tau*gc). It sees the whole table at every step, so it has an
// exponential of its own.
func (g *OptFS) penalize(value, grad []float32) {
	tau, lambda := g.Tau(), g.cfg.Lambda
	if g.cfg.LambdaUnit == "per_batch" {
		lambda /= float64(max(g.batches, 1))
	}
	if lambda == 0 {
		return
	}
	t, scale := float32(tau), float32(lambda*tau)
	for i, v := range value {
		e := decay(t * v)
		grad[i] += scale * e / ((1 + e) * (1 + e))
	}
}

// decay is e^-|z| within 3e-7 of itself; 0 beyond |z| = 87, where float32 ends.
func decay(z float32) float32 {
	z = math.Float32frombits(math.Float32bits(z) &^ (1 << 31))
	if !(z < 87) {
		return 0
	}
	const log2e, ln2hi, ln2lo = 1.44269504, 0.693145752, 1.42860677e-6
	n := int32(z*log2e + 0.5)
	r := float32(n)*ln2hi - z + float32(n)*ln2lo // -z = r - n ln 2, |r| <= ln 2 / 2
	p := 1 + r*(1+r*(0.5+r*(1.0/6+r*(1.0/24+r*(1.0/120+r*(1.0/720))))))
	return p * math.Float32frombits(uint32(127-n)<<23)
}

func sigmoid(z float64) float64 { return 1 / (1 + math.Exp(-z)) }

// slope is sigmoid(z)*sigmoid(-z), from one exponential that cannot overflow.
func slope(z float64) float64 {
	e := math.Exp(-math.Abs(z))
	return e / ((1 + e) * (1 + e))
}
