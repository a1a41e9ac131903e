package main

import (
	"fmt"
	"math"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/sluice-stream/sluice/flow"
)

// proposal is a pipeline for some data.
type proposal struct {
	label       labelChoice
	others      []labelChoice
	derive      []proposed // name: expression
	categorical []proposed
	numeric     []proposed // name: bucketizer
	left        []proposed // left out, with the reason
	leaks       []proposed // would be fields, but know too much
	time        string     // the column whose parts are fields, "" for none yet
}

// proposed is one line of the pipeline and why it is there.
type proposed struct{ name, value, why string }

const (
	fewValues = 64   // integers with so few values are categories
	nearly    = 0.95 // share of distinct values from which a column names its row
	fewRows   = 20   // fewer rows than this are not enough to say that values are unique
	longText  = 4    // words in the mean from which text is prose
)

// propose decides what each column is for.
func (s *sample) propose(label string) (*proposal, error) {
	c, others, err := s.chooseLabel(label)
	if err != nil {
		return nil, err
	}
	pl := &proposal{label: c, others: others}
	if c.expr != "" {
		pl.derive = append(pl.derive, proposed{c.name, c.expr, "the label"})
	}
	for _, p := range s.columns {
		if p != c.of && !isPlace(p.name) {
			pl.place(s, p)
		}
	}
	if len(pl.categorical)+len(pl.numeric) == 0 {
		return nil, flow.Configf("no column is left to predict %s from: %s", c.name, reasons(pl.left))
	}
	return pl, nil
}

// isPlace says that a column tells where its row came from.
func isPlace(name string) bool {
	return slices.Contains([]string{flow.ColTopic, flow.ColPartition, flow.ColOffset, flow.ColTimestamp, flow.ColKey, flow.ColHeaders, flow.ColFile, flow.ColRow}, name)
}

func reasons(left []proposed) string {
	var out []string
	for _, l := range left {
		out = append(out, l.name+" "+l.why)
	}
	if len(out) == 0 {
		return "it is the only column"
	}
	return strings.Join(out, ", ")
}

func (pl *proposal) place(s *sample, p *profile) {
	if why := p.useless(); why != "" {
		pl.left = append(pl.left, proposed{name: p.name, why: why})
		return
	}
	if auc := p.aucAlone(pl.label.y); auc > leakAUC {
		pl.leaks = append(pl.leaks, proposed{name: p.name, why: fmt.Sprintf("AUC %.4f alone", auc)})
		return
	}
	switch {
	case p.kind == kindMoment, p.kind == kindDate, p.kind == kindText && p.parsed:
		pl.clock(s, p)
	case p.kind == kindText, p.kind == kindBool:
		pl.category(p, fmt.Sprintf("%s, %s", p.kind, values(len(p.seen))))
	case p.kind == kindList:
		pl.category(p, "list, its values are added up")
	case p.whole && (len(p.seen) <= fewValues || isID(p.name)):
		pl.category(p, string(p.kind)+", "+values(len(p.seen)))
	case p.low >= 0 && p.high >= 10 && p.high >= 4*p.low: // steps of the logarithm tell the values apart
		pl.numeric = append(pl.numeric, proposed{p.name, "log2floor", p.span()})
	default:
		pl.numeric = append(pl.numeric, proposed{p.name, "quantile", p.span()})
	}
}

func (pl *proposal) category(p *profile, why string) {
	pl.categorical = append(pl.categorical, proposed{name: p.name, why: why})
}

func values(n int) string {
	if n == 1 {
		return "1 value"
	}
	return fmt.Sprintf("%d values", n)
}

func (p *profile) span() string {
	return fmt.Sprintf("%s, %s to %s", p.kind, number(p.low), number(p.high))
}

// useless says why a column can teach nothing, "" when it can.
func (p *profile) useless() string {
	n := p.known()
	distinct := float64(len(p.seen)) / float64(max(n, 1))
	switch {
	case p.kind == kindOther:
		return fmt.Sprintf("is of type %s, which is no field", p.typ)
	case n == 0:
		return "is always null"
	case len(p.seen) == 1 && p.nulls == 0:
		return "always has the same value"
	case n < fewRows:
		return ""
	case p.kind == kindText && !p.parsed && distinct >= nearly:
		return "has another value in nearly every row"
	case p.kind == kindText && distinct > 0.5 && p.words >= longText*n:
		return "looks like prose"
	case p.kind == kindInteger && distinct >= nearly && (p.rises || isID(p.name)):
		return "numbers the rows"
	}
	return ""
}

var idName = regexp.MustCompile(`(?i)(^|_)(id|uid|uuid|code|zip|sku|key|hash|num|number)$|[a-z](Id|ID|Num|Number|Code|Key)$`)

// isID says that a number is a name, by what its column is called.
func isID(name string) bool { return idName.MatchString(name) }

// clock proposes the parts of a time that vary in the sample; the time itself never comes again. Only the first time
// of a row is used: a second one, such as that of its outcome, may lie in the future of the event.
func (pl *proposal) clock(s *sample, p *profile) {
	if pl.time != "" {
		pl.left = append(pl.left, proposed{name: p.name, why: "is a time beside " + pl.time + " and may not be known yet; add its parts if it is"})
		return
	}
	pl.time = p.name
	at, base := columnExpr(p.name), strings.ToLower(plainName(p.name, "time"))
	if p.kind == kindText {
		at = "ts(" + at + ")"
	}
	hours, weekdays := p.clockValues()
	var made []string
	add := func(part string, n int) {
		name := s.freeName(base + "_" + part)
		pl.derive = append(pl.derive, proposed{name, part + "(" + at + ")", ""})
		pl.categorical = append(pl.categorical, proposed{name: name, why: "from " + p.name + ", " + values(n)})
		made = append(made, name)
	}
	if hours > 1 && p.kind != kindDate {
		add("hour", hours)
	}
	if weekdays > 1 {
		add("weekday", weekdays)
	}
	why := "is a time that never comes again"
	if len(made) > 0 {
		why += "; in its place: " + strings.Join(made, ", ")
	}
	pl.left = append(pl.left, proposed{name: p.name, why: why})
}

// clockValues counts the distinct hours and weekdays, in UTC.
func (p *profile) clockValues() (hours, weekdays int) {
	h, d := map[int]bool{}, map[time.Weekday]bool{}
	note := func(t time.Time) { h[t.Hour()], d[t.Weekday()] = true, true }
	if p.kind == kindText {
		for _, text := range p.seen {
			for _, layout := range []string{time.RFC3339Nano, "2006-01-02T15:04:05", time.DateTime, time.DateOnly} {
				if t, err := time.Parse(layout, text); err == nil {
					note(t.UTC())
					break
				}
			}
		}
		return len(h), len(d)
	}
	for _, x := range p.nums {
		if !math.IsNaN(x) {
			note(time.Unix(int64(x), 0).UTC())
		}
	}
	return len(h), len(d)
}

var (
	plainColumn = regexp.MustCompile(`^[A-Za-z_][A-Za-z0-9_]*$`)
	reserved    = []string{"and", "or", "not", "in", "contains", "startsWith", "endsWith", "matches", "true", "false", "nil", "let", "if", "else"}
)

// columnExpr writes a column's name in the expression language.
func columnExpr(name string) string {
	if plainColumn.MatchString(name) && !slices.Contains(reserved, name) {
		return name
	}
	return fmt.Sprintf("col(%q)", name)
}
