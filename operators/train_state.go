package operators

import "github.com/sluice-stream/sluice/flow"

// Walk saves and restores all that training needs to go on. A flush at each barrier leaves no rows to be part of it,
// except encoded: in batch mode the data set, and of rows that come twice those that wait.
func (t *Train) Walk(v flow.Visitor) {
	t.walkSettings(v)
	t.walkVocabulary(v)
	v.Visit("trained", &t.trained)
	v.Visit("unlabelled", &t.blank)
	if v.Restoring() {
		t.online.drop()
		t.ctr.Grow(t.enc.Rows())
	}
	if t.cfg.batchMode() {
		t.walkFitting(v.Scope("epochs"))
	} else {
		t.metrics.Walk(v.Scope("metrics"))
	}
	if t.delayed != nil {
		t.walkDelayed(v.Scope("delayed"))
	}
	if t.fitting.fit != nil {
		t.fitting.fit.Walk(v.Scope(learnScope))
	} else {
		t.walkModel(v)
	}
	if v.Restoring() && t.fitting.phase == phaseScore {
		if err := t.measure(); err != nil {
			v.Fail(err)
		}
	}
}
