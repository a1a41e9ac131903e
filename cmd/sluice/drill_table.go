package main

import (
	"fmt"
	"io"
)

// verdict is one line of the table.
type verdict struct {
	Fault    string     `json:"fault"`
	Runs     int        `json:"runs"`
	Diff     difference `json:"difference"`
	Recovery float64    `json:"recovery_seconds"` // longest, from the start of a run to its first new checkpoint; 0: no run went on
	Failed   bool       `json:"failed"`
	Verdict  string     `json:"verdict"`
}

// judge fills in what the comparison found.
func (v *verdict) judge(remark string) {
	if !v.Diff.equal() {
		v.Failed, v.Verdict = true, "FAULT: the outcome differs"
		return
	}
	v.Verdict = "equal"
	if remark != "" {
		v.Verdict += "; " + remark
	}
}

// show prints the table.
func (r *drillReport) show(w io.Writer) {
	fmt.Fprintf(w, "%s: %s rows, %s rejected, %d checkpoints, %.1f s undisturbed\n\n", r.Pipeline, count(r.Rows), count(r.Rejected), r.Checkpoints, r.Seconds)
	t := newTable(w, "fault", "runs", "lost", "duplicated", "changed", "weights", "files", "recovery", "verdict")
	t.SetColumnConfigs(append(right(2, 3, 4, 5, 7, 8), wrap(9, 56)))
	for _, v := range r.Faults {
		if v.Runs == 0 {
			t.AppendRow([]any{v.Fault, "-", "-", "-", "-", "-", "-", "-", v.Verdict})
			continue
		}
		d := v.Diff
		weights, recovery := "equal", "-"
		if d.Weights {
			weights = "DIFFERENT"
		}
		if v.Recovery > 0 {
			recovery = fmt.Sprintf("%.2f s", v.Recovery)
		}
		t.AppendRow([]any{v.Fault, v.Runs, count(d.Lost), count(d.Duplicated), count(d.Changed), weights, d.Files, recovery, v.Verdict})
	}
	t.Render()
	for _, n := range r.Notes {
		fmt.Fprintf(w, "note: %s\n", n)
	}
}
