package experiment

import (
	"fmt"

	"github.com/expr-lang/expr"
	"github.com/expr-lang/expr/types"
	"github.com/expr-lang/expr/vm"
)

// condition is one falsifier: the claim fails when it is false.
type condition struct {
	text string
	prog *vm.Program
}

// compile checks text against the names of arms and figures.
func compile(text string, arms []arm, figures []figure) (condition, error) {
	known := types.Map{}
	for _, a := range arms {
		m := types.Map{}
		for _, f := range figures {
			m[f.name] = types.Float
		}
		known[a.name] = m
	}
	p, err := expr.Compile(text, expr.Env(known), expr.AsBool())
	return condition{text, p}, err
}

// environment is what a condition sees: the means of each arm.
func environment(arms []arm, figures []figure, mean func(arm, figure string) float64) map[string]any {
	env := map[string]any{}
	for _, a := range arms {
		m := map[string]float64{}
		for _, f := range figures {
			m[f.name] = mean(a.name, f.name)
		}
		env[a.name] = m
	}
	return env
}

// holds evaluates the condition. A figure that no seed measured is NaN, and a comparison with NaN is false.
func (c condition) holds(env map[string]any) (bool, error) {
	v, err := expr.Run(c.prog, env)
	if err != nil {
		return false, fmt.Errorf("falsifier %q: %w", c.text, err)
	}
	ok, isBool := v.(bool)
	if !isBool {
		return false, fmt.Errorf("falsifier %q: want true or false, got %v", c.text, v)
	}
	return ok, nil
}
