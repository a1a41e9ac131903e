package expr

import (
	"fmt"
	"math"
)

func mathFunctions() map[string]function {
	return map[string]function{
		"exp":       {"x", 1, 1, floats(func(o, a []float64) { each(o, a, math.Exp) })},
		"log":       {"x", 1, 1, floats(func(o, a []float64) { each(o, a, math.Log) })},
		"log1p":     {"x", 1, 1, floats(func(o, a []float64) { each(o, a, math.Log1p) })},
		"sqrt":      {"x", 1, 1, floats(func(o, a []float64) { each(o, a, math.Sqrt) })},
		"floor":     {"x", 1, 1, rounding(math.Floor)},
		"ceil":      {"x", 1, 1, rounding(math.Ceil)},
		"round":     {"x", 1, 1, rounding(math.Round)},
		"abs":       {"x", 1, 1, abs},
		"min":       {"x, y, ...", 2, -1, extreme(lower64, lowerInt)},
		"max":       {"x, y, ...", 2, -1, extreme(upper64, upperInt)},
		"clip":      {"x, low, high", 3, 3, clip},
		"bucket":    {"x, width", 2, 2, bucket},
		"log2floor": {"x", 1, 1, log2floor},
	}
}

// each applies f to a column; the call is small beside what these functions cost.
func each(o, a []float64, f func(float64) float64) {
	for i, x := range a {
		o[i] = f(x)
	}
}

func floats(step func(o, a []float64)) func(*compiler, call) value {
	return func(c *compiler, call call) value {
		a, ok := c.arg(call, 0, float)
		if !ok {
			return a
		}
		return c.strict(a.typ, call.node, func(o *vec, n int) { step(o.f[:n], a.v.f[:n]) }, a)
	}
}

// rounding leaves an int as it is.
func rounding(f func(float64) float64) func(*compiler, call) value {
	of := floats(func(o, a []float64) { each(o, a, f) })
	return func(c *compiler, call call) value {
		if call.args[0].typ.kind == whole {
			return call.args[0]
		}
		return of(c, call)
	}
}

func abs(c *compiler, call call) value {
	a := call.args[0]
	if a.typ.kind != whole {
		return floats(func(o, a []float64) { each(o, a, math.Abs) })(c, call)
	}
	return c.strict(a.typ, call.node, func(o *vec, n int) {
		var out bitset
		for i, x := range a.v.i[:n] {
			o.i[i] = max(x, -x)
			out[i>>6] |= bit(x == math.MinInt64) << (i & 63)
		}
		o.drop(&out)
	}, a)
}

func lower64(o, a, b []float64) {
	for i, x := range a {
		o[i] = min(x, b[i])
	}
}

func upper64(o, a, b []float64) {
	for i, x := range a {
		o[i] = max(x, b[i])
	}
}

func lowerInt(o, a, b []int64) {
	for i, x := range a {
		o[i] = min(x, b[i])
	}
}

func upperInt(o, a, b []int64) {
	for i, x := range a {
		o[i] = max(x, b[i])
	}
}

// extreme folds its arguments, numbers or timestamps, in pairs. A NaN among them gives NaN.
func extreme(f func(o, a, b []float64), g func(o, a, b []int64)) func(*compiler, call) value {
	return func(c *compiler, call call) value {
		t, ok := unify(call.args...)
		if t.kind == null {
			t.kind = float
		}
		if !ok || t.kind != moment && !t.number() {
			return c.fail(call.node, "numbers or timestamps in "+call.name, typeList(call.args), convertHint)
		}
		out := c.to(call.args[0], t)
		for _, b := range call.args[1:] {
			a, b := out, c.to(b, t)
			out = c.strict(t, call.node, func(o *vec, n int) {
				if t.kind == float {
					f(o.f[:n], a.v.f[:n], b.v.f[:n])
				} else {
					g(o.i[:n], a.v.i[:n], b.v.i[:n])
				}
			}, a, b)
		}
		return out
	}
}

// clip is min(max(x, low), high).
func clip(c *compiler, cl call) value {
	low := extreme(upper64, upperInt)(c, call{cl.name, cl.node, cl.args[:2]})
	if low.typ.kind == bad {
		return low
	}
	return extreme(lower64, lowerInt)(c, call{cl.name, cl.node, []value{low, cl.args[2]}})
}

// bucket is the int floor(x/width); a width that is not above 0 gives null.
func bucket(c *compiler, call call) value {
	t, ok := unify(call.args...)
	if !ok || !t.number() {
		return c.fail(call.node, "numbers in bucket", typeList(call.args), convertHint)
	}
	if t.kind == null {
		t.kind = float
	}
	a, w := c.to(call.args[0], t), c.to(call.args[1], t)
	if w.lit && w.v.isValid(0) && (t.kind == whole && w.v.i[0] <= 0 || t.kind == float && !(w.v.f[0] > 0)) {
		return c.fail(w.at, "a width > 0", literalText(w), "")
	}
	return c.strict(typ{kind: whole}, call.node, func(o *vec, n int) {
		var out bitset
		if t.kind == whole {
			intBuckets(o.i[:n], a.v.i, w.v.i, &out)
		} else {
			floatBuckets(o.i[:n], a.v.f, w.v.f, &out)
		}
		o.drop(&out)
	}, a, w)
}

func intBuckets(o, a, width []int64, out *bitset) {
	for i := range o {
		w := width[i]
		if w <= 0 {
			out[i>>6] |= 1 << (i & 63)
			w = 1
		}
		o[i] = floorDiv(a[i], w)
	}
}

func floatBuckets(o []int64, a, width []float64, out *bitset) {
	for i := range o {
		q := math.Floor(a[i] / width[i])
		ok := width[i] > 0 && fits(q)
		out[i>>6] |= bit(!ok) << (i & 63)
		if ok {
			o[i] = int64(q)
		}
	}
}

// log2floor is floor(ln(x)^2) above 2, else x without its fraction; see bucketising in the OptFS preprocessing.
func log2floor(c *compiler, call call) value {
	a, ok := c.arg(call, 0, float)
	if !ok {
		return a
	}
	return c.strict(typ{kind: whole}, call.node, func(o *vec, n int) {
		var out bitset
		for i, x := range a.v.f[:n] {
			if x > 2 {
				l := math.Log(x)
				x = l * l
			}
			ok := fits(x)
			out[i>>6] |= bit(!ok) << (i & 63)
			if ok {
				o.i[i] = int64(x)
			}
		}
		o.drop(&out)
	}, a)
}

// fits says that x without its fraction is an int64; NaN does not fit.
func fits(x float64) bool { return x >= -1<<63 && x < 1<<63 }

// floorDiv rounds towards minus infinity; w > 0.
func floorDiv(x, w int64) int64 {
	q := x / w
	if x%w < 0 {
		q--
	}
	return q
}

func literalText(v value) string {
	if v.typ.kind == whole {
		return fmt.Sprint(v.v.i[0])
	}
	return fmt.Sprint(v.v.f[0])
}
