package features

import (
	"github.com/apache/arrow/go/v17/arrow"
	"github.com/apache/arrow/go/v17/arrow/array"
)

// entries writes the vocabulary entry of each value of a in [from, to), -1 for unknown ones unless grow is set.
func (e *Encoder) entries(f *field, a arrow.Array, from, to int, out []int32, grow bool) {
	if from == to {
		return
	}
	if d, ok := a.(*array.Dictionary); ok {
		e.coded(f, d, from, to, out, grow)
		return
	}
	if f.binner != nil {
		e.s.readNumbers(a, from, to)
		f.binner.Bucketize(e.s.nums, e.s.bins)
		e.s.placeBins()
		e.find(f, out, grow)
		return
	}
	if t, ok := textsOf(a); ok {
		for i := range out {
			s, class := t.at(from + i)
			out[i] = f.textEntry(s, class, grow)
		}
		return
	}
	e.s.readKeys(a, from, to)
	if f.hash > 0 {
		for i := range out {
			out[i] = f.keyEntry(e.s.keys[i], e.s.class[i], grow)
		}
		return
	}
	e.find(f, out, grow)
}

// find looks up the keys in the scratch as they are.
func (e *Encoder) find(f *field, out []int32, grow bool) {
	for i := range out {
		out[i] = f.vocab.findKey(e.s.keys[i], e.s.class[i], grow)
	}
}

func (f *field) textEntry(s []byte, class uint8, grow bool) int32 {
	if f.hash == 0 {
		return f.vocab.findText(s, class, grow)
	}
	if class == classNull {
		return f.vocab.findKey(0, classNull, grow)
	}
	return f.vocab.findKey(binOfText(s, f.hash), classValue, grow)
}

func (f *field) keyEntry(key int64, class uint8, grow bool) int32 {
	if f.hash > 0 && class != classNull {
		key, class = binOfKey(key, class, f.hash), classValue
	}
	return f.vocab.findKey(key, class, grow)
}

// coded is entries for a dictionary column: each code that is used is looked up once.
func (e *Encoder) coded(f *field, d *array.Dictionary, from, to int, out []int32, grow bool) {
	values := d.Dictionary()
	e.s.memo = sized(e.s.memo, values.Len()) // 2 + entry, 0 for codes not yet met
	clear(e.s.memo)
	var t texts
	isText := false
	if values.Len() > 0 {
		if t, isText = textsOf(values); !isText {
			e.s.readKeys(values, 0, values.Len())
		}
	}
	bitmap, offset := nulls(d)
	none := int32(0)
	for i := range out {
		if nullAt(bitmap, offset+from+i) {
			if none == 0 {
				none = 2 + e.nullEntry(f, grow)
			}
			out[i] = none - 2
			continue
		}
		code := d.GetValueIndex(from + i)
		if e.s.memo[code] == 0 {
			var en int32
			if isText {
				s, class := t.at(code)
				en = f.textEntry(s, class, grow)
			} else {
				en = f.keyEntry(e.s.keys[code], e.s.class[code], grow)
			}
			e.s.memo[code] = 2 + en
		}
		out[i] = e.s.memo[code] - 2
	}
}

func (e *Encoder) nullEntry(f *field, grow bool) int32 {
	if f.vocab.text {
		return f.vocab.findText(nil, classNull, grow)
	}
	return f.vocab.findKey(0, classNull, grow)
}
