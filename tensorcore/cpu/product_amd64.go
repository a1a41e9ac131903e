package cpu

import (
	"sync"
	"unsafe"

	tc "github.com/sluice-stream/sluice/tensorcore"
)

// product is one batch product, cut into tiles: a panel is the columns of one tile. Every element of dst is summed in
// order of k from its bias on, whatever tile it falls in and however many rows there are.
type product[T float] struct {
	tc.GemmSpec
	dst, a, b, bias []T
	kernels         Kernels
	size            int // bytes of an element
	shape
	full, wide    int // vectors of a row that are whole, and the panels they are dealt to
	panels        int // with that of the last columns, where there are some
	vectors       int // of the widest panel
	tileRows      int // of the largest tile
	tiles         int // of a panel
	packA, packB  bool
	longest       int // run of k
	group         int // panels that are used at a time
	part          section
	packed        []T
	packF, unitsF func(from, to int)
	wholeF        func(from, to int)
}

// section is what is worked on: rows k from .. from+depth-1 of panels first .. last-1 of matrix n.
type section struct{ n, from, depth, first, last int }

var (
	products32 = sync.Pool{New: newProduct[float32]}
	products64 = sync.Pool{New: newProduct[float64]}
)

// newProduct binds the methods that are split, since binding one allocates.
func newProduct[T float]() any {
	p := new(product[T])
	p.packF = func(from, to int) { p.packPanels(p.part, p.packed, from, to) }
	p.unitsF = func(from, to int) { p.units(p.part, p.packed, from, to) }
	p.wholeF = p.matrices
	return p
}

func productPool[T float]() *sync.Pool {
	if unsafe.Sizeof(T(0)) == 4 {
		return &products32
	}
	return &products64
}

// gemmFast runs the assembly, and reports whether it did.
func gemmFast[T float](e *Engine, dst, a, b, bias []T, s tc.GemmSpec) bool {
	if e.kernels == Go || s.K == 0 || len(dst) == 0 {
		return false
	}
	if swapPays(s, bias != nil) {
		gemmSwapped(e, dst, a, b, bias, s)
	} else {
		gemmPlanned(e, dst, a, b, bias, s)
	}
	return true
}

func gemmPlanned[T float](e *Engine, dst, a, b, bias []T, s tc.GemmSpec) {
	p := productPool[T]().Get().(*product[T])
	p.GemmSpec, p.kernels, p.size = s, e.kernels, int(unsafe.Sizeof(T(0)))
	p.dst, p.a, p.b, p.bias = dst, a, b, bias
	p.plan()
	p.run(e)
	p.dst, p.a, p.b, p.bias, p.packed = nil, nil, nil, nil, nil // let go of the tensors
	productPool[T]().Put(p)
}

const (
	depthMax  = 320     // longest run of k that a packed panel is used for
	groupSize = 1 << 20 // bytes of panels that are used at a time: half of a second-level cache
	packRows  = 96      // rows of a from which copying b into panels pays
	packCols  = 8       // vectors of b from which copying a transposed a pays; rows that are contiguous need no copy
	worthIt   = 2 << 20 // multiply-adds that are worth another processor: some 25 microseconds
	matrixMax = 4 << 20 // multiply-adds of a matrix of a batch up to which one processor computes it alone
)

// plan chooses how the product is cut.
func (p *product[T]) plan() {
	p.shape = shapeOf(p.kernels, p.size)
	p.full = p.J / p.width
	p.wide = (p.full + p.most - 1) / p.most
	p.panels, p.vectors = p.wide, 0
	if p.wide > 0 {
		p.vectors = (p.full + p.wide - 1) / p.wide
	}
	if p.J%p.width > 0 {
		p.panels++
	}
	p.tileRows = p.rows[p.vectors]
	p.tiles = (p.I + p.tileRows - 1) / p.tileRows
	p.packB = p.TransB || p.I >= packRows
	p.packA = p.packB && p.TransA && p.tiles > 1 && p.J/p.width >= packCols
	p.longest, p.group = p.K, p.panels
	if p.packB {
		runs := (p.K + depthMax - 1) / depthMax
		p.longest = (p.K + runs - 1) / runs
		panel := p.longest * max(p.vectors, 1) * p.width * p.size
		size := groupSize
		if p.tiles == 1 { // used once: what is packed shall be read while it is near
			size /= 32
		}
		groups := (p.panels*panel + size - 1) / size
		p.group = max(1, (p.panels+groups-1)/groups)
	}
}

// room is the number of elements that packed panels of one part need.
func (p *product[T]) room() int {
	if !p.packB {
		return 0
	}
	return p.group * max(p.vectors, 1) * p.width * p.longest
}

// run computes all matrices: small ones side by side, large ones one after the other, each split.
func (p *product[T]) run(e *Engine) {
	work := p.I * p.J * p.K
	if p.Batch > 1 && work <= matrixMax {
		grain := (worthIt + work - 1) / work
		if e.serial(p.Batch, grain) {
			p.matrices(0, p.Batch)
		} else {
			e.split(p.Batch, grain, p.wholeF)
		}
		return
	}
	buf := scratch[T](p.room())
	p.packed = buf.s
	for n := range p.Batch {
		p.matrix(n, p.packed, e)
	}
	buf.done()
}

// matrices computes whole products, on the calling goroutine alone.
func (p *product[T]) matrices(from, to int) {
	buf := scratch[T](p.room())
	for n := from; n < to; n++ {
		p.matrix(n, buf.s, nil)
	}
	buf.done()
}

