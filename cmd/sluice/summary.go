package main

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"slices"
	"strings"

	"github.com/apache/arrow/go/v17/arrow/memory"

	"github.com/sluice-stream/sluice/flow"
	"github.com/sluice-stream/sluice/internal/config"
	"github.com/sluice-stream/sluice/internal/neighbours"
	"github.com/sluice-stream/sluice/runtime"
)

var metricNames = []string{"auc", "logloss", "ne", "ece"}

// metricTable sets the model beside what it must beat.
func metricTable(r flow.Report) string {
	if r.Metrics == nil {
		return ""
	}
	var b strings.Builder
	fmt.Fprintf(&b, "  %-12s", "")
	for _, m := range metricNames {
		fmt.Fprintf(&b, "%9s", m)
	}
	b.WriteByte('\n')
	row := func(name string, m map[string]float64) {
		if m == nil {
			return
		}
		fmt.Fprintf(&b, "  %-12s", name)
		for _, k := range metricNames {
			if v, ok := m[k]; ok {
				fmt.Fprintf(&b, "%9.4f", v)
			} else {
				fmt.Fprintf(&b, "%9s", "-")
			}
		}
		b.WriteByte('\n')
	}
	row("model", r.Metrics)
	row("newest rows", r.Window)
	row("valid", r.Valid)
	row("prior", r.Baselines["prior"])
	row("last label", r.Baselines["last_label"])
	return b.String()
}

// summary is the end of a run: what was found, where the files are, what to try next.
func (c *console) summary(r *runtime.Result, file string) {
	if r.Finished {
		c.line("%s had finished already: %s rows; nothing to do. --fresh starts over", r.Pipeline, count(r.Rows))
	} else {
		c.line("%s: %s rows in %.1f s (%s rows/s), %s rejected", r.Pipeline, count(r.Rows), r.Seconds, count(int64(r.RowsPerS)), count(r.Rejected))
	}
	fmt.Fprint(c, metricTable(flow.Report{Metrics: r.Metrics, Window: r.Window, Valid: r.Valid, Baselines: r.Baselines}))
	if g := r.Gate; g != nil {
		c.line("gate: keeps %s of %s features (%s)", count(int64(g["kept"])), count(int64(g["features"])), percent(int64(g["kept"]), int64(g["features"])))
	}
	for _, n := range r.Notes {
		c.line("note: %s", n)
	}
	if r.StateHash != "" {
		c.line("state hash %s", r.StateHash)
	}
	c.files()
	c.next(file)
}

func (c *console) files() {
	for _, s := range c.p.Sinks {
		c.line("  %-12s %s", s.Name(), setting(s, "path"))
	}
	if path := setting(c.p.DeadLetter, "path"); path != "" {
		c.line("  %-12s %s", "rejected", path)
	}
	if c.p.Checkpoint != nil {
		c.line("  %-12s %s", "checkpoint", c.p.Checkpoint.Path)
	}
}

// next names two commands worth trying on what this run wrote.
func (c *console) next(file string) {
	var tries []string
	for _, s := range c.p.Sinks {
		path := setting(s, "path")
		if s.Name() != "embeddings" || path == "" {
			continue
		}
		if field, value, ok := frequent(path); ok {
			tries = append(tries, fmt.Sprintf("query %s --field %s --value %s --k 5", path, field, shellWord(value)))
		}
	}
	if len(c.p.Sinks) > 0 {
		tries = append(tries, "inspect "+setting(c.p.Sinks[0], "path"))
	}
	tries = append(tries, "create "+"DATA.parquet", "list operators", "run "+file+" --fresh")
	c.line("next:")
	for _, t := range tries[:2] {
		c.line("  %s %s", program(), t)
	}
}

// frequent returns the field with the most values and its most frequent one.
func frequent(path string) (field, value string, ok bool) {
	t, err := neighbours.Open(context.Background(), memory.DefaultAllocator, path)
	if err != nil {
		return "", "", false
	}
	return t.MostFrequent()
}

func shellWord(s string) string {
	if s != "" && !strings.ContainsFunc(s, func(r rune) bool {
		return !(r == '-' || r == '_' || r == '.' || r == '/' || r == ':' || r >= '0' && r <= '9' || r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z')
	}) {
		return s
	}
	return "'" + strings.ReplaceAll(s, "'", `'\''`) + "'"
}

// program is how the user called this program.
func program() string {
	if strings.Contains(os.Args[0], "go-build") {
		return "go run ./cmd/sluice"
	}
	return "sluice"
}

// setting returns a text setting of a component, "" where it has none of that name.
func setting[T any](c flow.Choice[T], key string) string {
	if c.IsZero() {
		return ""
	}
	b, err := config.Canonical(c.Settings())
	if err != nil {
		return ""
	}
	var m map[string]any
	if json.Unmarshal(b, &m) != nil || !slices.Contains(keys(m), key) {
		return ""
	}
	s, _ := m[key].(string)
	return s
}

func keys(m map[string]any) []string {
	var out []string
	for k := range m {
		out = append(out, k)
	}
	return out
}
