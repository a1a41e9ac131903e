package main

import (
	"github.com/mmcloughlin/avo/attr"
	"github.com/mmcloughlin/avo/build"
	"github.com/mmcloughlin/avo/operand"
	"github.com/mmcloughlin/avo/reg"
)

// transpose8 turns 8 rows into columns, 8 x 8 elements at a time: pairs, quads, then halves are exchanged.
func transpose8(c *build.Context) {
	c.Function("transpose8")
	c.Doc("transpose8 writes dst[k][i] = src[i][k] for 8 rows i and 8*blocks positions k. Steps are in bytes.")
	c.Pragma("noescape")
	c.Attributes(attr.NOSPLIT)
	c.SignatureExpr("func(dst *float32, dstStep int, src *float32, srcStep, blocks int)")
	get := func(name string) reg.GPVirtual { return c.Load(c.Param(name), c.GP64()).(reg.GPVirtual) }
	dst, ds, src, ss, n := get("dst"), get("dstStep"), get("src"), get("srcStep"), get("blocks")
	src4, ss3, ds3, dst4 := c.GP64(), c.GP64(), c.GP64(), c.GP64()
	c.LEAQ(operand.Mem{Base: ss, Index: ss, Scale: 2}, ss3)
	c.LEAQ(operand.Mem{Base: ds, Index: ds, Scale: 2}, ds3)
	c.LEAQ(operand.Mem{Base: src, Index: ss, Scale: 4}, src4)
	c.TESTQ(n, n)
	c.JE(operand.LabelRef("done"))
	c.Label("loop")
	row := func(base, base4, step, step3 reg.GPVirtual, i int) operand.Mem {
		p := base
		if i >= 4 {
			p = base4
		}
		switch i % 4 {
		case 1:
			return operand.Mem{Base: p, Index: step, Scale: 1}
		case 2:
			return operand.Mem{Base: p, Index: step, Scale: 2}
		case 3:
			return operand.Mem{Base: p, Index: step3, Scale: 1}
		}
		return operand.Mem{Base: p}
	}
	var x, y [8]reg.VecVirtual
	for i := range x {
		x[i] = c.YMM()
		c.VMOVUPS(row(src, src4, ss, ss3, i), x[i])
	}
	for i := 0; i < 8; i += 2 {
		y[i], y[i+1] = c.YMM(), c.YMM()
		c.VUNPCKLPS(x[i+1], x[i], y[i])
		c.VUNPCKHPS(x[i+1], x[i], y[i+1])
	}
	for i := 0; i < 8; i += 4 {
		for j := range 2 {
			x[i+2*j], x[i+2*j+1] = c.YMM(), c.YMM()
			c.VSHUFPS(operand.Imm(0x44), y[i+2+j], y[i+j], x[i+2*j])
			c.VSHUFPS(operand.Imm(0xee), y[i+2+j], y[i+j], x[i+2*j+1])
		}
	}
	c.LEAQ(operand.Mem{Base: dst, Index: ds, Scale: 4}, dst4)
	for i := range 4 {
		lo, hi := c.YMM(), c.YMM()
		c.VPERM2F128(operand.Imm(0x20), x[i+4], x[i], lo)
		c.VPERM2F128(operand.Imm(0x31), x[i+4], x[i], hi)
		c.VMOVUPS(lo, row(dst, dst4, ds, ds3, i))
		c.VMOVUPS(hi, row(dst, dst4, ds, ds3, i+4))
	}
	c.ADDQ(operand.Imm(32), src)
	c.ADDQ(operand.Imm(32), src4)
	c.LEAQ(operand.Mem{Base: dst4, Index: ds, Scale: 4}, dst)
	c.DECQ(n)
	c.JNE(operand.LabelRef("loop"))
	c.Label("done")
	c.VZEROUPPER()
	c.RET()
}
