package main

import (
	"math"

	"github.com/mmcloughlin/avo/build"
	"github.com/mmcloughlin/avo/operand"
	"github.com/mmcloughlin/avo/reg"
)

// Functions of rows of 1 to 4096 elements, many rows a call. Sums run in 32 lanes that are merged by halves, as in
// rows32.go, so the bits are those of the Go twins.
func rowKernels(c *build.Context) {
	both(c, func(m *calc) {
		m.rowSums()
		m.rowMaxes()
		m.rowOdd()
		m.softmax()
		m.softmaxGrad()
		m.layerNorm()
		m.layerNormGrad()
	})
}

const sumLanes = 32

// grouped runs body for every vector of n elements; k is its place in a group of 32 elements, place finds its
// elements. n is kept.
func (m *calc) grouped(n reg.GPVirtual, body func(k int, place func(base reg.GPVirtual) operand.Mem)) {
	i, rest := m.GP64(), m.GP64()
	again, left, done := m.label(), m.label(), m.label()
	vectors := sumLanes / m.width()
	one := func(k int) {
		body(k, func(base reg.GPVirtual) operand.Mem {
			return operand.Mem{Base: base, Index: i, Scale: 4, Disp: 4 * m.width() * k}
		})
	}
	m.XORQ(i, i)
	m.MOVQ(n, rest)
	m.SUBQ(operand.Imm(sumLanes), rest)
	m.JLT(to(left))
	m.Label(again)
	for k := range vectors {
		one(k)
	}
	m.ADDQ(operand.Imm(sumLanes), i)
	m.CMPQ(i, rest)
	m.JLE(to(again))
	m.Label(left)
	m.ADDQ(operand.Imm(sumLanes), rest)
	m.SUBQ(i, rest)
	for k := range vectors {
		few, next := m.label(), m.label()
		m.CMPQ(rest, operand.Imm(uint64(m.width())))
		m.JLT(to(few))
		one(k)
		m.SUBQ(operand.Imm(uint64(m.width())), rest)
		m.JMP(to(next))
		m.Label(few)
		m.TESTQ(rest, rest)
		m.JE(to(done))
		m.lanes(rest, func() { one(k) })
		m.JMP(to(done))
		m.Label(next)
	}
	m.Label(done)
}

// lanes32 are 32 partial results.
func (m *calc) lanes32(first func() v) []v {
	acc := make([]v, sumLanes/m.width())
	for k := range acc {
		acc[k] = first()
	}
	return acc
}

// collect adds x to a partial sum.
func (m *calc) collect(x, acc v) { m.VADDPS(m.existing(x), acc, acc) }

// merge combines 32 lanes by halves; the result is in the lowest lane.
func (m *calc) merge(acc []v, f func(...operand.Op)) v {
	for half := len(acc) / 2; half > 0; half /= 2 {
		for k := range half {
			f(acc[k+half], acc[k], acc[k])
		}
	}
	x, h := acc[0], m.vec()
	if m.wide {
		m.VEXTRACTF64X4(operand.Imm(1), x, h.AsY())
		f(h.AsY(), x.AsY(), x.AsY())
	}
	m.VEXTRACTF128(operand.Imm(1), x.AsY(), h.AsX())
	f(h.AsX(), x.AsX(), x.AsX())
	m.VMOVHLPS(x.AsX(), x.AsX(), h.AsX())
	f(h.AsX(), x.AsX(), x.AsX())
	m.VMOVSHDUP(x.AsX(), h.AsX())
	f(h.AsX(), x.AsX(), x.AsX())
	return x
}

func (m *calc) sum(acc []v) v { return m.merge(acc, m.VADDPS) }

// fill1 is the lowest lane of x in every lane.
func (m *calc) fill1(x v) v { return m.fill(x.AsX()) }

