package cpu

import (
	"sync"

	tc "github.com/sluice-stream/sluice/tensorcore"
)

const (
	depthMax  = 512     // longest run of k that a panel of b is used for
	blockRows = 96      // rows of a that meet one panel before the next
	packRows  = 96      // rows of a from which copying b into panels pays
	worthIt   = 1 << 20 // multiply-adds that are worth a goroutine
)

// product is one float32 batch product, cut into tiles: a panel is the columns of one tile. Every element of dst is
// summed in order of k, whatever tile it falls in.
type product struct {
	tc.GemmSpec
	dst, a, b, bias []float32
	wide            bool // AVX-512
	rows, cols      int  // of the largest tile
	panels, blocks  int  // of a matrix
	pack            bool
	packed          []float32 // [Batch][panels][depth][cols]
	from, depth     int       // the run of k in work
}

var products = sync.Pool{New: func() any { return new(product) }}

// gemmFast runs the assembly, and reports whether it did.
func (e *Engine) gemmFast(dst, a, b, bias []float32, s tc.GemmSpec) bool {
	if e.kernels == Go || s.K == 0 || len(dst) == 0 {
		return false
	}
	p := products.Get().(*product)
	room := p.packed
	*p = product{GemmSpec: s, dst: dst, a: a, b: b, bias: bias, wide: e.kernels == AVX512, rows: 6, cols: 16}
	if p.wide {
		p.rows, p.cols = 12, 32
	}
	p.panels, p.blocks = (s.J+p.cols-1)/p.cols, (s.I+blockRows-1)/blockRows
	p.pack = s.TransB || s.I >= packRows
	runs := (s.K + depthMax - 1) / depthMax
	longest := (s.K + runs - 1) / runs
	if n := s.Batch * p.panels * longest * p.cols; p.pack && cap(room) < n {
		room = make([]float32, n)
	}
	p.packed = room[:cap(room)]
	for from := 0; from < s.K; from += longest {
		p.from, p.depth = from, min(longest, s.K-from)
		e.runProduct(p)
	}
	*p = product{packed: p.packed} // let go of the tensors
	products.Put(p)
	return true
}

func (e *Engine) runProduct(p *product) {
	if p.pack {
		n, grain := p.Batch*p.panels, max(1, worthIt/16/(p.depth*p.cols))
		if e.serial(n, grain) {
			p.packPanels(0, n)
		} else {
			e.split(n, grain, p.packPanels)
		}
	}
	n, grain := p.Batch*p.blocks*p.panels, max(1, worthIt/(min(p.I, blockRows)*p.cols*p.depth))
	if e.serial(n, grain) {
		p.tiles(0, n)
	} else {
		e.split(n, grain, p.tiles)
	}
}

// panel returns the columns of panel k of all matrices, as matrix, first column and count.
func (p *product) panel(k int) (n, j, cols int) {
	n, j = k/p.panels, k%p.panels*p.cols
	return n, j, min(p.cols, p.J-j)
}

// packPanels copies panels from .. to-1 of b so that a step of k is a step of one tile's columns.
func (p *product) packPanels(from, to int) {
	for k := from; k < to; k++ {
		n, j, cols := p.panel(k)
		b, dst := p.b[n*p.K*p.J:(n+1)*p.K*p.J], p.packed[k*p.depth*p.cols:(k+1)*p.depth*p.cols]
		if p.TransB {
			packTransposed(dst, b[j*p.K+p.from:], p.cols, p.K, cols, p.depth)
			continue
		}
		for i := range p.depth {
			copy(dst[i*p.cols:i*p.cols+cols], b[(p.from+i)*p.J+j:])
		}
	}
}

// packTransposed sets dst[k*width+i] = src[i*step+k] for cols rows i and depth positions k.
func packTransposed(dst, src []float32, width, step, cols, depth int) {
	whole := depth &^ 7
	i := 0
	for ; i+8 <= cols && whole > 0; i += 8 {
		transpose8(&dst[i], width*4, &src[i*step], step*4, whole/8)
	}
	for c := range cols {
		k := whole
		if c >= i {
			k = 0
		}
		for ; k < depth; k++ {
			dst[k*width+c] = src[c*step+k]
		}
	}
}

// tiles computes units from .. to-1; a unit is a block of rows of one panel.
func (p *product) tiles(from, to int) {
	for u := from; u < to; u++ {
		n, rest := u/(p.blocks*p.panels), u%(p.blocks*p.panels)
		block, panel := rest/p.panels, rest%p.panels
		lo, hi := p.I*block/p.blocks, p.I*(block+1)/p.blocks
		count := (hi - lo + p.rows - 1) / p.rows
		for t := range count { // rows are dealt evenly: thin tiles are slow
			i, end := lo+(hi-lo)*t/count, lo+(hi-lo)*(t+1)/count
			p.tile(n, panel, i, end-i)
		}
	}
}

var (
	zeros     [32]float32
	laneMasks = [16]int32{-1, -1, -1, -1, -1, -1, -1, -1}
)

func (p *product) tile(n, panel, i, rows int) {
	_, j, cols := p.panel(panel)
	a, aRow, aStep := p.a[n*p.I*p.K:], p.K, 1
	if p.TransA {
		aRow, aStep = 1, p.I
	}
	a = a[i*aRow+p.from*aStep:]
	b, bStep := p.packed, p.cols
	if p.pack {
		b = b[(n*p.panels+panel)*p.depth*p.cols:]
	} else {
		b, bStep = p.b[n*p.K*p.J+p.from*p.J+j:], p.J
	}
	c := p.dst[n*p.I*p.J+i*p.J+j:]
	init, initStep := zeros[:], 0
	switch {
	case p.from > 0:
		init, initStep = c, p.J
	case p.bias != nil:
		init = p.bias[j:]
	}
	relu := 0
	if p.Relu && p.from+p.depth == p.K {
		relu = 1
	}
	if p.wide {
		mask := int32(uint32(1<<cols - 1))
		gemm512(&a[0], aRow*4, aStep*4, &b[0], bStep*4, &c[0], p.J*4, &init[0], initStep*4, p.depth, rows, (cols+15)/16, relu, &mask)
		return
	}
	if cols == p.cols {
		gemm256(&a[0], aRow*4, aStep*4, &b[0], bStep*4, &c[0], p.J*4, &init[0], initStep*4, p.depth, rows, 2, relu, nil)
		return
	}
	for at := 0; at < cols; at += 8 {
		mask := &laneMasks[8-min(8, cols-at)]
		gemm256(&a[0], aRow*4, aStep*4, &b[at], bStep*4, &c[at], p.J*4, &init[at], initStep*4, p.depth, rows, 1, relu, mask)
	}
}
