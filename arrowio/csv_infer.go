package arrowio

import (
	"bytes"
	"strings"
	"unicode/utf8"

	"github.com/apache/arrow/go/v17/arrow"
)

// csvSeen is the narrowest type of one column so far. The rules: integers are int64, with other numbers float64;
// true and false are bool; 2006-01-02 is date; RFC 3339 and "2006-01-02 15:04:05" are timestamp, in ms unless a
// finer one is seen; anything else, digits with a leading zero, and a mixture are utf8; so is a column of nulls.
type csvSeen struct {
	seenType
	dates bool
}

func (t *csvSeen) add(f csvField) {
	s := strings.TrimSpace(string(f.text))
	switch {
	case strings.EqualFold(s, "true"), strings.EqualFold(s, "false"):
		t.bools = true
	case len(s) == 10 && isTime(arrow.FixedWidthTypes.Date32, s):
		t.dates = true
	case isTime(arrow.FixedWidthTypes.Timestamp_us, s):
		t.times = true
		if _, frac, ok := strings.Cut(s, "."); ok {
			t.digits = max(t.digits, len(frac)-len(strings.TrimLeft(frac, "0123456789")))
		}
	case !isNumber(s), hasLeadingZero(s):
		t.texts = true
	default:
		if _, ok := parseInteger(s, arrow.PrimitiveTypes.Int64); ok && !strings.ContainsAny(s, ".eE") {
			t.ints = true
		} else {
			t.floats = true
		}
	}
}

func (t *csvSeen) dataType() arrow.DataType {
	if t.dates {
		switch {
		case t.texts, t.ints, t.floats, t.bools:
			return arrow.BinaryTypes.String
		case !t.times:
			return arrow.FixedWidthTypes.Date32
		}
	}
	return t.seenType.dataType()
}

func isTime(t arrow.DataType, s string) bool {
	_, ok := parseTimeAs(t, s)
	return ok
}

// isNumber says that s is a decimal number: no hexadecimal digits, no underscores.
func isNumber(s string) bool {
	if strings.Trim(s, "0123456789+-.eE") != "" {
		return false
	}
	_, ok := parseFloat(s, false)
	return ok
}

// hasLeadingZero says that s is a code rather than a quantity, as a postal code is.
func hasLeadingZero(s string) bool {
	s = strings.TrimLeft(s, "+-")
	return len(s) > 1 && s[0] == '0' && s[1] >= '0' && s[1] <= '9'
}

// csvNulls are the texts that mean null.
type csvNulls [][]byte

func (n csvNulls) has(text []byte) bool {
	for _, s := range n {
		if bytes.Equal(s, text) {
			return true
		}
	}
	return false
}

// csvScalar converts a field to type t. Spaces around a number, bool or time do not count.
func csvScalar(v *scalar, t arrow.DataType, f csvField, nulls csvNulls) bool {
	id := t.ID()
	v.null = (id != arrow.STRING || !f.quoted) && nulls.has(f.text)
	if v.null {
		return true
	}
	if id == arrow.STRING || id == arrow.BINARY {
		v.s = f.text
		return id == arrow.BINARY || utf8.Valid(f.text)
	}
	s := strings.TrimSpace(view(f.text))
	ok := false
	switch id {
	case arrow.BOOL:
		v.i = 0
		if strings.EqualFold(s, "true") || s == "1" {
			v.i = 1
		}
		ok = v.i == 1 || strings.EqualFold(s, "false") || s == "0"
	case arrow.FLOAT32, arrow.FLOAT64:
		if strings.ContainsAny(s, "xX_") { // of Go, not of data
			return false
		}
		v.f, ok = parseFloat(s, id == arrow.FLOAT32)
	case arrow.DATE32, arrow.TIMESTAMP:
		if v.i, ok = parseTimeAs(t, s); !ok {
			v.i, ok = parseInteger(s, t)
		}
	default:
		v.i, ok = parseInteger(s, t)
	}
	return ok
}
