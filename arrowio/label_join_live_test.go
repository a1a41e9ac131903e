package arrowio

import (
	"context"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/apache/arrow/go/v17/arrow"
	"github.com/apache/arrow/go/v17/arrow/array"
	"github.com/apache/arrow/go/v17/arrow/compute"
	"github.com/apache/arrow/go/v17/arrow/memory"
	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kgo"
	"go.uber.org/goleak"

	"github.com/sluice-stream/sluice/flow"
)

// Between topics without an end, rows do not wait for a topic of labels that is idle, nor labels for rows.
func TestLabelJoinDoesNotWaitForAnIdleTopic(t *testing.T) {
	defer goleak.VerifyNone(t, goleak.IgnoreCurrent())
	cluster, addrs := fakeKafka(t, kfake.SeedTopics(1, "rows", "labels"))
	defer cluster.Close()
	s := joinSource(t, fmt.Sprintf(`{rows: {kafka: {brokers: [%[1]s], topic: rows, schema: {id: int64, at: timestamp}}},
	  labels: {kafka: {brokers: [%[1]s], topic: labels, schema: {id: int64, known: timestamp, label: int8}}},
	  key: [id], time: at, label_time: known, label: label, window: 1m}`, addrs[0]))
	defer s.Close()
	if s.Bounded() {
		t.Error("want a source without an end")
	}
	mustOpen(t, s, flow.Env{Alloc: checkedAlloc(t)})
	read := func(n int) (out []sentRow) {
		t.Helper()
		for began := time.Now(); len(out) < n; {
			if time.Since(began) > 20*time.Second {
				t.Fatalf("want %d rows, got %v", n, out)
			}
			rec, err := s.Next(context.Background(), 100)
			if err != nil {
				t.Fatal(err)
			}
			out = append(out, sentRows(t, rec)...)
			rec.Release()
		}
		return out
	}
	row := func(id, at int64) *kgo.Record {
		return &kgo.Record{Topic: "rows", Value: fmt.Appendf(nil, `{"id":%d,"at":%q}`, id, stampAt(at))}
	}
	label := func(id, at int64, v int) *kgo.Record {
		return &kgo.Record{Topic: "labels", Value: fmt.Appendf(nil, `{"id":%d,"known":%q,"label":%d}`, id, stampAt(at), v)}
	}
	sendAll(t, addrs, nil, row(1, 0), row(2, 1))
	if got := fmt.Sprint(read(2)); got != "[0/1 1/2]" {
		t.Errorf("got %s", got)
	}
	sendAll(t, addrs, nil, label(2, 5, 1), label(1, 6, 0))
	for began := time.Now(); s.counts.labels.Load() < 2 && time.Since(began) < 20*time.Second; { // no row comes, labels are taken
		if rec, err := s.Next(context.Background(), 100); err != nil || rec.NumRows() != 0 {
			t.Fatalf("got %v, %v", rec, err)
		} else {
			rec.Release()
		}
	}
	sendAll(t, addrs, nil, row(3, 6), row(4, 7))
	if got := fmt.Sprint(read(4)); got != "[1/2 = 1 after 4 2/3 0/1 = 0 after 6 3/4]" {
		t.Errorf("got %s", got)
	}
}

