package expr

import (
	"fmt"
	"math"
	"math/big"
	"regexp"
	"strings"
	"time"

	"github.com/apache/arrow/go/v17/arrow"
	"github.com/apache/arrow/go/v17/arrow/array"
	"github.com/expr-lang/expr/ast"
)

// oracle evaluates one row of an expression by walking its tree: slow, plain, and without any code of the package.
// A value is nil, float64, int64, bool, string, time.Time or []byte.
type oracle struct {
	rec arrow.Record
	row int
}

func cell(arr arrow.Array, i int) any {
	if arr.IsNull(i) {
		return nil
	}
	switch a := arr.(type) {
	case *array.Float64:
		return a.Value(i)
	case *array.Float32:
		return float64(a.Value(i))
	case *array.Int64:
		return a.Value(i)
	case *array.Int32:
		return int64(a.Value(i))
	case *array.Int16:
		return int64(a.Value(i))
	case *array.Uint64:
		if a.Value(i) > math.MaxInt64 {
			return nil
		}
		return int64(a.Value(i))
	case *array.Boolean:
		return a.Value(i)
	case *array.String:
		return a.Value(i)
	case *array.LargeString:
		return a.Value(i)
	case *array.Dictionary:
		return cell(a.Dictionary(), a.GetValueIndex(i))
	case *array.Timestamp:
		unit := a.DataType().(*arrow.TimestampType).Unit
		return a.Value(i).ToTime(unit).UTC()
	case *array.Date32:
		return a.Value(i).ToTime().UTC()
	case *array.Binary:
		return a.Value(i)
	case *array.List:
		from, to := a.ValueOffsets(i)
		return make([]any, to-from)
	case *array.Null:
		return nil
	}
	panic(fmt.Sprintf("no cell of %T", arr))
}

func (o oracle) column(name string) any {
	if k := o.rec.Schema().FieldIndices(name); len(k) == 1 {
		return cell(o.rec.Column(k[0]), o.row)
	}
	outer, member, _ := strings.Cut(name, ".")
	st := o.rec.Column(o.rec.Schema().FieldIndices(outer)[0]).(*array.Struct)
	k, _ := st.DataType().(*arrow.StructType).FieldIdx(member)
	if st.IsNull(o.row) {
		return nil
	}
	return cell(st.Field(k), o.row)
}

func (o oracle) eval(node ast.Node) any {
	switch n := node.(type) {
	case *ast.NilNode:
		return nil
	case *ast.IntegerNode:
		return int64(n.Value)
	case *ast.FloatNode:
		return n.Value
	case *ast.BoolNode:
		return n.Value
	case *ast.StringNode:
		return n.Value
	case *ast.IdentifierNode:
		return o.column(n.Value)
	case *ast.MemberNode:
		return o.column(n.Node.(*ast.IdentifierNode).Value + "." + n.Property.(*ast.StringNode).Value)
	case *ast.UnaryNode:
		return o.unary(n.Operator, o.eval(n.Node))
	case *ast.BinaryNode:
		return o.binary(n)
	case *ast.ConditionalNode:
		a, b := o.eval(n.Exp1), o.eval(n.Exp2)
		if o.eval(n.Cond) == true {
			return a
		}
		return b
	case *ast.BuiltinNode:
		return o.call(n.Name, n.Arguments)
	case *ast.CallNode:
		return o.call(n.Callee.(*ast.IdentifierNode).Value, n.Arguments)
	}
	panic(fmt.Sprintf("no oracle for %T", node))
}

func (o oracle) unary(op string, a any) any {
	switch x := a.(type) {
	case bool:
		return !x
	case int64:
		if op == "+" {
			return x
		}
		return exact(new(big.Int).Neg(big.NewInt(x)))
	case float64:
		if op == "+" {
			return x
		}
		return -x
	}
	return nil
}

// exact is nil for what an int64 cannot hold.
func exact(x *big.Int) any {
	if x.IsInt64() {
		return x.Int64()
	}
	return nil
}

func number(a any) float64 {
	if x, ok := a.(int64); ok {
		return float64(x)
	}
	return a.(float64)
}

func (o oracle) binary(n *ast.BinaryNode) any {
	if n.Operator == "in" {
		return o.in(n)
	}
	a, b := o.eval(n.Left), o.eval(n.Right)
	switch n.Operator {
	case "and", "&&":
		if a == false || b == false {
			return false
		}
		if a == nil || b == nil {
			return nil
		}
		return true
	case "or", "||":
		if a == true || b == true {
			return true
		}
		if a == nil || b == nil {
			return nil
		}
		return false
	case "??":
		if a == nil {
			return b
		}
		return a
	}
	if a == nil || b == nil {
		return nil
	}
	switch n.Operator {
	case "==", "!=", "<", "<=", ">", ">=":
		return comparedAs(n.Operator, a, b)
	case "contains":
		return strings.Contains(a.(string), b.(string))
	case "startsWith":
		return strings.HasPrefix(a.(string), b.(string))
	case "endsWith":
		return strings.HasSuffix(a.(string), b.(string))
	case "matches":
		return regexp.MustCompile(b.(string)).MatchString(a.(string))
	}
	return arithmetic(n.Operator, a, b)
}

func comparedAs(op string, a, b any) bool {
	less, same := false, false
	switch x := a.(type) {
	case bool:
		same = x == b.(bool)
	case string:
		less, same = x < b.(string), x == b.(string)
	case time.Time:
		less, same = x.Before(b.(time.Time)), x.Equal(b.(time.Time))
	default:
		if i, ok := a.(int64); ok {
			if j, ok := b.(int64); ok {
				less, same = i < j, i == j
				break
			}
		}
		f, g := number(a), number(b)
		if f != f || g != g {
			return op == "!="
		}
		less, same = f < g, f == g
	}
	return map[string]bool{"==": same, "!=": !same, "<": less, "<=": less || same, ">": !less && !same, ">=": !less}[op]
}

func arithmetic(op string, a, b any) any {
	if s, ok := a.(string); ok {
		return s + b.(string)
	}
	if t, ok := a.(time.Time); ok {
		d := new(big.Float).SetInt(new(big.Int).Sub(nanos(t), nanos(b.(time.Time))))
		f, _ := d.Quo(d, big.NewFloat(1e9)).Float64()
		return f
	}
	x, isInt := a.(int64)
	y, alsoInt := b.(int64)
	if isInt && alsoInt && op != "**" {
		p, q := big.NewInt(x), big.NewInt(y)
		switch op {
		case "+":
			return exact(p.Add(p, q))
		case "-":
			return exact(p.Sub(p, q))
		case "*":
			return exact(p.Mul(p, q))
		}
		if y == 0 {
			return nil
		}
		if op == "%" {
			return exact(p.Rem(p, q))
		}
		return float64(x) / float64(y)
	}
	f, g := number(a), number(b)
	switch op {
	case "+":
		return f + g
	case "-":
		return f - g
	case "*":
		return f * g
	case "/":
		return f / g
	case "%":
		return math.Mod(f, g)
	}
	return math.Pow(f, g)
}

func nanos(t time.Time) *big.Int {
	s := big.NewInt(t.Unix())
	s.Mul(s, big.NewInt(1e9))
	return s.Add(s, big.NewInt(int64(t.Nanosecond())))
}

func (o oracle) in(n *ast.BinaryNode) any {
	a := o.eval(n.Left)
	if a == nil {
		return nil
	}
	for _, item := range n.Right.(*ast.ArrayNode).Nodes {
		if comparedAs("==", a, o.eval(item)) {
			return true
		}
	}
	return false
}
