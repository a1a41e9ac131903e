// Package check states what a settings struct accepts. A Validate method returns All(...) of its checks;
// the configuration reader turns each violation into file:line:column. It is public so that a plug-in in
// another module reports exactly as ours do.
package check

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"github.com/agnivade/levenshtein"
)

// Violation is one setting that is not acceptable.
type Violation struct {
	Key  string // dotted path below the settings that were checked, "" for the settings as a whole
	Want string // what is accepted, for example ">= 0"
	Got  string // what stands there; never a secret
	Hint string // suggestion, may be empty
}

func (v Violation) Error() string {
	var b strings.Builder
	if v.Key != "" {
		b.WriteString(v.Key + ": ")
	}
	b.WriteString("want " + v.Want)
	if v.Got != "" {
		b.WriteString(", got " + v.Got)
	}
	if v.Hint != "" {
		b.WriteString("; " + v.Hint)
	}
	return b.String()
}

// Violations is every violation of one settings struct; it is an error when it is not empty.
type Violations []Violation

func (vs Violations) Error() string {
	lines := make([]string, len(vs))
	for i, v := range vs {
		lines[i] = v.Error()
	}
	return strings.Join(lines, "\n")
}

// All collects the checks that failed; it returns nil when none did.
func All(checks ...error) error {
	var all Violations
	for _, err := range checks {
		all = append(all, Of(err)...)
	}
	if len(all) == 0 {
		return nil
	}
	return all
}

// Of returns err as violations: itself where it is one, else one violation that holds its text.
func Of(err error) Violations {
	switch e := err.(type) {
	case nil:
		return nil
	case Violations:
		return e
	case Violation:
		return Violations{e}
	default:
		return Violations{{Want: "valid settings", Got: e.Error()}}
	}
}

// Under prefixes the keys of err's violations with key.
func Under(key string, err error) error {
	var out Violations
	for _, v := range Of(err) {
		if v.Key == "" {
			v.Key = key
		} else {
			v.Key = key + "." + v.Key
		}
		out = append(out, v)
	}
	if len(out) == 0 {
		return nil
	}
	return out
}

// That fails with want and got unless ok.
func That(ok bool, key, want string, got any) error {
	if ok {
		return nil
	}
	return Violation{Key: key, Want: want, Got: fmt.Sprint(got)}
}

// Positive wants v > 0.
func Positive[N int | int64 | uint64 | float64](key string, v N) error {
	return That(v > 0, key, "> 0", v)
}

// NotNegative wants v >= 0.
func NotNegative[N int | int64 | float64](key string, v N) error {
	return That(v >= 0, key, ">= 0", v)
}

// AtLeast wants v >= low.
func AtLeast[N cmp.Ordered](key string, v, low N) error {
	return That(v >= low, key, fmt.Sprintf(">= %v", low), v)
}

// Between wants low <= v <= high.
func Between[N cmp.Ordered](key string, v, low, high N) error {
	return That(v >= low && v <= high, key, fmt.Sprintf("%v to %v", low, high), v)
}

// Required wants a string that is not empty.
func Required(key, v string) error {
	if v != "" {
		return nil
	}
	return Violation{Key: key, Want: "a value", Got: "nothing"}
}

// OneOf wants v to be one of names.
func OneOf(key, v string, names ...string) error {
	if slices.Contains(names, v) {
		return nil
	}
	return Violation{Key: key, Want: "one of " + strings.Join(names, ", "), Got: fmt.Sprintf("%q", v), Hint: DidYouMean(v, names)}
}

// DidYouMean returns `did you mean "x"?` for the name nearest to v, or "" when none is near.
func DidYouMean(v string, names []string) string {
	best, dist := "", min(3, len(v)/2) // nothing is near to a word that would change by half
	for _, n := range names {
		d := levenshtein.ComputeDistance(strings.ToLower(v), strings.ToLower(n))
		if d <= dist && (best == "" || d < dist) {
			best, dist = n, d
		}
	}
	if best == "" {
		for _, n := range names { // tjepa for t_jepa is near, and so is deep_fm for deepfm
			if strings.ReplaceAll(n, "_", "") == strings.ReplaceAll(v, "_", "") {
				best = n
			}
		}
	}
	if best == "" {
		return ""
	}
	return fmt.Sprintf("did you mean %q?", best)
}
