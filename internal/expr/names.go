package expr

import (
	"fmt"
	"strings"

	"github.com/apache/arrow/go/v17/arrow"
	"github.com/expr-lang/expr/ast"

	"github.com/sluice-stream/sluice/check"
)

// member resolves a.b and a["b"]: to the column "a.b", or to the member b of the struct column a.
func (c *compiler) member(n *ast.MemberNode) value {
	name, ok := dotted(n)
	if !ok {
		return c.fail(n, "a column or a member of a struct column", "an index", `write col("name") for a column`)
	}
	return c.column(name, n)
}

// dotted writes a chain of members as one name.
func dotted(node ast.Node) (string, bool) {
	switch n := node.(type) {
	case *ast.IdentifierNode:
		return n.Value, true
	case *ast.ChainNode:
		return dotted(n.Node)
	case *ast.MemberNode:
		name, ok := dotted(n.Node)
		prop, isName := n.Property.(*ast.StringNode)
		if !ok || !isName {
			return "", false
		}
		return name + "." + prop.Value, true
	}
	return "", false
}

// column returns the column called name.
func (c *compiler) column(name string, n ast.Node) value {
	if col, ok := c.columns[name]; ok {
		return value{typ: col.typ, v: col.v, col: col, at: n}
	}
	col, err := c.find(name, n)
	if err != nil {
		return *err
	}
	col.typ = typeOf(col.field.Type)
	col.v = &vec{}
	if !col.inPlace() {
		col.v = newVec(col.typ.kind)
	}
	c.columns[name] = col
	c.program.columns = append(c.program.columns, col)
	return value{typ: col.typ, v: col.v, col: col, at: n}
}

// find looks for the longest beginning of name that is a column, and for the rest among its members.
func (c *compiler) find(name string, n ast.Node) (*column, *value) {
	for end := len(name); end > 0; end = strings.LastIndexByte(name[:end], '.') {
		at := c.schema.FieldIndices(name[:end])
		if len(at) > 1 {
			v := c.fail(n, "a column name that stands once", fmt.Sprintf("%q, which stands %d times", name[:end], len(at)), "rename one of them first")
			return nil, &v
		}
		if len(at) == 0 {
			continue
		}
		col := &column{index: at[0], name: name, field: c.schema.Field(at[0])}
		if end < len(name) && !col.descend(strings.Split(name[end+1:], ".")) {
			continue
		}
		return col, nil
	}
	v := c.fail(n, "a column", fmt.Sprintf("%q", name), c.suggest(name))
	return nil, &v
}

// descend follows the names of members into a struct column.
func (c *column) descend(members []string) bool {
	for _, m := range members {
		s, ok := c.field.Type.(*arrow.StructType)
		if !ok {
			return false
		}
		k, ok := s.FieldIdx(m)
		if !ok {
			return false
		}
		c.path = append(c.path, k)
		c.field = s.Field(k)
	}
	return true
}

// suggest names the column that was meant, or else what there is.
func (c *compiler) suggest(name string) string {
	names := make([]string, 0, c.schema.NumFields())
	for _, f := range c.schema.Fields() {
		names = append(names, f.Name)
		if s, ok := f.Type.(*arrow.StructType); ok {
			for _, m := range s.Fields() {
				names = append(names, f.Name+"."+m.Name)
			}
		}
	}
	if hint := check.DidYouMean(name, names); hint != "" {
		return hint
	}
	if len(names) == 0 {
		return ""
	}
	if len(names) > 12 {
		names = append(names[:12:12], "...")
	}
	return "columns: " + strings.Join(names, ", ")
}
