package main

import (
	"fmt"

	"github.com/mmcloughlin/avo/attr"
	"github.com/mmcloughlin/avo/build"
	"github.com/mmcloughlin/avo/operand"
	"github.com/mmcloughlin/avo/reg"
)

// Offsets of the fields of cpu.tile.
const (
	tileA = 8 * iota
	tileB
	tileC
	tileInit
	tileLanes
	tileARow
	tileAStep
	tileBStep
	tileCStep
	tileK
	tileRows
	tileVectors
	tileAdd
	tileRelu
)

const (
	cAhead = 64 // with fewer steps, the lines of c are not worth asking for
	bAhead = 8  // steps from which lines of b are asked for: 1, 2, 4 or 8
)

func gemmKernels(c *build.Context) {
	for _, s := range []isa{{64, 4}, {64, 8}, {32, 4}, {32, 8}} {
		gemmTile(c, s)
	}
	transpose8(c)
	packRuns(c)
}

type operands struct {
	t, a, high, aRow, aRow3, aRow5, aRow7, aStep, b, bStep, k reg.GPVirtual
}

// field reads a field of the tile.
func field(c *build.Context, t reg.GPVirtual, at int) reg.GPVirtual {
	r := c.GP64()
	c.MOVQ(operand.Mem{Base: t, Disp: at}, r)
	return r
}

func gemmTile(c *build.Context, s isa) {
	c.Function(s.name())
	c.Doc(s.name() + " computes the tile at t, which points to a tile.")
	c.Pragma("noescape")
	c.Attributes(attr.NOSPLIT)
	c.SignatureExpr("func(t *byte)")
	o := loadOperands(c)
	rows, vectors := field(c, o.t, tileRows), field(c, o.t, tileVectors)
	for v := s.most() - 1; v >= 0; v-- {
		c.CMPQ(vectors, operand.Imm(uint64(v)))
		c.JE(operand.LabelRef(fmt.Sprintf("v%d", v)))
	}
	for v := s.most(); v >= 0; v-- {
		c.Label(fmt.Sprintf("v%d", v))
		if v == 0 {
			s.prepare(c, field(c, o.t, tileLanes))
		}
		for r := 1; r < s.rows(v); r++ {
			c.CMPQ(rows, operand.Imm(uint64(r)))
			c.JE(operand.LabelRef(fmt.Sprintf("v%dr%d", v, r)))
		}
		for r := s.rows(v); r >= 1; r-- {
			gemmVariant(c, s, o, r, v)
		}
	}
}

func loadOperands(c *build.Context) operands {
	o := operands{t: c.Load(c.Param("t"), c.GP64()).(reg.GPVirtual)}
	o.a, o.aRow, o.aStep = field(c, o.t, tileA), field(c, o.t, tileARow), field(c, o.t, tileAStep)
	o.b, o.bStep, o.k = field(c, o.t, tileB), field(c, o.t, tileBStep), field(c, o.t, tileK)
	for _, r := range []*reg.GPVirtual{&o.aRow3, &o.aRow5, &o.aRow7, &o.high} {
		*r = c.GP64()
	}
	c.LEAQ(operand.Mem{Base: o.aRow, Index: o.aRow, Scale: 2}, o.aRow3)
	c.LEAQ(operand.Mem{Base: o.aRow, Index: o.aRow, Scale: 4}, o.aRow5)
	c.LEAQ(operand.Mem{Base: o.aRow3, Index: o.aRow, Scale: 4}, o.aRow7)
	c.LEAQ(operand.Mem{Base: o.a, Index: o.aRow, Scale: 8}, o.high)
	c.ADDQ(o.aRow, o.high)
	return o
}

// element is A's element of row r at the present k: rows from 9 on count from high.
func (o operands) element(r int) operand.Mem {
	base := o.a
	if r >= 9 {
		base, r = o.high, r-9
	}
	if r == 0 {
		return operand.Mem{Base: base}
	}
	index := [9]reg.GPVirtual{nil, o.aRow, o.aRow, o.aRow3, o.aRow, o.aRow5, o.aRow3, o.aRow7, o.aRow}
	return operand.Mem{Base: base, Index: index[r], Scale: [9]uint8{0, 1, 2, 1, 4, 1, 2, 1, 8}[r]}
}

