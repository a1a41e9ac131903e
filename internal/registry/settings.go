package registry

import (
	"fmt"
	"os"
	"strings"
)

// Pair is one key of an Ordered map.
type Pair[V any] struct {
	Key   string
	Value V
}

// Ordered is a YAML map whose order matters.
type Ordered[V any] []Pair[V]

// Keys returns the keys in file order.
func (o Ordered[V]) Keys() []string {
	out := make([]string, len(o))
	for i, p := range o {
		out[i] = p.Key
	}
	return out
}

// Append adds a pair; the configuration reader calls it in file order.
func (o *Ordered[V]) Append(key string, value V) { *o = append(*o, Pair[V]{key, value}) }

// Secret is a setting that is never printed. In a file it stands as ${NAME} or file:/path, never as itself.
type Secret string

// String hides the secret.
func (s Secret) String() string {
	if s == "" {
		return ""
	}
	return "(secret)"
}

// GoString hides the secret from %#v.
func (s Secret) GoString() string { return s.String() }

// MarshalText hides the secret from JSON.
func (s Secret) MarshalText() ([]byte, error) { return []byte(s.String()), nil }

// Reveal returns the secret itself, read from its file where it is given as file:/path.
func (s Secret) Reveal() (string, error) {
	path, ok := strings.CutPrefix(string(s), "file:")
	if !ok {
		return string(s), nil
	}
	b, err := os.ReadFile(path)
	if err != nil {
		return "", fmt.Errorf("secret: %w", err)
	}
	return strings.TrimRight(string(b), "\r\n"), nil
}
