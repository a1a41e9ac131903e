package arrowio

import (
	"fmt"
	"strings"
	"sync/atomic"

	"github.com/sluice-stream/sluice/flow"
)

// joinCounts are what happened so far. They are read while the source goes on.
type joinCounts struct {
	rows, matured, missing            atomic.Int64
	labels, early                     atomic.Int64
	late, duplicates                  atomic.Int64
	contradictions, corrections       atomic.Int64
	orphans, sameKey, forced, waiting atomic.Int64
}

// named lists the counts in the order in which they are told and saved.
func (c *joinCounts) named() []struct {
	name, text string
	n          *atomic.Int64
} {
	return []struct {
		name, text string
		n          *atomic.Int64
	}{
		{"rows", "rows", &c.rows},
		{"matured", "matured", &c.matured},
		{"labels", "labels joined", &c.labels},
		{"missing", "windows ended without a label", &c.missing},
		{"early", "labels came before their row", &c.early},
		{"late", "late labels", &c.late},
		{"duplicates", "repeated labels", &c.duplicates},
		{"contradictions", "contradicting labels", &c.contradictions},
		{"corrections", "corrections", &c.corrections},
		{"orphans", "labels without a row", &c.orphans},
		{"same_key", "rows with a key that was there already", &c.sameKey},
		{"forced", "rows matured early for lack of memory", &c.forced},
	}
}

func (c *joinCounts) reset() {
	for _, it := range c.named() {
		it.n.Store(0)
	}
	c.waiting.Store(0)
}

func (c *joinCounts) walk(v flow.Visitor) {
	for _, it := range c.named() {
		n := it.n.Load()
		v.Visit(it.name, &n)
		it.n.Store(n)
	}
}

// Report tells what became of rows and labels, in one note, behind what the two sources tell.
func (j *LabelJoin) Report() flow.Report {
	var r flow.Report
	for _, s := range j.sides() {
		if rep, ok := s.src.(flow.Reporter); ok {
			r.Notes = append(r.Notes, rep.Report().Notes...)
		}
	}
	var parts []string
	for _, it := range j.counts.named() {
		if n := it.n.Load(); n > 0 {
			parts = append(parts, fmt.Sprintf("%d %s", n, it.text))
		}
	}
	if n := j.counts.waiting.Load(); n > 0 {
		parts = append(parts, fmt.Sprintf("%d rows wait", n))
	}
	if len(parts) > 0 {
		r.Notes = append(r.Notes, "label_join: "+strings.Join(parts, ", "))
	}
	return r
}
