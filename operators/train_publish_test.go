package operators

import (
	"context"
	"math"
	"strings"
	"testing"

	"github.com/apache/arrow/go/v17/arrow"
	"github.com/apache/arrow/go/v17/arrow/array"
	"github.com/apache/arrow/go/v17/arrow/memory"

	"github.com/sluice-stream/sluice/flow"
)

func records(t *testing.T, alloc memory.Allocator, schema *arrow.Schema, json string) arrow.Record {
	t.Helper()
	rec, _, err := array.RecordFromJSON(alloc, schema, strings.NewReader(json))
	if err != nil {
		t.Fatal(err)
	}
	return rec
}

// published returns a whole table as one record.
func published(t *testing.T, op *Train, name string) arrow.Record {
	t.Helper()
	var out arrow.Record
	for _, o := range op.Outputs() {
		if o.Name != name {
			continue
		}
		err := op.Publish(context.Background(), name, 9, func(rec arrow.Record) error {
			if !rec.Schema().Equal(o.Schema) || out != nil {
				t.Errorf("want one record of the announced schema, got %v", rec.Schema())
			}
			rec.Retain()
			out = rec
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	return out
}

func TestTrainPublishesEmbeddingsAndMask(t *testing.T) {
	alloc := memory.NewCheckedAllocator(memory.DefaultAllocator)
	defer alloc.AssertSize(t, 0)
	rec := clickRows(t, alloc, 400, false)
	defer rec.Release()
	h := newTrain(t, alloc, clickTrain+", gate: {optfs: {lambda: 0.01, lr: 0.1, search: {epochs: 3, steps_per_epoch: 5}}}}")
	h.bind(trainSchema)
	h.feed(rec, 0, 400, 100)
	h.flush()
	train := h.op.(*Train)
	emb, mask := published(t, train, "embeddings"), published(t, train, "feature_mask")
	defer emb.Release()
	defer mask.Release()
	rows := train.enc.Rows()
	if int(emb.NumRows()) != rows || int(mask.NumRows()) != rows {
		t.Fatalf("want %d rows each, got %d and %d", rows, emb.NumRows(), mask.NumRows())
	}
	vec := emb.Column(5).(*array.FixedSizeList).ListValues().(*array.Float32)
	seen, kept, provisional := map[string]int64{}, 0., 0
	for i := range rows {
		field, value := emb.Column(0).ValueStr(i), emb.Column(1).ValueStr(i)
		seen[field+" "+value] = emb.Column(2).(*array.Int64).Value(i)
		keep, gate := emb.Column(4).(*array.Boolean).Value(i), emb.Column(3).(*array.Float32).Value(i)
		if (gate > 0) != keep || mask.Column(6).(*array.Boolean).Value(i) != keep || (mask.Column(4).(*array.Float32).Value(i) > 0) != keep {
			t.Errorf("row %d: gate %v, keep %v, raw %v", i, gate, keep, mask.Column(4).ValueStr(i))
		}
		for k := range 4 {
			if !keep && vec.Value(4*i+k) != 0 {
				t.Errorf("row %d is dropped: want a zero vector", i)
			}
		}
		if keep && seen[field+" "+value] > 0 {
			kept++
		}
		if mask.Column(7).(*array.Boolean).Value(i) {
			provisional++
		}
		if emb.Column(6).(*array.Uint64).Value(i) != 9 || int(mask.Column(2).(*array.Int32).Value(i)) != i {
			t.Errorf("row %d: wrong checkpoint or row", i)
		}
	}
	for name, want := range map[string]int64{"user <oov>": 0, "tags (null)": int64(nullTags(rec)), "user u3": int64(users(rec, "u3"))} {
		if got, ok := seen[name]; !ok || got != want {
			t.Errorf("%s: want count %d, got %d (%v)", name, want, got, ok)
		}
	}
	g := train.Report().Gate
	if g["kept"] != kept || g["features"] < kept || math.Abs(g["ratio"]-kept/g["features"]) > 1e-12 || g["ratio_weighted"] <= 0 || g["tau"] != 200 {
		t.Errorf("gate: %v, kept %v", g, kept)
	}
	if err := train.Publish(context.Background(), "nope", 1, nil); err == nil {
		t.Error("an unknown table: want an error")
	}
}

// nullTags counts lists that are null or hold one.
func nullTags(rec arrow.Record) (n int) {
	l := rec.Column(2).(*array.List)
	for i := range l.Len() {
		if l.IsNull(i) {
			n++
		}
	}
	return n + l.ListValues().NullN()
}

func users(rec arrow.Record, name string) (n int) {
	for i := range int(rec.NumRows()) {
		if rec.Column(0).(*array.String).Value(i) == name {
			n++
		}
	}
	return n
}

func TestTrainPublishesInBatchMode(t *testing.T) {
	alloc := memory.NewCheckedAllocator(memory.DefaultAllocator)
	defer alloc.AssertSize(t, 0)
	rec := clickRows(t, alloc, 400, false)
	defer rec.Release()
	text := override(clickTrain, ", fields: {categorical: [user], numeric: {price: log2floor}, min_count: 25}, epochs: {max: 1}}")
	h := newTrain(t, alloc, text)
	h.bind(trainSchema)
	h.passes(rec, 0, 100, 5)
	if out := published(t, h.op.(*Train), "embeddings"); out != nil {
		t.Error("before the end of training: want no rows")
	}
	h = trained(t, alloc, rec, text)
	emb := published(t, h.op.(*Train), "embeddings")
	defer emb.Release()
	var total int64
	for i := range int(emb.NumRows()) {
		if emb.Column(0).ValueStr(i) == "price" {
			total += emb.Column(2).(*array.Int64).Value(i)
			if n := emb.Column(2).(*array.Int64).Value(i); n < 25 && emb.Column(1).ValueStr(i) != oovText {
				t.Errorf("%s was seen %d times: want it in %s", emb.Column(1).ValueStr(i), n, oovText)
			}
		}
	}
	if total != 400 {
		t.Errorf("want all 400 prices counted, got %d", total)
	}
	if outs := h.op.(flow.Publisher).Outputs(); len(outs) != 1 {
		t.Errorf("without a gate: want one table, got %d", len(outs))
	}
}
