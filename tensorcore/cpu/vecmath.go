package cpu

import "math"

// Mathematical functions in float32. The assembly does the same roundings in the same order, 8 or 16 elements at a
// time, without fused multiply-adds: both give the same bits, on any machine and for any place in a slice. Conversions
// keep the compiler from fusing.
//
// The polynomials are minimax fits, by least squares with Lawson's weights on 4,000 Chebyshev points, of
// (e^r-1-r)/r^2 for |r| <= ln2/2; (log(1+f)-f+f^2/2)/f^3 for sqrt(1/2) <= 1+f <= sqrt(2); (tanh(x)/x-1)/x^2 in x^2
// for |x| <= .625; erf(x)/x in x^2 for |x| <= 1; and e^(a^2/2) (1 - Phi(a)) (a+3) in (a-3)/(a+3) for 0 <= a <= 14.5,
// beyond which 1 - Phi is 0 in float32, Phi the normal distribution function.
const (
	log2e      float32 = math.Log2E
	ln2Hi      float32 = 0.693359375 // with few enough bits that a multiple by an exponent is exact
	ln2Lo      float32 = math.Ln2 - 0.693359375
	expMost    float32 = 89   // e^89 is beyond float32
	expLeast   float32 = -104 // e^-104 is below half of the smallest number
	tanhSmall  float32 = 0.625
	tailMost   float32 = 14.5
	upperAt    float32 = 3
	invSqrt2Pi float32 = 0.3989422804014327
)

var (
	expCoef   = []float32{0.5, 0.1666666567325592, 0.04166628047823906, 0.00833350419998169, 0.0013945760438218713, 0.00019789252837654203}
	logCoef   = []float32{0.3333331346511841, -0.25000008940696716, 0.2000211924314499, -0.1666799634695053, 0.14219552278518677, -0.1240558922290802, 0.11888162791728973, -0.11675651371479034, 0.0674663856625557}
	tanhCoef  = []float32{-0.33333277702331543, 0.13331331312656403, -0.05373000726103783, 0.020606176927685738, -0.005666977260261774}
	erfCoef   = []float32{1.1283791065216064, -0.3761262595653534, 0.1128358542919159, -0.026853812858462334, 0.005188328213989735, -0.0008010196033865213, 7.85386873758398e-05}
	upperCoef = []float32{0.7290836572647095, -0.5093322992324829, 0.23001940548419952, -0.04725528508424759, -0.010480092838406563, 0.00692000612616539, 0.0010747314663603902, -0.0008977537509053946, -0.0002629887021612376}
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

// softplus32 is max(x, 0) + log(1+e^-|x|).
func softplus32(x float32) float32 { return log1pExp32(x) + max(x, 0) }

// log1pExp32 is log(1+t), t = e^-|x|; what 1+t has rounded away is put back.
func log1pExp32(x float32) float32 {
	t := exp32(-abs32(x))
	u := t + 1
	return log32(u) - (u-1-t)/u
}

// bce32 is the logistic loss of logit a for target b.
func bce32(a, b float32) float32 { return max(a, 0) - float32(a*b) + log1pExp32(a) }

// erf32 is 1 - 2(1 - Phi(sqrt(2) x)) from 1 on.
func erf32(x float32) float32 {
	a, z := abs32(x), float32(x*x)
	if a < 1 {
		return float32(x * horner(z, erfCoef))
	}
	e := exp32(-z)
	tail := float32((e + e) * upper32(float32(min(a, tailMost)*math.Sqrt2)))
	return float32(math.Copysign(float64(1-tail), float64(x)))
}

// upper32 is e^(a^2/2) (1 - Phi(a)).
func upper32(a float32) float32 {
	u := 1 / (a + upperAt)
	return float32(horner(float32((a-upperAt)*u), upperCoef) * u)
}

// tail32 is e^(-a^2/2). The rounding of the square is an error of at most a^2/2 units in the last place.
func tail32(a float32) float32 { return exp32(float32(float32(a*a) * -.5)) }

// gelu32 is x for large x and -|x| (1 - Phi(|x|)) for negative ones, so it keeps its digits on both sides.
func gelu32(x float32) float32 {
	a := min(abs32(x), tailMost)
	t := float32(tail32(a) * upper32(a))
	return where(x < 0, 0, x) - float32(a*t)
}

// geluSlope32 is Phi(x) + x phi(x).
func geluSlope32(x float32) float32 {
	a := min(abs32(x), tailMost)
	s := float32(tail32(a) * (upper32(a) - float32(a*invSqrt2Pi)))
	return where(x < 0, s, 1-s)
}

func abs32(x float32) float32 { return math.Float32frombits(math.Float32bits(x) &^ (1 << 31)) }
