package main

import (
	"fmt"
	"math"

	"github.com/mmcloughlin/avo/attr"
	"github.com/mmcloughlin/avo/build"
	"github.com/mmcloughlin/avo/operand"
	"github.com/mmcloughlin/avo/reg"
)

// Mathematical functions of 8 elements at a time. Each is the same sequence of roundings as its Go twin in
// vecmath.go, where the formulas are explained; so both give the same bits.
func mathKernels(c *build.Context) {
	m := &calc{Context: c, tables: map[uint32]operand.Mem{}}
	m.unary("vecExp", "e^x", m.exp)
	m.unary("vecLog", "the natural logarithm of x", m.log)
	m.unary("vecSigmoid", "1/(1+e^-x)", m.sigmoid)
	m.unary("vecTanh", "tanh x", m.tanh)
	m.unary("vecSoftplus", "log(1+e^x)", m.softplus)
	m.unary("vecErf", "the error function of x", m.erf)
	m.unary("vecGelu", "x Phi(x)", m.gelu)
	m.unary("vecGeluSlope", "Phi(x) + x phi(x)", m.geluSlope)
	m.unary("vecSqrt", "the square root of x", func(x v) v { d := m.YMM(); m.VSQRTPS(x, d); return d })
	m.expShift()
	m.binary("vecSigmoidGrad", "a b (1-b)", func(a, b v) v { return m.mul(m.mul(a, b), m.sub(m.num(1), b)) })
	m.binary("vecTanhGrad", "a (1-b b)", func(a, b v) v { return m.mul(a, m.sub(m.num(1), m.mul(b, b))) })
	m.maxLanes()
}

type v = reg.VecVirtual

// calc writes arithmetic on vectors.
type calc struct {
	*build.Context
	tables map[uint32]operand.Mem
}

// unary writes a kernel that sets dst = f(x).
func (m *calc) unary(name, doc string, f func(x v) v) {
	get := begin(m.Context, name, "sets dst = "+doc, "func(dst, x *float32, n int)")
	d, x, n := get("dst"), get("x"), get("n")
	loop(m.Context, n, func(i reg.GPVirtual) {
		a := m.YMM()
		m.VMOVUPS(at(x, i), a)
		m.VMOVUPS(f(a), at(d, i))
	})
}

func (m *calc) binary(name, doc string, f func(a, b v) v) {
	get := begin(m.Context, name, "sets dst = "+doc, "func(dst, a, b *float32, n int)")
	d, x, y, n := get("dst"), get("a"), get("b"), get("n")
	loop(m.Context, n, func(i reg.GPVirtual) {
		a, b := m.YMM(), m.YMM()
		m.VMOVUPS(at(x, i), a)
		m.VMOVUPS(at(y, i), b)
		m.VMOVUPS(f(a, b), at(d, i))
	})
}

func (m *calc) expShift() {
	get := begin(m.Context, "vecExpShift", "sets dst = e^(x-shift)", "func(dst, x *float32, shift float32, n int)")
	d, x, n := get("dst"), get("x"), get("n")
	s := spread(m.Context, "shift")
	loop(m.Context, n, func(i reg.GPVirtual) {
		a := m.YMM()
		m.VMOVUPS(at(x, i), a)
		m.VMOVUPS(m.exp(m.sub(a, s)), at(d, i))
	})
}

// maxLanes keeps the largest of each of 8 lanes. Of a NaN it says nothing.
func (m *calc) maxLanes() {
	get := begin(m.Context, "vecMaxLanes", "sets lanes[i] = the largest of lanes[i] and x[8*k+i]; NaN may get lost", "func(lanes, x *float32, n int)")
	d, x, n := get("lanes"), get("x"), get("n")
	acc := m.YMM()
	m.VMOVUPS(operand.Mem{Base: d}, acc)
	i := m.GP64()
	m.XORQ(i, i)
	m.SHLQ(operand.Imm(2), n)
	m.JE(operand.LabelRef("done"))
	m.Label("loop")
	m.VMAXPS(at(x, i), acc, acc)
	m.ADDQ(operand.Imm(vecBytes), i)
	m.CMPQ(i, n)
	m.JLT(operand.LabelRef("loop"))
	m.Label("done")
	m.VMOVUPS(acc, operand.Mem{Base: d})
	m.VZEROUPPER()
	m.RET()
}

