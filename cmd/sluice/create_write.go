package main

import (
	"encoding/json"
	"fmt"
	"regexp"
	"slices"
	"strings"
)

// written is what the pipeline file says besides the proposal.
type written struct {
	data    string // as the user named it
	name    string // of the pipeline
	source  string // settings in flow form
	note    string // comment at the source, "" for none
	rows    int    // of the sample
	columns int
}

var (
	plainYAML = regexp.MustCompile(`^[A-Za-z_][A-Za-z0-9_]*$`)
	plainExpr = regexp.MustCompile(`^[A-Za-z_][A-Za-z0-9_()]*$`)
	yamlWords = []string{"true", "false", "null", "yes", "no", "on", "off", "y", "n"}
)

// quoted writes s so that YAML reads exactly s, in block and in flow form.
func quoted(s string) string {
	if plainYAML.MatchString(s) && !slices.Contains(yamlWords, strings.ToLower(s)) {
		return s
	}
	var b strings.Builder
	enc := json.NewEncoder(&b) // a JSON string is a YAML string
	enc.SetEscapeHTML(false)
	if err := enc.Encode(s); err != nil {
		return fmt.Sprintf("%q", s)
	}
	return strings.TrimSpace(b.String())
}

// yaml writes the pipeline with the reasons as comments.
func (pl *proposal) yaml(w written) string {
	var b strings.Builder
	line := func(format string, a ...any) { fmt.Fprintf(&b, format+"\n", a...) }
	line("# Proposed by sluice create from the first %d rows and %d columns of %s.", w.rows, w.columns, oneLine(w.data))
	line("# Check the label and the fields, then: sluice lint FILE, sluice run FILE")
	line("name: %s", quoted(w.name))
	line("seed: 1")
	line("source:")
	if w.note != "" {
		line("  # %s", w.note)
	}
	line("  %s", w.source)
	pl.operators(line)
	line("sinks:")
	line("  - parquet: {path: out/%s/scored}        # every row with its score", w.name)
	line("  - embeddings: {path: out/%s/embeddings} # what was learned of each value", w.name)
	line("dead_letter: {parquet: {path: out/%s/rejected}}", w.name)
	line("checkpoint: {path: out/%s/checkpoint, every: {rows: 100000}}", w.name)
	pl.footer(line)
	return b.String()
}

func quotedExpr(s string) string {
	if plainExpr.MatchString(s) {
		return s
	}
	return quoted(s)
}

func comment(why string) string {
	if why == "" {
		return ""
	}
	return "  # " + oneLine(why)
}

func oneLine(s string) string { return strings.Join(strings.Fields(s), " ") }

func (pl *proposal) operators(line func(string, ...any)) {
	line("operators:")
	if len(pl.derive) > 0 {
		line("  - derive:")
		for _, d := range pl.derive {
			line("      %s: %s%s", quoted(d.name), quotedExpr(d.value), comment(d.why))
		}
	}
	pl.train(line)
}

func (pl *proposal) train(line func(string, ...any)) {
	line("  - train:")
	line("      # %.1f %% of the sampled rows are 1.%s", 100*pl.label.rate, pl.alternatives())
	line("      label: %s", quoted(pl.label.name))
	line("      fields:")
	if len(pl.categorical) > 0 {
		line("        categorical:")
		for _, c := range pl.categorical {
			line("          - %s%s", quoted(c.name), comment(c.why))
		}
	}
	if len(pl.numeric) > 0 {
		line("        numeric:")
		for _, n := range pl.numeric {
			line("          %s: %s%s", quoted(n.name), n.value, comment(n.why))
		}
	}
	line("      model: {deepfm: {dim: 16, mlp: [128, 64]}}  # others: sluice list models")
	line("      # gate: {optfs: {lambda: 1e-4}}             # drops values that do not help: sluice list gates optfs")
	line("      optimizer: {adam: {lr: 1e-3}}")
	line("      batch: 512")
}

func (pl *proposal) alternatives() string {
	if len(pl.others) == 0 {
		return " No other column could be the label."
	}
	var out []string
	for _, o := range pl.others[:min(len(pl.others), 8)] {
		out = append(out, fmt.Sprintf("%s (%.1f %%)", oneLine(o.of.name), 100*o.rate))
	}
	return " Other columns that could be it: " + strings.Join(out, ", ") + "."
}

// footer tells what was left out and why.
func (pl *proposal) footer(line func(string, ...any)) {
	if len(pl.leaks) > 0 {
		line("#")
		line("# Warning, likely leaks: each of these predicts the label by itself, so it was probably written after the outcome.")
		line("# Put it under fields only if its value is known when a prediction is made.")
		for _, l := range pl.leaks {
			line("#   %s: %s", oneLine(l.name), oneLine(l.why))
		}
	}
	if len(pl.left) > 0 {
		line("#")
		line("# Left out:")
		for _, l := range pl.left {
			line("#   %s %s", oneLine(l.name), oneLine(l.why))
		}
	}
}
