package main

import (
	"github.com/mmcloughlin/avo/build"
	"github.com/mmcloughlin/avo/operand"
	"github.com/mmcloughlin/avo/reg"
)

// Simple arithmetic, the steps of optimizers and sums down columns.
func vectorKernels(c *build.Context) {
	both(c, func(m *calc) {
		m.pairs("vecAdd", "a + b", func(a, b v) v { return m.add(a, b) })
		m.pairs("vecSub", "a - b", func(a, b v) v { return m.sub(a, b) })
		m.pairs("vecMul", "a * b", func(a, b v) v { return m.mul(a, b) })
		m.pairs("vecDiv", "a / b", func(a, b v) v { return m.div(a, b) })
		m.binary("vecReluGrad", "a where b > 0, else 0", func(a, b v) v { return m.only(m.is(b, greaterThan, m.f(0)), a) })
		m.binary("vecSigmoidGrad", "a b (1-b)", func(a, b v) v { return m.mul(m.mul(a, b), m.sub(m.num(1), b)) })
		m.binary("vecTanhGrad", "a (1-b b)", func(a, b v) v { return m.mul(a, m.sub(m.num(1), m.mul(b, b))) })
		m.unary("vecRelu", "max(x, 0)", func(x v) v { return m.most(x, 0) })
		m.unary("vecSquare", "x x", func(x v) v { return m.mul(x, x) })
		m.unary("vecAbs", "|x|", func(x v) v { return m.abs(x) })
		m.unary("vecSqrt", "the square root of x", func(x v) v { return m.sqrt(x) })
		m.affine()
		m.copyRows()
		m.sigmoidSlope()
		m.adam()
		m.adaGrad()
		m.addRows()
	})
}

// pairs writes an operation of rows, either of which may be the same row or element again.
func (m *calc) pairs(name, doc string, f func(a, b v) v) {
	m.binary(name, doc, f)
	m.withOne(name+"One", "dst = "+doc+" for a single b", f, false)
	m.withOne(name+"By", "dst = "+doc+" for a single a", f, true)
	m.rowPairs(name+"Rows", doc, f, false)
	m.rowPairs(name+"Columns", doc, f, true)
}

func (m *calc) withOne(name, doc string, f func(a, b v) v, first bool) {
	get := m.begin(name, "sets "+doc, "func(dst, x *float32, one float32, n int)")
	d, x, n := get("dst"), get("x"), get("n")
	one := m.spread("one")
	m.each(n, func(i reg.GPVirtual) {
		a, b := m.load(at(x, i)), one
		if first {
			a, b = b, a
		}
		m.store(f(a, b), at(d, i))
	})
	m.end()
}

// rowPairs handles many short rows in one call. With single, b has one element a row.
func (m *calc) rowPairs(name, doc string, f func(a, b v) v, single bool) {
	doc = "sets dst = " + doc + " for rows of n elements"
	if single {
		doc += " of a and one of b"
	}
	get := m.begin(name, doc+"; a row of a starts aStep bytes after the one before, of b bStep",
		"func(dst, a, b *float32, rows, aStep, bStep, n int)")
	d, x, y, n := get("dst"), get("a"), get("b"), get("n")
	m.rows(get("rows"), func() {
		var one v
		if single {
			one = m.fill(operand.Mem{Base: y})
		}
		m.each(n, func(i reg.GPVirtual) {
			a, b := m.load(at(x, i)), one
			if !single {
				b = m.load(at(y, i))
			}
			m.store(f(a, b), at(d, i))
		})
		m.ADDQ(mem(m, "aStep"), x)
		m.ADDQ(mem(m, "bStep"), y)
		m.LEAQ(operand.Mem{Base: d, Index: n, Scale: 4}, d)
	})
	m.end()
}

// rows runs body n times; n is lost.
func (m *calc) rows(n reg.GPVirtual, body func()) {
	again, done := m.label(), m.label()
	m.TESTQ(n, n)
	m.JE(to(done))
	m.Label(again)
	body()
	m.DECQ(n)
	m.JNE(to(again))
	m.Label(done)
}

