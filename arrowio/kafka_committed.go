package arrowio

import (
	"cmp"
	"encoding/binary"
	"slices"
)

// committed drops control batches and batches of aborted transactions from one partition's answer, as the
// reference consumer does: a producer's batches are dropped from the first offset of its aborted transaction up
// to its abort marker. The answer names every aborted transaction that overlaps it.
func committed(batches []*kbatch, aborted []abortedRange) []*kbatch {
	aborted = slices.Clone(aborted)
	slices.SortFunc(aborted, func(a, b abortedRange) int { return cmp.Compare(a.first, b.first) })
	open := map[int64]bool{}
	var out []*kbatch
	for _, b := range batches {
		for len(aborted) > 0 && aborted[0].first <= b.last {
			open[aborted[0].producer] = true
			aborted = aborted[1:]
		}
		switch {
		case b.control():
			if b.abortMarker() {
				delete(open, b.producer)
			}
			b.release()
		case b.attrs&attrTxn != 0 && open[b.producer]:
			b.release()
		default:
			out = append(out, b)
		}
	}
	return out
}

// abortMarker says whether the control batch ends a transaction by an abort: its key is version, type, each of
// two bytes, and type 0 is abort.
func (b *kbatch) abortMarker() bool {
	b.inflate()
	it, r := b.records(), krecord{}
	ok, err := it.next(&r)
	return ok && err == nil && b.err == nil && len(r.key) >= 4 && binary.BigEndian.Uint16(r.key[2:]) == 0
}
