package expr

import (
	"github.com/apache/arrow/go/v17/arrow"
)

const day = 86400 // seconds

func timeFunctions() map[string]function {
	return map[string]function{
		"year":    {"at", 1, 1, civil(func(y, _, _ int64) int64 { return y })},
		"month":   {"at", 1, 1, civil(func(_, m, _ int64) int64 { return m })},
		"day":     {"at", 1, 1, civil(func(_, _, d int64) int64 { return d })},
		"weekday": {"at", 1, 1, clock(func(s int64) int64 { return floorMod(floorDiv(s, day)+4, 7) })}, // 1970-01-01 was a Thursday
		"hour":    {"at", 1, 1, clock(func(s int64) int64 { return floorMod(s, day) / 3600 })},
		"minute":  {"at", 1, 1, clock(func(s int64) int64 { return floorMod(s, 3600) / 60 })},
		"epoch":   {"at", 1, 1, clock(func(s int64) int64 { return s })},
		"ts":      {`x, "unit"`, 1, 2, timestamp},
	}
}

func floorMod(x, w int64) int64 { return x - floorDiv(x, w)*w }

// clock makes an int of the whole seconds since 1970, UTC.
func clock(f func(seconds int64) int64) func(*compiler, call) value {
	return func(c *compiler, call call) value {
		a, ok := c.arg(call, 0, moment)
		if !ok {
			return a
		}
		per := ticks(a.typ.unit)
		return c.strict(typ{kind: whole}, call.node, func(o *vec, n int) {
			for i, x := range a.v.i[:n] {
				o.i[i] = f(floorDiv(x, per))
			}
		}, a)
	}
}

// civil makes an int of the Gregorian date.
func civil(f func(y, m, d int64) int64) func(*compiler, call) value {
	return clock(func(s int64) int64 { return f(date(floorDiv(s, day))) })
}

// date turns days since 1970-01-01 into a date: eras of 400 years, years that begin in March.
// After "chrono-Compatible Low-Level Date Algorithms", H. Hinnant.
func date(days int64) (y, m, d int64) {
	days += 719468
	era := floorDiv(days, 146097)
	doe := days - era*146097
	yoe := (doe - doe/1460 + doe/36524 - doe/146096) / 365
	doy := doe - (365*yoe + yoe/4 - yoe/100)
	mp := (5*doy + 2) / 153
	d = doy - (153*mp+2)/5 + 1
	m = mp + 3
	if m > 12 {
		m -= 12
	}
	y = yoe + era*400
	if m <= 2 {
		y++
	}
	return y, m, d
}

// daysOf is the inverse of date.
func daysOf(y, m, d int64) int64 {
	if m <= 2 {
		y--
		m += 12
	}
	era := floorDiv(y, 400)
	yoe := y - era*400
	doy := (153*(m-3)+2)/5 + d - 1
	return era*146097 + yoe*365 + yoe/4 - yoe/100 + doy - 719468
}

var units = map[string]arrow.TimeUnit{"s": arrow.Second, "ms": arrow.Millisecond, "us": arrow.Microsecond, "ns": arrow.Nanosecond}

// timestamp parses a text to microseconds, or reads an int as a count of units since 1970.
func timestamp(c *compiler, call call) value {
	a := call.args[0]
	if len(call.args) == 2 {
		return c.timestampOf(call)
	}
	switch a.typ.kind {
	case moment:
		return a
	case whole:
		return c.fail(call.node, `ts(x, "s"), "ms", "us" or "ns" for an int`, "no unit", "")
	case text, null:
		a = c.to(a, typ{kind: text})
		out := c.strict(typ{kind: moment, unit: arrow.Microsecond}, call.node, func(o *vec, n int) {
			var out bitset
			for i, s := range a.v.s[:n] {
				t, ok := parseTime(s)
				o.i[i] = t
				out[i>>6] |= bit(!ok) << (i & 63)
			}
			o.drop(&out)
		}, a)
		if a.lit && a.v.isValid(0) && !out.v.isValid(0) {
			return c.fail(a.at, "a time such as 2026-01-31 or 2026-01-31T12:00:00Z", `"`+a.v.s[0]+`"`, "")
		}
		return out
	}
	return c.wrongArg(call, 0, "a string or an int")
}

