package cpu

import "math"

// AdamStep is one step of Adam on float32 slices of one length:
//
//	g' = g + Decay*w;  m += Rate1*(g'-m);  v += Rate2*(g'*g'-v);  w -= Step*m / (sqrt(v)*(1/Root) + Eps)
//
// Step is lr/(1-beta1^t), Root sqrt(1-beta2^t), Rate1 1-beta1, Rate2 1-beta2; Eps > 0. Every machine gives the
// same bits.
type AdamStep struct{ Step, Root, Eps, Decay, Rate1, Rate2 float32 }

// Run changes w, m and v.
func (s AdamStep) Run(w, m, v, g []float32) {
	m, v, g = m[:len(w)], v[:len(w)], g[:len(w)]
	n := adamVec(s, w, m, v, g)
	s.run(w[n:], m[n:], v[n:], g[n:])
}

func (s AdamStep) run(w, m, v, g []float32) {
	inv := 1 / s.Root
	for i, wi := range w { // conversions keep the compiler from fusing
		gi := g[i] + float32(s.Decay*wi)
		mi := m[i] + float32(s.Rate1*(gi-m[i]))
		vi := v[i] + float32(s.Rate2*(float32(gi*gi)-v[i]))
		m[i], v[i] = mi, vi
		w[i] = wi - float32(s.Step*mi)/(float32(sqrt32(vi)*inv)+s.Eps)
	}
}

// AdaGradStep is one step of AdaGrad on float32 slices of one length:
//
//	sum += g*g;  w -= Step*g / (sqrt(sum) + Eps)
//
// Eps > 0. Every machine gives the same bits.
type AdaGradStep struct{ Step, Eps float32 }

// Run changes w and sum.
func (s AdaGradStep) Run(w, sum, g []float32) {
	sum, g = sum[:len(w)], g[:len(w)]
	n := adaGradVec(s, w, sum, g)
	s.run(w[n:], sum[n:], g[n:])
}

func (s AdaGradStep) run(w, sum, g []float32) {
	for i, gi := range g {
		si := sum[i] + float32(gi*gi)
		sum[i] = si
		w[i] -= float32(s.Step*gi) / (sqrt32(si) + s.Eps)
	}
}

func sqrt32(x float32) float32 { return float32(math.Sqrt(float64(x))) }
