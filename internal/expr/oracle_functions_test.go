package expr

import (
	"encoding/binary"
	"fmt"
	"math"
	"math/big"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/expr-lang/expr/ast"
	"github.com/zeebo/xxh3"
)

func (o oracle) call(name string, nodes []ast.Node) any {
	if name == "col" {
		return o.column(nodes[0].(*ast.StringNode).Value)
	}
	args := make([]any, len(nodes))
	hasNull := false
	for i, n := range nodes {
		args[i] = o.eval(n)
		hasNull = hasNull || args[i] == nil
	}
	switch name {
	case "is_null":
		return args[0] == nil
	case "coalesce":
		for _, a := range args {
			if a != nil {
				return a
			}
		}
		return nil
	}
	if hasNull {
		return nil
	}
	return apply(name, args)
}

func whole64(x float64) any {
	i, _ := big.NewFloat(0).SetString("0")
	if x != x || math.IsInf(x, 0) {
		return nil
	}
	n, _ := i.SetFloat64(x).Int(nil)
	return exact(n)
}

func apply(name string, a []any) any {
	switch name {
	case "is_nan":
		return math.IsNaN(number(a[0]))
	case "exp":
		return math.Exp(number(a[0]))
	case "log":
		return math.Log(number(a[0]))
	case "log1p":
		return math.Log1p(number(a[0]))
	case "sqrt":
		return math.Sqrt(number(a[0]))
	case "abs":
		if x, ok := a[0].(int64); ok {
			return exact(new(big.Int).Abs(big.NewInt(x)))
		}
		return math.Abs(a[0].(float64))
	case "floor", "ceil", "round":
		x, ok := a[0].(float64)
		if !ok {
			return a[0]
		}
		return map[string]func(float64) float64{"floor": math.Floor, "ceil": math.Ceil, "round": math.Round}[name](x)
	case "min", "max":
		return extremeOf(name, a)
	case "clip":
		return extremeOf("min", []any{extremeOf("max", a[:2]), a[2]})
	case "bucket":
		return bucketOf(a[0], a[1])
	case "log2floor":
		x := number(a[0])
		if x > 2 {
			x = math.Floor(math.Log(x) * math.Log(x))
		}
		return whole64(x)
	case "hour", "minute", "day", "weekday", "month", "year", "epoch":
		return partOfTime(name, a[0].(time.Time))
	case "ts":
		return timeOf(a)
	case "int", "float", "string":
		return convertTo(name, a[0])
	case "hash":
		return hashOf(a[0], a[1].(int64))
	}
	return applyText(name, a)
}

func extremeOf(name string, a []any) any {
	best := a[0]
	for _, x := range a[1:] {
		if t, ok := x.(time.Time); ok {
			if t.Before(best.(time.Time)) == (name == "min") {
				best = t
			}
			continue
		}
		if i, ok := x.(int64); ok {
			if j, ok := best.(int64); ok {
				if i < j == (name == "min") {
					best = i
				}
				continue
			}
		}
		f, g := number(best), number(x)
		switch {
		case f != f || g != g: // math.Min prefers an infinity to NaN; the language does not
			best = math.NaN()
		case name == "min":
			best = math.Min(f, g)
		default:
			best = math.Max(f, g)
		}
	}
	return best
}

func bucketOf(x, w any) any {
	i, isInt := x.(int64)
	j, alsoInt := w.(int64)
	if isInt && alsoInt {
		if j <= 0 {
			return nil
		}
		q, _ := new(big.Int).DivMod(big.NewInt(i), big.NewInt(j), new(big.Int)) // Euclid: floor for j > 0
		return exact(q)
	}
	if !(number(w) > 0) {
		return nil
	}
	return whole64(math.Floor(number(x) / number(w)))
}

