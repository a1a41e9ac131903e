package features

import (
	"encoding/binary"

	"github.com/zeebo/xxh3"
)

// binOfText returns the category of a text among n: xxh3-64 of its bytes modulo n.
func binOfText(s []byte, n int) int64 { return int64(xxh3.Hash(s) % uint64(n)) }

// binOfKey is binOfText for everything else: the class byte and the eight bytes of the key, little end first.
func binOfKey(key int64, class uint8, n int) int64 {
	var b [9]byte
	b[0] = class
	binary.LittleEndian.PutUint64(b[1:], uint64(key))
	return int64(xxh3.Hash(b[:]) % uint64(n))
}
