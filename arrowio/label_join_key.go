package arrowio

import (
	"encoding/binary"
	"fmt"
	"slices"

	"github.com/apache/arrow/go/v17/arrow/array"
	"github.com/zeebo/xxh3"
)

// joinKey is the 128-bit hash of a key: that two of a billion keys share one has a chance of 1 in 10^20.
type joinKey = xxh3.Uint128

// hash writes the keys of what was read ahead.
func (s *joinSide) hash(keys []int) error {
	n := int(s.rec.NumRows())
	s.ids = slices.Grow(s.ids[:0], n)[:n]
	clear(s.ids)
	ints := make([]int64, n)
	for nth, k := range keys {
		switch c := s.rec.Column(k).(type) {
		case *array.String:
			for i := range n {
				s.fold(i, nth, xxh3.HashString128(c.Value(i)))
			}
			continue
		case *array.Binary:
			for i := range n {
				s.fold(i, nth, xxh3.Hash128(c.Value(i)))
			}
			continue
		case *array.Int8:
			copyInts(ints, c.Int8Values())
		case *array.Int16:
			copyInts(ints, c.Int16Values())
		case *array.Int32:
			copyInts(ints, c.Int32Values())
		case *array.Int64:
			copyInts(ints, c.Int64Values())
		case *array.Uint8:
			copyInts(ints, c.Uint8Values())
		case *array.Uint16:
			copyInts(ints, c.Uint16Values())
		case *array.Uint32:
			copyInts(ints, c.Uint32Values())
		case *array.Uint64:
			copyInts(ints, c.Uint64Values())
		case *array.Timestamp:
			copyInts(ints, c.TimestampValues())
		case *array.Date32:
			copyInts(ints, c.Date32Values())
		case *array.Date64:
			copyInts(ints, c.Date64Values())
		default:
			return fmt.Errorf("label_join: a key of type %s came through", c.DataType())
		}
		var b [8]byte
		for i, v := range ints {
			binary.LittleEndian.PutUint64(b[:], uint64(v))
			s.fold(i, nth, xxh3.Hash128(b[:]))
		}
	}
	return nil
}

// fold adds the hash of key column nth to the key of row i.
func (s *joinSide) fold(i, nth int, h joinKey) {
	if nth > 0 {
		var b [32]byte
		binary.LittleEndian.PutUint64(b[:], s.ids[i].Hi)
		binary.LittleEndian.PutUint64(b[8:], s.ids[i].Lo)
		binary.LittleEndian.PutUint64(b[16:], h.Hi)
		binary.LittleEndian.PutUint64(b[24:], h.Lo)
		h = xxh3.Hash128(b[:])
	}
	s.ids[i] = h
}
