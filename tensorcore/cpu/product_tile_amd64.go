package cpu

import "unsafe"

// tile is what a kernel of gen/gemm.go computes: rows x vectors of c = init + a b, or c += a b, then max(c, 0) if
// relu. Steps are in bytes. The kernels know the offsets of the fields.
type tile struct {
	a, b, c     unsafe.Pointer
	init        unsafe.Pointer // a row, which every row of c starts from
	lanes       unsafe.Pointer // with 0 vectors: -1 for each column of the one vector that exists, else 0
	aRow, aStep int            // from row to row, and from k to k
	bStep       int
	cStep       int
	k           int // at least 1
	rows        int
	vectors     int // 0 is one vector of which columns are missing
	add, relu   int
}

// shape is the size of tiles of a set of kernels and an element type.
type shape struct {
	width int    // elements of a vector
	rows  [4]int // most rows by vectors, where 0 is one masked vector
	most  int    // vectors
}

var (
	zeros     [64]float64
	laneMasks [32]int32 // of 16: -1 for the lanes that exist, from 16-n on
)

func init() {
	for i := range 16 {
		laneMasks[i] = -1
	}
}

func shapeOf(k Kernels, size int) shape {
	s := shape{width: 64 / size, rows: [4]int{16, 16, 12, 8}, most: 3}
	if k == AVX2 {
		s = shape{width: 32 / size, rows: [4]int{12, 12, 6, 0}, most: 2}
	}
	return s
}

// compute runs the kernel for tile t; a call through a variable would move t to the heap.
func compute(k Kernels, size int, t *tile) {
	p := (*byte)(unsafe.Pointer(t))
	switch {
	case k == AVX512 && size == 4:
		gemm512f32(p)
	case k == AVX512:
		gemm512f64(p)
	case size == 4:
		gemm256f32(p)
	default:
		gemm256f64(p)
	}
}