// bits is a constant in every lane.
func (m *calc) bits(b uint32) operand.Mem {
	if t, ok := m.tables[b]; ok {
		return t
	}
	t := m.StaticGlobal(fmt.Sprintf("lanes%08x", b))
	m.DataAttributes(attr.RODATA | attr.NOPTR)
	for i := range 8 {
		m.AddDatum(4*i, operand.U32(b))
	}
	m.tables[b] = t
	return t
}

func (m *calc) f(x float64) operand.Mem { return m.bits(math.Float32bits(float32(x))) }

// num is a constant in a register.
func (m *calc) num(x float64) v { return m.reg(m.f(x)) }

func (m *calc) reg(x operand.Mem) v {
	d := m.YMM()
	m.VMOVUPS(x, d)
	return d
}

func (m *calc) add(a v, b operand.Op) v { d := m.YMM(); m.VADDPS(b, a, d); return d }
func (m *calc) sub(a v, b operand.Op) v { d := m.YMM(); m.VSUBPS(b, a, d); return d }
func (m *calc) mul(a v, b operand.Op) v { d := m.YMM(); m.VMULPS(b, a, d); return d }
func (m *calc) div(a v, b operand.Op) v { d := m.YMM(); m.VDIVPS(b, a, d); return d }
func (m *calc) and(a v, b operand.Op) v { d := m.YMM(); m.VANDPS(b, a, d); return d }
func (m *calc) or(a v, b operand.Op) v  { d := m.YMM(); m.VORPS(b, a, d); return d }
func (m *calc) xor(a v, b operand.Op) v { d := m.YMM(); m.VXORPS(b, a, d); return d }
func (m *calc) abs(a v) v               { return m.and(a, m.bits(0x7fffffff)) }
func (m *calc) neg(a v) v               { return m.xor(a, m.bits(0x80000000)) }

// least and most keep a NaN of x.
func (m *calc) least(x v, most float64) v { d := m.num(most); m.VMINPS(x, d, d); return d }
func (m *calc) most(x v, least float64) v { d := m.num(least); m.VMAXPS(x, d, d); return d }

// pick is a where the mask is set, else b.
func (m *calc) pick(mask, a, b v) v { d := m.YMM(); m.VBLENDVPS(mask, a, b, d); return d }

const (
	lessThan    = 17
	greaterThan = 30
	equal       = 0
	unordered   = 3
)

// is compares; false for NaN.
func (m *calc) is(a v, how uint64, b operand.Op) v {
	d := m.YMM()
	m.VCMPPS(operand.Imm(how), b, a, d)
	return d
}

// horner is c[0] + c[1] x + c[2] x^2 + ...
func (m *calc) horner(x v, c ...float64) v {
	p := m.num(c[len(c)-1])
	for i := len(c) - 2; i >= 0; i-- {
		p = m.add(m.mul(p, x), m.f(c[i]))
	}
	return p
}

