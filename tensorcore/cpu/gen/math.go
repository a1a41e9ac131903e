package main

import (
	"math"

	"github.com/mmcloughlin/avo/build"
	"github.com/mmcloughlin/avo/operand"
	"github.com/mmcloughlin/avo/reg"
)

// Mathematical functions. Each is the same sequence of roundings as its Go twin in vecmath.go, where the formulas
// are explained; so all give the same bits.
func mathKernels(c *build.Context) {
	both(c, func(m *calc) {
		m.unary("vecExp", "e^x", m.exp)
		m.unary("vecLog", "the natural logarithm of x", m.log)
		m.unary("vecSigmoid", "1/(1+e^-x)", m.sigmoid)
		m.unary("vecTanh", "tanh x", m.tanh)
		m.unary("vecSoftplus", "log(1+e^x)", m.softplus)
		m.unary("vecLogSigmoid", "-log(1+e^-x)", func(x v) v { return m.neg(m.softplus(m.neg(x))) })
		m.unary("vecErf", "the error function of x", m.erf)
		m.unary("vecGelu", "x Phi(x)", m.gelu)
		m.unary("vecGeluSlope", "Phi(x) + x phi(x)", m.geluSlope)
		m.binary("vecBCE", "max(a,0) - a b + log(1+e^-|a|)", m.bce)
	})
}

// unary writes a kernel that sets dst = f(x).
func (m *calc) unary(name, doc string, f func(x v) v) {
	get := m.begin(name, "sets dst = "+doc, "func(dst, x *float32, n int)")
	d, x, n := get("dst"), get("x"), get("n")
	m.each(n, func(i reg.GPVirtual) { m.store(f(m.load(at(x, i))), at(d, i)) })
	m.end()
}

// binary writes a kernel that sets dst = f(a, b).
func (m *calc) binary(name, doc string, f func(a, b v) v) {
	get := m.begin(name, "sets dst = "+doc, "func(dst, a, b *float32, n int)")
	d, x, y, n := get("dst"), get("a"), get("b"), get("n")
	m.each(n, func(i reg.GPVirtual) { m.store(f(m.load(at(x, i)), m.load(at(y, i))), at(d, i)) })
	m.end()
}

func (m *calc) exp(x v) v {
	t, k, n := m.most(m.least(x, expMost), expLeast), m.vec(), m.vec()
	if m.wide {
		m.VRNDSCALEPS(operand.Imm(8), m.mul(t, m.f(log2e)), n)
	} else {
		m.VCVTPS2DQ(m.mul(t, m.f(log2e)), k)
		m.VCVTDQ2PS(k, n)
	}
	r := m.sub(m.sub(t, m.mul(n, m.f(ln2Hi))), m.mul(n, m.f(ln2Lo)))
	y := m.horner(r, expCoef...)
	y = m.add(m.add(m.mul(m.mul(r, r), y), r), m.f(1))
	if m.wide { // times 2^n with one rounding, as the two halves below have
		m.VSCALEFPS(n, y, y)
		return y
	}
	h := m.YMM()
	m.VPSRAD(operand.Imm(1), k, h)
	m.VPSUBD(h, k, k)
	return m.mul(m.mul(y, m.pow2(h)), m.pow2(k))
}

// pow2 is 2^k for integers k in -126..127.
func (m *calc) pow2(k v) v {
	d := m.YMM()
	m.VPADDD(m.bits(127), k, d)
	m.VPSLLD(operand.Imm(23), d, d)
	return d
}

func (m *calc) log(x v) v {
	tiny := m.is(x, lessThan, m.bits(0x00800000))
	s := m.pick(tiny, m.mul(x, m.f(1<<23)), x)
	e := m.vec()
	m.VPSRAD(operand.Imm(23), s, e)
	e = m.two(m.VPSUBD, m.VPSUBD_BCST, e, m.bits(127))
	n := m.vec()
	m.VCVTDQ2PS(e, n)
	n = m.sub(n, m.only(tiny, m.f(23)))
	a := m.or(m.and(s, m.bits(0x007fffff)), m.f(1))
	big := m.is(a, greaterThan, m.f(math.Sqrt2))
	a = m.pick(big, m.mul(a, m.f(.5)), a)
	n = m.add(n, m.only(big, m.f(1)))
	f := m.sub(a, m.f(1))
	z := m.mul(f, f)
	y := m.mul(m.mul(f, z), m.horner(f, logCoef...))
	y = m.add(y, m.mul(n, m.f(ln2Lo)))
	y = m.sub(y, m.mul(z, m.f(.5)))
	y = m.add(m.add(y, f), m.mul(n, m.f(ln2Hi)))
	// zero, negative numbers, infinity and NaN
	y = m.pick(m.is(x, equal, m.f(0)), m.num(math.Inf(-1)), y)
	y = m.pick(m.is(x, lessThan, m.f(0)), m.fill(m.bits(0x7fc00000)), y)
	finite := m.is(x, lessThan, m.f(math.Inf(1))) // false for infinity and NaN, which stay
	return m.pick(finite, y, x)
}

