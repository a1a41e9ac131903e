package arrowio

import (
	"math"

	"github.com/sluice-stream/sluice/flow"
)

// fire lets one timer happen that is due before time now, and says whether there was one.
func (j *LabelJoin) fire() bool {
	w := &j.wait
	if len(w.timers) == 0 || w.timers[0].time >= j.now {
		return false
	}
	t := w.timers.pop()
	if t.kind == timerOrphan {
		if w.orphans[t.slot].number == t.row {
			j.abandon(t.slot)
		}
		return true
	}
	s := &w.slots[t.slot]
	if s.row != t.row {
		return true // it left before its time
	}
	switch t.kind {
	case timerForget:
		j.forgotten = min(j.forgotten, s.end)
		w.free(t.slot, true)
	case timerEnd:
		j.end(t.slot, t.time)
	default:
		j.mature(t.slot, t)
	}
	return true
}

// mature sends a row with the label of the timer.
func (j *LabelJoin) mature(n int32, t joinTimer) {
	s := &j.wait.slots[n]
	if t.kind > timerMature {
		j.wait.charge(n, -correctionBytes)
	}
	j.send(s, t.time, t.label, t.taken, t.kind > timerMature)
	switch {
	case j.labels == nil:
		j.leave(n)
	case !j.cfg.Corrections:
		j.letGo(s)
	}
}

// end closes the window of a row at a time.
func (j *LabelJoin) end(n int32, at int64) {
	s := &j.wait.slots[n]
	if !s.matured {
		j.settle(s, at)
	}
	if j.labels == nil {
		j.leave(n)
		return
	}
	s.closed = true
	j.letGo(s)
	j.wait.timers.push(joinTimer{time: later(s.end, j.window), row: s.row, slot: n, kind: timerForget})
}

// settle sends a row that has not matured: with the label that it has, or as missing.
func (j *LabelJoin) settle(s *joinSlot, at int64) {
	if s.labelled() {
		j.send(s, at, s.label, s.taken, false)
		return
	}
	j.counts.missing.Add(1)
	taken := at
	if at >= endless {
		taken = noTime
	}
	label := math.NaN()
	switch j.cfg.Missing {
	case missingDrop:
		return
	case missingNegative:
		label = 0
	}
	j.send(s, at, label, taken, false)
	sent := j.out.newest()
	sent.missing, sent.final = true, at >= s.end
}

// send adds the matured row to what leaves.
func (j *LabelJoin) send(s *joinSlot, at int64, label float64, taken int64, correction bool) {
	elapsed := math.NaN()
	if taken != noTime {
		elapsed = float64(taken-s.event) * j.unit.Multiplier().Seconds()
	}
	final := at >= s.end || j.labels == nil && s.end == endless
	j.out.add(joinRef{seg: s.seg, at: s.at, row: s.row, label: label, elapsed: elapsed, matured: true, final: final, correction: correction})
	s.matured = true
	j.counts.matured.Add(1)
}

// letGo gives up the values of a row; its key stays, to tell late labels.
func (j *LabelJoin) letGo(s *joinSlot) {
	if s.cost == 0 {
		return
	}
	j.store.let(s.seg, s.at)
	j.wait.bytes -= s.cost
	s.cost = 0
}

// leave forgets a row.
func (j *LabelJoin) leave(n int32) {
	j.letGo(&j.wait.slots[n])
	j.wait.free(n, j.labels != nil)
}

// abandon rejects a label whose row did not come.
func (j *LabelJoin) abandon(n int32) {
	o := j.wait.orphans[n]
	j.wait.unhold(n)
	j.counts.orphans.Add(1)
	if j.cfg.Late == lateDrop && o.at > j.forgotten {
		return // its row may be one whose key is no longer remembered
	}
	o.row.Reason = "key: want a row with the key of this label within the window, got none"
	j.env.Reject(o.row)
}

// makeRoom makes room for more bytes. With on_full: oldest it lets the oldest row or label go and says that it did
// something; what it sends comes first. Labels that were recorded before time known are known; a row may hold one
// that was recorded later.
func (j *LabelJoin) makeRoom(more, known int64) (did bool, err error) {
	if j.wait.bytes+more <= j.cfg.Memory {
		return false, nil
	}
	slot, orph := j.wait.oldest()
	if j.cfg.OnFull == fullStop || slot < 0 && orph < 0 {
		return false, flow.Configf("memory: want rows and labels that wait to fit into %d bytes, got %d rows and %d labels that take %d; raise memory, shorten window, or choose on_full: oldest",
			j.cfg.Memory, len(j.wait.slots)-len(j.wait.unused), len(j.wait.orphans)-len(j.wait.noOrphans), j.wait.bytes+more)
	}
	if slot < 0 || orph >= 0 && j.wait.orphans[orph].at < j.wait.slots[slot].event {
		j.abandon(orph)
		return true, nil
	}
	if s := &j.wait.slots[slot]; !s.matured && !s.closed {
		j.counts.forced.Add(1)
		if s.labelled() && s.taken >= known {
			s.label = math.NaN()
			j.counts.labels.Add(-1) // it was counted when it was read
		}
		j.settle(s, j.now)
	}
	j.leave(slot)
	return true, nil
}