// nextRow moves on by n elements.
func (m *calc) nextRow(n reg.GPVirtual, bases ...reg.GPVirtual) {
	for _, p := range bases {
		m.LEAQ(operand.Mem{Base: p, Index: n, Scale: 4}, p)
	}
}

func (m *calc) rowSums() {
	get := m.begin("vecRowSums", "sets dst[r] = the sum of row r of n elements", "func(dst, x *float32, rows, n int)")
	d, x, n := get("dst"), get("x"), get("n")
	m.rows(get("rows"), func() {
		acc := m.lanes32(m.zero)
		m.grouped(n, func(k int, at func(reg.GPVirtual) operand.Mem) { m.collect(m.load(at(x)), acc[k]) })
		m.VMOVSS(m.sum(acc).AsX(), operand.Mem{Base: d})
		m.ADDQ(operand.Imm(4), d)
		m.nextRow(n, x)
	})
	m.end()
}

// largest is the largest of n elements, in every lane; of a NaN it says nothing.
func (m *calc) largest(x, n reg.GPVirtual) v {
	lowest := m.num(math.Inf(-1))
	acc := m.lanes32(func() v { return m.num(math.Inf(-1)) })
	m.grouped(n, func(k int, at func(reg.GPVirtual) operand.Mem) {
		s := m.load(at(x))
		if m.part != nil {
			s = m.pick(m.part, s, lowest)
		}
		m.VMAXPS(acc[k], s, acc[k]) // in this order a NaN gets lost
	})
	return m.fill1(m.merge(acc, m.VMAXPS))
}

func (m *calc) rowMaxes() {
	get := m.begin("vecRowMaxes", "sets dst[r] = the largest of row r of n elements; a NaN gets lost", "func(dst, x *float32, rows, n int)")
	d, x, n := get("dst"), get("x"), get("n")
	m.rows(get("rows"), func() {
		m.VMOVSS(m.largest(x, n).AsX(), operand.Mem{Base: d})
		m.ADDQ(operand.Imm(4), d)
		m.nextRow(n, x)
	})
	m.end()
}

// rowOdd sees that x-x is 0 unless x is infinite or NaN.
func (m *calc) rowOdd() {
	get := m.begin("vecRowOdd", "sets dst[0] = the sum of x-x: 0 when all n elements are finite, else NaN", "func(dst, x *float32, n int)")
	d, x, n := get("dst"), get("x"), get("n")
	acc := m.lanes32(m.zero)
	m.grouped(n, func(k int, at func(reg.GPVirtual) operand.Mem) {
		s := m.load(at(x))
		m.VADDPS(m.sub(s, s), acc[k], acc[k])
	})
	m.VMOVSS(m.sum(acc).AsX(), operand.Mem{Base: d})
	m.end()
}

func (m *calc) softmax() {
	get := m.begin("vecSoftmax", "sets dst = e^x over its sum, for rows of n elements", "func(dst, x *float32, rows, n int)")
	d, x, n := get("dst"), get("x"), get("n")
	m.rows(get("rows"), func() {
		most := m.largest(x, n)
		sums := m.lanes32(m.zero)
		m.grouped(n, func(k int, at func(reg.GPVirtual) operand.Mem) {
			e := m.exp(m.sub(m.load(at(x)), most))
			m.store(e, at(d))
			m.collect(e, sums[k])
		})
		by := m.num(1)
		m.VDIVSS(m.sum(sums).AsX(), by.AsX(), by.AsX())
		by = m.fill1(by)
		m.each(n, func(i reg.GPVirtual) { m.store(m.mul(m.load(at(d, i)), by), at(d, i)) })
		m.nextRow(n, d, x)
	})
	m.end()
}

