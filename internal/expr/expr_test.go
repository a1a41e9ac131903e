package expr

import (
	"fmt"
	"maps"
	"math"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/apache/arrow/go/v17/arrow"
	"github.com/apache/arrow/go/v17/arrow/memory"
)

// generator writes random expressions of a wanted type.
type generator struct{ r *rand.Rand }

func (g generator) expr(kind string, depth int) string {
	if depth == 0 || g.r.IntN(6) == 0 {
		return g.leaf(kind)
	}
	f := oneOf(g.r, shapes[kind])
	var b strings.Builder
	for f != "" {
		i := strings.IndexByte(f, '$')
		if i < 0 {
			b.WriteString(f)
			break
		}
		b.WriteString(f[:i])
		b.WriteString(g.expr(map[byte]string{'f': "float", 'i': "int", 'b': "bool", 's': "text", 't': "time"}[f[i+1]], depth-1))
		f = f[i+2:]
	}
	return "(" + b.String() + ")"
}

func (g generator) leaf(kind string) string {
	return oneOf(g.r, map[string][]string{
		"float": {"f", "g", "f", "0.0", "2.5", "-1e3", "1.5", "100.0"},
		"int":   {"i", "j", "u", "st.x", "len(tags)", "0", "1", "-3", "10", "9223372036854775807"},
		"bool":  {"b", "c", "b", "true", "false", "is_null(z)", "is_null(raw)", "is_null(tags)"},
		"text":  {"s", "d", "geo.city", `col("geo.city")`, "st.name", "string(raw)", `"a"`, `"-"`, `""`, `"é"`},
		"time":  {"at", "ns", "on", `ts("2024-02-29T12:30:00+02:00")`, `ts(st.x, "s")`, `ts(j, "ms")`, "ts(s)"},
	}[kind])
}

var shapes = map[string][]string{
	"float": {"$f + $f", "$f - $i", "$i * $f", "$i / $i", "$f / $f", "$f % $f", "-$f", "$i ** $i", "$b ? $f : $i",
		"coalesce($f, $f)", "coalesce($i, $f, $f)", "exp($f)", "log($i)", "log1p($f)", "sqrt($f)", "floor($f)", "ceil($f)",
		"round($f)", "abs($f)", "min($f, $f)", "max($f, $i, $f)", "clip($f, $f, $f)", "float($s)", "float($i)", "float($b)", "$f ?? $f", "$t - $t", "min($i, $f)"},
	"int": {"$i + $i", "$i - $i", "$i * $i", "$i % $i", "-$i", "$b ? $i : $i", "$b ? nil : $i", "coalesce($i, $i)", "coalesce(z, $i)", "abs($i)", "min($i, $i)",
		"max($i, $i)", "clip($i, -5, 5)", "bucket($f, 10)", "bucket($i, 7)", "bucket($f, $f)", "log2floor($f)", "log2floor($i)", "int($f)",
		"int($s)", "int($b)", "hour($t)", "minute($t)", "day($t)", "weekday($t)", "month($t)", "year($t)", "epoch($t)", "len($s)",
		"hash($s, 1000)", "hash($i, 7)", "hash($b, 9)", "round($i)"},
	"bool": {"$b and $b", "$b or $b", "not $b", "!$b && $b", "$b || $b", "$f < $f", "$f >= $i", "$i == $i", "$i != $i", "$f != $f", "$f == $f", "$s == $s", "$s < $s",
		"$s >= $s", "$b == $b", "$b != $b", "$t < $t", "$t == $t", "$t >= $t", "$i in [1, 2, -3, 10]", "$f in [1, 2.5]", `$s in ["a", "b", "paris"]`, `$s not in ["", "ab"]`,
		"$i in [0,1,2,3,4,5,6,7,8,9,10,11,12,13,14,15]", "$s contains $s", "$s startsWith $s", "$s endsWith $s", `$s matches "^[a-c]+.*"`, "is_null($f)", "is_null($s)",
		"is_null($b)", "is_nan($f)", "$b ? $b : $b", "coalesce($b, $b)", "$f <= $f", "$i > $i", "$t in [ts(\"2024-01-01\")]"},
	"text": {"$s + $s", "concat($s, $s, $s)", "lower($s)", "upper($s)", "trim($s)", "replace($s, $s, $s)", "substr($s, $i)", "substr($s, 1, 2)", "substr($s, -2, $i)",
		`split_part($s, "-", 1)`, `split_part($s, "-", -2)`, "split_part($s, $s, 0)", "string($i)", "string($f)", "string($b)", "string($t)", "$b ? $s : $s", "coalesce($s, $s)"},
	"time": {"min($t, $t)", "max($t, $t)", "$b ? $t : $t", "coalesce($t, $t)", "ts($s)", "ts($t)"},
}

