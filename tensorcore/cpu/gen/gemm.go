package main

import (
	"fmt"

	"github.com/mmcloughlin/avo/attr"
	"github.com/mmcloughlin/avo/build"
	"github.com/mmcloughlin/avo/operand"
	"github.com/mmcloughlin/avo/reg"
)

const gemmSignature = "func(a *float32, aRow, aStep int, b *float32, bStep int, c *float32, cStep int, init *float32, initStep int, k, rows, vectors, relu int, mask *int32)"

func gemmKernels(c *build.Context) {
	gemmTile(c, avx512{})
	gemmTile(c, avx2{})
	transpose8(c)
}

// isa is what differs between the two instruction sets.
type isa interface {
	name() string
	doc() []string
	maxRows() int
	width() int // bytes of a vector
	vec(c *build.Context) reg.VecVirtual
	prepare(c *build.Context)
	masked(vectors int) bool // whether code for this many vectors masks the last columns
	load(c *build.Context, m operand.Mem, v int, masked bool, to reg.VecVirtual)
	store(c *build.Context, v int, masked bool, from reg.VecVirtual, m operand.Mem)
}

type avx512 struct{}

func (avx512) name() string { return "gemm512" }
func (avx512) doc() []string {
	return []string{
		"gemm512 computes a tile of up to 12 rows and 1 or 2 vectors of 16 columns: c = init + a b, then max(c, 0) if relu.",
		"Steps are in bytes. mask holds the bits of the columns that exist, which alone are read and written.",
	}
}
func (avx512) maxRows() int                        { return 12 }
func (avx512) width() int                          { return 64 }
func (avx512) vec(c *build.Context) reg.VecVirtual { return c.ZMM() }
func (avx512) masked(int) bool                     { return true }
func (avx512) prepare(c *build.Context) {
	p, m := c.Load(c.Param("mask"), c.GP64()), c.GP32()
	c.MOVL(operand.Mem{Base: p.(reg.GPVirtual)}, m)
	c.KMOVW(m, reg.K1)
	c.SHRL(operand.Imm(16), m)
	c.KMOVW(m, reg.K2)
}
func (avx512) mask(v int) reg.OpmaskPhysical { return [2]reg.OpmaskPhysical{reg.K1, reg.K2}[v] }
func (a avx512) load(c *build.Context, m operand.Mem, v int, _ bool, to reg.VecVirtual) {
	c.VMOVUPS_Z(m, a.mask(v), to)
}
func (a avx512) store(c *build.Context, v int, _ bool, from reg.VecVirtual, m operand.Mem) {
	c.VMOVUPS(from, a.mask(v), m)
}

type avx2 struct{}

func (avx2) name() string { return "gemm256" }
func (avx2) doc() []string {
	return []string{
		"gemm256 computes a tile of up to 6 rows and 1 or 2 vectors of 8 columns: c = init + a b, then max(c, 0) if relu.",
		"Steps are in bytes. With one vector, mask holds 8 lanes: those of columns that exist, which alone are read",
		"and written, are -1. With two vectors all 16 columns exist.",
	}
}
func (avx2) maxRows() int                        { return 6 }
func (avx2) width() int                          { return 32 }
func (avx2) vec(c *build.Context) reg.VecVirtual { return c.YMM() }
func (avx2) masked(vectors int) bool             { return vectors == 1 }
func (avx2) prepare(c *build.Context)            {}
func (avx2) load(c *build.Context, m operand.Mem, _ int, masked bool, to reg.VecVirtual) {
	if masked {
		c.VMASKMOVPS(m, laneMask(c), to)
		return
	}
	c.VMOVUPS(m, to)
}
func (avx2) store(c *build.Context, _ int, masked bool, from reg.VecVirtual, m operand.Mem) {
	if masked {
		c.VMASKMOVPS(from, laneMask(c), m)
		return
	}
	c.VMOVUPS(from, m)
}

// laneMask stays in one register, which two-vector code uses otherwise.
func laneMask(*build.Context) reg.VecPhysical { return reg.Y15 }

type operands struct {
	a0, a4, a8, aRow, aRow3, aStep  reg.GPVirtual
	b, bStep, c, cStep, init, is, k reg.GPVirtual
}

