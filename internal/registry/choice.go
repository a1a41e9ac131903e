package registry

import (
	"fmt"
	"reflect"

	"github.com/sluice-stream/sluice/check"
)

// Choice is a setting that names one component of a role: {name: settings} in YAML, or the bare name for the
// defaults. The zero Choice is "none given".
type Choice[T any] struct {
	name   string
	cfg    any
	build  func(any) (T, error)
	locate func(key string) string
}

// AnyChoice is what the configuration reader needs of a *Choice[T].
type AnyChoice interface {
	RoleName() string
	Names() []string
	Select(name string) (settings any, ok bool)
	SetLocator(func(key string) string)
}

func roleOf[T any]() *Role[T] {
	mu.Lock()
	defer mu.Unlock()
	r, ok := roles[reflect.TypeFor[T]()].(*Role[T])
	if !ok {
		panic("registry: no role for " + reflect.TypeFor[T]().String())
	}
	return r
}

// Pick chooses the entry called name with its default settings; it panics when there is none (a bug).
// Its use is a default in Go: Optimizer: registry.Pick[learn.Optimizer]("adam").
func Pick[T any](name string) Choice[T] {
	var c Choice[T]
	if _, ok := c.Select(name); !ok {
		panic(fmt.Sprintf("registry: no %s called %q", c.RoleName(), name))
	}
	return c
}

// RoleName returns the name of the role that is chosen from.
func (c *Choice[T]) RoleName() string { return roleOf[T]().name }

// Names returns the names that can be chosen, sorted.
func (c *Choice[T]) Names() []string { return roleOf[T]().names() }

// Select chooses name and returns a pointer to its settings, set to the defaults, to be filled in.
func (c *Choice[T]) Select(name string) (any, bool) {
	r := roleOf[T]()
	mu.Lock()
	it, ok := r.entries[name]
	mu.Unlock()
	if !ok {
		return nil, false
	}
	c.name, c.cfg, c.build = name, it.fresh(), it.build
	return c.cfg, true
}

// SetLocator tells where in its file a key of the settings stands.
func (c *Choice[T]) SetLocator(f func(key string) string) { c.locate = f }

// Name returns the chosen name, "" for none.
func (c Choice[T]) Name() string { return c.name }

// IsZero says that nothing was chosen.
func (c Choice[T]) IsZero() bool { return c.name == "" }

// Settings returns a pointer to the settings struct, nil for none.
func (c Choice[T]) Settings() any { return c.cfg }

// Locate writes err's violations as file:line:column: path: text where the choice was read from a file.
func (c Choice[T]) Locate(err error) error {
	if err == nil || c.locate == nil {
		return err
	}
	vs, ok := err.(check.Violations)
	if !ok {
		v, one := err.(check.Violation)
		if !one {
			return fmt.Errorf("%s: %w", c.locate(""), err)
		}
		vs = check.Violations{v}
	}
	out := make(check.Violations, len(vs))
	for i, v := range vs {
		v.Key = c.locate(v.Key)
		out[i] = v
	}
	return out
}

// Build makes the component. Its errors carry the place in the file.
func (c Choice[T]) Build() (T, error) {
	t, err := c.build(c.cfg)
	return t, c.Locate(err)
}

// Make builds the entry called name with its default settings.
func Make[T any](name string) (T, error) {
	var c Choice[T]
	if _, ok := c.Select(name); !ok {
		var none T
		return none, fmt.Errorf("no %s called %q is part of this program", c.RoleName(), name)
	}
	return c.Build()
}
