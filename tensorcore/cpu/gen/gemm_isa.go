package main

import (
	"fmt"

	"github.com/mmcloughlin/avo/build"
	"github.com/mmcloughlin/avo/operand"
	"github.com/mmcloughlin/avo/reg"
)

// isa is a vector width and an element size, in bytes.
type isa struct{ bytes, element int }

func (s isa) name() string { return fmt.Sprintf("gemm%df%d", 8*s.bytes, 8*s.element) }

// most is the most vectors of a tile.
func (s isa) most() int { return s.bytes/32 + 1 }

// rows is the most rows of a tile of so many vectors, 0 being one that is masked: registers hold the sums, the vectors of b and two of a.
func (s isa) rows(vectors int) int {
	if s.bytes == 64 {
		return [4]int{16, 16, 12, 8}[vectors]
	}
	return [3]int{12, 12, 6}[vectors]
}

func (s isa) vec(c *build.Context) reg.VecVirtual {
	if s.bytes == 64 {
		return c.ZMM()
	}
	return c.YMM()
}

// prepare puts the lanes of the last columns into a mask register, which tiles of one vector use.
func (s isa) prepare(c *build.Context, lanes reg.GPVirtual) {
	if s.bytes == 32 {
		c.VMOVUPS(operand.Mem{Base: lanes}, reg.Y15)
		return
	}
	c.VMOVUPS(operand.Mem{Base: lanes}, reg.Z31)
	if s.element == 4 {
		c.VPMOVD2M(reg.Z31, reg.K1)
	} else {
		c.VPMOVQ2M(reg.Z31, reg.K1)
	}
}

func (s isa) load(c *build.Context, m operand.Mem, masked bool, to reg.VecVirtual) {
	switch {
	case !masked:
		c.VMOVUPS(m, to)
	case s.bytes == 64 && s.element == 4:
		c.VMOVUPS_Z(m, reg.K1, to)
	case s.bytes == 64:
		c.VMOVUPD_Z(m, reg.K1, to)
	case s.element == 4:
		c.VMASKMOVPS(m, reg.Y15, to)
	default:
		c.VMASKMOVPD(m, reg.Y15, to)
	}
}

func (s isa) store(c *build.Context, masked bool, from reg.VecVirtual, m operand.Mem) {
	switch {
	case !masked:
		c.VMOVUPS(from, m)
	case s.bytes == 64 && s.element == 4:
		c.VMOVUPS(from, reg.K1, m)
	case s.bytes == 64:
		c.VMOVUPD(from, reg.K1, m)
	case s.element == 4:
		c.VMASKMOVPS(from, reg.Y15, m)
	default:
		c.VMASKMOVPD(from, reg.Y15, m)
	}
}

func (s isa) broadcast(c *build.Context, m operand.Mem, to reg.VecVirtual) {
	if s.element == 4 {
		c.VBROADCASTSS(m, to)
	} else {
		c.VBROADCASTSD(m, to)
	}
}

func (s isa) fma(c *build.Context, x, y, sum reg.VecVirtual) {
	if s.element == 4 {
		c.VFMADD231PS(x, y, sum)
	} else {
		c.VFMADD231PD(x, y, sum)
	}
}

// relu keeps a NaN: of two operands of which one is a NaN, max gives this one.
func (s isa) relu(c *build.Context, zero, x reg.VecVirtual) {
	if s.element == 4 {
		c.VMAXPS(x, zero, x)
	} else {
		c.VMAXPD(x, zero, x)
	}
}

func (s isa) zero(c *build.Context, x reg.VecVirtual) {
	if s.bytes == 64 {
		c.VPXORD(x, x, x)
	} else {
		c.VXORPS(x, x, x)
	}
}
