package expr

import "github.com/apache/arrow/go/v17/arrow"

// A program runs over blocks of this many rows, so that what a kernel writes is still in the cache when the next
// one reads it.
const (
	block = 1024
	words = block / 64
)

// bitset holds one bit for each row of a block. What stands behind the last row is undefined.
type bitset = [words]uint64

// vec is a block of one value: the slice of its kind is set, and has room for a whole block where a kernel
// writes it. Numbers and texts of null rows are undefined (but safe to read); bools of null rows are 0.
type vec struct {
	f []float64
	i []int64 // ints, and timestamps in their unit
	s []string
	b *bitset

	valid *bitset // nil: no nulls
	mask  bitset  // storage of valid

	raw arrow.Array // of a column that is only looked at
	lo  int         // row of raw at which the block begins
}

func newVec(k kind) *vec {
	v := &vec{}
	switch k {
	case float:
		v.f = make([]float64, block)
	case whole, moment:
		v.i = make([]int64, block)
	case text:
		v.s = make([]string, block)
	case truth:
		v.b = new(bitset)
	}
	return v
}

// join makes v null where any of the args is.
func (v *vec) join(args ...*vec) {
	v.valid = nil
	for _, a := range args {
		switch {
		case a.valid == nil:
		case v.valid == nil:
			v.mask = *a.valid
			v.valid = &v.mask
		default:
			for w := range v.mask {
				v.mask[w] &= a.valid[w]
			}
		}
	}
	v.clean()
}

// drop makes v null where out is set; the bits of out behind the last row are 0.
func (v *vec) drop(out *bitset) {
	var some uint64
	for _, w := range out {
		some |= w
	}
	if some == 0 {
		return
	}
	for w := range v.mask {
		v.mask[w] = v.validWord(w) &^ out[w]
	}
	v.valid = &v.mask
	v.clean()
}

// clean keeps the promise that bools of null rows are 0.
func (v *vec) clean() {
	if v.b == nil || v.valid == nil {
		return
	}
	for w := range v.b {
		v.b[w] &= v.valid[w]
	}
}

func (v *vec) validWord(w int) uint64 {
	if v.valid == nil {
		return ^uint64(0)
	}
	return v.valid[w]
}

func (v *vec) isValid(i int) bool { return v.valid == nil || v.valid[i>>6]>>(i&63)&1 != 0 }

// allNull makes every row null.
func (v *vec) allNull() {
	v.mask = bitset{}
	v.valid = &v.mask
	v.clean()
}

func bit(b bool) uint64 {
	if b {
		return 1
	}
	return 0
}