// gather is held against compute.Take, on plain and nested columns with nulls, some of them slices.
func TestJoinGatherEqualsTake(t *testing.T) {
	alloc := memory.NewCheckedAllocator(memory.DefaultAllocator)
	defer alloc.AssertSize(t, 0)
	r := rand.New(rand.NewPCG(5, 5))
	schema := arrow.NewSchema([]arrow.Field{
		{Name: "text", Type: arrow.BinaryTypes.String, Nullable: true}, {Name: "flag", Type: arrow.FixedWidthTypes.Boolean, Nullable: true},
		{Name: "byte", Type: arrow.PrimitiveTypes.Int8, Nullable: true}, {Name: "short", Type: arrow.PrimitiveTypes.Int16, Nullable: true},
		{Name: "day", Type: arrow.FixedWidthTypes.Date32, Nullable: true}, {Name: "number", Type: arrow.PrimitiveTypes.Float64, Nullable: true},
		{Name: "wide", Type: &arrow.Decimal128Type{Precision: 20, Scale: 2}, Nullable: true},
		{Name: "list", Type: arrow.ListOf(arrow.BinaryTypes.String), Nullable: true}, {Name: "vector", Type: arrow.FixedSizeListOf(3, arrow.PrimitiveTypes.Float32), Nullable: true},
		{Name: "pair", Type: arrow.StructOf(arrow.Field{Name: "a", Type: arrow.PrimitiveTypes.Int64, Nullable: true}, arrow.Field{Name: "b", Type: arrow.BinaryTypes.String, Nullable: true}), Nullable: true},
	}, nil)
	whole := randomRecord(t, alloc, schema, r, 60)
	defer whole.Release()
	for _, cuts := range [][]int64{{0, 60}, {5, 20, 33, 60}} {
		g := joinGather{alloc: alloc}
		var rows []int64
		for k := range cuts[1:] {
			g.recs = append(g.recs, whole.NewSlice(cuts[k], cuts[k+1]))
		}
		for range 90 {
			k := r.IntN(len(g.recs))
			at := r.Int64N(g.recs[k].NumRows())
			g.part, g.at = append(g.part, int32(k)), append(g.at, int32(at))
			rows = append(rows, cuts[k]+at)
		}
		got, err := g.record()
		if err != nil {
			t.Fatal(err)
		}
		where := int64Array(alloc, rows)
		for c := range schema.NumFields() {
			want, err := compute.TakeArrayOpts(compute.WithAllocator(context.Background(), alloc), whole.Column(c), where, compute.TakeOptions{})
			if err != nil {
				t.Fatal(err)
			}
			if !array.Equal(want, got.Column(c)) {
				t.Errorf("%s: want %v, got %v", schema.Field(c).Name, want, got.Column(c))
			}
			want.Release()
		}
		where.Release()
		got.Release()
		for _, rec := range g.recs {
			rec.Release()
		}
	}
}

// randomRecord fills a record with values and nulls.
func randomRecord(t *testing.T, alloc memory.Allocator, schema *arrow.Schema, r *rand.Rand, n int) arrow.Record {
	t.Helper()
	b := array.NewRecordBuilder(alloc, schema)
	defer b.Release()
	for range n {
		for i, text := range []string{fmt.Sprintf(`"%x"`, r.Uint32N(1<<16)), fmt.Sprint(r.IntN(2) == 0), fmt.Sprint(r.IntN(100)), fmt.Sprint(r.IntN(1000)), `"2024-01-02"`,
			fmt.Sprint(r.Float64()), `"12.25"`, `["a",null,"bc"]`, "[1,2,3]", `{"a":7,"b":"x"}`} {
			if r.IntN(4) == 0 {
				b.Field(i).AppendNull()
			} else if err := b.Field(i).UnmarshalJSON([]byte("[" + text + "]")); err != nil {
				t.Fatal(err)
			}
		}
	}
	return b.NewRecord()
}

