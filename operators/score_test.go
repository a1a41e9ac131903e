package operators

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"math"
	"strings"
	"testing"

	"github.com/apache/arrow/go/v17/arrow"
	"github.com/apache/arrow/go/v17/arrow/memory"
	"github.com/google/go-cmp/cmp"

	"github.com/sluice-stream/sluice/check"
	"github.com/sluice-stream/sluice/flow"
	"github.com/sluice-stream/sluice/internal/state"
	"github.com/sluice-stream/sluice/internal/vfs"
)

// checkpoint writes the state of train operators as a run does.
func checkpoint(t *testing.T, parts map[string]flow.Stateful) string {
	t.Helper()
	dir := t.TempDir()
	s := state.NewStore(vfs.OS{}, dir, 1)
	m := &state.Manifest{Pipeline: "p", Checkpoint: 3, Identity: []byte("{}")}
	var all []*state.Captured
	for name, c := range parts {
		p, err := s.Capture(name, c)
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, p)
	}
	var err error
	if m.Parts, err = s.Write(t.Context(), all); err != nil {
		t.Fatal(err)
	}
	if err := s.Publish(m); err != nil {
		t.Fatal(err)
	}
	return dir
}

// trained is a train operator in batch mode at its end, with all rows that it emitted.
func trained(t *testing.T, alloc memory.Allocator, rec arrow.Record, text string) *harness {
	t.Helper()
	h := newTrain(t, alloc, text)
	h.bind(trainSchema)
	if done, _ := h.passes(rec, 0, 100, math.MaxInt); !done {
		t.Fatal("not done")
	}
	return h
}

func TestScoreEqualsTheTrainedModel(t *testing.T) {
	alloc := memory.NewCheckedAllocator(memory.DefaultAllocator)
	defer alloc.AssertSize(t, 0)
	rec := clickRows(t, alloc, 400, false)
	defer rec.Release()
	h := trained(t, alloc, rec, epochsText(true))
	op, err := NewScore(ScoreConfig{Model: checkpoint(t, map[string]flow.Stateful{"operator.2.train": h.op.(*Train)}), Output: "p"})
	if err != nil {
		t.Fatal(err)
	}
	s := newHarness(t, alloc, op)
	out := s.bind(trainSchema)
	if f := out.Field(out.NumFields() - 1); f.Name != "p" || f.Type.ID() != arrow.FLOAT32 {
		t.Errorf("want p float32 last, got %v", f)
	}
	s.feed(rec, 0, 400, 37)
	if len(s.out) != 400 {
		t.Fatalf("want 400 rows, got %d", len(s.out))
	}
	for i := range s.out {
		if a, b := number(t, h.out[i], "score"), number(t, s.out[i], "p"); math.Abs(a-b) > 1e-6 {
			t.Fatalf("row %d: train said %v, score says %v", i, a, b)
		}
	}
	var part bytes.Buffer
	if err := state.WritePart(&part, s.op.(flow.Stateful)); err != nil || part.Len() > 4096 {
		t.Errorf("score must keep which model it is, not the model: %d bytes, %v", part.Len(), err)
	}
	if err := state.ReadPart(part.Bytes(), s.op.(flow.Stateful)); err != nil {
		t.Errorf("the same model: %v", err)
	}
	s.op.(*Score).checkpoint++
	if err := state.ReadPart(part.Bytes(), s.op.(flow.Stateful)); !errors.Is(err, flow.ErrConfig) {
		t.Errorf("want another model refused, got %v", err)
	}
	none := rec.NewSlice(0, 0)
	defer none.Release()
	if err := s.op.Process(context.Background(), none, s.emit); err != nil {
		t.Error("no rows:", err)
	}
}

func number(t *testing.T, row, column string) float64 {
	t.Helper()
	var cells []map[string]any
	if err := json.Unmarshal([]byte(row), &cells); err != nil {
		t.Fatal(err)
	}
	return cells[0][column].(float64)
}

func TestScoreUnknownValuesShareOneEmbedding(t *testing.T) {
	alloc := memory.NewCheckedAllocator(memory.DefaultAllocator)
	defer alloc.AssertSize(t, 0)
	rec := clickRows(t, alloc, 400, false)
	defer rec.Release()
	h := newTrain(t, alloc, `{label: click, fields: {categorical: [user]}, model: lr}`)
	h.bind(trainSchema)
	h.feed(rec, 0, 400, 400)
	h.flush()
	op, _ := NewScore(ScoreConfig{Model: checkpoint(t, map[string]flow.Stateful{"operator.0.train": h.op.(*Train)}), Output: "p"})
	s := newHarness(t, alloc, op)
	schema := arrow.NewSchema([]arrow.Field{{Name: "user", Type: arrow.BinaryTypes.LargeString}}, nil) // no label, another width of text
	s.bind(schema)
	in := records(t, alloc, schema, `[{"user":"u1"},{"user":"who"},{"user":"is"},{"user":"u1"}]`)
	defer in.Release()
	s.feed(in, 0, 4, 4)
	p := func(i int) float64 { return number(t, s.out[i], "p") }
	if p(1) != p(2) || p(0) != p(3) || p(0) == p(1) {
		t.Errorf("want equal scores of the unknown values, other than that of u1: %v", s.out)
	}
}