// gemmVariant is the code for so many rows and vectors, where 0 means one of which columns are missing: a masked load
// takes a turn of the unit that multiplies, so the others have none.
func gemmVariant(c *build.Context, s isa, o operands, rows, vectors int) {
	label := fmt.Sprintf("v%dr%d", vectors, rows)
	masked := vectors == 0
	vectors = max(vectors, 1)
	c.Label(label)
	acc := start(c, s, o, label, masked, rows, vectors)
	if rows*vectors > 16 {
		prefetchNext(c, o, label, rows, vectors*s.bytes)
	}
	c.Label(label + "loop")
	b := make([]reg.VecVirtual, vectors)
	for v := range b {
		b[v] = s.vec(c)
		s.load(c, operand.Mem{Base: o.b, Disp: v * s.bytes}, masked, b[v])
		if s.bytes == 64 && vectors > 1 {
			c.PREFETCHT0(operand.Mem{Base: o.b, Index: o.bStep, Scale: bAhead, Disp: v * s.bytes})
		}
	}
	a := [2]reg.VecVirtual{s.vec(c), s.vec(c)}
	for r := range acc {
		x := a[r%2]
		if s.bytes == 32 {
			x = a[0] // 16 registers: 12 sums, 2 of b, 1 of a, 1 mask
		}
		s.broadcast(c, o.element(r), x)
		for v := range b {
			s.fma(c, x, b[v], acc[r][v])
		}
	}
	c.ADDQ(o.bStep, o.b)
	c.ADDQ(o.aStep, o.a)
	if rows > 9 {
		c.ADDQ(o.aStep, o.high)
	}
	c.DECQ(o.k)
	c.JNE(operand.LabelRef(label + "loop"))
	finish(c, s, o, acc, label, masked)
}

// start sets the sums to c where the tile is added to, else every row to init.
func start(c *build.Context, s isa, o operands, label string, masked bool, rows, vectors int) [][]reg.VecVirtual {
	p := field(c, o.t, tileC)
	step := field(c, o.t, tileCStep)
	acc := make([][]reg.VecVirtual, rows)
	for r := range acc {
		for range vectors {
			acc[r] = append(acc[r], s.vec(c))
		}
	}
	c.CMPQ(operand.Mem{Base: o.t, Disp: tileAdd}, operand.Imm(0))
	c.JE(operand.LabelRef(label + "init"))
	for _, row := range acc {
		for v, x := range row {
			s.load(c, operand.Mem{Base: p, Disp: v * s.bytes}, masked, x)
		}
		c.ADDQ(step, p)
	}
	c.JMP(operand.LabelRef(label + "ready"))
	c.Label(label + "init")
	init := field(c, o.t, tileInit)
	for r, row := range acc {
		for v, x := range row {
			if r == 0 {
				s.load(c, operand.Mem{Base: init, Disp: v * s.bytes}, masked, x)
			} else {
				c.VMOVAPS(acc[0][v], x)
			}
		}
	}
	c.Label(label + "ready")
	return acc
}

// prefetchNext asks for the lines of c right of this tile, where the next tile is, since they come from far.
func prefetchNext(c *build.Context, o operands, label string, rows, bytes int) {
	c.CMPQ(o.k, operand.Imm(cAhead))
	c.JLT(operand.LabelRef(label + "loop"))
	p, step := field(c, o.t, tileC), field(c, o.t, tileCStep)
	for range rows {
		for at := 0; at < bytes; at += 64 {
			c.PREFETCHT0(operand.Mem{Base: p, Disp: bytes + at})
		}
		c.ADDQ(step, p)
	}
}

// finish applies relu where asked and stores the tile.
func finish(c *build.Context, s isa, o operands, acc [][]reg.VecVirtual, label string, masked bool) {
	p, step := field(c, o.t, tileC), field(c, o.t, tileCStep)
	c.CMPQ(operand.Mem{Base: o.t, Disp: tileRelu}, operand.Imm(0))
	c.JE(operand.LabelRef(label + "store"))
	zero := s.vec(c)
	s.zero(c, zero)
	for _, row := range acc {
		for _, x := range row {
			s.relu(c, zero, x)
		}
	}
	c.Label(label + "store")
	for _, row := range acc {
		for v, x := range row {
			s.store(c, masked, x, operand.Mem{Base: p, Disp: v * s.bytes})
		}
		c.ADDQ(step, p)
	}
	c.VZEROUPPER()
	c.RET()
}
