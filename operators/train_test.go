package operators

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/apache/arrow/go/v17/arrow"
	"github.com/apache/arrow/go/v17/arrow/array"
	"github.com/apache/arrow/go/v17/arrow/memory"
	"github.com/google/go-cmp/cmp"

	"github.com/sluice-stream/sluice/check"
	"github.com/sluice-stream/sluice/flow"
	"github.com/sluice-stream/sluice/internal/config"
	"github.com/sluice-stream/sluice/internal/state"
)

// trainConfig reads settings as a pipeline file gives them.
func trainConfig(t testing.TB, text string) TrainConfig {
	t.Helper()
	c := DefaultTrain()
	if err := config.DecodeText([]byte(text), &c); err != nil {
		t.Fatal(err)
	}
	return c
}

const clickTrain = `{label: click, fields: {categorical: [user, item, tags], numeric: {price: log2floor, age: {quantile: {bins: 4, sample: 20}}}, hashed: {url: 50}},
  model: {fm: {dim: 4}}, batch: 16, window: 100`

var trainSchema = arrow.NewSchema([]arrow.Field{
	{Name: "user", Type: arrow.BinaryTypes.String},
	{Name: "item", Type: arrow.PrimitiveTypes.Int64, Nullable: true},
	{Name: "tags", Type: arrow.ListOf(arrow.BinaryTypes.String), Nullable: true},
	{Name: "price", Type: arrow.PrimitiveTypes.Float64, Nullable: true},
	{Name: "age", Type: arrow.PrimitiveTypes.Int32, Nullable: true},
	{Name: "url", Type: arrow.BinaryTypes.LargeString},
	{Name: "click", Type: arrow.PrimitiveTypes.Float64, Nullable: true},
	{Name: flow.ColOffset, Type: arrow.PrimitiveTypes.Int64},
}, nil)

// clickRows makes rows whose label depends on user and item; some have no label, some a bad one.
func clickRows(t testing.TB, alloc memory.Allocator, n int, odd bool) arrow.Record {
	t.Helper()
	r := rand.New(rand.NewPCG(1, 1))
	var rows []string
	for i := range n {
		user, item := r.IntN(12), r.IntN(9)
		label := "0"
		if (user*item)%3 == 1 != (r.IntN(8) == 0) {
			label = "1"
		}
		if odd && r.IntN(10) == 0 {
			label = []string{"null", "null", "2", `"NaN"`, "null", "0.5"}[r.IntN(6)]
		}
		tags := []string{"null", "[]", `["a"]`, `["a","b"]`, `["c",null,"a"]`}[r.IntN(5)]
		rows = append(rows, fmt.Sprintf(`{"user":"u%d","item":%d,"tags":%s,"price":%d.5,"age":%d,"url":"p%d","click":%s,"_offset":%d}`,
			user, item, tags, r.IntN(300), r.IntN(60), r.IntN(200), label, i))
	}
	rec, _, err := array.RecordFromJSON(alloc, trainSchema, strings.NewReader("["+strings.Join(rows, ",")+"]"))
	if err != nil {
		t.Fatal(err)
	}
	return rec
}

// harness runs one operator and gathers what leaves it.
type harness struct {
	t        testing.TB
	op       flow.Operator
	out      []string // rows as JSON
	rejected []flow.Rejection
}

func newHarness(t testing.TB, alloc memory.Allocator, op flow.Operator) *harness {
	t.Helper()
	h := &harness{t: t, op: op}
	env := flow.Env{Seed: 7, Alloc: alloc, Reject: func(r flow.Rejection) { h.rejected = append(h.rejected, r) }}
	if err := op.(flow.Opener).Open(context.Background(), env); err != nil {
		t.Fatal(err)
	}
	return h
}

func (h *harness) bind(s *arrow.Schema) *arrow.Schema {
	h.t.Helper()
	out, err := h.op.Bind(s)
	if err != nil {
		h.t.Fatal(err)
	}
	return out
}

func (h *harness) emit(rec arrow.Record) error {
	for i := range int(rec.NumRows()) {
		row := rec.NewSlice(int64(i), int64(i)+1)
		b, err := row.MarshalJSON()
		row.Release()
		if err != nil {
			return err
		}
		h.out = append(h.out, string(b))
	}
	return nil
}

// feed sends rows [from, to) in records of at most cut rows.
func (h *harness) feed(rec arrow.Record, from, to, cut int) {
	h.t.Helper()
	for at := from; at < to; at += cut {
		part := rec.NewSlice(int64(at), int64(min(at+cut, to)))
		err := h.op.Process(context.Background(), part, h.emit)
		part.Release()
		if err != nil {
			h.t.Fatal(err)
		}
	}
}

func (h *harness) flush() {
	h.t.Helper()
	if err := h.op.(flow.Flusher).Flush(context.Background(), h.emit); err != nil {
		h.t.Fatal(err)
	}
}

func (h *harness) save() []byte {
	h.t.Helper()
	var b bytes.Buffer
	if err := state.WritePart(&b, h.op.(flow.Stateful)); err != nil {
		h.t.Fatal(err)
	}
	return b.Bytes()
}

