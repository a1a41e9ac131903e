package operators

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/apache/arrow/go/v17/arrow"
	"github.com/apache/arrow/go/v17/arrow/array"
	"github.com/apache/arrow/go/v17/arrow/memory"
	"github.com/google/go-cmp/cmp"
	"github.com/zeebo/xxh3"

	"github.com/sluice-stream/sluice/features"
	"github.com/sluice-stream/sluice/flow"
	"github.com/sluice-stream/sluice/internal/state"
	"github.com/sluice-stream/sluice/learn"
	"github.com/sluice-stream/sluice/learn/eval"
)

const delayedTrain = `{label: click, fields: {categorical: [user, item, tags], numeric: {price: log2floor}}, optimizer: {adagrad: {lr: 0.1}}, window: 100, `

// lateRows are rows with the times at which they happen and at which their labels are known, many of them equal.
type lateRows struct {
	rec          arrow.Record // clickRows
	event, known []int64
	labels       []float32
}

func makeLate(t testing.TB, alloc memory.Allocator, seed uint64, n int) lateRows {
	d := lateRows{rec: clickRows(t, alloc, n, false)}
	r := rand.New(rand.NewPCG(seed, 4))
	at := int64(0)
	for range n {
		if r.IntN(3) == 0 {
			at += r.Int64N(4)
		}
		d.event, d.known = append(d.event, at), append(d.known, at+r.Int64N(30))
	}
	d.labels = make([]float32, n)
	readLabels(d.rec.Column(6), d.labels)
	return d
}

// order is the rows by the time at which they are known, then by arrival.
func (d lateRows) order() []int {
	out := make([]int, len(d.known))
	for i := range out {
		out[i] = i
	}
	slices.SortStableFunc(out, func(a, b int) int { return int(d.known[a] - d.known[b]) })
	return out
}

// coming is a row of the stream: as it happens, or matured.
type coming struct {
	row     int
	matured bool
}

// stream is what a join sends: matured rows before the first row that happens later than they are known.
func (d lateRows) stream() (out []coming) {
	order := d.order()
	for i, at := range d.event {
		for len(order) > 0 && d.known[order[0]] < at {
			out, order = append(out, coming{order[0], true}), order[1:]
		}
		out = append(out, coming{row: i})
	}
	for _, i := range order {
		out = append(out, coming{i, true})
	}
	return out
}

func lateSchema() *arrow.Schema {
	fields := slices.Clone(trainSchema.Fields()[:7])
	return arrow.NewSchema(append(fields, arrow.Field{Name: flow.ColMatured, Type: arrow.FixedWidthTypes.Boolean}, arrow.Field{Name: flow.ColRow, Type: arrow.PrimitiveTypes.Int64}), nil)
}

// record makes the stream one record.
func (d lateRows) record(t testing.TB, alloc memory.Allocator, stream []coming) arrow.Record {
	t.Helper()
	var rows []string
	for _, c := range stream {
		one := d.rec.NewSlice(int64(c.row), int64(c.row)+1)
		b, err := one.MarshalJSON()
		one.Release()
		if err != nil {
			t.Fatal(err)
		}
		var all []map[string]any
		if err := json.Unmarshal(b, &all); err != nil {
			t.Fatal(err)
		}
		row := all[0]
		delete(row, flow.ColOffset)
		row[flow.ColMatured], row[flow.ColRow], row["click"] = c.matured, c.row, nil
		if c.matured {
			row["click"] = d.labels[c.row]
		}
		if b, err = json.Marshal(row); err != nil {
			t.Fatal(err)
		}
		rows = append(rows, string(b))
	}
	rec, _, err := array.RecordFromJSON(alloc, lateSchema(), strings.NewReader("["+strings.Join(rows, ",")+"]"))
	if err != nil {
		t.Fatal(err)
	}
	return rec
}

// lateTwin does what ctr.py does, with the model and the vocabulary of the operator and nothing else of it.
type lateTwin struct {
	scores  []float32
	model   []byte
	trained int
}