func (m *calc) sigmoid(x v) v {
	return m.div(m.num(1), m.add(m.exp(m.neg(x)), m.f(1)))
}

func (m *calc) tanh(x v) v {
	a := m.abs(x)
	big := m.sub(m.num(1), m.div(m.num(2), m.add(m.exp(m.add(a, a)), m.f(1))))
	big = m.or(big, m.and(x, m.bits(0x80000000)))
	z := m.mul(x, x)
	small := m.add(m.mul(m.mul(x, z), m.horner(z, tanhCoef...)), x)
	return m.pick(m.is(a, lessThan, m.f(tanhSmall)), small, big)
}

func (m *calc) softplus(x v) v { return m.add(m.log1pExp(x), m.most(x, 0)) }

// log1pExp is log(1+e^-|x|).
func (m *calc) log1pExp(x v) v {
	t := m.exp(m.or(x, m.bits(0x80000000)))
	u := m.add(t, m.f(1))
	return m.sub(m.log(u), m.div(m.sub(m.sub(u, m.f(1)), t), u))
}

func (m *calc) bce(a, b v) v {
	return m.add(m.sub(m.most(a, 0), m.mul(a, b)), m.log1pExp(a))
}

func (m *calc) erf(x v) v {
	a := m.abs(x)
	z := m.mul(x, x)
	small := m.mul(x, m.horner(z, erfCoef...))
	e := m.exp(m.neg(z))
	tail := m.mul(m.add(e, e), m.upper(m.mul(m.least(a, tailMost), m.f(math.Sqrt2))))
	big := m.or(m.sub(m.num(1), tail), m.and(x, m.bits(0x80000000)))
	return m.pick(m.is(a, lessThan, m.f(1)), small, big)
}

// upper is e^(a^2/2) (1 - Phi(a)) for a in 0..sqrt(2)*tailMost.
func (m *calc) upper(a v) v {
	u := m.div(m.num(1), m.add(a, m.f(upperAt)))
	return m.mul(m.horner(m.mul(m.sub(a, m.f(upperAt)), u), upperCoef...), u)
}

// tail is e^(-a^2/2).
func (m *calc) tail(a v) v { return m.exp(m.mul(m.mul(a, a), m.f(-.5))) }

func (m *calc) gelu(x v) v {
	a := m.least(m.abs(x), tailMost)
	t := m.mul(m.tail(a), m.upper(a))
	return m.sub(m.most(x, 0), m.mul(a, t))
}

func (m *calc) geluSlope(x v) v {
	a := m.least(m.abs(x), tailMost)
	s := m.mul(m.tail(a), m.sub(m.upper(a), m.mul(a, m.f(invSqrt2Pi))))
	return m.pick(m.is(x, lessThan, m.f(0)), s, m.sub(m.num(1), s))
}

// The constants of vecmath.go; a test compares the kernels with that file.
const (
	log2e      = math.Log2E
	ln2Hi      = 0.693359375
	ln2Lo      = math.Ln2 - ln2Hi
	expMost    = 89
	expLeast   = -104
	tanhSmall  = 0.625
	tailMost   = 14.5
	upperAt    = 3
	invSqrt2Pi = 0.3989422804014327
)

var (
	expCoef   = []float64{0.5, 0.1666666567325592, 0.04166628047823906, 0.00833350419998169, 0.0013945760438218713, 0.00019789252837654203}
	logCoef   = []float64{0.3333331346511841, -0.25000008940696716, 0.2000211924314499, -0.1666799634695053, 0.14219552278518677, -0.1240558922290802, 0.11888162791728973, -0.11675651371479034, 0.0674663856625557}
	tanhCoef  = []float64{-0.33333277702331543, 0.13331331312656403, -0.05373000726103783, 0.020606176927685738, -0.005666977260261774}
	erfCoef   = []float64{1.1283791065216064, -0.3761262595653534, 0.1128358542919159, -0.026853812858462334, 0.005188328213989735, -0.0008010196033865213, 7.85386873758398e-05}
	upperCoef = []float64{0.7290836572647095, -0.5093322992324829, 0.23001940548419952, -0.04725528508424759, -0.010480092838406563, 0.00692000612616539, 0.0010747314663603902, -0.0008977537509053946, -0.0002629887021612376}
)