// mem is a parameter where it lies.
func mem(m *calc, param string) operand.Mem {
	p, err := m.Param(param).Resolve()
	if err != nil {
		panic(err)
	}
	return p.Addr
}

// copyRows is for rows that are too short for a call each.
func (m *calc) copyRows() {
	get := m.begin("vecCopyRows", "copies rows of n elements; a row of x starts xStep bytes after the one before", "func(dst, x *float32, rows, xStep, n int)")
	d, x, step, n := get("dst"), get("x"), get("xStep"), get("n")
	m.rows(get("rows"), func() {
		m.each(n, func(i reg.GPVirtual) { m.store(m.load(at(x, i)), at(d, i)) })
		m.ADDQ(step, x)
		m.LEAQ(operand.Mem{Base: d, Index: n, Scale: 4}, d)
	})
	m.end()
}

func (m *calc) sigmoidSlope() {
	get := m.begin("vecAddSigmoidSlope", "adds c h(1-h), h = 1/(1+e^-(t x)), to dst", "func(dst, x *float32, t, c float32, n int)")
	d, x, n := get("dst"), get("x"), get("n")
	t, c := m.spread("t"), m.spread("c")
	m.each(n, func(i reg.GPVirtual) {
		e := m.exp(m.or(m.mul(m.load(at(x, i)), t), m.bits(0x80000000)))
		u := m.add(e, m.f(1))
		m.store(m.add(m.load(at(d, i)), m.div(m.mul(e, c), m.mul(u, u))), at(d, i))
	})
	m.end()
}

func (m *calc) affine() {
	get := m.begin("vecAffine", "sets dst = p x + q", "func(dst, x *float32, p, q float32, n int)")
	d, x, n := get("dst"), get("x"), get("n")
	p, q := m.spread("p"), m.spread("q")
	m.each(n, func(i reg.GPVirtual) { m.store(m.add(m.mul(m.load(at(x, i)), p), q), at(d, i)) })
	m.end()
}

// addRows adds in order of rows, 4 vectors of columns at a time, then one, then what is left.
func (m *calc) addRows() {
	get := m.begin("vecColumnSums", "sets dst += the sum of rows in order; a row is n elements and starts rowBytes after the one before",
		"func(dst, x *float32, rows, rowBytes, n int)")
	d, x, rows, step, n := get("dst"), get("x"), get("rows"), get("rowBytes"), get("n")
	none := m.label()
	m.TESTQ(rows, rows)
	m.JE(to(none))
	column := func(vectors int) {
		acc, left, p, again := make([]v, vectors), m.GP64(), m.GP64(), m.label()
		place := func(base reg.GPVirtual, k int) operand.Mem { return operand.Mem{Base: base, Disp: 4 * m.width() * k} }
		for k := range acc {
			acc[k] = m.load(place(d, k))
		}
		m.MOVQ(x, p)
		m.MOVQ(rows, left)
		m.Label(again)
		for k := range acc {
			m.VADDPS(m.load(place(p, k)), acc[k], acc[k])
		}
		m.ADDQ(step, p)
		m.DECQ(left)
		m.JNE(to(again))
		for k := range acc {
			m.store(acc[k], place(d, k))
		}
	}
	for _, vectors := range []int{4, 1} {
		again, done := m.label(), m.label()
		m.Label(again)
		m.CMPQ(n, operand.Imm(uint64(m.width()*vectors)))
		m.JLT(to(done))
		column(vectors)
		m.ADDQ(operand.U32(uint32(4*m.width()*vectors)), d)
		m.ADDQ(operand.U32(uint32(4*m.width()*vectors)), x)
		m.SUBQ(operand.Imm(uint64(m.width()*vectors)), n)
		m.JMP(to(again))
		m.Label(done)
	}
	m.TESTQ(n, n)
	m.JE(to(none))
	m.lanes(n, func() { column(1) })
	m.Label(none)
	m.end()
}
