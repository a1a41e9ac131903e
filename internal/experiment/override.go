package experiment

import (
	"fmt"
	"regexp"
	"strconv"
	"strings"

	"github.com/goccy/go-yaml"

	"github.com/sluice-stream/sluice/check"
)

// override returns the pipeline text with the settings of an arm in place: keys are dotted paths such as
// operators[1].train.gate, values replace what stands there, null removes it. The seed is set; sinks, dead
// letters and checkpoints are left out, so that runs do not meet.
func override(text []byte, settings yaml.MapSlice, seed uint64) ([]byte, error) {
	hidden, vars := hideVars(string(text))
	var doc yaml.MapSlice
	if err := yaml.UnmarshalWithOptions([]byte(hidden), &doc, yaml.UseOrderedMap()); err != nil {
		return nil, err
	}
	var errs []error
	var root any = doc
	for _, it := range settings {
		path := fmt.Sprint(it.Key)
		next, err := put(root, steps(path), it.Value)
		if err != nil {
			errs = append(errs, check.Under(path, err))
			continue
		}
		root = next
	}
	if err := check.All(errs...); err != nil {
		return nil, err
	}
	out, err := yaml.Marshal(alone(root, seed))
	return []byte(showVars(string(out), vars)), err
}

// alone sets the seed and takes out what would write.
func alone(root any, seed uint64) yaml.MapSlice {
	out := yaml.MapSlice{}
	m, _ := root.(yaml.MapSlice) // the text of a pipeline is a map, else its reader complains
	for _, it := range m {
		switch it.Key {
		case "seed", "sinks", "dead_letter", "checkpoint":
		default:
			out = append(out, it)
		}
	}
	return append(out, yaml.MapItem{Key: "seed", Value: seed})
}

// A step is a key of a map, or a position of a list.
type step struct {
	key   string
	index int // -1: a key
}

var stepPattern = regexp.MustCompile(`\[(\d+)\]|([^.\[\]]+)`)

func steps(path string) []step {
	var out []step
	for _, m := range stepPattern.FindAllStringSubmatch(path, -1) {
		if m[2] != "" {
			out = append(out, step{m[2], -1})
			continue
		}
		i, err := strconv.Atoi(m[1])
		if err != nil {
			i = int(^uint(0) >> 1) // outside any list
		}
		out = append(out, step{"", i})
	}
	return out
}

// put returns node with value at path. A map gains keys that it lacks; a list does not grow.
func put(node any, path []step, value any) (any, error) {
	if len(path) == 0 {
		return value, nil
	}
	at := path[0]
	if at.index >= 0 {
		list, ok := node.([]any)
		if !ok || at.index >= len(list) {
			return nil, check.Violation{Want: fmt.Sprintf("a list with position %d", at.index), Got: kindOf(node)}
		}
		next, err := put(list[at.index], path[1:], value)
		if err != nil {
			return nil, err
		}
		out := append([]any(nil), list...)
		out[at.index] = next
		return out, nil
	}
	m, ok := node.(yaml.MapSlice)
	if !ok && node != nil {
		return nil, check.Violation{Want: fmt.Sprintf("a map to hold %q", at.key), Got: kindOf(node)}
	}
	return putKey(m, at.key, path[1:], value)
}

func putKey(m yaml.MapSlice, key string, rest []step, value any) (any, error) {
	out := yaml.MapSlice{}
	found := false
	for _, it := range m {
		if fmt.Sprint(it.Key) != key {
			out = append(out, it)
			continue
		}
		found = true
		next, err := put(it.Value, rest, value)
		if err != nil {
			return nil, err
		}
		if next != nil {
			out = append(out, yaml.MapItem{Key: it.Key, Value: next})
		}
	}
	switch {
	case found:
		return out, nil
	case value == nil:
		return nil, check.Violation{Want: "a key that can be taken out", Got: "none called " + key}
	}
	next, err := put(nil, rest, value)
	return append(out, yaml.MapItem{Key: key, Value: next}), err
}

func kindOf(node any) string {
	switch n := node.(type) {
	case nil:
		return "nothing"
	case yaml.MapSlice:
		return "a map"
	case []any:
		return fmt.Sprintf("a list of %d", len(n))
	}
	return fmt.Sprint(node)
}

// Variables ${NAME:-default} are hidden from the YAML reader, which would take their braces for a map, and put back
// as they were: the pipeline reader resolves them.
var varPattern = regexp.MustCompile(`\$\{[^}]*\}`)

func hideVars(text string) (string, []string) {
	var vars []string
	out := varPattern.ReplaceAllStringFunc(text, func(v string) string {
		vars = append(vars, v)
		return fmt.Sprintf("hidden_variable_%d_", len(vars)-1)
	})
	return out, vars
}

func showVars(text string, vars []string) string {
	for i := range vars {
		text = strings.ReplaceAll(text, fmt.Sprintf("hidden_variable_%d_", i), vars[i])
	}
	return text
}
