package features

import "github.com/sluice-stream/sluice/learn"

// settle brings rows of a table up to date before they are read, where the optimizer leaves untouched rows behind;
// nil means all rows.
func (m *CTR) settle(p *learn.Param, rows []int32) {
	if l, ok := m.opt.(learn.Lagging); ok && p != nil && p.Group != learn.GateGroup {
		l.CatchUp(p, rows)
	}
}

// Settle brings all tables up to date: before weights are copied, saved or exported as a whole.
func (m *CTR) Settle() {
	if _, ok := m.opt.(learn.Lagging); !ok {
		return
	}
	for _, p := range m.tables.params() {
		m.settle(p, nil)
	}
}