func twinOf(t testing.TB, d lateRows, text string) (out lateTwin) {
	t.Helper()
	cfg := trainConfig(t, text)
	enc, err := features.NewEncoder(cfg.Fields)
	if err != nil {
		t.Fatal(err)
	}
	if err := enc.Bind(d.rec.Schema()); err != nil {
		t.Fatal(err)
	}
	m, err := features.NewCTR(cfg.model(), enc.Fields(), xxh3.HashStringSeed("train", 7))
	if err != nil {
		t.Fatal(err)
	}
	m.Grow(enc.Rows())
	byRow, batch := cfg.Update == "row", cfg.Batch
	if byRow {
		batch = 1
	}
	encoded := make([]learn.Batch, len(d.event))
	gather := func(rows []int) *learn.Batch {
		b := &learn.Batch{}
		for _, r := range rows {
			appendRow(b, &encoded[r], 0)
			b.Labels = append(b.Labels, d.labels[r])
		}
		return b
	}
	learnOne := func(rows []int) {
		b := gather(rows)
		if byRow {
			err = m.LearnRows(b, nil)
		} else {
			err = m.Learn(b, nil)
		}
		if err != nil {
			t.Fatal(err)
		}
		out.trained += len(rows)
	}
	order, at := d.order(), 0
	for i := 0; i < len(d.event); i += batch {
		ripe := 0
		for ripe < len(order) && d.known[order[ripe]] < d.event[i] {
			ripe++
		}
		for ; at+batch <= ripe; at += batch {
			learnOne(order[at : at+batch])
		}
		var rows []int
		for k := i; k < min(i+batch, len(d.event)); k++ {
			if err := enc.Encode(d.rec, k, k+1, &encoded[k], true); err != nil {
				t.Fatal(err)
			}
			rows = append(rows, k)
		}
		m.Grow(enc.Rows())
		b := gather(rows)
		b.Labels = nil
		p := make([]float32, len(rows))
		if err := m.Predict(b, p); err != nil {
			t.Fatal(err)
		}
		out.scores = append(out.scores, p...)
	}
	for ; byRow && at < len(order); at++ {
		learnOne(order[at : at+1])
	}
	var model bytes.Buffer
	if err := state.WritePart(&model, m); err != nil {
		t.Fatal(err)
	}
	out.model = model.Bytes()
	return out
}

// lateRun feeds the stream, with a barrier before each row in barriers; at every second one the operator is replaced
// by a new one that is restored from its state.
func lateRun(t testing.TB, alloc memory.Allocator, text string, rec arrow.Record, cut int, barriers []int) *harness {
	t.Helper()
	h := newTrain(t, alloc, text)
	h.bind(rec.Schema())
	at := 0
	for k, b := range append(slices.Clone(barriers), int(rec.NumRows())) {
		h.feed(rec, at, b, cut)
		h.flush()
		at = b
		if k%2 == 1 {
			saved := h.save()
			next := newTrain(t, alloc, text)
			next.bind(rec.Schema())
			if err := state.ReadPart(saved, next.op.(flow.Stateful)); err != nil {
				t.Fatal(err)
			}
			next.out, next.rejected = h.out, h.rejected
			h = next
		}
	}
	return h
}

func TestDelayedEqualsTheTwin(t *testing.T) {
	const gate, adam = "gate: {optfs: {search: {epochs: 3, steps_per_epoch: 5}, lr: 0.1}}", "optimizer: {adam: {lr: 0.01, weight_decay: 0.01, rows: dense}}"
	for _, model := range []string{"lr: {}", "fm: {dim: 4}", "deepfm: {dim: 4, mlp: [8]}"} {
		for _, how := range []string{"batch: 1", "batch: 16", "batch: 64", "update: row", "batch: 16, " + gate, "batch: 16, " + adam, "update: row, " + adam} {
			t.Run(model+" "+how, func(t *testing.T) {
				alloc := memory.NewCheckedAllocator(memory.DefaultAllocator)
				defer alloc.AssertSize(t, 0)
				d := makeLate(t, alloc, 5, 320)
				defer d.rec.Release()
				text := delayedTrain + "model: {" + model + "}, " + how + "}"
				if strings.Contains(how, "adam") {
					text = strings.Replace(text, "optimizer: {adagrad: {lr: 0.1}}, ", "", 1)
				}
				stream := d.stream()
				rec := d.record(t, alloc, stream)
				defer rec.Release()
				want := twinOf(t, d, text)
				r := rand.New(rand.NewPCG(1, 8))
				for run, barriers := range [][]int{nil, {1, 2, 3, 100, 101, 630}, someOf(r, len(stream), 40)} {
					h := lateRun(t, alloc, text, rec, []int{1000, 1, 13}[run], barriers)
					checkLate(t, h, d, stream, want)
				}
			})
		}
	}
}

