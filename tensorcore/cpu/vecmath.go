package cpu

import "math"

// Mathematical functions in float32. The assembly does the same roundings in the same order, 8 elements at a time,
// without fused multiply-adds: both give the same bits, on any machine and for any place in a slice. Conversions
// keep the compiler from fusing.
//
// The polynomials are minimax fits, by least squares with Lawson's weights on 4,000 Chebyshev points, of
// (e^r-1-r)/r^2 for |r| <= ln2/2; (log(1+f)-f+f^2/2)/f^3 for sqrt(1/2) <= 1+f <= sqrt(2); (tanh(x)/x-1)/x^2 in x^2
// for |x| <= .625; and of erf(x)/x = P(x^2)/Q(x^2) for |x| <= 3.92, beyond which erf is 1 in float32.
const (
	log2e      float32 = math.Log2E
	ln2Hi      float32 = 0.693359375 // with few enough bits that a multiple by an exponent is exact
	ln2Lo      float32 = math.Ln2 - 0.693359375
	expMost    float32 = 89   // e^89 is beyond float32
	expLeast   float32 = -104 // e^-104 is below half of the smallest number
	tanhSmall  float32 = 0.625
	erfMost    float32 = 3.92
	invSqrt2   float32 = 1 / math.Sqrt2
	invSqrt2Pi float32 = 0.3989422804014327
)

var (
	expCoef  = []float32{0.5, 0.1666666567325592, 0.04166628047823906, 0.00833350419998169, 0.0013945760438218713, 0.00019789252837654203}
	logCoef  = []float32{0.3333331346511841, -0.25000008940696716, 0.2000211924314499, -0.1666799634695053, 0.14219552278518677, -0.1240558922290802, 0.11888162791728973, -0.11675651371479034, 0.0674663856625557}
	tanhCoef = []float32{-0.33333277702331543, 0.13331331312656403, -0.05373000726103783, 0.020606176927685738, -0.005666977260261774}
	erfOver  = []float32{1.1283791065216064, 0.19154997169971466, 0.05287540331482887, 0.003808148205280304, 0.00028468758682720363, 2.0259126358723734e-06}
	erfUnder = []float32{1.0, 0.503089427947998, 0.11455948650836945, 0.015055062249302864, 0.0011707228841260076, 3.78318436360221e-05}
)

// horner is c[0] + c[1] x + c[2] x^2 + ...
func horner(x float32, c []float32) float32 {
	p := c[len(c)-1]
	for i := len(c) - 2; i >= 0; i-- {
		p = float32(p*x) + c[i]
	}
	return p
}

// exp32 splits x = n ln2 + r; 2^n is applied in two halves, so that what is too large becomes infinite and what
// is too small is rounded once.
func exp32(x float32) float32 {
	t := max(min(x, expMost), expLeast)
	n := float32(math.RoundToEven(float64(float32(t * log2e))))
	r := t - float32(n*ln2Hi)
	r -= float32(n * ln2Lo)
	y := float32(float32(r*r)*horner(r, expCoef)) + r
	y++
	if y != y {
		return y
	}
	k := int32(n)
	return float32(y*pow2(k>>1)) * pow2(k-k>>1)
}

func pow2(k int32) float32 { return math.Float32frombits(uint32(k+127) << 23) }

// log32 splits x = 2^n (1+f).
func log32(x float32) float32 {
	switch {
	case x == 0:
		return float32(math.Inf(-1))
	case x < 0:
		return float32(math.NaN())
	case !(x < float32(math.Inf(1))):
		return x
	}
	n := float32(0)
	if x < 0x1p-126 {
		x, n = x*(1<<23), -23
	}
	b := math.Float32bits(x)
	n += float32(int32(b>>23) - 127)
	a := math.Float32frombits(b&0x007fffff | 0x3f800000)
	if a > math.Sqrt2 {
		a *= .5
		n++
	}
	f := a - 1
	z := float32(f * f)
	y := float32(float32(f*z) * horner(f, logCoef))
	y += float32(n * ln2Lo)
	y -= float32(z * .5)
	return y + f + float32(n*ln2Hi)
}

func sigmoid32(x float32) float32 { return 1 / (exp32(-x) + 1) }

// tanh32 is a polynomial near 0, where 1 - 2/(e^2x + 1) would lose its digits.
func tanh32(x float32) float32 {
	a := abs32(x)
	if a < tanhSmall {
		z := float32(x * x)
		return float32(float32(x*z)*horner(z, tanhCoef)) + x
	}
	return float32(math.Copysign(float64(1-2/(exp32(a+a)+1)), float64(x)))
}

// softplus32 is max(x, 0) + log(1+t), t = e^-|x|; what 1+t has rounded away is put back.
func softplus32(x float32) float32 {
	t := exp32(-abs32(x))
	u := t + 1
	return log32(u) - (u-1-t)/u + max(x, 0)
}

func erf32(x float32) float32 {
	t := max(min(x, erfMost), -erfMost)
	z := float32(t * t)
	y := float32(t*horner(z, erfOver)) / horner(z, erfUnder)
	if !(abs32(x) < erfMost) {
		y = float32(math.Copysign(1, float64(x)))
	}
	if x != x {
		return x
	}
	return y
}

func gelu32(x float32) float32 {
	h := float32(x * .5)
	return float32(h*erf32(float32(x*invSqrt2))) + h
}

func geluSlope32(x float32) float32 {
	phi := float32(erf32(float32(x*invSqrt2))*.5) + .5
	e := exp32(float32(float32(x*x) * -.5))
	return float32(float32(x*invSqrt2Pi)*e) + phi
}

func abs32(x float32) float32 { return math.Float32frombits(math.Float32bits(x) &^ (1 << 31)) }
