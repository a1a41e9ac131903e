package main

import (
	"fmt"
	"math"

	"github.com/mmcloughlin/avo/attr"
	"github.com/mmcloughlin/avo/build"
	"github.com/mmcloughlin/avo/operand"
	"github.com/mmcloughlin/avo/reg"
)

type v = reg.VecVirtual

// calc writes arithmetic on vectors of 8 elements (AVX2) or 16 (AVX-512). Neither uses a fused multiply-add, so both
// give the bits of their Go twins.
type calc struct {
	*build.Context
	wide   bool
	part   reg.Register // of the lanes that exist, while code for the last elements is written
	tables map[uint32]operand.Mem
	first  operand.Mem // bits of the first lanes: 8 of ones, 8 of zeros
	labels int
}

// both writes f's kernels for both widths.
func both(c *build.Context, f func(m *calc)) {
	m := &calc{Context: c, tables: map[uint32]operand.Mem{}}
	m.first = m.StaticGlobal("firstLanes")
	m.DataAttributes(attr.RODATA | attr.NOPTR)
	for i := range 16 {
		m.AddDatum(4*i, operand.U32(uint32(int32(i-8)>>31)))
	}
	for _, m.wide = range []bool{false, true} {
		f(m)
	}
}

// begin starts kernel name256 or name512.
func (m *calc) begin(name, doc, signature string) func(string) reg.GPVirtual {
	name += map[bool]string{false: "256", true: "512"}[m.wide]
	m.Function(name)
	m.Doc(name + " " + doc + ".")
	m.Pragma("noescape")
	m.Attributes(attr.NOSPLIT)
	m.SignatureExpr(signature)
	return func(p string) reg.GPVirtual { return m.Load(m.Param(p), m.GP64()).(reg.GPVirtual) }
}

func (m *calc) end() {
	m.VZEROUPPER()
	m.RET()
}

// label makes a name that is new in this function.
func (m *calc) label() string {
	m.labels++
	return fmt.Sprintf("at%d", m.labels)
}

func to(label string) operand.LabelRef { return operand.LabelRef(label) }

func (m *calc) width() int {
	if m.wide {
		return 16
	}
	return 8
}

func (m *calc) vec() v {
	if m.wide {
		return m.ZMM()
	}
	return m.YMM()
}

// each runs body for every vector of n elements, with its byte offset, and for the elements left over, of which
// load and store see no more than exist. n is kept.
func (m *calc) each(n reg.GPVirtual, body func(i reg.GPVirtual)) {
	i, last := m.GP64(), m.GP64()
	loop, rest, done := m.label(), m.label(), m.label()
	m.XORQ(i, i)
	m.MOVQ(n, last)
	m.SHLQ(operand.Imm(2), last)
	m.SUBQ(operand.Imm(uint64(4*m.width())), last)
	m.JLT(to(rest))
	m.Label(loop)
	body(i)
	m.ADDQ(operand.Imm(uint64(4*m.width())), i)
	m.CMPQ(i, last)
	m.JLE(to(loop))
	m.Label(rest)
	m.ADDQ(operand.Imm(uint64(4*m.width())), last)
	m.SUBQ(i, last)
	m.JE(to(done))
	m.SHRQ(operand.Imm(2), last)
	m.lanes(last, func() { body(i) })
	m.Label(done)
}

// lanes writes code for the first n lanes of a vector. n is lost.
func (m *calc) lanes(n reg.GPVirtual, code func()) {
	if m.wide {
		k, bits := m.K(), m.GP64()
		m.MOVQ(operand.I64(-1), bits)
		m.BZHIQ(n, bits, bits)
		m.KMOVW(bits.As32(), k)
		m.part = k
	} else {
		k, table := m.YMM(), m.GP64()
		m.LEAQ(m.first, table)
		m.NEGQ(n)
		m.VMOVUPS(operand.Mem{Base: table, Index: n, Scale: 4, Disp: 32}, k)
		m.part = k
	}
	code()
	m.part = nil
}

// at is the element at a byte offset.
func at(base, offset reg.GPVirtual) operand.Mem {
	return operand.Mem{Base: base, Index: offset, Scale: 1}
}

// load reads a vector; lanes that do not exist are 0.
func (m *calc) load(p operand.Mem) v {
	d := m.vec()
	switch {
	case m.part == nil:
		m.VMOVUPS(p, d)
	case m.wide:
		m.VMOVUPS_Z(p, m.part, d)
	default:
		m.VMASKMOVPS(p, m.part, d)
	}
	return d
}