// someOf picks n ascending places.
func someOf(r *rand.Rand, size, n int) (out []int) {
	for range n {
		out = append(out, r.IntN(size))
	}
	slices.Sort(out)
	return slices.Compact(out)
}

func checkLate(t *testing.T, h *harness, d lateRows, stream []coming, want lateTwin) {
	t.Helper()
	if len(h.out) != len(stream) {
		t.Fatalf("want %d rows, got %d", len(stream), len(h.out))
	}
	op := h.op.(*Train)
	var y, p []float32
	for i, c := range stream {
		score := outNumber(t, h.out[i], "score")
		if float32(score) != want.scores[c.row] {
			t.Fatalf("row %d, matured %v: want score %v, got %v", c.row, c.matured, want.scores[c.row], score)
		}
		if c.matured {
			y, p = append(y, d.labels[c.row]), append(p, want.scores[c.row])
		}
	}
	if int(op.trained) != want.trained {
		t.Errorf("want %d rows trained, got %d", want.trained, op.trained)
	}
	var model bytes.Buffer
	if err := state.WritePart(&model, op.ctr); err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(model.Bytes(), want.model) {
		t.Error("another model than the twin's")
	}
	if got, want := op.metrics.Scores().AUC, eval.Exact(y, p).AUC; math.Abs(got-want) > 5e-3 {
		t.Errorf("want AUC %v, got %v", want, got)
	}
}

func outNumber(t *testing.T, row, name string) float64 {
	t.Helper()
	_, rest, ok := strings.Cut(row, `"`+name+`":`)
	var v float64
	if _, err := fmt.Sscanf(rest, "%g", &v); !ok || err != nil {
		t.Fatalf("no number %s in %s", name, row)
	}
	return v
}

func TestDelayedDoesNotDependOnRecords(t *testing.T) {
	for _, how := range []string{"batch: 16", "update: row"} {
		alloc := memory.NewCheckedAllocator(memory.DefaultAllocator)
		d := makeLate(t, alloc, 6, 400)
		rec := d.record(t, alloc, d.stream())
		text := delayedTrain + "model: {deepfm: {dim: 4, mlp: [8]}}, " + how + "}"
		barriers := []int{37, 300, 301}
		want := lateRun(t, alloc, text, rec, 800, barriers)
		for _, cut := range []int{1, 7, 64} {
			got := lateRun(t, alloc, text, rec, cut, barriers)
			if d := cmp.Diff(want.out, got.out); d != "" {
				t.Fatalf("%s, records of %d rows: %s", how, cut, d)
			}
			if !bytes.Equal(want.save(), got.save()) {
				t.Fatalf("%s, records of %d rows: another state", how, cut)
			}
		}
		d.rec.Release()
		rec.Release()
		alloc.AssertSize(t, 0)
	}
}

