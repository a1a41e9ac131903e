package arrowio

import (
	"math"
	"slices"

	"github.com/sluice-stream/sluice/flow"
)

// joinSlot is a row whose label, or whose late labels, are still waited for.
type joinSlot struct {
	row         int64 // its number; -1 where the slot is unused
	event, end  int64 // when it happened, and when its window ends
	key         joinKey
	label       float64 // the newest, NaN for none
	taken       int64   // when that was recorded
	cost        int64   // bytes of its values, 0 once they were let go
	extra       int64   // bytes of its corrections
	seg, at     int32   // where they stand
	corrections int32
	matured     bool // it was sent with its label
	closed      bool // its window has ended
}

func (s *joinSlot) labelled() bool { return !math.IsNaN(s.label) }

// orphan is a label whose row has not come.
type orphan struct {
	number int64 // in order of arrival; -1 where unused
	at     int64
	key    joinKey
	value  float64
	next   int32 // the next one of the same key, -1 for none
	row    flow.Rejection
}

// chain is the first and the last orphan of a key.
type chain struct{ first, last int32 }

// What one row and one label take beside their values: the slot, its entries in maps and heaps.
const (
	slotBytes       = 320
	orphanBytes     = 320
	correctionBytes = 64
)

// joinWait is everything that waits, by key and by time. A timer whose row has left its slot means nothing.
type joinWait struct {
	slots       []joinSlot
	unused      []int32
	keys        map[joinKey]int32
	orphans     []orphan
	noOrphans   []int32 // unused ones
	early       map[joinKey]chain
	orphanCount int64
	timers      joinTimers
	sweepAt     int  // how many timers there may be before they are looked through
	byAge       ages // slots
	orphanByAge ages
	bytes       int64
}

func newJoinWait() joinWait {
	return joinWait{keys: map[joinKey]int32{}, early: map[joinKey]chain{}}
}

// put finds a slot for a row.
func (w *joinWait) put(s joinSlot) int32 {
	var n int32
	if k := len(w.unused) - 1; k >= 0 {
		n, w.unused = w.unused[k], w.unused[:k]
		w.slots[n] = s
	} else {
		n = int32(len(w.slots))
		w.slots = append(w.slots, s)
	}
	w.byAge.add(n, s.row, len(w.slots)-len(w.unused), w.slotThere)
	w.bytes += slotBytes + s.cost
	if len(w.timers) > w.sweepAt { // many may belong to rows that left before their time
		w.sortTimers()
		w.sweepAt = 2*len(w.timers) + 1024
	}
	return n
}

// charge counts bytes for a slot, or fewer.
func (w *joinWait) charge(n int32, bytes int64) {
	w.slots[n].extra += bytes
	w.bytes += bytes
}

func (w *joinWait) slotThere(n int32, number int64) bool   { return w.slots[n].row == number }
func (w *joinWait) orphanThere(n int32, number int64) bool { return w.orphans[n].number == number }

// sortTimers drops the timers that mean nothing any more, and sorts the others, which is a heap too.
func (w *joinWait) sortTimers() {
	w.timers = slices.DeleteFunc(w.timers, func(t joinTimer) bool {
		if t.kind == timerOrphan {
			return !w.orphanThere(t.slot, t.row)
		}
		return !w.slotThere(t.slot, t.row)
	})
	slices.SortFunc(w.timers, func(a, b joinTimer) int {
		switch {
		case a.before(b):
			return -1
		case b.before(a):
			return 1
		}
		return 0
	})
}

// free gives the slot back; keyed says that its key is known.
func (w *joinWait) free(n int32, keyed bool) {
	s := &w.slots[n]
	if keyed {
		delete(w.keys, s.key)
	}
	w.bytes -= slotBytes + s.cost + s.extra
	*s = joinSlot{row: -1}
	w.unused = append(w.unused, n)
}

// hold keeps a label whose row has not come, behind those of the same key.
func (w *joinWait) hold(o orphan) int32 {
	o.number, o.next = w.orphanCount, -1
	w.orphanCount++
	var n int32
	if k := len(w.noOrphans) - 1; k >= 0 {
		n, w.noOrphans = w.noOrphans[k], w.noOrphans[:k]
		w.orphans[n] = o
	} else {
		n = int32(len(w.orphans))
		w.orphans = append(w.orphans, o)
	}
	if c, ok := w.early[o.key]; ok {
		w.orphans[c.last].next = n
		w.early[o.key] = chain{c.first, n}
	} else {
		w.early[o.key] = chain{n, n}
	}
	w.orphanByAge.add(n, o.number, len(w.orphans)-len(w.noOrphans), w.orphanThere)
	w.bytes += orphanBytes + int64(len(o.row.Raw))
	return n
}

// unhold gives an orphan back.
func (w *joinWait) unhold(n int32) {
	o := &w.orphans[n]
	c := w.early[o.key]
	switch {
	case c.first == n && c.last == n:
		delete(w.early, o.key)
	case c.first == n: // nearly always: labels leave in the order in which they came
		w.early[o.key] = chain{o.next, c.last}
	default:
		before := c.first
		for w.orphans[before].next != n {
			before = w.orphans[before].next
		}
		w.orphans[before].next = o.next
		if c.last == n {
			w.early[o.key] = chain{c.first, before}
		}
	}
	w.bytes -= orphanBytes + int64(len(o.row.Raw))
	*o = orphan{number: -1}
	w.noOrphans = append(w.noOrphans, n)
}

// oldest returns the oldest slot and the oldest orphan, -1 for none.
func (w *joinWait) oldest() (slot, orph int32) {
	return w.byAge.first(w.slotThere), w.orphanByAge.first(w.orphanThere)
}

// ages lists what waits in order of arrival, with what has left in between.
type ages struct {
	list []age
	head int
}

type age struct {
	number int64
	n      int32
}

// add puts n last; live is how many there are with it.
func (a *ages) add(n int32, number int64, live int, there func(n int32, number int64) bool) {
	if len(a.list) > 2*live+1024 {
		a.list, a.head = slices.DeleteFunc(a.list[a.head:], func(it age) bool { return !there(it.n, it.number) }), 0
	}
	a.list = append(a.list, age{number, n})
}

// first returns the first that is still there.
func (a *ages) first(there func(n int32, number int64) bool) int32 {
	for ; a.head < len(a.list); a.head++ {
		if it := a.list[a.head]; there(it.n, it.number) {
			return it.n
		}
	}
	return -1
}