func (m *calc) store(x v, p operand.Mem) {
	switch {
	case m.part == nil:
		m.VMOVUPS(x, p)
	case m.wide:
		m.VMOVUPS(x, m.part, p)
	default:
		m.VMASKMOVPS(x, m.part, p)
	}
}

// existing is x, 0 in lanes that do not exist.
func (m *calc) existing(x v) v {
	if m.part == nil {
		return x
	}
	return m.only(m.part, x)
}

// spread is a parameter in every lane.
func (m *calc) spread(param string) v {
	p, err := m.Param(param).Resolve()
	if err != nil {
		panic(err)
	}
	return m.fill(p.Addr)
}

// fill is x in every lane; x is in memory, or the lowest lane of a register.
func (m *calc) fill(x operand.Op) v {
	d := m.vec()
	m.VBROADCASTSS(x, d)
	return d
}

func (m *calc) zero() v {
	d := m.vec()
	m.VXORPS(d, d, d)
	return d
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
func (m *calc) num(x float64) v { return m.fill(m.f(x)) }

// two is an operation of a vector and a vector or a constant.
func (m *calc) two(plain, spread func(...operand.Op), a v, b operand.Op) v {
	d := m.vec()
	if _, constant := b.(operand.Mem); constant && m.wide {
		plain = spread
	}
	plain(b, a, d)
	return d
}

func (m *calc) add(a v, b operand.Op) v { return m.two(m.VADDPS, m.VADDPS_BCST, a, b) }
func (m *calc) sub(a v, b operand.Op) v { return m.two(m.VSUBPS, m.VSUBPS_BCST, a, b) }
func (m *calc) mul(a v, b operand.Op) v { return m.two(m.VMULPS, m.VMULPS_BCST, a, b) }
func (m *calc) div(a v, b operand.Op) v { return m.two(m.VDIVPS, m.VDIVPS_BCST, a, b) }
func (m *calc) and(a v, b operand.Op) v { return m.two(m.VANDPS, m.VANDPS_BCST, a, b) }
func (m *calc) or(a v, b operand.Op) v  { return m.two(m.VORPS, m.VORPS_BCST, a, b) }
func (m *calc) xor(a v, b operand.Op) v { return m.two(m.VXORPS, m.VXORPS_BCST, a, b) }
func (m *calc) abs(a v) v               { return m.and(a, m.bits(0x7fffffff)) }
func (m *calc) neg(a v) v               { return m.xor(a, m.bits(0x80000000)) }
func (m *calc) sqrt(a v) v              { d := m.vec(); m.VSQRTPS(a, d); return d }

// least and most keep a NaN of x, and x of two zeros.
func (m *calc) least(x v, most float64) v { d := m.num(most); m.VMINPS(x, d, d); return d }
func (m *calc) most(x v, least float64) v { d := m.num(least); m.VMAXPS(x, d, d); return d }

// Comparisons; all but unordered are false for NaN.
const (
	lessThan    = 17
	greaterThan = 30
	equal       = 0
	unordered   = 3
)

// is compares. The mask is a vector or, in AVX-512, one of its mask registers.
func (m *calc) is(a v, how uint64, b operand.Op) reg.Register {
	if !m.wide {
		d := m.YMM()
		m.VCMPPS(operand.Imm(how), b, a, d)
		return d
	}
	k := m.K()
	if _, constant := b.(operand.Mem); constant {
		m.VCMPPS_BCST(operand.Imm(how), b, a, k)
	} else {
		m.VCMPPS(operand.Imm(how), b, a, k)
	}
	return k
}

// pick is a where the mask is set, else b.
func (m *calc) pick(mask reg.Register, a, b v) v {
	d := m.vec()
	if m.wide {
		m.VBLENDMPS(a, b, mask, d)
	} else {
		m.VBLENDVPS(mask, a, b, d)
	}
	return d
}

// only is x where the mask is set, else 0; x is a vector or a constant.
func (m *calc) only(mask reg.Register, x operand.Op) v {
	d := m.vec()
	_, constant := x.(operand.Mem)
	switch {
	case !m.wide:
		m.VANDPS(x, mask, d)
	case constant:
		m.VBROADCASTSS_Z(x, mask, d)
	default:
		m.VMOVUPS_Z(x, mask, d)
	}
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
