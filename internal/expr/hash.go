package expr

import (
	"encoding/binary"
	"math"

	"github.com/zeebo/xxh3"
)

// hash maps a value to 0 .. n-1 by XXH3 (64 bits, seed 0), which is the same on every machine: of the bytes of a
// string, of the little-endian 8 bytes of an int or float, of one byte of a bool. -0 hashes as 0, every NaN alike.
func hash(c *compiler, call call) value {
	a, n := call.args[0], call.args[1]
	if !n.lit || n.typ.kind != whole || n.v.i[0] <= 0 {
		return c.wrongArg(call, 1, "a literal int > 0")
	}
	var sum func(i int) uint64
	switch a.typ.kind {
	case null:
		return c.null(typ{kind: whole}, call.node)
	case text:
		sum = func(i int) uint64 { return xxh3.HashString(a.v.s[i]) }
	case whole:
		sum = func(i int) uint64 { return hashWord(uint64(a.v.i[i])) }
	case float:
		sum = func(i int) uint64 { return hashWord(floatBits(a.v.f[i])) }
	case truth:
		sum = func(i int) uint64 { return xxh3.Hash([]byte{byte(a.v.b[i>>6] >> (i & 63) & 1)}) }
	default:
		return c.fail(a.at, "a string, number or bool in hash", a.typ.String(), "use string(x) or epoch(x)")
	}
	size := uint64(n.v.i[0])
	return c.strict(typ{kind: whole}, call.node, func(o *vec, n int) {
		for i := range o.i[:n] {
			o.i[i] = int64(sum(i) % size)
		}
	}, a)
}

func hashWord(x uint64) uint64 {
	var b [8]byte
	binary.LittleEndian.PutUint64(b[:], x)
	return xxh3.Hash(b[:])
}

func floatBits(x float64) uint64 {
	if x != x {
		return 0x7ff8000000000001
	}
	return math.Float64bits(x + 0) // -0 + 0 = 0
}
