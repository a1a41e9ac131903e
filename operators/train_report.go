package operators

import (
	"fmt"

	"github.com/sluice-stream/sluice/flow"
	"github.com/sluice-stream/sluice/learn"
)

// Report says how good the predictions were: online all rows, each predicted before it was learned; in batch mode
// the test rows, once training has ended.
func (t *Train) Report() flow.Report {
	r := flow.Report{Trained: t.trained, Gate: t.gateReport()}
	if t.cfg.batchMode() {
		t.reportEpochs(&r)
	} else {
		t.reportOnline(&r)
	}
	if t.delayed != nil {
		t.delayed.report(&r)
	} else if t.blank > 0 {
		r.Notes = append(r.Notes, fmt.Sprintf("%d rows without a label were scored, not learned", t.blank))
	}
	return r
}

func (t *Train) reportOnline(r *flow.Report) {
	prior, last := t.metrics.Baselines().Scores()
	r.Metrics, r.Window = t.metrics.Scores().Map(), t.metrics.Window().Map()
	r.Baselines = map[string]map[string]float64{"prior": prior.Map(), "last_label": last.Map()}
	if note := t.metrics.LeakNote(); note != "" {
		r.Notes = append(r.Notes, note)
	}
}

func (t *Train) reportEpochs(r *flow.Report) {
	f := &t.fitting
	r.Metrics, r.Valid, r.Baselines = f.metrics, f.valid, f.baselines
	if f.fit != nil && r.Valid == nil && f.fit.Progress().Epoch > 0 {
		r.Valid = map[string]float64{"auc": f.fit.Progress().AUC}
	}
	if f.note != "" {
		r.Notes = append(r.Notes, f.note)
	}
}

// gateReport counts the features that the gate keeps; ratio_weighted counts each as often as it was seen.
func (t *Train) gateReport() map[string]float64 {
	gate := t.ctr.Gate()
	if gate == nil {
		return nil
	}
	var features, kept, seen, seenKept float64
	folded := t.foldedCounts()
	for row := range int32(min(t.enc.Rows(), t.ctr.Rows())) {
		n := t.enc.Count(row)
		if int(row) < len(folded) {
			n += folded[row]
		}
		if n == 0 || t.isFolded(row) {
			continue // a row for unknown values that nobody needed is no feature
		}
		features++
		seen += float64(n)
		if _, keep := gate.Value(row); keep {
			kept++
			seenKept += float64(n)
		}
	}
	out := map[string]float64{"features": features, "kept": kept}
	if features > 0 {
		out["ratio"], out["ratio_weighted"] = kept/features, seenKept/seen
	}
	if s, ok := gate.(learn.Selector); ok {
		out["tau"], out["saturated"] = s.Tau(), s.Saturated()
	}
	return out
}
