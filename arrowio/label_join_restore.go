package arrowio

import (
	"slices"

	"github.com/sluice-stream/sluice/flow"
)

// save copies what waits. Rows stand in order of arrival, so that equal states are equal bytes.
func (j *LabelJoin) save() (*joinSaved, error) {
	s := &joinSaved{}
	to, order := j.slotsInOrder()
	places := joinGather{alloc: j.alloc}
	part := map[int32]int32{}
	for _, n := range order {
		r := &j.wait.slots[n]
		s.row, s.event, s.end, s.taken = append(s.row, r.row), append(s.event, r.event), append(s.end, r.end), append(s.taken, r.taken)
		s.keyHi, s.keyLo = append(s.keyHi, r.key.Hi), append(s.keyLo, r.key.Lo)
		s.label, s.corrections = append(s.label, r.label), append(s.corrections, r.corrections)
		s.matured, s.closed, s.holds = append(s.matured, r.matured), append(s.closed, r.closed), append(s.holds, r.cost > 0)
		if r.cost == 0 {
			continue
		}
		if _, seen := part[r.seg]; !seen {
			part[r.seg] = int32(len(places.recs))
			places.recs = append(places.recs, j.store.segments[r.seg].rec)
		}
		places.part, places.at = append(places.part, part[r.seg]), append(places.at, r.at)
	}
	toEarly := j.saveEarly(&s.early)
	j.saveTimers(s, to, toEarly)
	var err error
	if len(places.at) > 0 {
		if s.values, err = encodeGathered(&places); err != nil {
			return nil, err
		}
	}
	s.rowsAhead, err = j.rows.ahead()
	if err == nil && j.labels != nil {
		s.labelsAhead, err = j.labels.ahead()
	}
	return s, err
}

func encodeGathered(g *joinGather) ([]uint8, error) {
	rec, err := g.record()
	if err != nil {
		return nil, err
	}
	defer rec.Release()
	return encodeRows(rec)
}

// slotsInOrder lists the slots in use by the number of their row, and says which place each gets.
func (j *LabelJoin) slotsInOrder() (to, order []int32) {
	to = make([]int32, len(j.wait.slots))
	for n := range j.wait.slots {
		if j.wait.slots[n].row >= 0 {
			order = append(order, int32(n))
		}
	}
	slices.SortFunc(order, func(a, b int32) int { return int(j.wait.slots[a].row - j.wait.slots[b].row) })
	for i, n := range order {
		to[n] = int32(i)
	}
	return to, order
}

func (j *LabelJoin) saveEarly(s *joinSavedEarly) (to []int32) {
	to = make([]int32, len(j.wait.orphans))
	var order []int32
	for n := range j.wait.orphans {
		if j.wait.orphans[n].number >= 0 {
			order = append(order, int32(n))
		}
	}
	slices.SortFunc(order, func(a, b int32) int { return int(j.wait.orphans[a].number - j.wait.orphans[b].number) })
	for i, n := range order {
		o := &j.wait.orphans[n]
		to[n] = int32(i)
		s.number, s.at, s.offset = append(s.number, o.number), append(s.at, o.at), append(s.offset, o.row.Offset)
		s.keyHi, s.keyLo, s.value = append(s.keyHi, o.key.Hi), append(s.keyLo, o.key.Lo), append(s.value, o.value)
		s.topic, s.raw, s.partition = append(s.topic, o.row.Topic), append(s.raw, string(o.row.Raw)), append(s.partition, o.row.Partition)
	}
	return to
}

// saveTimers leaves out those that mean nothing any more.
func (j *LabelJoin) saveTimers(s *joinSaved, to, toEarly []int32) {
	j.wait.sortTimers()
	for _, t := range j.wait.timers {
		slot := toEarly
		if t.kind != timerOrphan {
			slot = to
		}
		s.timerTime, s.timerRow, s.timerTaken = append(s.timerTime, t.time), append(s.timerRow, t.row), append(s.timerTaken, t.taken)
		s.timerSlot, s.timerKind = append(s.timerSlot, slot[t.slot]), append(s.timerKind, t.kind)
		s.timerLabel = append(s.timerLabel, t.label)
	}
}

// ahead encodes what was read ahead of its turn.
func (s *joinSide) ahead() ([]uint8, error) {
	if !s.has() {
		return nil, nil
	}
	rest := s.rec.NewSlice(int64(s.at), s.rec.NumRows())
	defer rest.Release()
	return encodeRows(rest)
}

// takeBack makes everything wait again that a checkpoint held; the sources are open.
func (j *LabelJoin) takeBack() error {
	s := j.saved
	if s == nil {
		return nil
	}
	j.saved = nil
	rec, err := decodeRows(j.alloc, s.values, j.rows.src.Schema())
	if err != nil {
		return err
	}
	var costs []int64
	seg := int32(-1)
	if rec != nil {
		costs = make([]int64, rec.NumRows())
		for _, c := range rec.Columns() {
			rowBytes(c, costs)
		}
		seg = j.store.add(rec)
		j.store.segments[seg].head = false
	}
	at := 0
	for i := range s.row {
		slot := joinSlot{row: s.row[i], event: s.event[i], end: s.end[i], taken: s.taken[i], key: joinKey{Hi: s.keyHi[i], Lo: s.keyLo[i]},
			label: s.label[i], corrections: s.corrections[i], matured: s.matured[i], closed: s.closed[i], seg: -1}
		if s.holds[i] {
			if at == len(costs) {
				return flow.Corruptf("label_join: the state has %d rows with values, want more; use an older checkpoint", len(costs))
			}
			slot.seg, slot.at, slot.cost = seg, int32(at), costs[at]
			j.store.keep(seg, int32(at), int32(i))
			at++
		}
		n := j.wait.put(slot)
		if j.labels != nil {
			j.wait.keys[slot.key] = n
		}
	}
	j.takeBackEarly(&s.early)
	for i, t := range s.timerTime {
		if k := s.timerKind[i]; k > timerMature && k < timerEnd {
			j.wait.charge(s.timerSlot[i], correctionBytes)
		}
		j.wait.timers = append(j.wait.timers, joinTimer{time: t, row: s.timerRow[i], slot: s.timerSlot[i], kind: s.timerKind[i], label: s.timerLabel[i], taken: s.timerTaken[i]})
	}
	return j.takeBackAhead(s)
}

func (j *LabelJoin) takeBackEarly(s *joinSavedEarly) {
	count := j.wait.orphanCount
	for i := range s.number {
		j.wait.orphanCount = s.number[i]
		j.wait.hold(orphan{at: s.at[i], key: joinKey{Hi: s.keyHi[i], Lo: s.keyLo[i]}, value: s.value[i],
			row: flow.Rejection{Stage: joinStage, Topic: s.topic[i], Partition: s.partition[i], Offset: s.offset[i], Raw: []byte(s.raw[i])}})
	}
	j.wait.orphanCount = max(count, j.wait.orphanCount)
}

func (j *LabelJoin) takeBackAhead(s *joinSaved) (err error) {
	if j.rows.rec, err = decodeRows(j.alloc, s.rowsAhead, j.rows.src.Schema()); err != nil {
		return err
	}
	if j.rows.rec != nil {
		if err := j.readAhead(&j.rows); err != nil {
			return err
		}
	}
	if j.labels == nil {
		return nil
	}
	if j.labels.rec, err = decodeRows(j.alloc, s.labelsAhead, j.labels.src.Schema()); err != nil || j.labels.rec == nil {
		return err
	}
	return j.readAhead(j.labels)
}
