package expr

import (
	"fmt"
	"strings"

	"github.com/sluice-stream/sluice/check"
)

// Error is one fault of an expression.
type Error struct {
	Pos  int    // character of the expression at which it stands, from 1
	Want string // what is accepted there
	Got  string // what stands there
	Hint string // suggestion, may be empty
}

func (e Error) Error() string {
	s := fmt.Sprintf("at character %d: want %s, got %s", e.Pos, e.Want, e.Got)
	if e.Hint != "" {
		s += "; " + e.Hint
	}
	return s
}

// Errors is every fault that was found in one expression, in order of position.
type Errors []Error

func (es Errors) Error() string {
	lines := make([]string, len(es))
	for i, e := range es {
		lines[i] = e.Error()
	}
	return strings.Join(lines, "\n")
}

// Violations returns err, an error of Parse or Compile, as violations of the setting key.
func Violations(key string, err error) error {
	es, ok := err.(Errors)
	if !ok {
		return check.Under(key, err)
	}
	out := make(check.Violations, len(es))
	for i, e := range es {
		out[i] = check.Violation{Key: key, Want: e.Want, Got: fmt.Sprintf("%s at character %d", e.Got, e.Pos), Hint: e.Hint}
	}
	return out
}
