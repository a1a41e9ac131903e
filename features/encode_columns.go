package features

import (
	"math"
	"slices"

	"github.com/apache/arrow/go/v17/arrow"
	"github.com/apache/arrow/go/v17/arrow/array"
	"github.com/apache/arrow/go/v17/arrow/bitutil"
)

// scratch is reused by every column of every record.
type scratch struct {
	keys  []int64
	class []uint8
	nums  []float64 // the finite ones, closed up
	bins  []int64
	ids   []int32
	memo  []int32
	cols  []lists
}

func sized[T any](s []T, n int) []T {
	if cap(s) < n {
		return make([]T, n, max(n, 2*cap(s)))
	}
	return s[:n]
}

// nulls returns the validity bitmap of a and the bit of its first value; nil when nothing is null.
func nulls(a arrow.Array) (bitmap []byte, offset int) {
	if a.NullN() == 0 || a.DataType().ID() == arrow.NULL {
		return nil, 0
	}
	return a.NullBitmapBytes(), a.Data().Offset()
}

func nullAt(bitmap []byte, i int) bool { return bitmap != nil && !bitutil.BitIsSet(bitmap, i) }

// readKeys fills s.keys and s.class with the values of a in [from, to).
func (s *scratch) readKeys(a arrow.Array, from, to int) {
	s.keys, s.class = sized(s.keys, to-from), sized(s.class, to-from)
	clear(s.class)
	switch c := a.(type) {
	case *array.Boolean:
		for i := range s.keys {
			s.keys[i] = 0
			if c.Value(from + i) {
				s.keys[i] = 1
			}
		}
	case *array.Int8:
		widen(s.keys, c.Int8Values()[from:to])
	case *array.Int16:
		widen(s.keys, c.Int16Values()[from:to])
	case *array.Int32:
		widen(s.keys, c.Int32Values()[from:to])
	case *array.Int64:
		copy(s.keys, c.Int64Values()[from:to])
	case *array.Uint8:
		widen(s.keys, c.Uint8Values()[from:to])
	case *array.Uint16:
		widen(s.keys, c.Uint16Values()[from:to])
	case *array.Uint32:
		widen(s.keys, c.Uint32Values()[from:to])
	case *array.Uint64:
		s.unsigned(c.Uint64Values()[from:to])
	case *array.Float32:
		floats(s, c.Float32Values()[from:to])
	case *array.Float64:
		floats(s, c.Float64Values()[from:to])
	case *array.Date32:
		widen(s.keys, c.Date32Values()[from:to])
	case *array.Date64:
		widen(s.keys, c.Date64Values()[from:to])
	case *array.Timestamp:
		widen(s.keys, c.TimestampValues()[from:to])
	default: // a column of nulls
		s.allNull()
	}
	if bitmap, off := nulls(a); bitmap != nil {
		for i := range s.keys {
			if nullAt(bitmap, off+from+i) {
				s.keys[i], s.class[i] = 0, classNull
			}
		}
	}
}

func (s *scratch) allNull() {
	clear(s.keys)
	for i := range s.class {
		s.class[i] = classNull
	}
}

type integer interface {
	~int8 | ~int16 | ~int32 | ~int64 | ~uint8 | ~uint16 | ~uint32
}

func widen[T integer](dst []int64, src []T) {
	for i, v := range src {
		dst[i] = int64(v)
	}
}

func (s *scratch) unsigned(src []uint64) {
	for i, v := range src {
		s.keys[i] = int64(v)
		if v > math.MaxInt64 {
			s.class[i] = classUint
		}
	}
}

// floats gives whole numbers the key of the integer, so that 3 and 3.0 are one value.
func floats[T float32 | float64](s *scratch, src []T) {
	for i, v := range src {
		f := float64(v)
		if n := int64(f); float64(n) == f && f < 1<<63 {
			s.keys[i] = n
			continue
		}
		if f != f {
			f = math.NaN() // one NaN
		}
		s.keys[i], s.class[i] = int64(math.Float64bits(f)), classFloat
	}
}

// readNumbers fills s.nums with the finite numbers of a in [from, to), and keys and class with the others.
func (s *scratch) readNumbers(a arrow.Array, from, to int) {
	s.readKeys(a, from, to)
	s.nums = s.nums[:0]
	for i, class := range s.class {
		f := float64(s.keys[i])
		switch class {
		case classNull:
			continue
		case classFloat:
			f = math.Float64frombits(uint64(s.keys[i]))
		case classUint:
			f = float64(uint64(s.keys[i]))
		}
		if math.IsNaN(f) || math.IsInf(f, 0) {
			continue
		}
		s.nums, s.class[i] = append(s.nums, f), classValue
	}
	s.bins = sized(s.bins, len(s.nums))
}

// placeBins puts the categories of the finite numbers back among the others.
func (s *scratch) placeBins() {
	next := 0
	for i, class := range s.class {
		if class == classValue {
			s.keys[i] = s.bins[next]
			next++
		}
	}
}

// texts is a column of text.
type texts struct {
	bytes  []byte
	narrow []int32 // ends of utf8, from the column's first value on
	wide   []int64 // ends of large_utf8
	bitmap []byte
	offset int
}

// textsOf returns a as text.
func textsOf(a arrow.Array) (texts, bool) {
	var t texts
	switch c := a.(type) {
	case *array.String:
		t.narrow = c.ValueOffsets()
	case *array.LargeString:
		t.wide = c.ValueOffsets()
	default:
		return t, false
	}
	if b := a.Data().Buffers()[2]; b != nil {
		t.bytes = b.Bytes()
	}
	t.bitmap, t.offset = nulls(a)
	return t, true
}

func (t *texts) at(i int) (s []byte, class uint8) {
	if nullAt(t.bitmap, t.offset+i) {
		return nil, classNull
	}
	if t.wide != nil {
		return t.bytes[t.wide[i]:t.wide[i+1]], classValue
	}
	return t.bytes[t.narrow[i]:t.narrow[i+1]], classValue
}

// lists is a list column: its values, and where each row's lie among them.
type lists struct {
	values arrow.Array
	narrow []int32
	wide   []int64
	size   int // of fixed_size_list
	bitmap []byte
	offset int
}

// listsOf returns a, which is one of the types of isList and not empty.
func listsOf(a arrow.Array) lists {
	out := lists{values: a.(array.ListLike).ListValues(), offset: a.Data().Offset()}
	switch c := a.(type) {
	case *array.List:
		out.narrow = c.Offsets()
	case *array.LargeList:
		out.wide = c.Offsets()
	case *array.FixedSizeList:
		out.size = int(c.DataType().(*arrow.FixedSizeListType).Len())
	}
	out.bitmap, _ = nulls(a)
	return out
}

// at bounds row i's values; null says that there is no list.
func (l *lists) at(i int) (from, to int, null bool) {
	i += l.offset
	if nullAt(l.bitmap, i) {
		return 0, 0, true
	}
	switch {
	case l.narrow != nil:
		return int(l.narrow[i]), int(l.narrow[i+1]), false
	case l.wide != nil:
		return int(l.wide[i]), int(l.wide[i+1]), false
	}
	return i * l.size, (i + 1) * l.size, false
}

// isList says whether a type is one of the lists that fields may have.
func isList(t arrow.DataType) (elem arrow.DataType, ok bool) {
	if !slices.Contains([]arrow.Type{arrow.LIST, arrow.LARGE_LIST, arrow.FIXED_SIZE_LIST}, t.ID()) {
		return t, false
	}
	return t.(arrow.ListLikeType).Elem(), true
}