func partOfTime(name string, t time.Time) any {
	switch name {
	case "hour":
		return int64(t.Hour())
	case "minute":
		return int64(t.Minute())
	case "day":
		return int64(t.Day())
	case "weekday":
		return int64(t.Weekday())
	case "month":
		return int64(t.Month())
	case "year":
		return int64(t.Year())
	}
	return t.Unix()
}

func timeOf(a []any) any {
	switch x := a[0].(type) {
	case time.Time:
		return x
	case int64:
		switch a[1] {
		case "s":
			return time.Unix(x, 0).UTC()
		case "ms":
			return time.UnixMilli(x).UTC()
		}
	case string:
		for _, layout := range []string{time.RFC3339, "2006-01-02T15:04:05", "2006-01-02 15:04:05", "2006-01-02"} {
			if t, err := time.Parse(layout, x); err == nil {
				return t.Truncate(time.Microsecond).UTC()
			}
		}
	}
	return nil
}

func convertTo(name string, a any) any {
	switch x := a.(type) {
	case int64:
		return map[string]any{"int": x, "float": float64(x), "string": fmt.Sprint(x)}[name]
	case float64:
		text := strconv.FormatFloat(x, 'f', -1, 64)
		if m := math.Abs(x); m != 0 && (m < 1e-6 || m >= 1e21) {
			text = strconv.FormatFloat(x, 'e', -1, 64)
		}
		return map[string]any{"int": whole64(x), "float": x, "string": text}[name]
	case bool:
		i := int64(0)
		if x {
			i = 1
		}
		return map[string]any{"int": i, "float": float64(i), "string": fmt.Sprint(x)}[name]
	case time.Time:
		return x.Format(time.RFC3339Nano)
	case []byte:
		if !utf8.Valid(x) {
			return nil
		}
		return string(x)
	}
	s := a.(string)
	switch name {
	case "int":
		if i, err := strconv.ParseInt(s, 10, 64); err == nil {
			return i
		}
		return nil
	case "float":
		if f, err := strconv.ParseFloat(s, 64); err == nil {
			return f
		}
		return nil
	}
	return s
}

func hashOf(a any, n int64) any {
	var b []byte
	switch x := a.(type) {
	case string:
		b = []byte(x)
	case int64:
		b = binary.LittleEndian.AppendUint64(nil, uint64(x))
	case float64:
		if x == 0 {
			x = 0
		}
		b = binary.LittleEndian.AppendUint64(nil, math.Float64bits(x))
	case bool:
		b = []byte{0}
		if x {
			b[0] = 1
		}
	}
	return int64(xxh3.Hash(b) % uint64(n))
}

func applyText(name string, a []any) any {
	if name == "concat" {
		return fmt.Sprint(strings.Join(toStrings(a), ""))
	}
	if list, ok := a[0].([]any); ok {
		return int64(len(list))
	}
	s := a[0].(string)
	switch name {
	case "lower":
		return strings.ToLower(s)
	case "upper":
		return strings.ToUpper(s)
	case "trim":
		return strings.TrimSpace(s)
	case "len":
		return int64(len([]rune(s)))
	case "replace":
		if a[1] == "" {
			return s
		}
		return strings.ReplaceAll(s, a[1].(string), a[2].(string))
	case "substr":
		return substrOf([]rune(s), a[1:])
	case "split_part":
		parts := strings.Split(s, a[1].(string))
		k := a[2].(int64)
		if k < 0 {
			k += int64(len(parts))
		}
		if a[1] == "" || k < 0 || k >= int64(len(parts)) {
			return nil
		}
		return parts[k]
	}
	panic("no oracle for " + name)
}

func substrOf(r []rune, a []any) any {
	n := int64(len(r))
	from := a[0].(int64)
	if from < 0 {
		from = max(0, from+n)
	}
	from = min(from, n)
	to := n
	if len(a) == 2 {
		to = from + min(max(0, a[1].(int64)), n-from)
	}
	return string(r[from:to])
}

func toStrings(a []any) (out []string) {
	for _, x := range a {
		out = append(out, x.(string))
	}
	return out
}
