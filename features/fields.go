package features

import (
	"fmt"

	"github.com/sluice-stream/sluice/check"
	"github.com/sluice-stream/sluice/internal/registry"
	"github.com/sluice-stream/sluice/learn"
)

// FieldsConfig says which columns are fields and how each becomes categories. Fields stand in the order of the
// file: categorical first, then numeric, then hashed.
//
// In every field null is a value of its own, and so are NaN, +Inf and -Inf. A list column may hold any number of
// values a row; an empty list is none, and adds nothing.
type FieldsConfig struct {
	Categorical []string                                         `yaml:"categorical" doc:"columns whose exact values are categories: text, bool, integers, floats, dates, timestamps, and lists of them"`
	Numeric     registry.Ordered[learn.Choice[learn.Bucketizer]] `yaml:"numeric" doc:"columns of numbers with what turns each into categories, such as {price: log2floor}"`
	Hashed      registry.Ordered[int]                            `yaml:"hashed" doc:"columns whose values share that many categories by hash, such as {url: 100000}; for values without end"`
	MinCount    int                                              `yaml:"min_count" doc:"a value counts as unknown until it has been seen so often, this time included; >= 1; in batch mode it is counted on the training rows, and epochs.min_count counts too"`
	Pool        string                                           `yaml:"pool" doc:"how the values of a list become one: sum or mean"`
}

// DefaultFields is every setting that has a default.
func DefaultFields() FieldsConfig { return FieldsConfig{MinCount: 1, Pool: "sum"} }

// Validate reports settings that no schema could meet.
func (c FieldsConfig) Validate() error {
	checks := []error{check.AtLeast("min_count", c.MinCount, 1), check.OneOf("pool", c.Pool, "sum", "mean")}
	if len(c.Categorical)+len(c.Numeric)+len(c.Hashed) == 0 {
		checks = append(checks, check.Violation{Want: "at least one field", Got: "none", Hint: "name columns under categorical, numeric or hashed"})
	}
	seen := map[string]bool{}
	for _, f := range c.list() {
		if seen[f.name] || f.name == "" {
			checks = append(checks, check.Violation{Key: f.key, Want: "each column once", Got: fmt.Sprintf("%q again", f.name),
				Hint: "copy the column under another name (derive) to use it twice"})
		}
		seen[f.name] = true
	}
	for _, p := range c.Numeric {
		checks = append(checks, check.That(!p.Value.IsZero(), "numeric."+p.Key, "a bucketizer such as log2floor", "nothing"))
	}
	for _, p := range c.Hashed {
		checks = append(checks, check.Between("hashed."+p.Key, p.Value, 1, 1<<30))
	}
	return check.All(checks...)
}

// fieldSpec is one field of the settings.
type fieldSpec struct {
	name   string
	key    string // where it stands in the settings
	bucket *learn.Choice[learn.Bucketizer]
	hash   int
}

func (c FieldsConfig) list() []fieldSpec {
	var out []fieldSpec
	for i, name := range c.Categorical {
		out = append(out, fieldSpec{name: name, key: fmt.Sprintf("categorical[%d]", i)})
	}
	for i, p := range c.Numeric {
		out = append(out, fieldSpec{name: p.Key, key: "numeric." + p.Key, bucket: &c.Numeric[i].Value})
	}
	for _, p := range c.Hashed {
		out = append(out, fieldSpec{name: p.Key, key: "hashed." + p.Key, hash: p.Value})
	}
	return out
}

// Columns returns the names of the columns, in the order of the fields.
func (c FieldsConfig) Columns() []string {
	var out []string
	for _, f := range c.list() {
		out = append(out, f.name)
	}
	return out
}
