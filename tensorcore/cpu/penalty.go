package cpu

// AddSigmoidSlope adds c*h*(1-h), h the sigmoid of t*x, to dst: the gradient of a sum of gates. Every machine and
// any number of threads give the same bits. dst and x have one length.
func AddSigmoidSlope(dst, x []float32, t, c float32) {
	x = x[:len(dst)]
	if steps.serial(len(dst), stepGrain) {
		addSigmoidSlope(dst, x, t, c)
		return
	}
	steps.split(len(dst), stepGrain, func(from, to int) { addSigmoidSlope(dst[from:to], x[from:to], t, c) })
}

func addSigmoidSlope(dst, x []float32, t, c float32) {
	if v := bestVectors; v != nil && len(dst) > 0 {
		v.sigmoidSlope(&dst[0], &x[0], t, c, len(dst))
		return
	}
	addSlope(dst, x, t, c)
}

func addSlope(dst, x []float32, t, c float32) {
	for i, v := range x {
		e := exp32(-abs32(v * t))
		u := e + 1
		dst[i] += float32(e*c) / float32(u*u)
	}
}