func TestDelayedForgetsTheOldest(t *testing.T) {
	alloc := memory.NewCheckedAllocator(memory.DefaultAllocator)
	defer alloc.AssertSize(t, 0)
	d := makeLate(t, alloc, 7, 300)
	defer d.rec.Release()
	var stream []coming
	for i := range 300 {
		stream = append(stream, coming{row: i})
	}
	for i := range 300 {
		stream = append(stream, coming{i, true})
	}
	rec := d.record(t, alloc, stream)
	defer rec.Release()
	h := newTrain(t, alloc, delayedTrain+"model: {lr: {}}, batch: 50, delayed: {remember: 100}}")
	h.bind(rec.Schema())
	h.feed(rec, 0, 300, 64)
	h.flush()
	op := h.op.(*Train)
	if op.delayed.past.live != 100 {
		t.Errorf("want 100 rows remembered, got %d", op.delayed.past.live)
	}
	h.feed(rec, 300, 600, 64)
	h.flush()
	nulls := 0
	for _, row := range h.out {
		if strings.Contains(row, `"score":null`) {
			nulls++
		}
	}
	notes := strings.Join(op.Report().Notes, "; ")
	if nulls != 200 || op.metrics.Scores().Rows != 100 || !strings.Contains(notes, "200 rows were let go") || !strings.Contains(notes, "300 rows have their labels and wait") {
		t.Errorf("want 200 rows without a score and 100 measured, got %d and %d: %s", nulls, op.metrics.Scores().Rows, notes)
	}
}

// A row that matures without a label, one with a bad label, and one that comes with its label a second time.
func TestDelayedOddRows(t *testing.T) {
	alloc := memory.NewCheckedAllocator(memory.DefaultAllocator)
	defer alloc.AssertSize(t, 0)
	row := func(n int, matured bool, label string) string {
		return fmt.Sprintf(`{"user":"u%d","url":"","click":%s,"_matured":%v,"_row":%d}`, n, label, matured, n)
	}
	rec, _, err := array.RecordFromJSON(alloc, lateSchema(), strings.NewReader("["+strings.Join([]string{
		row(0, false, "null"), row(1, false, "null"), row(2, false, "null"), row(0, true, "1"), row(1, true, "null"), row(2, true, "7"), row(0, true, "0"),
		row(5, false, "1")}, ",")+"]"))
	if err != nil {
		t.Fatal(err)
	}
	defer rec.Release()
	h := newTrain(t, alloc, delayedTrain+"model: {lr: {}}, update: row}")
	h.bind(rec.Schema())
	h.feed(rec, 0, 8, 8)
	h.flush()
	op := h.op.(*Train)
	if len(h.out) != 7 || len(h.rejected) != 1 || op.trained != 2 || op.metrics.Scores().Rows != 1 || op.delayed.past.live != 1 {
		t.Errorf("want 7 rows, 1 rejected, 2 trained, 1 measured, 1 waiting; got %d, %d, %d, %d, %d", len(h.out), len(h.rejected), op.trained, op.metrics.Scores().Rows, op.delayed.past.live)
	}
	if !strings.Contains(h.out[5], `"score":null`) {
		t.Errorf("a second label: want no score, got %s", h.out[5])
	}
	back := rec.NewSlice(0, 1)
	defer back.Release()
	if err := op.Process(context.Background(), back, h.emit); err == nil || !strings.Contains(err.Error(), "_row: want it to rise") {
		t.Errorf("a row that goes back: got %v", err)
	}
}

func TestDelayedBind(t *testing.T) {
	alloc := memory.DefaultAllocator
	bind := func(text string, fields ...arrow.Field) error {
		h := newTrain(t, alloc, text)
		_, err := h.op.Bind(arrow.NewSchema(append(slices.Clone(trainSchema.Fields()[:7]), fields...), nil))
		return err
	}
	text := delayedTrain + "model: {lr: {}}"
	for _, c := range []struct {
		text   string
		fields []arrow.Field
		want   string
	}{
		{text + "}", []arrow.Field{{Name: flow.ColMatured, Type: arrow.FixedWidthTypes.Boolean}}, "want a column _row of int64 beside _matured"},
		{text + "}", []arrow.Field{{Name: flow.ColMatured, Type: arrow.PrimitiveTypes.Int8}, {Name: flow.ColRow, Type: arrow.PrimitiveTypes.Int64}}, "want _matured of type bool, got int8"},
		{text + ", delayed: {remember: 5}}", nil, "delayed: want a column _matured in the input"},
	} {
		if err := bind(c.text, c.fields...); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("want %q, got %v", c.want, err)
		}
	}
}
