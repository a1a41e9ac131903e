package arrowio

import (
	"encoding/binary"
	"hash/crc32"
	"strings"
	"testing"

	kafka "github.com/segmentio/kafka-go"
)

// rawBatch writes a record batch by the format's description: rows at the given offset deltas, value "v".
type rawBatch struct {
	base, producer int64
	lastDelta      int32
	attrs          int16
	deltas         []int64
	key            []byte
	baseMS, maxMS  int64
}

func (r rawBatch) bytes() []byte {
	var recs []byte
	for _, d := range r.deltas {
		body := []byte{0}
		body = binary.AppendVarint(body, 5*d) // time
		body = binary.AppendVarint(body, d)
		if r.key == nil {
			body = binary.AppendVarint(body, -1)
		} else {
			body = append(binary.AppendVarint(body, int64(len(r.key))), r.key...)
		}
		body = append(binary.AppendVarint(body, 1), 'v')
		body = binary.AppendVarint(body, 0)
		recs = append(binary.AppendVarint(recs, int64(len(body))), body...)
	}
	be := binary.BigEndian
	tail := be.AppendUint16(nil, uint16(r.attrs))
	tail = be.AppendUint32(tail, uint32(r.lastDelta))
	tail = be.AppendUint64(tail, uint64(r.baseMS))
	tail = be.AppendUint64(tail, uint64(r.maxMS))
	tail = be.AppendUint64(tail, uint64(r.producer))
	tail = append(tail, 0, 0, 0, 0, 0, 0)
	tail = be.AppendUint32(tail, uint32(len(r.deltas)))
	tail = append(tail, recs...)
	out := be.AppendUint64(nil, uint64(r.base))
	out = be.AppendUint32(out, uint32(9+len(tail)))
	out = append(out, 0, 0, 0, 0, 2)
	out = be.AppendUint32(out, crc32.Checksum(tail, crc32.MakeTable(crc32.Castagnoli)))
	return append(out, tail...)
}

func rows(n int) []int64 {
	out := make([]int64, n)
	for i := range out {
		out[i] = int64(i)
	}
	return out
}

func marker(base, producer int64, kind byte) rawBatch {
	return rawBatch{base: base, producer: producer, attrs: attrControl | attrTxn, deltas: rows(1), key: []byte{0, 0, 0, kind}}
}

func joined(rs ...rawBatch) (out []byte) {
	for _, r := range rs {
		out = append(out, r.bytes()...)
	}
	return out
}

// offsetsOf returns the offsets that a reader of l sees.
func offsetsOf(t *testing.T, p *partition) (out []int64) {
	t.Helper()
	for {
		s, err := p.peek()
		if err != nil {
			t.Fatal(err)
		}
		if s != ready {
			return out
		}
		out = append(out, p.head.offset)
		p.took(0, true)
	}
}

func probe(next, end int64) *partition {
	l := &lane{pos: next, end: end, limit: 1 << 20}
	return &partition{next: next, end: end, lane: l, box: newInbox([]*lane{l})}
}

func TestBatchFilterFollowsTransactions(t *testing.T) {
	const abort, commit = 0, 1
	records := joined(
		rawBatch{base: 0, lastDelta: 1, producer: 9, attrs: attrTxn, deltas: rows(2)}, // aborted below
		rawBatch{base: 2, lastDelta: 1, producer: 8, attrs: attrTxn, deltas: rows(2)}, // committed
		rawBatch{base: 4, lastDelta: 0, producer: -1, deltas: rows(1)},                // no transaction
		marker(5, 9, abort), //
		rawBatch{base: 6, lastDelta: 0, producer: 9, attrs: attrTxn, deltas: rows(1)}, // the next one of the same producer
		marker(7, 8, commit), //
		marker(8, 9, commit), //
		rawBatch{base: 9, lastDelta: 0, producer: 9, attrs: attrTxn, deltas: rows(1)},  // aborted behind this answer
		rawBatch{base: 10, lastDelta: 0, producer: 9, attrs: attrTxn, deltas: rows(1)}, //
	)
	p := probe(0, -1)
	again, err := p.box.take("x", p.lane, fetched{records: records, aborted: []abortedRange{{9, 9}, {9, 0}}})
	if again != nil || err != nil {
		t.Fatal(again, err)
	}
	got := offsetsOf(t, p)
	equalRows(t, asText(got), asText([]int64{2, 3, 4, 6}))
	if p.lane.pos != 11 {
		t.Fatalf("want the next fetch at 11, got %d", p.lane.pos)
	}
}