func newTrain(t testing.TB, alloc memory.Allocator, text string) *harness {
	t.Helper()
	op, err := NewTrain(trainConfig(t, text))
	if err != nil {
		t.Fatal(err)
	}
	return newHarness(t, alloc, op)
}

func TestTrainDoesNotDependOnRecords(t *testing.T) {
	for _, mode := range []string{"}", ", update: row, model: {lr: {}}}", ", gate: {optfs: {search: {epochs: 3, steps_per_epoch: 5}, lr: 0.1}}}",
		", update: row, optimizer: {adam: {weight_decay: 0.01}}}"} {
		t.Run(mode, func(t *testing.T) {
			alloc := memory.NewCheckedAllocator(memory.DefaultAllocator)
			defer alloc.AssertSize(t, 0)
			rec := clickRows(t, alloc, 300, true)
			defer rec.Release()
			var want *harness
			for _, cut := range []int{300, 1, 7, 16, 100} {
				h := newTrain(t, alloc, override(clickTrain, mode))
				h.bind(trainSchema)
				h.feed(rec, 0, 170, cut)
				h.flush()
				h.feed(rec, 170, 300, cut)
				h.flush()
				if want == nil {
					want = h
					continue
				}
				if d := cmp.Diff(want.out, h.out); d != "" {
					t.Fatalf("records of %d rows: %s", cut, d)
				}
				if d := cmp.Diff(want.rejected, h.rejected); d != "" {
					t.Fatalf("records of %d rows: %s", cut, d)
				}
				if !bytes.Equal(want.save(), h.save()) {
					t.Fatalf("records of %d rows: another state", cut)
				}
			}
			if n := len(want.out) + len(want.rejected); n != 300 || len(want.rejected) == 0 {
				t.Errorf("want every row out or rejected, got %d and %d", len(want.out), len(want.rejected))
			}
		})
	}
}

// override replaces settings that stand in base by those of more.
func override(base, more string) string {
	if strings.Contains(more, "model:") {
		base = strings.Replace(base, "model: {fm: {dim: 4}}, ", "", 1)
	}
	if strings.Contains(more, "fields:") {
		from, to := strings.Index(base, "fields:"), strings.Index(base, "model:")
		base = base[:from] + base[to:]
	}
	if strings.Contains(more, "batch:") {
		base = strings.Replace(base, "batch: 16, ", "", 1)
	}
	return base + more
}

func TestTrainSurvivesARestart(t *testing.T) {
	for _, mode := range []string{"}", ", update: row}", ", gate: {optfs: {search: {epochs: 3, steps_per_epoch: 5}, lr: 0.1}}, model: {deepfm: {dim: 4, mlp: [8]}}}"} {
		t.Run(mode, func(t *testing.T) {
			alloc := memory.NewCheckedAllocator(memory.DefaultAllocator)
			defer alloc.AssertSize(t, 0)
			rec := clickRows(t, alloc, 300, true)
			defer rec.Release()
			whole := newTrain(t, alloc, override(clickTrain, mode))
			whole.bind(trainSchema)
			whole.feed(rec, 0, 133, 20)
			whole.flush()
			saved, kept := whole.save(), len(whole.out)
			whole.feed(rec, 133, 300, 20)
			whole.flush()
			again := newTrain(t, alloc, override(clickTrain, mode))
			again.bind(trainSchema)
			again.feed(rec, 0, 40, 20) // what stood there before must go
			if err := state.ReadPart(saved, again.op.(flow.Stateful)); err != nil {
				t.Fatal(err)
			}
			again.out = nil
			again.feed(rec, 133, 300, 13)
			again.flush()
			if d := cmp.Diff(whole.out[kept:], again.out); d != "" {
				t.Fatal(d)
			}
			if !bytes.Equal(whole.save(), again.save()) {
				t.Error("another state than without the restart")
			}
			if d := cmp.Diff(whole.op.(flow.Reporter).Report(), again.op.(flow.Reporter).Report()); d != "" {
				t.Error(d)
			}
		})
	}
}

func TestTrainRejectsBadLabelsAndScoresRowsWithout(t *testing.T) {
	alloc := memory.NewCheckedAllocator(memory.DefaultAllocator)
	defer alloc.AssertSize(t, 0)
	rec, _, err := array.RecordFromJSON(alloc, trainSchema, strings.NewReader(`[
		{"user":"a","item":1,"url":"","click":1,"_offset":5}, {"user":"b","url":"","click":2,"_offset":6},
		{"user":"new","url":"","click":null,"_offset":7}, {"user":"a","item":1,"url":"","click":0,"_offset":8}]`))
	if err != nil {
		t.Fatal(err)
	}
	defer rec.Release()
	h := newTrain(t, alloc, clickTrain+"}")
	h.bind(trainSchema)
	h.feed(rec, 0, 4, 4)
	if len(h.out) != 0 {
		t.Errorf("an unfinished batch: want no rows yet, got %v", h.out)
	}
	h.flush()
	if len(h.out) != 3 || len(h.rejected) != 1 {
		t.Fatalf("want three rows and one rejection, got %v and %v", h.out, h.rejected)
	}
	r := h.rejected[0]
	if r.Reason != "label click: want 0 or 1, got 2" || r.Offset != 6 || r.Stage != "train" || !strings.Contains(string(r.Raw), `"user":"b"`) {
		t.Errorf("rejection: %+v", r)
	}
	train := h.op.(*Train)
	if rep := train.Report(); rep.Trained != 2 || len(rep.Notes) != 1 || !strings.Contains(rep.Notes[0], "1 rows without a label") {
		t.Errorf("report: %+v", rep)
	}
	for row := range train.enc.Rows() {
		if f := train.enc.Feature(int32(row)); f.Value == "new" || f.Value == "b" {
			t.Errorf("%q must not be in the vocabulary", f.Value)
		}
	}
}

