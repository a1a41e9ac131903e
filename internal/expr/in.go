package expr

import (
	"cmp"
	"regexp"
	"slices"

	"github.com/expr-lang/expr/ast"
)

// linear is the longest list that is searched from its beginning; above it bisection wins.
const linear = 12

// in tests membership in a list of literals.
func (c *compiler) in(n *ast.BinaryNode) value {
	a := c.compile(n.Left)
	list, ok := n.Right.(*ast.ArrayNode)
	if !ok {
		return c.fail(n.Right, "a list after in", "something else", "write x in [1, 2, 3]")
	}
	items := make([]value, len(list.Nodes))
	all := []value{a}
	for i, node := range list.Nodes {
		items[i] = c.compile(node)
		if items[i].typ.kind == bad {
			return items[i]
		}
		if !items[i].lit || items[i].typ.kind == null {
			return c.fail(node, "literals in the list after in", "a column or nil", "use == and is_null for it")
		}
		items[i].v = first(items[i].v)
		all = append(all, items[i])
	}
	t, ok := unify(all...)
	if !ok || t.kind == truth {
		return c.fail(n, "a list of the type of its left side: "+a.typ.String(), "a list of other types", convertHint)
	}
	if a = c.to(a, t); t.kind == null || t.kind == bad || a.typ.kind == bad {
		return a
	}
	return c.strict(typ{kind: truth}, n, membership(t, a.v, items), a)
}

// first keeps one row of a literal: a long list must not hold a block for each of its items.
func first(v *vec) *vec {
	w := &vec{f: slices.Clone(v.f[:min(1, len(v.f))]), i: slices.Clone(v.i[:min(1, len(v.i))]), s: slices.Clone(v.s[:min(1, len(v.s))])}
	if !v.isValid(0) {
		w.allNull()
	}
	return w
}

func membership(t typ, a *vec, items []value) func(o *vec, n int) {
	switch t.kind {
	case float:
		set := setOf(items, func(it value) (float64, bool) {
			if it.typ.kind == whole {
				return float64(it.v.i[0]), true
			}
			return it.v.f[0], true
		})
		return func(o *vec, n int) { member(o.b, a.f[:n], set) }
	case text:
		set := setOf(items, func(it value) (string, bool) { return it.v.s[0], true })
		return func(o *vec, n int) { member(o.b, a.s[:n], set) }
	}
	set := setOf(items, func(it value) (int64, bool) {
		by := ticks(t.unit) / ticks(it.typ.unit)
		x := it.v.i[0] * by
		return x, x/by == it.v.i[0] // a time beyond the unit's range equals no row
	})
	return func(o *vec, n int) { member(o.b, a.i[:n], set) }
}

// setOf returns the values of literals, sorted and each once.
func setOf[T cmp.Ordered](items []value, get func(value) (T, bool)) []T {
	var set []T
	for _, it := range items {
		if !it.v.isValid(0) {
			continue
		}
		if x, ok := get(it); ok {
			set = append(set, x)
		}
	}
	slices.Sort(set)
	return slices.Compact(set)
}

func member[T cmp.Ordered](o *bitset, a, set []T) {
	*o = bitset{}
	for i, x := range a {
		var found bool
		if len(set) > linear {
			_, found = slices.BinarySearch(set, x)
			found = found && x == x // NaN is in no list
		} else {
			for _, s := range set {
				found = found || s == x
			}
		}
		o[i>>6] |= bit(found) << (i & 63)
	}
}

// matches searches a regular expression (RE2) that is compiled here, once.
func (c *compiler) matches(n *ast.BinaryNode) value {
	a := c.compile(n.Left)
	pattern, ok := n.Right.(*ast.StringNode)
	if !ok {
		return c.fail(n.Right, "a literal pattern after matches", "something else", `write x matches "^a.*z$"`)
	}
	re, err := regexp.Compile(pattern.Value)
	if err != nil {
		return c.fail(pattern, "a regular expression (RE2)", err.Error(), "")
	}
	if !a.typ.is(text) {
		return c.fail(n, "a string on the left of matches", a.typ.String(), convertHint)
	}
	a = c.to(a, typ{kind: text})
	return c.strict(typ{kind: truth}, n, func(o *vec, n int) {
		*o.b = bitset{}
		for i, s := range a.v.s[:n] {
			o.b[i>>6] |= bit(re.MatchString(s)) << (i & 63)
		}
	}, a)
}