func (m *calc) exp(x v) v {
	t := m.most(m.least(x, expMost), expLeast)
	k, n := m.YMM(), m.YMM()
	m.VCVTPS2DQ(m.mul(t, m.f(log2e)), k)
	m.VCVTDQ2PS(k, n)
	r := m.sub(m.sub(t, m.mul(n, m.f(ln2Hi))), m.mul(n, m.f(ln2Lo)))
	p := m.horner(r, expCoef...)
	y := m.add(m.add(m.mul(m.mul(r, r), p), r), m.f(1))
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
	e := m.YMM()
	m.VPSRAD(operand.Imm(23), s, e)
	m.VPSUBD(m.bits(127), e, e)
	n := m.YMM()
	m.VCVTDQ2PS(e, n)
	n = m.sub(n, m.and(tiny, m.f(23)))
	a := m.or(m.and(s, m.bits(0x007fffff)), m.f(1))
	big := m.is(a, greaterThan, m.f(math.Sqrt2))
	a = m.pick(big, m.mul(a, m.f(.5)), a)
	n = m.add(n, m.and(big, m.f(1)))
	f := m.sub(a, m.f(1))
	z := m.mul(f, f)
	y := m.mul(m.mul(f, z), m.horner(f, logCoef...))
	y = m.add(y, m.mul(n, m.f(ln2Lo)))
	y = m.sub(y, m.mul(z, m.f(.5)))
	y = m.add(m.add(y, f), m.mul(n, m.f(ln2Hi)))
	// zero, negative numbers, infinity and NaN
	y = m.pick(m.is(x, equal, m.f(0)), m.num(math.Inf(-1)), y)
	y = m.pick(m.is(x, lessThan, m.f(0)), m.reg(m.bits(0x7fc00000)), y)
	odd := m.is(x, lessThan, m.f(math.Inf(1))) // false for infinity and NaN, which stay
	return m.pick(odd, y, x)
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

func (m *calc) softplus(x v) v {
	t := m.exp(m.or(x, m.bits(0x80000000)))
	u := m.add(t, m.f(1))
	l := m.sub(m.log(u), m.div(m.sub(m.sub(u, m.f(1)), t), u))
	return m.add(l, m.most(x, 0))
}

func (m *calc) erf(x v) v {
	t := m.most(m.least(x, erfMost), -erfMost)
	z := m.mul(t, t)
	p, q := m.horner(z, erfOver...), m.horner(z, erfUnder...)
	y := m.div(m.mul(t, p), q)
	one := m.or(m.and(x, m.bits(0x80000000)), m.f(1))
	y = m.pick(m.is(m.abs(x), lessThan, m.f(erfMost)), y, one)
	return m.pick(m.is(x, unordered, x), x, y)
}

func (m *calc) gelu(x v) v {
	h := m.mul(x, m.f(.5))
	return m.add(m.mul(h, m.erf(m.mul(x, m.f(1/math.Sqrt2)))), h)
}

func (m *calc) geluSlope(x v) v {
	phi := m.add(m.mul(m.erf(m.mul(x, m.f(1/math.Sqrt2))), m.f(.5)), m.f(.5))
	e := m.exp(m.mul(m.mul(x, x), m.f(-.5)))
	return m.add(m.mul(m.mul(x, m.f(invSqrt2Pi)), e), phi)
}

// The constants of vecmath.go; a test compares the kernels with that file.
const (
	log2e      = math.Log2E
	ln2Hi      = 0.693359375
	ln2Lo      = math.Ln2 - ln2Hi
	expMost    = 89
	expLeast   = -104
	tanhSmall  = 0.625
	erfMost    = 3.92
	invSqrt2Pi = 0.3989422804014327
)

var (
	expCoef  = []float64{0.5, 0.1666666567325592, 0.04166628047823906, 0.00833350419998169, 0.0013945760438218713, 0.00019789252837654203}
	logCoef  = []float64{0.3333331346511841, -0.25000008940696716, 0.2000211924314499, -0.1666799634695053, 0.14219552278518677, -0.1240558922290802, 0.11888162791728973, -0.11675651371479034, 0.0674663856625557}
	tanhCoef = []float64{-0.33333277702331543, 0.13331331312656403, -0.05373000726103783, 0.020606176927685738, -0.005666977260261774}
	erfOver  = []float64{1.1283791065216064, 0.19154997169971466, 0.05287540331482887, 0.003808148205280304, 0.00028468758682720363, 2.0259126358723734e-06}
	erfUnder = []float64{1.0, 0.503089427947998, 0.11455948650836945, 0.015055062249302864, 0.0011707228841260076, 3.78318436360221e-05}
)
