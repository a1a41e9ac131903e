package expr

import (
	"math"
	"strconv"
	"time"
	"unicode/utf8"
	"unsafe"

	"github.com/apache/arrow/go/v17/arrow"
	"github.com/apache/arrow/go/v17/arrow/array"
)

func convertFunctions() map[string]function {
	return map[string]function{
		"int":    {"x", 1, 1, toInt},
		"float":  {"x", 1, 1, toFloat},
		"string": {"x", 1, 1, toText},
		"hash":   {"x, n", 2, 2, hash},
	}
}

// toInt cuts the fraction off; what is no int64 becomes null.
func toInt(c *compiler, call call) value {
	a := call.args[0]
	t := typ{kind: whole}
	switch a.typ.kind {
	case whole, null:
		return c.to(a, t)
	case truth:
		return c.strict(t, call.node, func(o *vec, n int) {
			for i := range n {
				o.i[i] = int64(a.v.b[i>>6] >> (i & 63) & 1)
			}
		}, a)
	case float:
		return c.strict(t, call.node, func(o *vec, n int) {
			var out bitset
			for i, x := range a.v.f[:n] {
				if !fits(x) {
					out[i>>6] |= 1 << (i & 63)
					continue
				}
				o.i[i] = int64(x)
			}
			o.drop(&out)
		}, a)
	case text:
		return c.strict(t, call.node, func(o *vec, n int) {
			var out bitset
			for i, s := range a.v.s[:n] {
				x, ok := parseInt(s)
				o.i[i] = x
				out[i>>6] |= bit(!ok) << (i & 63)
			}
			o.drop(&out)
		}, a)
	}
	if a.typ.kind == moment {
		return c.fail(a.at, "a number, string or bool in int", "timestamp", "use epoch(x)")
	}
	return c.wrongArg(call, 0, "a number, string or bool")
}

// parseInt reads decimal digits with an optional sign, all of s.
func parseInt(s string) (int64, bool) {
	neg := s != "" && s[0] == '-'
	if neg || s != "" && s[0] == '+' {
		s = s[1:]
	}
	if s == "" || len(s) > 64 {
		return 0, false
	}
	var u uint64
	for _, b := range []byte(s) {
		if b -= '0'; b > 9 || u > math.MaxInt64/10 {
			return 0, false
		} else {
			u = u*10 + uint64(b)
		}
	}
	if neg {
		return -int64(u), u <= 1<<63
	}
	return int64(u), u <= math.MaxInt64
}

func toFloat(c *compiler, call call) value {
	a := call.args[0]
	t := typ{kind: float}
	switch a.typ.kind {
	case whole, float, null:
		return c.to(a, t)
	case truth:
		return c.to(toInt(c, call), t)
	case text:
		return c.strict(t, call.node, func(o *vec, n int) {
			var out bitset
			for i, s := range a.v.s[:n] {
				x, ok := parseFloat(s)
				o.f[i] = x
				out[i>>6] |= bit(!ok) << (i & 63)
			}
			o.drop(&out)
		}, a)
	}
	return c.wrongArg(call, 0, "a number, string or bool")
}

// parseFloat looks at s first, since an error of strconv allocates.
func parseFloat(s string) (float64, bool) {
	for _, b := range []byte(s) {
		if (b < '0' || b > '9') && b != '.' && b != '-' && b != '+' && b != 'e' && b != 'E' {
			return parseWord(s)
		}
	}
	if s == "" {
		return 0, false
	}
	x, err := strconv.ParseFloat(s, 64)
	return x, err == nil
}

func parseWord(s string) (float64, bool) {
	switch s {
	case "NaN", "nan":
		return math.NaN(), true
	case "Inf", "+Inf", "inf", "+inf":
		return math.Inf(1), true
	case "-Inf", "-inf":
		return math.Inf(-1), true
	}
	return 0, false
}

// toText writes numbers as JSON does, bools as true and false, timestamps as RFC 3339 in UTC.
func toText(c *compiler, call call) value {
	a := call.args[0]
	var write func(dst []byte, i int) []byte
	switch a.typ.kind {
	case text, null:
		return c.to(a, typ{kind: text})
	case whole:
		write = func(dst []byte, i int) []byte { return strconv.AppendInt(dst, a.v.i[i], 10) }
	case float:
		write = func(dst []byte, i int) []byte { return appendFloat(dst, a.v.f[i]) }
	case truth:
		write = func(dst []byte, i int) []byte { return strconv.AppendBool(dst, a.v.b[i>>6]>>(i&63)&1 != 0) }
	case moment:
		per := ticks(a.typ.unit)
		write = func(dst []byte, i int) []byte {
			s := floorDiv(a.v.i[i], per)
			return time.Unix(s, (a.v.i[i]-s*per)*(1e9/per)).UTC().AppendFormat(dst, time.RFC3339Nano)
		}
	default:
		switch a.typ.dt.ID() {
		case arrow.BINARY, arrow.LARGE_BINARY, arrow.FIXED_SIZE_BINARY:
			return binaryText(c, call)
		}
		return c.wrongArg(call, 0, "a simple value")
	}
	return c.written(call, write, a)
}

// written makes texts that write appends, row by row.
func (c *compiler) written(call call, write func(dst []byte, i int) []byte, args ...value) value {
	var buf []byte
	return c.strict(typ{kind: text}, call.node, func(o *vec, n int) {
		buf = buf[:0]
		for i := range o.s[:n] {
			from := len(buf)
			buf = write(buf, i)
			o.s[i] = view(buf[from:])
		}
	}, args...)
}

// view reads bytes as a string without a copy. A buffer that grows leaves the old one to the views into it.
func view(b []byte) string { return unsafe.String(unsafe.SliceData(b), len(b)) }

func appendFloat(dst []byte, x float64) []byte {
	if a := math.Abs(x); a != 0 && (a < 1e-6 || a >= 1e21) {
		return strconv.AppendFloat(dst, x, 'e', -1, 64)
	}
	return strconv.AppendFloat(dst, x, 'f', -1, 64)
}

// binaryText reads bytes as UTF-8; other bytes become null.
func binaryText(c *compiler, call call) value {
	a := call.args[0]
	return c.strict(typ{kind: text}, call.node, func(o *vec, n int) {
		var out bitset
		for i := range o.s[:n] {
			b := bytesOf(a.v.raw, a.v.lo+i)
			out[i>>6] |= bit(!utf8.Valid(b)) << (i & 63)
			o.s[i] = view(b)
		}
		o.drop(&out)
	}, a)
}

func bytesOf(arr arrow.Array, i int) []byte {
	switch b := arr.(type) {
	case *array.Binary:
		return b.Value(i)
	case *array.LargeBinary:
		return b.Value(i)
	case *array.FixedSizeBinary:
		return b.Value(i)
	}
	return nil
}