func asText(v []int64) []string {
	out := make([]string, len(v))
	for i, n := range v {
		out[i] = string(binary.AppendVarint(nil, n))
	}
	return out
}

func TestBatchWithRowsCompactedAway(t *testing.T) {
	records := joined(
		rawBatch{base: 0, lastDelta: 9, deltas: []int64{1, 4}}, // the last row is gone: its offset still counts
		rawBatch{base: 10, lastDelta: 4},                       // every row is gone
	)
	p := probe(2, 15)
	if again, err := p.box.take("x", p.lane, fetched{records: records}); again != nil || err != nil {
		t.Fatal(again, err)
	}
	equalRows(t, asText(offsetsOf(t, p)), asText([]int64{4}))
	if s, _ := p.peek(); s != finished || p.lane.pos != 15 {
		t.Fatalf("want the partition finished at 15, got %d at %d", s, p.lane.pos)
	}
}

func TestBatchTimes(t *testing.T) {
	for attrs, want := range map[int16]int64{0: 1010, attrLogAppend: 5000} {
		p := probe(0, -1)
		b := rawBatch{lastDelta: 2, deltas: rows(3), baseMS: 1000, maxMS: 5000, attrs: attrs}
		if again, err := p.box.take("x", p.lane, fetched{records: b.bytes()}); again != nil || err != nil {
			t.Fatal(again, err)
		}
		offsetsOf(t, p)
		if p.head.ms != want {
			t.Errorf("attributes %d: want the last row at %d ms, got %d", attrs, want, p.head.ms)
		}
	}
}

func TestBatchCutAsksForMore(t *testing.T) {
	whole := rawBatch{lastDelta: 2, deltas: rows(3)}.bytes()
	for cut := 1; cut < len(whole); cut++ {
		p := probe(0, -1)
		again, err := p.box.take("x", p.lane, fetched{records: whole[:cut]})
		if again != nil || err != nil || p.lane.pos != 0 || p.lane.limit != 2<<20 {
			t.Fatalf("cut at %d: position %d, limit %d, %v, %v", cut, p.lane.pos, p.lane.limit, again, err)
		}
	}
}

func TestBatchFlippedBit(t *testing.T) {
	whole := rawBatch{lastDelta: 2, deltas: rows(3)}.bytes()
	for at := 17; at < len(whole); at++ {
		bad := append([]byte{}, whole...)
		bad[at] ^= 4
		p := probe(0, -1)
		again, err := p.box.take("x", p.lane, fetched{records: bad})
		if err != nil || again == nil || !strings.Contains(again.Error(), "checksum") {
			t.Fatalf("byte %d: want a checksum error to be tried again, got %v, %v", at, again, err)
		}
	}
}

func TestBatchOldFormatIsNamed(t *testing.T) {
	old := rawBatch{deltas: rows(1)}.bytes()
	old[16] = 1
	if _, _, err := splitBatches(old); err == nil || !strings.Contains(err.Error(), "message format 1, want 2") {
		t.Fatalf("want an error that names the format, got %v", err)
	}
}

func TestCodeErrorClasses(t *testing.T) {
	if codeError(0) != nil || !final(codeError(int16(kafka.TopicAuthorizationFailed))) || final(codeError(int16(kafka.RequestTimedOut))) {
		t.Fatal("want no error for 0, a final one for a refusal, and one to retry for a timeout")
	}
}

func FuzzSplitBatches(f *testing.F) {
	f.Add(joined(rawBatch{lastDelta: 1, deltas: rows(2)}, marker(2, 1, 0)))
	f.Fuzz(func(t *testing.T, b []byte) {
		if len(b) > 61 { // let the content through: the checksum is right
			binary.BigEndian.PutUint32(b[17:], crc32.Checksum(b[21:], castagnoli))
			binary.BigEndian.PutUint32(b[8:], uint32(len(b)-12))
		}
		batches, _, _ := splitBatches(b)
		for _, k := range committed(batches, nil) {
			k.inflate()
			it, r := k.records(), krecord{}
			for k.err == nil {
				ok, err := it.next(&r)
				if !ok || err != nil {
					break
				}
				r.eachHeader(func(string, []byte) {})
			}
		}
	})
}