func gemmTile(c *build.Context, s isa) {
	c.Function(s.name())
	c.Doc(s.doc()...)
	c.Pragma("noescape")
	c.Attributes(attr.NOSPLIT)
	c.SignatureExpr(gemmSignature)
	o := loadOperands(c, s.maxRows())
	s.prepare(c)
	rows := c.Load(c.Param("rows"), c.GP64())
	vectors := c.Load(c.Param("vectors"), c.GP64())
	c.CMPQ(vectors, operand.Imm(1))
	c.JE(operand.LabelRef("v1"))
	for v := 2; v >= 1; v-- {
		c.Label(fmt.Sprintf("v%d", v))
		if s.masked(v) && s.width() == 32 {
			p := c.Load(c.Param("mask"), c.GP64())
			c.VMOVUPS(operand.Mem{Base: p.(reg.GPVirtual)}, reg.Y15)
		}
		for r := 1; r < s.maxRows(); r++ {
			c.CMPQ(rows, operand.Imm(uint64(r)))
			c.JE(operand.LabelRef(fmt.Sprintf("v%dr%d", v, r)))
		}
		for r := s.maxRows(); r >= 1; r-- {
			gemmVariant(c, s, o, r, v)
		}
	}
}

func loadOperands(c *build.Context, maxRows int) operands {
	get := func(name string) reg.GPVirtual { return c.Load(c.Param(name), c.GP64()).(reg.GPVirtual) }
	o := operands{a0: get("a"), aRow: get("aRow"), aStep: get("aStep"), b: get("b"), bStep: get("bStep"),
		c: get("c"), cStep: get("cStep"), init: get("init"), is: get("initStep"), k: get("k")}
	o.a4, o.aRow3 = c.GP64(), c.GP64()
	c.LEAQ(operand.Mem{Base: o.a0, Index: o.aRow, Scale: 4}, o.a4)
	c.LEAQ(operand.Mem{Base: o.aRow, Index: o.aRow, Scale: 2}, o.aRow3)
	if maxRows > 8 {
		o.a8 = c.GP64()
		c.LEAQ(operand.Mem{Base: o.a4, Index: o.aRow, Scale: 4}, o.a8)
	}
	return o
}

// element is A's element of row r at the present k.
func (o operands) element(r int) operand.Mem {
	base := [3]reg.GPVirtual{o.a0, o.a4, o.a8}[r/4]
	switch r % 4 {
	case 1:
		return operand.Mem{Base: base, Index: o.aRow, Scale: 1}
	case 2:
		return operand.Mem{Base: base, Index: o.aRow, Scale: 2}
	case 3:
		return operand.Mem{Base: base, Index: o.aRow3, Scale: 1}
	}
	return operand.Mem{Base: base}
}

func gemmVariant(c *build.Context, s isa, o operands, rows, vectors int) {
	label := fmt.Sprintf("v%dr%d", vectors, rows)
	masked := s.masked(vectors)
	c.Label(label)
	acc := make([][]reg.VecVirtual, rows)
	for r := range acc {
		for v := range vectors {
			acc[r] = append(acc[r], s.vec(c))
			s.load(c, operand.Mem{Base: o.init, Disp: v * s.width()}, v, masked, acc[r][v])
		}
		c.ADDQ(o.is, o.init)
	}
	c.TESTQ(o.k, o.k)
	c.JE(operand.LabelRef(label + "done"))
	c.Label(label + "loop")
	b := make([]reg.VecVirtual, vectors)
	for v := range b {
		b[v] = s.vec(c)
		s.load(c, operand.Mem{Base: o.b, Disp: v * s.width()}, v, masked, b[v])
	}
	a := [2]reg.VecVirtual{s.vec(c), s.vec(c)}
	for r := range acc {
		x := a[r%2]
		if s.width() == 32 {
			x = a[0] // 16 registers: 12 sums, 2 of b, 1 of a, 1 mask
		}
		c.VBROADCASTSS(o.element(r), x)
		for v := range b {
			c.VFMADD231PS(x, b[v], acc[r][v])
		}
	}
	c.ADDQ(o.bStep, o.b)
	for i, p := range []reg.GPVirtual{o.a0, o.a4, o.a8} {
		if rows > 4*i {
			c.ADDQ(o.aStep, p)
		}
	}
	c.DECQ(o.k)
	c.JNE(operand.LabelRef(label + "loop"))
	c.Label(label + "done")
	finish(c, s, o, acc, label)
}

// finish applies relu where asked and stores the tile.
func finish(c *build.Context, s isa, o operands, acc [][]reg.VecVirtual, label string) {
	relu := c.Load(c.Param("relu"), c.GP64())
	c.TESTQ(relu, relu)
	c.JE(operand.LabelRef(label + "store"))
	zero := s.vec(c)
	if s.width() == 64 {
		c.VPXORD(zero, zero, zero)
	} else {
		c.VXORPS(zero, zero, zero)
	}
	for _, row := range acc {
		for _, x := range row {
			c.VMAXPS(x, zero, x) // in this order a NaN stays
		}
	}
	c.Label(label + "store")
	for _, row := range acc {
		for v, x := range row {
			s.store(c, v, s.masked(len(row)), x, operand.Mem{Base: o.c, Disp: v * s.width()})
		}
		c.ADDQ(o.cStep, o.c)
	}
	c.VZEROUPPER()
	c.RET()
}
