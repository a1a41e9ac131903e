package arrowio

import (
	"fmt"
	"math"
	"time"
)

// takeRow sends the row at the head as it happens, and waits for its label.
func (j *LabelJoin) takeRow() error {
	s := &j.rows
	i := s.at
	if len(s.bad) > 0 && s.bad[i] != "" {
		j.refuse(s, i, s.bad[i])
		return nil
	}
	if _, dup := j.wait.keys[s.ids[i]]; dup && j.labels != nil {
		j.counts.sameKey.Add(1)
		j.refuse(s, i, "key: want it once within a window, got a row of the same key before")
		return nil
	}
	slot := joinSlot{row: j.next, event: s.times[i], end: j.endOf(i), label: math.NaN(), cost: j.costs[i], seg: j.headSegment, at: int32(i)}
	if j.labels != nil {
		slot.key = s.ids[i]
	} else {
		j.ownLabel(&slot, i)
	}
	n := j.wait.put(slot)
	j.store.keep(slot.seg, slot.at, n)
	j.out.add(joinRef{seg: slot.seg, at: slot.at, row: slot.row, label: math.NaN(), elapsed: math.NaN()})
	j.next++
	s.at++
	j.counts.rows.Add(1)
	if j.labels == nil && j.cfg.Wait == waitLabel && slot.labelled() {
		j.wait.timers.push(joinTimer{time: max(slot.taken, slot.event), row: slot.row, slot: n, kind: timerMature, label: slot.label, taken: slot.taken})
		return nil
	}
	j.wait.timers.push(joinTimer{time: slot.end, row: slot.row, slot: n, kind: timerEnd})
	if j.labels != nil {
		j.wait.keys[slot.key] = n
		j.adopt(n)
	}
	return nil
}

// endOf is when the window of row i ends.
func (j *LabelJoin) endOf(i int) int64 {
	event := j.rows.times[i]
	if j.columns.outcome >= 0 && j.outcomes[i] != noTime {
		return max(j.outcomes[i], event)
	}
	if j.window == 0 {
		return endless
	}
	return later(event, j.window)
}

// ownLabel takes the label that the row itself holds.
func (j *LabelJoin) ownLabel(slot *joinSlot, i int) {
	at, value := j.labelTimes[i], j.values[i]
	switch {
	case at == noTime || math.IsNaN(value):
	case at > slot.end:
		j.late(&j.rows, i, slot.end, at)
	default:
		slot.label, slot.taken = value, at
		j.counts.labels.Add(1)
	}
}

// adopt gives the row the labels that came before it.
func (j *LabelJoin) adopt(slot int32) {
	w := &j.wait
	for {
		c, ok := w.early[w.slots[slot].key]
		if !ok {
			return
		}
		o := w.orphans[c.first]
		w.unhold(c.first)
		j.counts.early.Add(1)
		if reason := j.give(slot, o.at, o.value); reason != "" {
			o.row.Reason = reason
			j.env.Reject(o.row)
		}
	}
}

// takeLabel gives the label at the head to its row.
func (j *LabelJoin) takeLabel() error {
	s := j.labels
	i := s.at
	value := j.values[i]
	switch {
	case len(s.bad) > 0 && s.bad[i] != "":
		j.refuse(s, i, s.bad[i])
		return nil
	case math.IsNaN(value):
		j.refuse(s, i, fmt.Sprintf("%s: want a number, got %s", j.cfg.Label, showCell(s.rec.Column(j.columns.label), i)))
		return nil
	}
	slot, ok := j.wait.keys[s.ids[i]]
	if !ok {
		at := s.times[i]
		n := j.wait.hold(orphan{at: at, key: s.ids[i], value: value, row: s.rejection(i, "")})
		j.wait.timers.push(joinTimer{time: later(at, j.window), row: j.wait.orphans[n].number, slot: n, kind: timerOrphan})
	} else if reason := j.give(slot, s.times[i], value); reason != "" {
		j.refuse(s, i, reason)
		return nil
	}
	s.at++
	return nil
}

// give lets a row have a label, and says why the label is rejected, "" when it is not.
func (j *LabelJoin) give(n int32, at int64, value float64) (reason string) {
	s := &j.wait.slots[n]
	switch {
	case s.closed || at > s.end:
		return j.countLate(s.end, at)
	case !s.labelled():
		s.label, s.taken = value, at
		j.counts.labels.Add(1)
		if j.cfg.Wait == waitLabel {
			j.wait.timers.push(joinTimer{time: max(at, s.event), row: s.row, slot: n, kind: timerMature, label: value, taken: at})
		}
	case s.label == value:
		j.counts.duplicates.Add(1)
	case !j.cfg.Corrections:
		j.counts.contradictions.Add(1)
		return fmt.Sprintf("%s: want %v, as the row of this key got first, got %v", j.cfg.Label, s.label, value)
	default:
		j.counts.corrections.Add(1)
		s.label, s.taken = value, at
		if j.cfg.Wait == waitLabel {
			s.corrections++
			j.wait.charge(n, correctionBytes)
			j.wait.timers.push(joinTimer{time: max(at, s.event), row: s.row, slot: n, kind: s.corrections, label: value, taken: at})
		}
	}
	return ""
}

// countLate counts a late label and says why it is rejected, where it is.
func (j *LabelJoin) countLate(end, at int64) string {
	j.counts.late.Add(1)
	if j.cfg.Late == lateDrop {
		return ""
	}
	if at <= end {
		return fmt.Sprintf("%s: want it before the window of its row is closed, got it out of order behind that", j.cfg.Label)
	}
	return fmt.Sprintf("%s: want it within the window of its row, got it %v later", j.cfg.Label, time.Duration(at-end)*j.unit.Multiplier())
}

// late is countLate for a label that row i of a side holds; the row itself stays.
func (j *LabelJoin) late(s *joinSide, i int, end, at int64) {
	if reason := j.countLate(end, at); reason != "" {
		j.env.Reject(s.rejection(i, reason))
	}
}

// joinStage names the source in dead letters.
const joinStage = "label_join"

// refuse rejects the row at the head.
func (j *LabelJoin) refuse(s *joinSide, i int, reason string) {
	j.env.Reject(s.rejection(i, reason))
	s.at++
}