func TestAgainstOracle(t *testing.T) {
	rounds := 400
	if testing.Short() {
		rounds = 60
	}
	for seed := range uint64(rounds) {
		r := rand.New(rand.NewPCG(seed, 1))
		g := generator{r}
		src := g.expr(oneOf(r, []string{"float", "int", "bool", "text", "time"}), 1+r.IntN(4))
		n := oneOf(r, []int{0, 1, 2, 63, 64, 65, 200, 1023, 1024, 1025, 2500})
		checkAgainstOracle(t, seed, src, n)
	}
}

// TestEachShape meets every shape at least once, over its leaves.
func TestEachShape(t *testing.T) {
	seed := uint64(1000)
	for _, kind := range slices.Sorted(maps.Keys(shapes)) {
		for _, shape := range shapes[kind] {
			g := generator{rand.New(rand.NewPCG(seed, 2))}
			one := shapes[kind]
			shapes[kind] = []string{shape}
			src := ""
			for !strings.HasPrefix(src, "(") {
				src = g.expr(kind, 1)
			}
			shapes[kind] = one
			checkAgainstOracle(t, seed, src, 1300)
			seed++
		}
	}
}

func checkAgainstOracle(t *testing.T, seed uint64, src string, n int) {
	t.Helper()
	alloc := memory.NewCheckedAllocator(memory.NewGoAllocator())
	defer alloc.AssertSize(t, 0)
	r := rand.New(rand.NewPCG(seed, 3))
	x, err := Parse(src)
	if err != nil {
		t.Fatalf("%s: %v", src, err)
	}
	p, err := x.Compile(testSchema)
	if err != nil && (strings.Contains(err.Error(), "want a time such as") || strings.Contains(err.Error(), "want a width > 0")) {
		return // a literal that is known to be wrong before any row
	}
	if err != nil {
		t.Fatalf("%s: %v", src, err)
	}
	for range 2 { // the second record meets blocks that were used
		rec := randomRecord(t, alloc, r, n)
		out, err := p.Eval(alloc, rec.Columns(), n)
		if err != nil {
			t.Fatalf("%s: %v", src, err)
		}
		if want := p.Field("x").Type; !arrow.TypeEqual(want, out.DataType()) || out.Len() != n {
			t.Fatalf("%s: want %d of %s, got %d of %s", src, n, want, out.Len(), out.DataType())
		}
		for i := range n {
			want, got := (oracle{rec, i}).eval(x.node), cell(out, i)
			if !alike(want, got) {
				t.Fatalf("seed %d, row %d of %d: %s: want %v (%T), got %v (%T)", seed, i, n, src, want, want, got, got)
			}
		}
		if p.IsBool() {
			checkTrue(t, p, rec, out, src)
		}
		out.Release()
		rec.Release()
	}
}

func checkTrue(t *testing.T, p *Program, rec arrow.Record, out arrow.Array, src string) {
	t.Helper()
	keep, count, err := p.True(rec.Columns(), out.Len(), nil)
	if err != nil {
		t.Fatalf("%s: %v", src, err)
	}
	for i := range out.Len() {
		want := cell(out, i) == true
		if got := keep[i>>6]>>(i&63)&1 == 1; got != want {
			t.Fatalf("%s: row %d: want keep %v, got %v", src, i, want, got)
		}
		if want {
			count--
		}
	}
	if count != 0 {
		t.Fatalf("%s: count is off by %d", src, count)
	}
}

func alike(want, got any) bool {
	switch w := want.(type) {
	case float64:
		g, ok := number2(got)
		return ok && (w == g || w != w && g != g || math.Abs(w-g) <= 1e-12*math.Abs(w))
	case int64:
		switch g := got.(type) {
		case int64:
			return w == g
		case float64: // an int branch of a float expression
			return float64(w) == g
		}
		return false
	case time.Time:
		g, ok := got.(time.Time)
		return ok && w.Equal(g)
	}
	return fmt.Sprint(want) == fmt.Sprint(got)
}

func number2(a any) (float64, bool) {
	switch x := a.(type) {
	case float64:
		return x, true
	case int64:
		return float64(x), true
	}
	return 0, false
}