func (m *calc) softmaxGrad() {
	get := m.begin("vecSoftmaxGrad", "sets dst = y (g - sum g y), for rows of n elements", "func(dst, grad, y *float32, rows, n int)")
	d, g, y, n := get("dst"), get("grad"), get("y"), get("n")
	m.rows(get("rows"), func() {
		acc := m.lanes32(m.zero)
		m.grouped(n, func(k int, at func(reg.GPVirtual) operand.Mem) {
			m.collect(m.mul(m.load(at(g)), m.load(at(y))), acc[k])
		})
		s := m.fill1(m.sum(acc))
		m.each(n, func(i reg.GPVirtual) {
			m.store(m.mul(m.load(at(y, i)), m.sub(m.load(at(g, i)), s)), at(d, i))
		})
		m.nextRow(n, d, g, y)
	})
	m.end()
}

// mean is sum/count in every lane.
func (m *calc) mean(acc []v) v {
	s := m.sum(acc)
	m.VDIVSS(mem(m, "count"), s.AsX(), s.AsX())
	return m.fill1(s)
}

// perRoot is 1/sqrt(sum/count + eps) in every lane.
func (m *calc) perRoot(acc []v) v {
	s, one := m.sum(acc), m.num(1)
	m.VDIVSS(mem(m, "count"), s.AsX(), s.AsX())
	m.VADDSS(mem(m, "eps"), s.AsX(), s.AsX())
	m.VSQRTSS(s.AsX(), s.AsX(), s.AsX())
	m.VDIVSS(s.AsX(), one.AsX(), one.AsX())
	return m.fill1(one)
}

func (m *calc) layerNorm() {
	get := m.begin("vecLayerNorm", "sets dst = (x - mean) / sqrt(variance + eps), for rows of n elements; count is n",
		"func(dst, x *float32, rows, n int, count, eps float32)")
	d, x, n := get("dst"), get("x"), get("n")
	m.rows(get("rows"), func() {
		acc := m.lanes32(m.zero)
		m.grouped(n, func(k int, at func(reg.GPVirtual) operand.Mem) { m.collect(m.load(at(x)), acc[k]) })
		mean := m.mean(acc)
		acc = m.lanes32(m.zero)
		m.grouped(n, func(k int, at func(reg.GPVirtual) operand.Mem) {
			c := m.sub(m.load(at(x)), mean)
			m.store(c, at(d))
			m.collect(m.mul(c, c), acc[k])
		})
		r := m.perRoot(acc)
		m.each(n, func(i reg.GPVirtual) { m.store(m.mul(m.load(at(d, i)), r), at(d, i)) })
		m.nextRow(n, d, x)
	})
	m.end()
}

func (m *calc) layerNormGrad() {
	get := m.begin("vecLayerNormGrad", "sets dst = (g - mean g - y mean(g y)) / sqrt(variance of x + eps), for rows of n elements; count is n",
		"func(dst, grad, y, x *float32, rows, n int, count, eps float32)")
	d, g, y, x, n := get("dst"), get("grad"), get("y"), get("x"), get("n")
	m.rows(get("rows"), func() {
		sx, sg := m.lanes32(m.zero), m.lanes32(m.zero)
		m.grouped(n, func(k int, at func(reg.GPVirtual) operand.Mem) {
			m.collect(m.load(at(x)), sx[k])
			m.collect(m.load(at(g)), sg[k])
		})
		meanX, meanG := m.mean(sx), m.mean(sg)
		squares, dots := m.lanes32(m.zero), m.lanes32(m.zero)
		m.grouped(n, func(k int, at func(reg.GPVirtual) operand.Mem) {
			c := m.sub(m.load(at(x)), meanX)
			m.collect(m.mul(c, c), squares[k])
			m.collect(m.mul(m.load(at(g)), m.load(at(y))), dots[k])
		})
		r, dot := m.perRoot(squares), m.mean(dots)
		m.each(n, func(i reg.GPVirtual) {
			u := m.sub(m.load(at(g, i)), meanG)
			u = m.sub(u, m.mul(m.load(at(y, i)), dot))
			m.store(m.mul(u, r), at(d, i))
		})
		m.nextRow(n, d, g, y, x)
	})
	m.end()
}
