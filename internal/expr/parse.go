package expr

import (
	"errors"
	"fmt"
	"strings"

	"github.com/apache/arrow/go/v17/arrow"
	"github.com/expr-lang/expr/ast"
	"github.com/expr-lang/expr/file"
	"github.com/expr-lang/expr/parser"
)

// maxSource bounds the depth of the parser's recursion.
const maxSource = 1 << 16

// Expr is an expression whose syntax is right.
type Expr struct{ node ast.Node }

// Parse reads an expression. Its error is of type Errors.
func Parse(source string) (x *Expr, err error) {
	if strings.TrimSpace(source) == "" {
		return nil, Errors{{Pos: 1, Want: "an expression", Got: "nothing"}}
	}
	if len(source) > maxSource {
		return nil, Errors{{Pos: maxSource, Want: fmt.Sprintf("at most %d bytes", maxSource), Got: fmt.Sprint(len(source))}}
	}
	defer func() { // the parser is not ours
		if r := recover(); r != nil {
			err = Errors{{Pos: 1, Want: "an expression", Got: fmt.Sprintf("what the parser fails on (%v)", r)}}
		}
	}()
	tree, err := parser.Parse(source)
	if err == nil {
		return &Expr{tree.Node}, nil
	}
	e := Error{Pos: 1, Want: "an expression", Got: err.Error()}
	if at := (*file.Error)(nil); errors.As(err, &at) {
		e.Pos, e.Got = at.From+1, at.Message
	}
	return nil, Errors{e}
}

// Compile parses source and compiles it for schema.
func Compile(source string, schema *arrow.Schema) (*Program, error) {
	x, err := Parse(source)
	if err != nil {
		return nil, err
	}
	return x.Compile(schema)
}
