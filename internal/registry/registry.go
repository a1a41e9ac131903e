// Package registry is the mechanism by which plug-ins make themselves known: a Role is a kind of component
// (one Go interface), an Entry one component with its settings, defaults, documentation and constructor.
// flow and learn publish it; nothing else needs to know it.
package registry

import (
	"fmt"
	"reflect"
	"slices"
	"sync"
)

// Entry declares one plug-in: C is its settings struct, T the interface of its role.
// C's fields carry `yaml:"key"` and `doc:"what, unit, range"`; a Validate method on C checks them.
type Entry[C, T any] struct {
	Name    string             // snake_case, as written in YAML
	Summary string             // one sentence
	Source  string             // paper and equation, or the reference it follows; "" for plumbing
	Example string             // settings in YAML flow form that build, "{}" when the defaults do
	Default C                  // the value of every setting that is not given
	Build   func(C) (T, error) // checks what needs no input or output; opens nothing
}

// Info describes one entry for lists and documents.
type Info struct {
	Role, Name, Summary, Source, Example string
	Settings                             any // the default settings, a struct
}

// Role is a kind of component. Its entries implement T; there is one role for each T.
type Role[T any] struct {
	name, doc string
	entries   map[string]*item[T]
}

type item[T any] struct {
	info  Info
	fresh func() any           // pointer to a copy of the defaults
	build func(any) (T, error) // takes what fresh returned
}

type anyRole interface {
	about() (name, doc string)
	infos() []Info
}

var (
	mu    sync.Mutex
	roles = map[reflect.Type]anyRole{}
)

// NewRole makes the role for T. A second role for the same T is a bug and panics.
func NewRole[T any](name, doc string) *Role[T] {
	r := &Role[T]{name: name, doc: doc, entries: map[string]*item[T]{}}
	mu.Lock()
	defer mu.Unlock()
	key := reflect.TypeFor[T]()
	if _, dup := roles[key]; dup {
		panic("registry: second role for " + key.String())
	}
	roles[key] = r
	return r
}

// Register adds e to r; it is called from init. Two entries of one name are a bug and panic.
func Register[C, T any](r *Role[T], e Entry[C, T]) {
	mu.Lock()
	defer mu.Unlock()
	if _, dup := r.entries[e.Name]; dup || e.Name == "" {
		panic(fmt.Sprintf("registry: %s %q registered twice or without a name", r.name, e.Name))
	}
	r.entries[e.Name] = &item[T]{
		info:  Info{Role: r.name, Name: e.Name, Summary: e.Summary, Source: e.Source, Example: e.Example, Settings: e.Default},
		fresh: func() any { c := e.Default; return &c },
		build: func(c any) (T, error) { return e.Build(*c.(*C)) },
	}
}

// Roles returns the name and the description of every role, sorted by name.
func Roles() [][2]string {
	mu.Lock()
	defer mu.Unlock()
	var out [][2]string
	for _, r := range roles {
		n, d := r.about()
		out = append(out, [2]string{n, d})
	}
	slices.SortFunc(out, func(a, b [2]string) int { return cmpString(a[0], b[0]) })
	return out
}

// Entries returns the entries of the named role, sorted by name.
func Entries(role string) []Info {
	mu.Lock()
	defer mu.Unlock()
	for _, r := range roles {
		if n, _ := r.about(); n == role {
			return r.infos()
		}
	}
	return nil
}

func (r *Role[T]) about() (string, string) { return r.name, r.doc }

func (r *Role[T]) infos() []Info {
	out := make([]Info, 0, len(r.entries))
	for _, it := range r.entries {
		out = append(out, it.info)
	}
	slices.SortFunc(out, func(a, b Info) int { return cmpString(a.Name, b.Name) })
	return out
}

func (r *Role[T]) names() []string {
	var out []string
	for n := range r.entries {
		out = append(out, n)
	}
	slices.Sort(out)
	return out
}

func cmpString(a, b string) int {
	switch {
	case a < b:
		return -1
	case a > b:
		return 1
	}
	return 0
}
