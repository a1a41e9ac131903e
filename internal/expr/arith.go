package expr

import (
	"math"

	"github.com/expr-lang/expr/ast"
)

// arith calculates with two values of one number type.
func (c *compiler) arith(op string, a, b value, n ast.Node) value {
	if a.typ.kind == bad || b.typ.kind == bad {
		return value{typ: typ{kind: bad}, v: &vec{}, at: n}
	}
	t := a.typ
	x, y := a.v, b.v
	if t.kind == float {
		return c.strict(t, n, func(o *vec, n int) { floatArith(op, o.f[:n], x.f[:n], y.f[:n]) }, a, b)
	}
	if op == "/" {
		return c.strict(typ{kind: float}, n, func(o *vec, n int) {
			var out bitset
			intDivide(o.f[:n], x.i[:n], y.i[:n], &out)
			o.drop(&out)
		}, a, b)
	}
	kernel := map[string]func(o, a, b []int64, out *bitset){"+": intAdd, "-": intSub, "*": intMul, "%": intMod}[op]
	return c.strict(t, n, func(o *vec, n int) {
		var out bitset
		kernel(o.i[:n], x.i[:n], y.i[:n], &out)
		o.drop(&out)
	}, a, b)
}

func floatArith(op string, o, a, b []float64) {
	b = b[:len(a)]
	o = o[:len(a)]
	switch op {
	case "+":
		for i, x := range a {
			o[i] = x + b[i]
		}
	case "-":
		for i, x := range a {
			o[i] = x - b[i]
		}
	case "*":
		for i, x := range a {
			o[i] = x * b[i]
		}
	case "/":
		for i, x := range a {
			o[i] = x / b[i]
		}
	case "%":
		for i, x := range a {
			o[i] = math.Mod(x, b[i])
		}
	case "**":
		for i, x := range a {
			o[i] = math.Pow(x, b[i])
		}
	}
}

func intAdd(o, a, b []int64, out *bitset) {
	for i, x := range a {
		y := b[i]
		r := x + y
		o[i] = r
		out[i>>6&(words-1)] |= uint64((x^r)&(y^r)) >> 63 << (i & 63)
	}
}

func intSub(o, a, b []int64, out *bitset) {
	for i, x := range a {
		y := b[i]
		r := x - y
		o[i] = r
		out[i>>6&(words-1)] |= uint64((x^y)&(x^r)) >> 63 << (i & 63)
	}
}

func intMul(o, a, b []int64, out *bitset) {
	const half = 1 << 31
	for i, x := range a {
		y := b[i]
		o[i] = x * y
		if uint64(x+half)|uint64(y+half) < 2*half { // both fit 32 bits
			continue
		}
		over := x != 0 && (o[i]/x != y || x == -1 && y == math.MinInt64)
		out[i>>6] |= bit(over) << (i & 63)
	}
}

func intMod(o, a, b []int64, out *bitset) {
	for i, x := range a {
		y := b[i]
		if y == 0 {
			out[i>>6] |= 1 << (i & 63)
			y = 1
		}
		o[i] = x % y
	}
}

func intDivide(o []float64, a, b []int64, out *bitset) {
	for i, x := range a {
		o[i] = float64(x) / float64(b[i])
		out[i>>6] |= bit(b[i] == 0) << (i & 63)
	}
}
