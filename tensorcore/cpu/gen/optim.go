package main

import (
	"github.com/mmcloughlin/avo/operand"
	"github.com/mmcloughlin/avo/reg"
)

// adamStep are the settings of a step in registers.
type adamStep struct{ step, inv, eps, decay, keep, b1, b2 v }

const adamParams = "step, inv, eps, decay, keep, b1, b2 float32"

func (m *calc) adamStep() adamStep {
	return adamStep{m.spread("step"), m.spread("inv"), m.spread("eps"), m.spread("decay"), m.spread("keep"), m.spread("b1"), m.spread("b2")}
}

// run changes one vector of weights and averages, as AdamStep.run does.
func (s adamStep) run(m *calc, w, mean, square, grad operand.Mem) {
	wi := m.mul(m.load(w), s.keep)
	gi := m.add(m.load(grad), m.mul(wi, s.decay))
	mi := m.load(mean)
	mi = m.add(mi, m.mul(m.sub(gi, mi), s.b1))
	m.store(mi, mean)
	vi := m.load(square)
	vi = m.add(vi, m.mul(m.sub(m.mul(gi, gi), vi), s.b2))
	m.store(vi, square)
	m.store(m.sub(wi, m.div(m.mul(mi, s.step), m.add(m.mul(m.sqrt(vi), s.inv), s.eps))), w)
}

func (m *calc) adam() {
	arrays := "func(w, m, v, grad *float32, " + adamParams
	get := m.begin("vecAdam", "is the step of Adam", arrays+", n int)")
	w, mean, square, grad, n := get("w"), get("m"), get("v"), get("grad"), get("n")
	s := m.adamStep()
	m.each(n, func(i reg.GPVirtual) { s.run(m, at(w, i), at(mean, i), at(square, i), at(grad, i)) })
	m.end()

	get = m.begin("vecAdamRows", "is the step of Adam for rows of n elements, by their numbers; grad holds theirs in order",
		arrays+", idx *int32, rows, n int)")
	w, mean, square = get("w"), get("m"), get("v")
	s = m.adamStep()
	m.scattered(get, []reg.GPVirtual{w, mean, square}, func(i reg.GPVirtual, grad operand.Mem) {
		s.run(m, at(w, i), at(mean, i), at(square, i), grad)
	})
}

func (m *calc) adaGrad() {
	run := func(step, eps v, w, s, grad operand.Mem) {
		gi := m.load(grad)
		si := m.add(m.load(s), m.mul(gi, gi))
		m.store(si, s)
		m.store(m.sub(m.load(w), m.div(m.mul(gi, step), m.add(m.sqrt(si), eps))), w)
	}
	get := m.begin("vecAdaGrad", "is the step of AdaGrad", "func(w, s, grad *float32, step, eps float32, n int)")
	w, s, g, n := get("w"), get("s"), get("grad"), get("n")
	step, eps := m.spread("step"), m.spread("eps")
	m.each(n, func(i reg.GPVirtual) { run(step, eps, at(w, i), at(s, i), at(g, i)) })
	m.end()

	get = m.begin("vecAdaGradRows", "is the step of AdaGrad for rows of n elements, by their numbers; grad holds theirs in order",
		"func(w, s, grad *float32, step, eps float32, idx *int32, rows, n int)")
	w, s = get("w"), get("s")
	step, eps = m.spread("step"), m.spread("eps")
	m.scattered(get, []reg.GPVirtual{w, s}, func(i reg.GPVirtual, grad operand.Mem) { run(step, eps, at(w, i), at(s, i), grad) })
}

// ahead is how many rows before its turn a row is fetched from memory.
const ahead = 8

// scattered runs body on the vectors of rows idx of tables; i is the place in a table. It asks for rows to come,
// which lie anywhere in a large table.
func (m *calc) scattered(get func(string) reg.GPVirtual, tables []reg.GPVirtual, body func(i reg.GPVirtual, grad operand.Mem)) {
	grad, n, idx, rows := get("grad"), get("n"), get("idx"), get("rows")
	m.rows(rows, func() {
		r, rest := m.GP64(), m.label()
		m.CMPQ(rows, operand.Imm(ahead))
		m.JLE(to(rest))
		m.MOVLQSX(operand.Mem{Base: idx, Disp: 4 * ahead}, r)
		m.IMULQ(n, r)
		for _, p := range tables {
			m.PREFETCHT0(operand.Mem{Base: p, Index: r, Scale: 4})
		}
		m.Label(rest)
		m.MOVLQSX(operand.Mem{Base: idx}, r)
		m.IMULQ(n, r)
		m.SHLQ(operand.Imm(2), r)
		for _, p := range tables {
			m.ADDQ(r, p)
		}
		m.each(n, func(i reg.GPVirtual) { body(i, at(grad, i)) })
		for _, p := range tables {
			m.SUBQ(r, p)
		}
		m.LEAQ(operand.Mem{Base: grad, Index: n, Scale: 4}, grad)
		m.ADDQ(operand.Imm(4), idx)
	})
	m.end()
}
