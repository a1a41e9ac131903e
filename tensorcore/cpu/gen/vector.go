package main

import (
	"github.com/mmcloughlin/avo/attr"
	"github.com/mmcloughlin/avo/build"
	"github.com/mmcloughlin/avo/operand"
	"github.com/mmcloughlin/avo/reg"
)

// Vector kernels work on n elements, n a multiple of 8; the caller does the rest in Go. None uses a fused
// multiply-add, so they give the bits of their Go twins.
func vectorKernels(c *build.Context) {
	pair(c, "vecAdd", "a + b", func(a, b, d reg.VecVirtual) { c.VADDPS(b, a, d) })
	pair(c, "vecSub", "a - b", func(a, b, d reg.VecVirtual) { c.VSUBPS(b, a, d) })
	pair(c, "vecMul", "a * b", func(a, b, d reg.VecVirtual) { c.VMULPS(b, a, d) })
	pair(c, "vecDiv", "a / b", func(a, b, d reg.VecVirtual) { c.VDIVPS(b, a, d) })
	reluGrad(c)
	affine(c)
	relu(c)
	adam(c)
	adagrad(c)
	sumRows(c)
	sumLanes(c)
}

const vecBytes = 32

// loop runs body once a vector; it gets the byte offset as an index register.
func loop(c *build.Context, n reg.GPVirtual, body func(at reg.GPVirtual)) {
	at := c.GP64()
	c.XORQ(at, at)
	c.SHLQ(operand.Imm(2), n) // bytes
	c.JE(operand.LabelRef("done"))
	c.Label("loop")
	body(at)
	c.ADDQ(operand.Imm(vecBytes), at)
	c.CMPQ(at, n)
	c.JLT(operand.LabelRef("loop"))
	c.Label("done")
	c.VZEROUPPER()
	c.RET()
}

func begin(c *build.Context, name, doc, signature string) func(string) reg.GPVirtual {
	c.Function(name)
	c.Doc(name + " " + doc + "; n is a multiple of 8.")
	c.Pragma("noescape")
	c.Attributes(attr.NOSPLIT)
	c.SignatureExpr(signature)
	return func(p string) reg.GPVirtual { return c.Load(c.Param(p), c.GP64()).(reg.GPVirtual) }
}

func spread(c *build.Context, param string) reg.VecVirtual {
	v := c.YMM()
	m, err := c.Param(param).Resolve()
	if err != nil {
		panic(err)
	}
	c.VBROADCASTSS(m.Addr, v)
	return v
}

func at(base, index reg.GPVirtual) operand.Mem {
	return operand.Mem{Base: base, Index: index, Scale: 1}
}

func pair(c *build.Context, name, doc string, f func(a, b, d reg.VecVirtual)) {
	get := begin(c, name, "sets dst = "+doc, "func(dst, a, b *float32, n int)")
	d, a, b, n := get("dst"), get("a"), get("b"), get("n")
	loop(c, n, func(i reg.GPVirtual) {
		x, y := c.YMM(), c.YMM()
		c.VMOVUPS(at(a, i), x)
		c.VMOVUPS(at(b, i), y)
		f(x, y, x)
		c.VMOVUPS(x, at(d, i))
	})
}

func reluGrad(c *build.Context) {
	get := begin(c, "vecReluGrad", "sets dst = a where b > 0, else 0", "func(dst, a, b *float32, n int)")
	d, a, b, n := get("dst"), get("a"), get("b"), get("n")
	zero := c.YMM()
	c.VXORPS(zero, zero, zero)
	loop(c, n, func(i reg.GPVirtual) {
		x := c.YMM()
		c.VMOVUPS(at(b, i), x)
		c.VCMPPS(operand.Imm(14), zero, x, x) // x > 0, false for NaN
		c.VANDPS(at(a, i), x, x)
		c.VMOVUPS(x, at(d, i))
	})
}

func affine(c *build.Context) {
	get := begin(c, "vecAffine", "sets dst = p*x + q", "func(dst, x *float32, p, q float32, n int)")
	d, x, n := get("dst"), get("x"), get("n")
	p, q := spread(c, "p"), spread(c, "q")
	loop(c, n, func(i reg.GPVirtual) {
		v := c.YMM()
		c.VMULPS(at(x, i), p, v)
		c.VADDPS(q, v, v)
		c.VMOVUPS(v, at(d, i))
	})
}

func relu(c *build.Context) {
	get := begin(c, "vecRelu", "sets dst = max(x, 0)", "func(dst, x *float32, n int)")
	d, x, n := get("dst"), get("x"), get("n")
	zero := c.YMM()
	c.VXORPS(zero, zero, zero)
	loop(c, n, func(i reg.GPVirtual) {
		v := c.YMM()
		c.VMAXPS(at(x, i), zero, v) // in this order a NaN stays
		c.VMOVUPS(v, at(d, i))
	})
}