func TestScoreRefusals(t *testing.T) {
	alloc := memory.DefaultAllocator
	rec := clickRows(t, alloc, 300, false)
	defer rec.Release()
	done := trained(t, alloc, rec, epochsText(false)).op.(*Train)
	half := newTrain(t, alloc, epochsText(false))
	half.bind(trainSchema)
	half.passes(rec, 0, 100, 8)
	two := map[string]flow.Stateful{"operator.0.train": done, "operator.2.train": done}
	for _, c := range []struct {
		parts map[string]flow.Stateful
		name  string
		want  string
	}{
		{map[string]flow.Stateful{"operator.0.train": half.op.(*Train)}, "", "the training that wrote this checkpoint has not ended"},
		{map[string]flow.Stateful{"source": done}, "", "want a checkpoint of a pipeline that trains, got one of source"},
		{two, "", "want the name of one of several train operators"},
		{two, "operator.2.trian", `did you mean "operator.2.train"?`},
		{two, "operator.2.train", ""},
	} {
		op, err := NewScore(ScoreConfig{Model: checkpoint(t, c.parts), Operator: c.name, Output: "p"})
		if err != nil {
			t.Fatal(err)
		}
		err = op.Open(context.Background(), flow.Env{Alloc: alloc})
		if c.want == "" && err != nil || c.want != "" && (err == nil || !strings.Contains(err.Error(), c.want)) {
			t.Errorf("want %q, got %v", c.want, err)
		}
		if c.want == "" {
			_, err = op.Bind(arrow.NewSchema([]arrow.Field{{Name: "user", Type: arrow.PrimitiveTypes.Int8}, {Name: "p", Type: arrow.Null}}, nil))
			var vs check.Violations
			if !errors.As(err, &vs) || len(vs) != 7 || !strings.Contains(vs[0].Error(), "want a column of text as before, got number") {
				t.Errorf("want seven violations, got %v", err)
			}
		}
	}
	op, _ := NewScore(ScoreConfig{Model: t.TempDir(), Output: "p"})
	if err := op.Open(context.Background(), flow.Env{Alloc: alloc}); err == nil || !strings.Contains(err.Error(), "no checkpoint in this folder") {
		t.Errorf("an empty folder: %v", err)
	}
	if _, err := NewScore(ScoreConfig{}); err == nil {
		t.Error("no model: want violations")
	}
}

func TestEmbedAddsUpEmbeddings(t *testing.T) {
	alloc := memory.NewCheckedAllocator(memory.DefaultAllocator)
	defer alloc.AssertSize(t, 0)
	rec := clickRows(t, alloc, 400, false)
	defer rec.Release()
	text := strings.Replace(epochsText(true), "hashed: {url: 50}", "hashed: {url: 50}, pool: mean", 1)
	h := trained(t, alloc, rec, text)
	dir := checkpoint(t, map[string]flow.Stateful{"operator.0.train": h.op.(*Train)})
	train, byName := h.op.(*Train), map[string][]float32{}
	for row := range int32(train.enc.Rows()) {
		f, v := train.enc.Feature(row), make([]float32, 4)
		train.ctr.Embedding(row, v)
		byName[f.Field+" "+f.Value+map[bool]string{true: "<null>"}[f.Null]+map[bool]string{true: "<oov>"}[f.OOV]] = v
	}
	in := records(t, alloc, trainSchema, `[{"user":"u1","item":3,"tags":["a","c"],"price":0.5,"age":1,"url":"","_offset":0},
		{"user":"never","item":3,"tags":[],"price":0.5,"age":1,"url":"","_offset":0}]`)
	defer in.Release()
	for _, pool := range []string{"concat", "sum"} {
		op, err := NewEmbed(EmbedConfig{Model: dir, Column: "v", Pool: pool})
		if err != nil {
			t.Fatal(err)
		}
		e := newHarness(t, alloc, op)
		e.bind(trainSchema)
		e.feed(in, 0, 2, 2)
		var got [2][]float32
		for i := range got {
			var cells []struct{ V []float32 }
			if err := json.Unmarshal([]byte(e.out[i]), &cells); err != nil {
				t.Fatal(err)
			}
			got[i] = cells[0].V
		}
		if pool == "sum" {
			if len(got[0]) != 4 {
				t.Errorf("want 4 values, got %v", got[0])
			}
			continue
		}
		if len(got[0]) != 6*4 {
			t.Fatalf("want 6 fields of 4 values, got %v", got[0])
		}
		mean := make([]float32, 4)
		for i := range mean {
			mean[i] = .5*byName["tags a"][i] + .5*byName["tags c"][i]
		}
		for name, pair := range map[string][2][]float32{"user u1": {byName["user u1"], got[0][:4]}, "tags": {mean, got[0][8:12]},
			"unknown user": {byName["user <oov>"], got[1][:4]}, "no tags": {make([]float32, 4), got[1][8:12]}} {
			if d := cmp.Diff(pair[0], pair[1]); d != "" {
				t.Error(name, d)
			}
		}
	}
}
