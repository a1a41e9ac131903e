package main

import (
	"fmt"
	"math"
	"regexp"
	"slices"
	"strings"

	"github.com/sluice-stream/sluice/check"
	"github.com/sluice-stream/sluice/flow"
)

// labelChoice is a column that can be predicted.
type labelChoice struct {
	of    *profile
	name  string    // the column to train on: of itself, or derived from it
	expr  string    // what derives it, "" when it is the column itself
	y     []float64 // of each row: 0, 1 or NaN
	rate  float64   // share of ones
	score int       // the likelier, the higher
}

// labelNames are what labels are called, the usual ones first.
var labelNames = []string{
	"label", "click", "clicked", "target", "y", "converted", "conversion", "purchased", "purchase", "bought", "churned", "churn",
	"canceled", "cancelled", "fraud", "default", "subscribed", "response", "outcome", "class",
}

// sureName is the score of the usual names.
const sureName = 190

// positives are texts that mean yes, with their no.
var positives = map[string]string{"yes": "no", "true": "false", "y": "n", "t": "f", "1": "0", "positive": "negative", "pos": "neg", ">50k": "<=50k", "good": "bad"}

// chooseLabel returns the label, and further columns that could be one. want is the user's choice, "" for none.
func (s *sample) chooseLabel(want string) (labelChoice, []labelChoice, error) {
	var all []labelChoice
	var names []string
	for _, p := range s.columns {
		names = append(names, p.name)
		c, ok := p.asLabel(s, p.name == want)
		if p.name == want {
			if !ok {
				return labelChoice{}, nil, flow.Configf("--label %s: want a column of two values such as 0 and 1, got %d values (%s)", want, len(p.seen), p.examples())
			}
			c.score = 1000
		}
		if ok {
			all = append(all, c)
		}
	}
	if want != "" && !slices.Contains(names, want) {
		return labelChoice{}, nil, flow.Classify(flow.ErrConfig, check.OneOf("--label", want, names...))
	}
	if len(all) == 0 {
		return labelChoice{}, nil, flow.Configf("no column looks like a label: want one of two values such as 0 and 1; name one with --label, columns are %s", strings.Join(names, ", "))
	}
	slices.SortStableFunc(all, func(a, b labelChoice) int { return b.score - a.score })
	return all[0], all[1:], nil
}

// asLabel describes p as a label. A text column is one only when it is asked for or says yes and no.
func (p *profile) asLabel(s *sample, asked bool) (labelChoice, bool) {
	c := labelChoice{of: p, name: p.name, score: nameScore(p.name)}
	switch {
	case p.binary():
		c.y = p.nums
	case p.kind == kindText && len(p.seen) == 2:
		yes, known := p.yes()
		if !known && !asked && c.score < sureName {
			return c, false
		}
		c.name = s.freeName(p.name + "_is_" + plainName(p.seen[yes], "value"))
		c.expr = fmt.Sprintf("%s == %q", columnExpr(p.name), p.seen[yes])
		for _, code := range p.codes {
			c.y = append(c.y, yesOf(code, int32(yes)))
		}
	default:
		return c, false
	}
	ones, known := 0.0, 0.0
	for _, y := range c.y {
		if y == y {
			ones, known = ones+y, known+1
		}
	}
	c.rate = ones / max(known, 1)
	if c.rate > 0.0005 && c.rate < 0.95 {
		c.score++ // a plausible rate
	}
	return c, true
}

// yes returns which of a text column's two values counts as 1: the one that says so, else the rarer.
func (p *profile) yes() (code int, known bool) {
	a, b := strings.ToLower(strings.TrimSpace(p.seen[0])), strings.ToLower(strings.TrimSpace(p.seen[1]))
	switch {
	case positives[a] == b:
		return 0, true
	case positives[b] == a:
		return 1, true
	}
	ones := 0
	for _, c := range p.codes {
		if c == 1 {
			ones++
		}
	}
	if 2*ones <= p.known() {
		return 1, false
	}
	return 0, false
}

func yesOf(code, yes int32) float64 {
	switch code {
	case yes:
		return 1
	case -1:
		return math.NaN() // the label is not known
	}
	return 0
}

// nameScore is high for names that labels have.
func nameScore(name string) int {
	name = strings.ToLower(name)
	if i := slices.Index(labelNames, name); i >= 0 {
		return 200 - i
	}
	bare := name
	for _, prefix := range []string{"is_", "has_", "was_"} {
		bare = strings.TrimPrefix(bare, prefix)
	}
	if i := slices.Index(labelNames, bare); i >= 0 {
		return 150 - i
	}
	for _, part := range []string{"label", "target", "click", "convert"} {
		if strings.Contains(name, part) {
			return 100
		}
	}
	if bare != name {
		return 50
	}
	return 0
}

// examples shows a few values of a column.
func (p *profile) examples() string {
	var out []string
	for _, v := range p.seen[:min(3, len(p.seen))] {
		if len(v) > 30 {
			v = v[:30] + "..."
		}
		out = append(out, fmt.Sprintf("%q", v))
	}
	if len(p.seen) > 3 {
		out = append(out, "...")
	}
	return strings.Join(out, ", ")
}

var notPlain = regexp.MustCompile(`[^A-Za-z0-9]+`)

// plainName makes a name of letters, digits and _ of any text, otherwise when nothing is left of it.
func plainName(text, otherwise string) string {
	if out := strings.Trim(notPlain.ReplaceAllString(text, "_"), "_"); out != "" {
		return out
	}
	return otherwise
}

// freeName returns name, numbered when a column has it already.
func (s *sample) freeName(name string) string {
	out := name
	for i := 2; slices.ContainsFunc(s.columns, func(p *profile) bool { return p.name == out }); i++ {
		out = fmt.Sprintf("%s_%d", name, i)
	}
	return out
}