func TestTrainOnOddInputs(t *testing.T) {
	alloc := memory.NewCheckedAllocator(memory.DefaultAllocator)
	defer alloc.AssertSize(t, 0)
	none := clickRows(t, alloc, 0, false)
	defer none.Release()
	nulls, _, err := array.RecordFromJSON(alloc, trainSchema, strings.NewReader(`[{"user":"a","url":"","click":null,"_offset":0},{"user":"a","url":"","click":null,"_offset":1}]`))
	if err != nil {
		t.Fatal(err)
	}
	defer nulls.Release()
	h := newTrain(t, alloc, clickTrain+"}")
	h.bind(trainSchema)
	if err := h.op.Process(context.Background(), none, h.emit); err != nil {
		t.Error("no rows:", err)
	}
	h.flush()
	if rep := h.op.(flow.Reporter).Report(); len(rep.Metrics) != 0 || rep.Trained != 0 {
		t.Errorf("no rows: want no metrics, got %+v", rep)
	}
	h.feed(nulls, 0, 2, 2)
	h.flush()
	if len(h.out) != 2 || !strings.Contains(h.out[0], `"score":0.5`) {
		t.Errorf("no label anywhere: want the untrained score, got %v", h.out)
	}
}

func TestTrainBindReportsEverythingAtOnce(t *testing.T) {
	h := newTrain(t, memory.DefaultAllocator, clickTrain+", output: user}")
	_, err := h.op.Bind(arrow.NewSchema([]arrow.Field{{Name: "user", Type: arrow.BinaryTypes.String}, {Name: "clck", Type: arrow.BinaryTypes.String},
		{Name: "price", Type: arrow.BinaryTypes.String}}, nil))
	var vs check.Violations
	if !errors.As(err, &vs) {
		t.Fatalf("want violations, got %v", err)
	}
	var keys []string
	for _, v := range vs {
		keys = append(keys, v.Key)
	}
	want := []string{"label", "fields.categorical[1]", "fields.categorical[2]", "fields.numeric.price", "fields.numeric.age", "fields.hashed.url", "output"}
	if d := cmp.Diff(want, keys); d != "" {
		t.Error(d, err)
	}
}

func TestTrainSettings(t *testing.T) {
	for text, want := range map[string]string{
		`{label: click, fields: {categorical: [user]}}`:                                                           "model: want a model",
		`{label: user, fields: {categorical: [user]}, model: lr}`:                                                 "fields: want columns other than the label",
		`{label: c, fields: {categorical: [user]}, model: lr, update: rows}`:                                      `update: want one of batch, row, got "rows"; did you mean "row"?`,
		`{label: c, fields: {categorical: [user]}, model: lr, update: row, gate: optfs}`:                          "update: want batch with a gate",
		`{label: c, fields: {categorical: [user]}, model: lr, update: row, epochs: {max: 3}}`:                     "update: want batch with epochs",
		`{label: c, fields: {categorical: [user]}, model: lr, epochs: {patience: 3}}`:                             "epochs.max: want >= 1, got 0",
		`{label: c, fields: {categorical: [user]}, model: lr, batch: 0, window: 0, output: ""}`:                   "output: want a value",
		`{label: c, fields: {categorical: [user], numeric: {a: {quantile: {bins: 1}}}, min_count: 0}, model: lr}`: "fields.min_count: want >= 1, got 0",
	} {
		c := DefaultTrain()
		err := config.DecodeText([]byte(text), &c)
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: want %q, got %v", text, want, err)
		}
	}
	if _, err := NewTrain(trainConfig(t, clickTrain+", gate: {optfs: {search: {schedule: epoch}}}}")); err == nil || !strings.Contains(err.Error(), "gate.optfs.search.schedule: want step") {
		t.Errorf("a search by epochs on a stream: got %v", err)
	}
	c := trainConfig(t, clickTrain+", epochs: {max: 3}}")
	b, err := config.Canonical(c)
	if err != nil {
		t.Fatal(err)
	}
	again := trainConfig(t, string(b))
	if b2, _ := config.Canonical(again); !bytes.Equal(b, b2) || again.Epochs.Epochs != 3 {
		t.Errorf("settings do not read back: %s and %s", b, b2)
	}
}
