package operators

import (
	"bytes"
	"context"
	"encoding/json"
	"math"
	"strings"
	"testing"

	"github.com/apache/arrow/go/v17/arrow"
	"github.com/apache/arrow/go/v17/arrow/memory"
	"github.com/google/go-cmp/cmp"

	"github.com/sluice-stream/sluice/flow"
	"github.com/sluice-stream/sluice/internal/state"
	"github.com/sluice-stream/sluice/learn/eval"
)

// passes runs the whole input as often as the operator wants. stop ends it after that many units of work.
func (h *harness) passes(rec arrow.Record, from, cut, stop int) (done bool, next int) {
	h.t.Helper()
	n := int(rec.NumRows())
	for {
		for at := from; at < n; at += cut {
			if stop--; stop < 0 {
				return false, at
			}
			h.feed(rec, at, min(at+cut, n), cut)
		}
		from = n
		for {
			if stop--; stop < 0 {
				return false, n
			}
			p, err := h.op.(flow.Replayer).Advance(context.Background())
			if err != nil {
				h.t.Fatal(err)
			}
			if p == flow.Done {
				return true, n
			}
			if p == flow.Replay {
				from = 0
				break
			}
		}
	}
}

func epochsText(gate bool) string {
	text := clickTrain + ", optimizer: {adam: {lr: 0.01}}, epochs: {max: 6, patience: 6, split: random, valid: 0.2, test: 0.2}"
	if gate {
		text += ", gate: {optfs: {lr: 0.05, search: {epochs: 3}, retrain: {epochs: 3}}}"
	}
	return text + "}"
}

func TestTrainInEpochs(t *testing.T) {
	for _, gate := range []bool{false, true} {
		alloc := memory.NewCheckedAllocator(memory.DefaultAllocator)
		rec := clickRows(t, alloc, 1500, true)
		h := newTrain(t, alloc, epochsText(gate))
		h.bind(trainSchema)
		if done, _ := h.passes(rec, 0, 100, math.MaxInt); !done {
			t.Fatal("not done")
		}
		if len(h.out)+len(h.rejected) != 1500 || len(h.rejected) == 0 {
			t.Errorf("want each row out or rejected once, got %d and %d", len(h.out), len(h.rejected))
		}
		rep := h.op.(flow.Reporter).Report()
		checkParts(t, h.out, rep)
		if rep.Metrics["auc"] < .7 || rep.Metrics["auc"] > .95 {
			t.Errorf("want to have learned something (AUC about .85 at best), got %v", rep.Metrics)
		}
		if (rep.Gate == nil) == gate {
			t.Errorf("gate %v: got %v", gate, rep.Gate)
		}
		rec.Release()
		alloc.AssertSize(t, 0)
	}
}

// checkParts scores the emitted test rows again and compares with the report.
func checkParts(t *testing.T, out []string, rep flow.Report) {
	t.Helper()
	counts := map[string]int{}
	var y, p []float32
	for _, row := range out {
		var cells []struct {
			Click *float32
			Score float32
			Split *string
		}
		if err := json.Unmarshal([]byte(row), &cells); err != nil {
			t.Fatal(err)
		}
		c := cells[0]
		if (c.Click == nil) != (c.Split == nil) {
			t.Fatalf("want a split where there is a label: %s", row)
		}
		if c.Split == nil {
			continue
		}
		counts[*c.Split]++
		if *c.Split == "test" {
			y, p = append(y, *c.Click), append(p, c.Score)
		}
	}
	if n := len(y); n < 200 || counts["valid"] < 200 || counts["train"] < 700 {
		t.Errorf("want about 20, 20 and 60 %%, got %v", counts)
	}
	want := eval.Exact(y, p)
	for k, v := range want.Map() {
		if math.Abs(v-rep.Metrics[k]) > 1e-6 {
			t.Errorf("%s: %v by the rows, %v in the report", k, v, rep.Metrics[k])
		}
	}
	if len(rep.Valid) != 4 || rep.Baselines["prior"]["auc"] != .5 || rep.Trained == 0 {
		t.Errorf("report: %+v", rep)
	}
}

func TestTrainInEpochsSurvivesARestart(t *testing.T) {
	alloc := memory.NewCheckedAllocator(memory.DefaultAllocator)
	defer alloc.AssertSize(t, 0)
	rec := clickRows(t, alloc, 400, true)
	defer rec.Release()
	for _, gate := range []bool{false, true} {
		whole := newTrain(t, alloc, epochsText(gate))
		whole.bind(trainSchema)
		whole.passes(rec, 0, 100, math.MaxInt)
		for stop := 1; stop < 40; stop += 3 {
			first := newTrain(t, alloc, epochsText(gate))
			first.bind(trainSchema)
			done, at := first.passes(rec, 0, 100, stop)
			if done {
				break
			}
			second := newTrain(t, alloc, epochsText(gate))
			second.bind(trainSchema)
			if err := state.ReadPart(first.save(), second.op.(flow.Stateful)); err != nil {
				t.Fatal(stop, err)
			}
			second.passes(rec, at, 50, math.MaxInt)
			if d := cmp.Diff(whole.out, append(first.out, second.out...)); d != "" {
				t.Fatal(stop, d)
			}
			if d := cmp.Diff(whole.rejected, append(first.rejected, second.rejected...)); d != "" {
				t.Fatal(stop, d)
			}
			if !bytes.Equal(whole.save(), second.save()) {
				t.Fatal(stop, "another state than without the restart")
			}
			if d := cmp.Diff(whole.op.(flow.Reporter).Report(), second.op.(flow.Reporter).Report()); d != "" {
				t.Fatal(stop, d)
			}
		}
	}
}

func TestTrainInEpochsWithoutRows(t *testing.T) {
	h := newTrain(t, memory.DefaultAllocator, epochsText(false))
	h.bind(trainSchema)
	for range 3 {
		if p, err := h.op.(flow.Replayer).Advance(context.Background()); err != nil {
			if !strings.Contains(err.Error(), "want rows to train on, got none") {
				t.Error(err)
			}
			return
		} else if p == flow.Done {
			break
		}
	}
	t.Error("no rows: want an error that says so")
}