// Memory is bounded by what is declared: the bytes that are counted, and what is held for them.
func TestLabelJoinMemory(t *testing.T) {
	var rows []string
	for i := range 20000 {
		rows = append(rows, fmt.Sprintf(`{"id":%d,"at":%q,"known":%q,"label":1,"note":"%0100d"}`, i, stampAt(int64(i)), stampAt(int64(i+1_000_000)), i))
	}
	alloc := memory.NewCheckedAllocator(memory.DefaultAllocator)
	s := joinSource(t, fmt.Sprintf("{rows: {jsonl: {path: %s, schema: {id: int64, at: timestamp, known: timestamp, label: int8, note: utf8}}}, time: at, label_time: known, label: label, memory: 2_000_000, on_full: oldest}",
		jsonl(t, rows...)))
	mustOpen(t, s, flow.Env{Alloc: alloc})
	most, sent := 0, []int64(nil)
	for {
		rec, err := s.Next(context.Background(), 1000)
		if err != nil {
			break
		}
		for _, r := range sentRows(t, rec) {
			if r.matured {
				sent = append(sent, r.row)
			}
		}
		rec.Release()
		if s.wait.bytes > 2_000_000 {
			t.Fatalf("want at most 2000000 bytes counted, got %d", s.wait.bytes)
		}
		held := 0
		for _, seg := range s.store.segments {
			if seg.rec != nil {
				held += len(seg.slots)
			}
		}
		most = max(most, held)
	}
	if !slices.IsSorted(sent) || len(sent) != 20000 {
		t.Errorf("want every row matured, the oldest first, got %d", len(sent))
	}
	if limit := 2*2_000_000/(slotBytes+130) + joinFetch; most > limit {
		t.Errorf("want the values of at most %d rows held, got %d", limit, most)
	}
	s.Close()
	alloc.AssertSize(t, 0)
}

// Rows that come one by one end up together, where the slots that wait for them find them.
func TestJoinStorePutsSmallSegmentsTogether(t *testing.T) {
	alloc := memory.NewCheckedAllocator(memory.DefaultAllocator)
	defer alloc.AssertSize(t, 0)
	r := rand.New(rand.NewPCG(2, 7))
	type place struct{ seg, at int32 }
	var s joinStore
	where := map[int32]place{} // slot to place; slot n waits for the row with id n
	for n := range int32(5000) {
		seg := s.add(sampleRecord(alloc, int(n), 1))
		s.keep(seg, 0, n)
		s.segments[seg].head = false
		where[n] = place{seg, 0}
		if old := r.Int32N(n + 1); r.IntN(2) == 0 {
			if p, ok := where[old]; ok {
				s.let(p.seg, p.at)
				delete(where, old)
			}
		}
		if err := s.tidy(alloc, func(slot, seg, at int32) { where[slot] = place{seg, at} }); err != nil {
			t.Fatal(err)
		}
	}
	used, held := 0, 0
	for _, seg := range s.segments {
		if seg.rec != nil {
			used, held = used+1, held+len(seg.slots)
		}
	}
	if used > 3*fewSegments || held > 2*len(where)+1 {
		t.Errorf("%d rows wait: want few segments that hold little else, got %d with %d rows", len(where), used, held)
	}
	for slot, p := range where {
		if id := s.segments[p.seg].rec.Column(0).(*array.Int64).Value(int(p.at)); id != int64(slot) {
			t.Fatalf("slot %d: want its row, got %d", slot, id)
		}
	}
	s.release()
}

// What is kept beside the rows does not grow with the length of the stream.
func TestLabelJoinForgets(t *testing.T) {
	var d joinRows
	for i := range int64(30000) {
		d.event, d.known, d.label = append(d.event, i), append(d.known, i+5), append(d.label, 1)
	}
	for name, settings := range map[string]string{"own": d.ownFile(t), "own, full": d.ownFile(t) + ", window: 1000h, memory: 4000, on_full: oldest", "two files": strings.Replace(d.twoFiles(t), "window: 1h", "window: 20s", 1)} {
		s := joinSource(t, "{"+settings+"}")
		mustOpen(t, s, flow.Env{Alloc: checkedAlloc(t)})
		most := 0
		for {
			rec, err := s.Next(context.Background(), 500)
			if err != nil {
				break
			}
			rec.Release()
			w := &s.wait
			most = max(most, len(w.byAge.list), len(w.timers), len(w.slots), len(w.keys), len(s.store.segments))
		}
		s.Close()
		if most > 3000 {
			t.Errorf("%s: want at most 3000 entries beside a few rows that wait, got %d", name, most)
		}
	}
}