// matrix computes product n, split where e is given.
func (p *product[T]) matrix(n int, packed []T, e *Engine) {
	for from := 0; from < p.K; from += p.longest {
		for first := 0; first < p.panels; first += p.group {
			s := section{n, from, min(p.longest, p.K-from), first, min(first+p.group, p.panels)}
			if e == nil {
				p.packPanels(s, packed, 0, s.last-first)
				p.units(s, packed, 0, p.count(s))
				continue
			}
			p.part = s
			p.splitPart(e)
		}
	}
}

// splitPart computes p.part, on several goroutines when there is enough to do.
func (p *product[T]) splitPart(e *Engine) {
	s := p.part
	j, _, _ := p.panel(s.first)
	last, _, cols := p.panel(s.last - 1)
	work := p.I * s.depth * (last + cols - j)
	units := p.count(s)
	grain := (worthIt*units + work - 1) / work
	if e.serial(units, grain) {
		p.packPanels(s, p.packed, 0, s.last-s.first)
		p.units(s, p.packed, 0, units)
		return
	}
	if p.packB {
		e.split(s.last-s.first, max(1, worthIt/64/(s.depth*p.width*max(1, p.vectors))), p.packF)
	}
	e.split(units, grain, p.unitsF)
}

// count is the number of units a section is split into: rows of tiles when b is packed, else panels.
func (p *product[T]) count(s section) int {
	if p.packB {
		return p.tiles
	}
	return s.last - s.first
}

// panel returns the first column of panel q, its vectors (0 for the last columns, which are less than one) and its
// columns.
func (p *product[T]) panel(q int) (j, vectors, cols int) {
	if q == p.wide {
		return p.full * p.width, 0, p.J - p.full*p.width
	}
	v, end := deal(p.full, q, p.wide)
	return v * p.width, end - v, (end - v) * p.width
}

// deal returns the bounds of part k of n things that are dealt evenly to some parts.
func deal(n, k, parts int) (from, to int) {
	if parts == 1 { // the only part of small matrices, for which a division takes long
		return 0, n
	}
	return n * k / parts, n * (k + 1) / parts
}

// start returns a tile with what all tiles of section s have in common.
func (p *product[T]) start(s section) tile {
	t := tile{cStep: p.J * p.size, k: s.depth}
	if s.from > 0 {
		t.add = 1
	}
	if p.Relu && s.from+s.depth == p.K {
		t.relu = 1
	}
	return t
}

// units computes units from .. to-1 of section s.
func (p *product[T]) units(s section, packed []T, from, to int) {
	if p.packB {
		p.rowTiles(s, packed, from, to)
	} else {
		p.inPlace(s, s.first+from, s.first+to)
	}
}

// inPlace computes panels from .. to-1 with b read where it is.
func (p *product[T]) inPlace(s section, from, to int) {
	t := p.start(s)
	for q := from; q < to; q++ {
		j, vectors, cols := p.panel(q)
		count := (p.I + p.rows[vectors] - 1) / p.rows[vectors]
		for r := range count { // rows are dealt evenly: thin tiles are slow
			i, end := deal(p.I, r, count)
			p.setA(&t, s, i, end-i)
			p.tile(&t, s, i, j, vectors, cols, p.b[(s.n*p.K+s.from)*p.J+j:], p.J)
		}
	}
}

// rowTiles computes rows of tiles from .. to-1. The rows of a stay in the first-level cache, the panels come from the
// second: that was measured to be faster than the other way round.
func (p *product[T]) rowTiles(s section, packed []T, from, to int) {
	t := p.start(s)
	var turned *buffer[T]
	if p.packA {
		turned = scratch[T](p.tileRows*s.depth + 32/p.size)
		defer turned.done()
	}
	first, _, _ := p.panel(s.first)
	for r := from; r < to; r++ {
		i, end := deal(p.I, r, p.tiles)
		if p.packA {
			p.packTile(turned.s, s, i, end-i)
			t.a, t.aRow, t.aStep, t.rows = unsafe.Pointer(&turned.s[0]), p.size, p.tileRows*p.size, end-i
		} else {
			p.setA(&t, s, i, end-i)
		}
		for q := s.first; q < s.last; q++ {
			j, vectors, cols := p.panel(q)
			p.tile(&t, s, i, j, vectors, cols, packed[(j-first)*s.depth:], max(vectors, 1)*p.width)
		}
	}
}

// setA lets t read rows of a where they are.
func (p *product[T]) setA(t *tile, s section, i, rows int) {
	row, step := p.K, 1
	if p.TransA {
		row, step = 1, p.I
	}
	t.a, t.aRow, t.aStep, t.rows = unsafe.Pointer(&p.a[s.n*p.I*p.K+i*row+s.from*step]), row*p.size, step*p.size, rows
}

// tile computes the tile at row i and column j from the vectors of b, bStep elements apart.
func (p *product[T]) tile(t *tile, s section, i, j, vectors, cols int, b []T, bStep int) {
	t.b, t.bStep, t.vectors = unsafe.Pointer(&b[0]), bStep*p.size, vectors
	t.c = unsafe.Pointer(&p.dst[(s.n*p.I+i)*p.J+j])
	t.init = unsafe.Pointer(&zeros)
	if p.bias != nil {
		t.init = unsafe.Pointer(&p.bias[j])
	}
	if vectors == 0 {
		t.lanes = unsafe.Pointer(&laneMasks[16-cols*p.size/4])
	}
	compute(p.kernels, p.size, t)
}