func adam(c *build.Context) {
	get := begin(c, "vecAdam", "is the step of Adam", "func(w, m, v, grad *float32, step, inv, eps, decay, b1, b2 float32, n int)")
	w, m, v, g, n := get("w"), get("m"), get("v"), get("grad"), get("n")
	step, inv, eps := spread(c, "step"), spread(c, "inv"), spread(c, "eps")
	decay, b1, b2 := spread(c, "decay"), spread(c, "b1"), spread(c, "b2")
	loop(c, n, func(i reg.GPVirtual) {
		wi, gi, mi, vi, x := c.YMM(), c.YMM(), c.YMM(), c.YMM(), c.YMM()
		c.VMOVUPS(at(w, i), wi)
		c.VMULPS(decay, wi, gi)
		c.VADDPS(at(g, i), gi, gi)
		c.VMOVUPS(at(m, i), mi)
		c.VSUBPS(mi, gi, x)
		c.VMULPS(b1, x, x)
		c.VADDPS(x, mi, mi)
		c.VMOVUPS(mi, at(m, i))
		c.VMOVUPS(at(v, i), vi)
		c.VMULPS(gi, gi, x)
		c.VSUBPS(vi, x, x)
		c.VMULPS(b2, x, x)
		c.VADDPS(x, vi, vi)
		c.VMOVUPS(vi, at(v, i))
		c.VSQRTPS(vi, vi)
		c.VMULPS(inv, vi, vi)
		c.VADDPS(eps, vi, vi)
		c.VMULPS(step, mi, mi)
		c.VDIVPS(vi, mi, mi)
		c.VSUBPS(mi, wi, wi)
		c.VMOVUPS(wi, at(w, i))
	})
}

func adagrad(c *build.Context) {
	get := begin(c, "vecAdaGrad", "is the step of AdaGrad", "func(w, s, grad *float32, step, eps float32, n int)")
	w, s, g, n := get("w"), get("s"), get("grad"), get("n")
	step, eps := spread(c, "step"), spread(c, "eps")
	loop(c, n, func(i reg.GPVirtual) {
		wi, gi, si, x := c.YMM(), c.YMM(), c.YMM(), c.YMM()
		c.VMOVUPS(at(w, i), wi)
		c.VMOVUPS(at(g, i), gi)
		c.VMULPS(gi, gi, x)
		c.VADDPS(at(s, i), x, si)
		c.VMOVUPS(si, at(s, i))
		c.VSQRTPS(si, si)
		c.VADDPS(eps, si, si)
		c.VMULPS(step, gi, gi)
		c.VDIVPS(si, gi, gi)
		c.VSUBPS(gi, wi, wi)
		c.VMOVUPS(wi, at(w, i))
	})
}

// sumRows adds in order of rows, 4 vectors of columns at a time, then one.
func sumRows(c *build.Context) {
	get := begin(c, "vecAddRows", "sets dst += the sum of rows in order; a row is n elements and starts rowBytes after the one before",
		"func(dst, x *float32, rows, rowBytes, n int)")
	d, x, rows, step, n := get("dst"), get("x"), get("rows"), get("rowBytes"), get("n")
	left, p := c.GP64(), c.GP64()
	c.TESTQ(rows, rows)
	c.JE(operand.LabelRef("done"))
	for _, vectors := range []int{4, 1} {
		name := map[int]string{4: "wide", 1: "one"}[vectors]
		c.Label(name)
		c.CMPQ(n, operand.Imm(uint64(8*vectors)))
		c.JLT(operand.LabelRef(name + "done"))
		acc := make([]reg.VecVirtual, vectors)
		for v := range acc {
			acc[v] = c.YMM()
			c.VMOVUPS(operand.Mem{Base: d, Disp: v * vecBytes}, acc[v])
		}
		c.MOVQ(x, p)
		c.MOVQ(rows, left)
		c.Label(name + "loop")
		for v := range acc {
			c.VADDPS(operand.Mem{Base: p, Disp: v * vecBytes}, acc[v], acc[v])
		}
		c.ADDQ(step, p)
		c.DECQ(left)
		c.JNE(operand.LabelRef(name + "loop"))
		for v := range acc {
			c.VMOVUPS(acc[v], operand.Mem{Base: d, Disp: v * vecBytes})
		}
		c.ADDQ(operand.Imm(uint64(vectors*vecBytes)), d)
		c.ADDQ(operand.Imm(uint64(vectors*vecBytes)), x)
		c.SUBQ(operand.Imm(uint64(8*vectors)), n)
		c.JMP(operand.LabelRef(name))
		c.Label(name + "done")
	}
	c.Label("done")
	c.VZEROUPPER()
	c.RET()
}

func sumLanes(c *build.Context) {
	c.Function("vecSumLanes")
	c.Doc("vecSumLanes sets lanes[i] = sum of x[32*k+i] in order of k, for 32 lanes; n is a multiple of 32.")
	c.Pragma("noescape")
	c.Attributes(attr.NOSPLIT)
	c.SignatureExpr("func(lanes, x *float32, n int)")
	get := func(p string) reg.GPVirtual { return c.Load(c.Param(p), c.GP64()).(reg.GPVirtual) }
	d, x, n := get("lanes"), get("x"), get("n")
	var acc [4]reg.VecVirtual
	for v := range acc {
		acc[v] = c.YMM()
		c.VXORPS(acc[v], acc[v], acc[v])
	}
	c.SHRQ(operand.Imm(5), n)
	c.JE(operand.LabelRef("done"))
	c.Label("loop")
	for v := range acc {
		c.VADDPS(operand.Mem{Base: x, Disp: v * vecBytes}, acc[v], acc[v])
	}
	c.ADDQ(operand.Imm(4*vecBytes), x)
	c.DECQ(n)
	c.JNE(operand.LabelRef("loop"))
	c.Label("done")
	for v := range acc {
		c.VMOVUPS(acc[v], operand.Mem{Base: d, Disp: v * vecBytes})
	}
	c.VZEROUPPER()
	c.RET()
}
