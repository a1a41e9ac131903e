package main

import (
	"github.com/mmcloughlin/avo/attr"
	"github.com/mmcloughlin/avo/build"
	"github.com/mmcloughlin/avo/operand"
	"github.com/mmcloughlin/avo/reg"
)

// transpose8 turns 8 rows into columns, 8 x 8 elements at a time: halves of rows i and i+4 are loaded into one vector,
// then pairs and quads are exchanged inside the halves, which two ports can do.
func transpose8(c *build.Context) {
	c.Function("transpose8")
	c.Doc("transpose8 writes dst[k][i] = src[i][k] for 8 rows i and 8*blocks positions k. Steps are in bytes. Of fewer",
		"rows than 8, the last stands for those that are missing.")
	c.Pragma("noescape")
	c.Attributes(attr.NOSPLIT)
	c.SignatureExpr("func(dst *float32, dstStep int, src *float32, srcStep, rows, blocks int)")
	get := func(name string) reg.GPVirtual { return c.Load(c.Param(name), c.GP64()).(reg.GPVirtual) }
	var row [8]reg.GPVirtual
	row[0] = get("src")
	step, rows := get("srcStep"), get("rows")
	for i := 1; i < 8; i++ {
		row[i] = c.GP64()
		c.MOVQ(row[i-1], row[i])
		c.ADDQ(step, row[i])
		c.CMPQ(rows, operand.Imm(uint64(i)))
		c.CMOVQLE(row[i-1], row[i])
	}
	dst, ds, n := get("dst"), get("dstStep"), get("blocks")
	c.SHLQ(operand.Imm(3), step)
	c.TESTQ(n, n)
	c.JE(operand.LabelRef("done"))
	c.Label("loop")
	for _, r := range row { // the next 8 rows: short rows are no pattern that a processor follows
		c.PREFETCHT0(operand.Mem{Base: r, Index: step, Scale: 1})
	}
	for half := range 2 {
		var x, y [4]reg.VecVirtual
		for i := range x {
			lo := c.YMM()
			c.VMOVUPS(operand.Mem{Base: row[i], Disp: 16 * half}, lo.AsX())
			x[i] = c.YMM()
			c.VINSERTF128(operand.Imm(1), operand.Mem{Base: row[i+4], Disp: 16 * half}, lo, x[i])
		}
		for i := 0; i < 4; i += 2 {
			y[i], y[i+1] = c.YMM(), c.YMM()
			c.VUNPCKLPS(x[i+1], x[i], y[i])
			c.VUNPCKHPS(x[i+1], x[i], y[i+1])
		}
		for j := range 2 {
			for _, imm := range []uint64{0x44, 0xee} {
				out := c.YMM()
				c.VSHUFPS(operand.Imm(imm), y[j+2], y[j], out)
				c.VMOVUPS(out, operand.Mem{Base: dst})
				c.ADDQ(ds, dst)
			}
		}
	}
	for _, r := range row {
		c.ADDQ(operand.Imm(32), r)
	}
	c.DECQ(n)
	c.JNE(operand.LabelRef("loop"))
	c.Label("done")
	c.VZEROUPPER()
	c.RET()
}

// packRuns copies runs of bytes from one step to another.
func packRuns(c *build.Context) {
	c.Function("packRuns")
	c.Doc("packRuns copies 32*pieces bytes from each of n > 0 places of src, step srcStep bytes, to those of dst in order.")
	c.Pragma("noescape")
	c.Attributes(attr.NOSPLIT)
	c.SignatureExpr("func(dst *byte, dstStep int, src *byte, srcStep, n, pieces int)")
	get := func(name string) reg.GPVirtual { return c.Load(c.Param(name), c.GP64()).(reg.GPVirtual) }
	dst, ds, src, ss, n, pieces := get("dst"), get("dstStep"), get("src"), get("srcStep"), get("n"), get("pieces")
	c.SHLQ(operand.Imm(5), pieces)
	x, y, at := c.YMM(), c.YMM(), c.GP64()
	c.CMPQ(pieces, operand.Imm(64))
	c.JE(operand.LabelRef("two"))
	c.Label("row")
	c.XORQ(at, at)
	c.Label("piece")
	c.VMOVUPS(operand.Mem{Base: src, Index: at, Scale: 1}, x)
	c.VMOVUPS(x, operand.Mem{Base: dst, Index: at, Scale: 1})
	c.ADDQ(operand.Imm(32), at)
	c.CMPQ(at, pieces)
	c.JLT(operand.LabelRef("piece"))
	c.ADDQ(ss, src)
	c.ADDQ(ds, dst)
	c.DECQ(n)
	c.JNE(operand.LabelRef("row"))
	c.JMP(operand.LabelRef("done"))
	c.Label("two")
	c.VMOVUPS(operand.Mem{Base: src}, x)
	c.VMOVUPS(operand.Mem{Base: src, Disp: 32}, y)
	c.VMOVUPS(x, operand.Mem{Base: dst})
	c.VMOVUPS(y, operand.Mem{Base: dst, Disp: 32})
	c.ADDQ(ss, src)
	c.ADDQ(ds, dst)
	c.DECQ(n)
	c.JNE(operand.LabelRef("two"))
	c.Label("done")
	c.VZEROUPPER()
	c.RET()
}
