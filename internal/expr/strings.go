package expr

import (
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/apache/arrow/go/v17/arrow"
	"github.com/apache/arrow/go/v17/arrow/array"
	"github.com/expr-lang/expr/ast"
)

func textFunctions() map[string]function {
	return map[string]function{
		"lower":      {"s", 1, 1, mapped('A', unicode.ToLower)},
		"upper":      {"s", 1, 1, mapped('a', unicode.ToUpper)},
		"trim":       {"s", 1, 1, trim},
		"len":        {"s", 1, 1, length},
		"substr":     {"s, start, count", 2, 3, substr},
		"split_part": {"s, separator, index", 3, 3, splitPart},
		"concat":     {"s, t, ...", 1, -1, concat},
		"replace":    {"s, old, new", 3, 3, replace},
	}
}

// texts returns all arguments as strings.
func (c *compiler) texts(call call, kinds ...kind) (args []value, failed value, ok bool) {
	for i := range call.args {
		k := text
		if i < len(kinds) {
			k = kinds[i]
		}
		a, ok := c.arg(call, i, k)
		if !ok {
			return nil, a, false
		}
		args = append(args, a)
	}
	return args, value{}, true
}

// mapped changes letters: the 26 of ASCII from first on by their case bit, others by f. A text without any of them is
// taken as it is.
func mapped(first byte, f func(rune) rune) func(*compiler, call) value {
	return func(c *compiler, call call) value {
		a, ok := c.arg(call, 0, text)
		if !ok {
			return a
		}
		var buf []byte
		return c.strict(typ{kind: text}, call.node, func(o *vec, n int) {
			buf = buf[:0]
			for i, s := range a.v.s[:n] {
				o.s[i] = s
				letters, ascii := lookAt(s, first)
				if !letters && ascii {
					continue
				}
				from := len(buf)
				if buf = append(buf, s...); ascii {
					flipCase(buf[from:], first)
				} else {
					buf = appendRunes(buf[:from], s, f)
				}
				o.s[i] = view(buf[from:])
			}
		}, a)
	}
}

func lookAt(s string, first byte) (letters, ascii bool) {
	var high byte
	for i := range len(s) {
		high |= s[i]
		letters = letters || s[i]-first < 26
	}
	return letters, high < utf8.RuneSelf
}

func flipCase(b []byte, first byte) {
	for i, x := range b {
		if x-first < 26 {
			b[i] = x ^ 0x20
		}
	}
}

func appendRunes(dst []byte, s string, f func(rune) rune) []byte {
	for _, r := range s {
		dst = utf8.AppendRune(dst, f(r))
	}
	return dst
}

func trim(c *compiler, call call) value {
	a, ok := c.arg(call, 0, text)
	if !ok {
		return a
	}
	return c.strict(typ{kind: text}, call.node, func(o *vec, n int) {
		for i, s := range a.v.s[:n] {
			o.s[i] = strings.TrimSpace(s)
		}
	}, a)
}

// length counts the characters of a string, or the items of a list.
func length(c *compiler, call call) value {
	a := call.args[0]
	if a.typ.kind == other {
		switch a.typ.dt.ID() {
		case arrow.LIST, arrow.LARGE_LIST, arrow.FIXED_SIZE_LIST, arrow.MAP:
			return listLength(c, call)
		}
	}
	a, ok := c.arg(call, 0, text)
	if !ok {
		return a
	}
	return c.strict(typ{kind: whole}, call.node, func(o *vec, n int) {
		for i, s := range a.v.s[:n] {
			o.i[i] = int64(utf8.RuneCountInString(s))
		}
	}, a)
}

func listLength(c *compiler, call call) value {
	a := call.args[0]
	return c.strict(typ{kind: whole}, call.node, func(o *vec, n int) {
		list, ok := a.v.raw.(array.ListLike)
		for i := range o.i[:n] {
			if !ok {
				continue
			}
			from, to := list.ValueOffsets(a.v.lo + i)
			o.i[i] = to - from
		}
	}, a)
}

func concat(c *compiler, call call) value {
	args, failed, ok := c.texts(call)
	if !ok {
		return failed
	}
	return c.concat(call.node, args)
}

func (c *compiler) concat(n ast.Node, args []value) value {
	return c.written(call{node: n}, func(dst []byte, i int) []byte {
		for k := range args {
			dst = append(dst, args[k].v.s[i]...)
		}
		return dst
	}, args...)
}

func replace(c *compiler, call call) value {
	a, failed, ok := c.texts(call)
	if !ok {
		return failed
	}
	s, from, to := a[0].v, a[1].v, a[2].v
	return c.written(call, func(dst []byte, i int) []byte {
		rest := s.s[i]
		for old := from.s[i]; old != ""; {
			k := strings.Index(rest, old)
			if k < 0 {
				break
			}
			dst = append(append(dst, rest[:k]...), to.s[i]...)
			rest = rest[k+len(old):]
		}
		return append(dst, rest...)
	}, a...)
}

// substr counts characters from 0, from the end where start is negative; it is cut where s ends.
func substr(c *compiler, call call) value {
	a, failed, ok := c.texts(call, text, whole, whole)
	if !ok {
		return failed
	}
	return c.strict(typ{kind: text}, call.node, func(o *vec, n int) {
		for i, s := range a[0].v.s[:n] {
			s = skipRunes(s, a[1].v.i[i])
			if len(a) == 3 {
				s = s[:len(s)-len(skipRunes(s, max(0, a[2].v.i[i])))]
			}
			o.s[i] = s
		}
	}, a...)
}

// skipRunes drops k characters of s, or keeps the last -k.
func skipRunes(s string, k int64) string {
	if k < 0 {
		k += int64(utf8.RuneCountInString(s))
	}
	for ; k > 0 && s != ""; k-- {
		_, size := utf8.DecodeRuneInString(s)
		s = s[size:]
	}
	return s
}

// splitPart counts parts from 0, from the end where index is negative; where there is none the result is null.
func splitPart(c *compiler, call call) value {
	a, failed, ok := c.texts(call, text, text, whole)
	if !ok {
		return failed
	}
	return c.strict(typ{kind: text}, call.node, func(o *vec, n int) {
		var out bitset
		for i, s := range a[0].v.s[:n] {
			part, ok := partOf(s, a[1].v.s[i], a[2].v.i[i])
			o.s[i] = part
			out[i>>6] |= bit(!ok) << (i & 63)
		}
		o.drop(&out)
	}, a...)
}

func partOf(s, sep string, k int64) (string, bool) {
	if sep == "" {
		return "", false
	}
	for ; k < -1; k++ {
		at := strings.LastIndex(s, sep)
		if at < 0 {
			return "", false
		}
		s = s[:at]
	}
	if k == -1 {
		if at := strings.LastIndex(s, sep); at >= 0 {
			s = s[at+len(sep):]
		}
		return s, true
	}
	for ; k > 0; k-- {
		at := strings.Index(s, sep)
		if at < 0 {
			return "", false
		}
		s = s[at+len(sep):]
	}
	if at := strings.Index(s, sep); at >= 0 {
		s = s[:at]
	}
	return s, true
}
