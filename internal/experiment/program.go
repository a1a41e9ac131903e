package experiment

import (
	"context"
	"fmt"
	"slices"
	"sync"

	"github.com/goccy/go-yaml"

	"github.com/sluice-stream/sluice/check"
	"github.com/sluice-stream/sluice/internal/config"
)

// Figures are what one run of one arm measured, by name. What an arm cannot measure is left out.
type Figures map[string]float64

// program is a registered Go program.
type program struct {
	prepare func(settings yaml.MapSlice) (func(context.Context, uint64) (Figures, error), error)
}

var (
	mu       sync.Mutex
	programs = map[string]program{}
)

// Register makes a Go program known; it is called from init. An arm's settings are read into a copy of defaults, a
// struct with `yaml` tags; run must depend on nothing but its arguments. Two programs of one name are a bug and
// panic.
func Register[C any](name string, defaults C, run func(ctx context.Context, seed uint64, arm C) (Figures, error)) {
	mu.Lock()
	defer mu.Unlock()
	if _, dup := programs[name]; dup {
		panic(fmt.Sprintf("experiment: program %q registered twice", name))
	}
	programs[name] = program{func(settings yaml.MapSlice) (func(context.Context, uint64) (Figures, error), error) {
		arm := defaults
		if len(settings) > 0 {
			text, err := yaml.Marshal(settings)
			if err != nil {
				return nil, err
			}
			if err := config.DecodeText(text, &arm); err != nil {
				return nil, err
			}
		}
		return func(ctx context.Context, seed uint64) (Figures, error) { return run(ctx, seed, arm) }, nil
	}}
}

func findProgram(name string) (program, error) {
	mu.Lock()
	defer mu.Unlock()
	p, ok := programs[name]
	if ok {
		return p, nil
	}
	var names []string
	for n := range programs {
		names = append(names, n)
	}
	slices.Sort(names)
	return program{}, check.OneOf("program", name, names...)
}