func (c *compiler) timestampOf(call call) value {
	a, u := call.args[0], call.args[1]
	if !a.typ.is(whole) {
		return c.wrongArg(call, 0, "an int before the unit")
	}
	unit, ok := arrow.TimeUnit(0), u.lit && u.typ.kind == text
	if ok {
		unit, ok = units[u.v.s[0]]
	}
	if !ok {
		return c.wrongArg(call, 1, `"s", "ms", "us" or "ns"`)
	}
	a = c.to(a, typ{kind: whole})
	a.typ, a.col, a.at = typ{kind: moment, unit: unit}, nil, call.node
	return a
}

// parseTime reads 2026-01-31, optionally followed by T or a blank and 12:30 or 12:30:15 or 12:30:15.123456, and by
// Z, +02:00 or +0200. Without a zone it is UTC. The result is in microseconds; finer digits are cut off.
func parseTime(s string) (int64, bool) {
	p := scan{s: s}
	y, m, d := p.digits(4, '-'), p.digits(2, '-'), p.digits(2, 0)
	if p.bad || m < 1 || m > 12 || d < 1 || d > daysIn(y, m) {
		return 0, false
	}
	t := daysOf(y, m, d) * day
	var micros int64
	if p.s != "" {
		if !p.skip('T') && !p.skip(' ') {
			return 0, false
		}
		h, mi, sec := p.digits(2, ':'), p.digits(2, 0), int64(0)
		if p.skip(':') {
			sec = p.digits(2, 0)
			micros = p.fraction()
		}
		t += h*3600 + mi*60 + sec - p.zone()
		if h > 23 || mi > 59 || sec > 59 {
			return 0, false
		}
	}
	return t*1e6 + micros, !p.bad && p.s == ""
}

func daysIn(y, m int64) int64 {
	if m == 12 {
		return 31
	}
	return daysOf(y, m+1, 1) - daysOf(y, m, 1)
}

// scan takes a text apart from its beginning.
type scan struct {
	s   string
	bad bool
}

func (p *scan) skip(b byte) bool {
	if p.s == "" || p.s[0] != b {
		return false
	}
	p.s = p.s[1:]
	return true
}

// digits reads n digits and the byte end after them, where it is not 0.
func (p *scan) digits(n int, end byte) (x int64) {
	if len(p.s) < n {
		p.bad = true
		return 0
	}
	for i := range n {
		b := p.s[i] - '0'
		p.bad = p.bad || b > 9
		x = x*10 + int64(b)
	}
	p.s = p.s[n:]
	if end != 0 && !p.skip(end) {
		p.bad = true
	}
	return x
}

func (p *scan) fraction() (micros int64) {
	if !p.skip('.') {
		return 0
	}
	scale := int64(100000)
	k := 0
	for ; k < len(p.s) && p.s[k]-'0' <= 9; k++ {
		micros += int64(p.s[k]-'0') * scale
		scale /= 10
	}
	p.bad = p.bad || k == 0
	p.s = p.s[k:]
	return micros
}

// zone reads the offset from UTC, in seconds.
func (p *scan) zone() int64 {
	sign := int64(1)
	switch {
	case p.s == "" || p.skip('Z'):
		return 0
	case p.skip('-'):
		sign = -1
	case !p.skip('+'):
		p.bad = true
		return 0
	}
	h := p.digits(2, 0)
	p.skip(':')
	m := p.digits(2, 0)
	p.bad = p.bad || h > 23 || m > 59
	return sign * (h*3600 + m*60)
}
