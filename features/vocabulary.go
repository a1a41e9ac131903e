package features

import (
	"math/bits"

	"github.com/zeebo/xxh3"
)

// The classes of a value tell apart what one 64-bit key could confuse.
const (
	classValue uint8 = iota // the key itself: an integer, or the text
	classNull               // null
	classFloat              // bits of a float64 that is no int64: fractions, NaN, the infinities
	classUint               // bits of a uint64 above the int64
)

// noRow is the table row of a value that has not been seen often enough.
const noRow = -1

// vocabulary numbers the values of one field in order of first appearance. Values lie in flat slices, found by
// an open-addressing table; nothing is allocated for a value that is known.
type vocabulary struct {
	text   bool    // values are text in the arena, else keys
	class  []uint8 // of each entry, as are the next four
	keys   []int64
	ends   []int64 // end of its text in the arena
	counts []int64 // how often it was seen
	rows   []int32 // its table row, or noRow
	arena  []uint8
	slots  []uint64 // hash tag in the upper half, 1 + entry in the lower; 0 is free
}

func (v *vocabulary) len() int { return len(v.class) }

func (v *vocabulary) textOf(entry int32) []byte {
	from := int64(0)
	if entry > 0 {
		from = v.ends[entry-1]
	}
	return v.arena[from:v.ends[entry]]
}

func hashKey(key int64, class uint8) uint64 {
	hi, lo := bits.Mul64(uint64(key)^0x9e3779b97f4a7c15, 0xd6e8feb86659fd93+uint64(class)<<1)
	h := hi ^ lo
	return h ^ h>>29
}

func hashText(s []byte, class uint8) uint64 {
	if class == classNull {
		return hashKey(0, classNull)
	}
	return xxh3.Hash(s)
}

// findKey returns the entry of a key, made when grow is set, else -1.
func (v *vocabulary) findKey(key int64, class uint8, grow bool) int32 {
	if len(v.slots) == 0 {
		v.rehash(16)
	}
	h := hashKey(key, class)
	mask := uint64(len(v.slots) - 1)
	at := h & mask
	for ; v.slots[at] != 0; at = (at + 1) & mask {
		if e := uint32(v.slots[at]) - 1; v.slots[at]>>32 == h>>32 && v.keys[e] == key && v.class[e] == class {
			return int32(e)
		}
	}
	if !grow {
		return -1
	}
	v.keys = append(v.keys, key)
	return v.add(class, at, h)
}

// findText is findKey for text; s is copied when it is new.
func (v *vocabulary) findText(s []byte, class uint8, grow bool) int32 {
	if len(v.slots) == 0 {
		v.rehash(16)
	}
	h := hashText(s, class)
	mask := uint64(len(v.slots) - 1)
	at := h & mask
	for ; v.slots[at] != 0; at = (at + 1) & mask {
		if v.slots[at]>>32 != h>>32 {
			continue
		}
		if e := int32(uint32(v.slots[at]) - 1); v.class[e] == class && string(v.textOf(e)) == string(s) {
			return e
		}
	}
	if !grow {
		return -1
	}
	v.arena = append(v.arena, s...)
	v.ends = append(v.ends, int64(len(v.arena)))
	return v.add(class, at, h)
}

func (v *vocabulary) add(class uint8, slot, hash uint64) int32 {
	e := len(v.class)
	v.class = append(v.class, class)
	v.counts = append(v.counts, 0)
	v.rows = append(v.rows, noRow)
	v.slots[slot] = hash>>32<<32 | uint64(e+1)
	if 2*(e+1) > len(v.slots) {
		v.rehash(2 * len(v.slots))
	}
	return int32(e)
}

// rehash builds the table over all entries; size is a power of two above their number.
func (v *vocabulary) rehash(size int) {
	for size <= 2*v.len() {
		size *= 2
	}
	v.slots = make([]uint64, size)
	mask := uint64(size - 1)
	for e := range v.class {
		h := v.hashOf(int32(e))
		at := h & mask
		for v.slots[at] != 0 {
			at = (at + 1) & mask
		}
		v.slots[at] = h>>32<<32 | uint64(e+1)
	}
}

func (v *vocabulary) hashOf(e int32) uint64 {
	if v.text {
		return hashText(v.textOf(e), v.class[e])
	}
	return hashKey(v.keys[e], v.class[e])
}
