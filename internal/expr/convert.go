package expr

import (
	"math"

	"github.com/apache/arrow/go/v17/arrow"
)

const convertHint = "convert with int(x), float(x), string(x) or ts(x)"

// unify returns the one type that all values can become.
func unify(vals ...value) (typ, bool) {
	t := typ{kind: null}
	for _, v := range vals {
		switch k := v.typ.kind; {
		case k == bad || t.kind == bad:
			t = typ{kind: bad}
		case k == null:
		case k == other:
			return t, false
		case t.kind == null:
			t = v.typ
		case t.kind == moment && k == moment:
			t.unit = max(t.unit, v.typ.unit)
		case t.kind == k:
		case t.kind == float && k == whole, t.kind == whole && k == float:
			t = typ{kind: float}
		default:
			return t, false
		}
	}
	return t, true
}

// to makes v a t, where v.typ.is(t.kind) or unify found t.
func (c *compiler) to(v value, t typ) value {
	switch {
	case v.typ.kind == t.kind && v.typ.unit == t.unit, v.typ.kind == bad, t.kind == bad:
		return v
	case v.typ.kind == null:
		return c.null(t, v.at)
	case t.kind == float:
		return c.strict(t, v.at, func(o *vec, n int) {
			for i, x := range v.v.i[:n] {
				o.f[i] = float64(x)
			}
		}, v)
	case t.kind == moment:
		return c.rescale(v, t)
	}
	return c.fail(v.at, t.String(), v.typ.String(), convertHint)
}

// ticks is the number of units in a second.
func ticks(u arrow.TimeUnit) int64 {
	return [...]int64{1, 1e3, 1e6, 1e9}[u]
}

// rescale brings a timestamp to a finer unit; what does not fit becomes null.
func (c *compiler) rescale(v value, t typ) value {
	by := ticks(t.unit) / ticks(v.typ.unit)
	limit := math.MaxInt64 / by
	return c.strict(t, v.at, func(o *vec, n int) {
		var out bitset
		for i, x := range v.v.i[:n] {
			o.i[i] = x * by
			out[i>>6] |= bit(x > limit || x < -limit) << (i & 63)
		}
		o.drop(&out)
	}, v)
}
