package main

import (
	"bytes"
	"os"
	"strings"
	"testing"

	"github.com/sluice-stream/sluice/flow"
)

// TestTooManyRejected stops loudly, keeps what it committed, and goes on when more are allowed.
func TestTooManyRejected(t *testing.T) {
	b := newTrial(t)
	var bad []int
	for n := 2000; n < 4000; n += 4 {
		bad = append(bad, n)
	}
	text := strings.NewReplacer("rows: 5}", "rows: 500}", "max_rejected: 1", "max_rejected: 0.05").Replace(b.lines(4000, bad...))
	_, err := b.run(text)
	b.refuses(err, flow.ErrData, "rows were rejected, more than max_rejected 0.05 allows", "most often: json: the text ends early", "raise max_rejected")
	_, again := b.run(text)
	b.refuses(again, flow.ErrData, "max_rejected")
	if rows, most := len(b.rows("rows")), 2500; rows == 0 || rows > most {
		t.Errorf("want the rows of the checkpoints before, at most %d, got %d", most, rows)
	}
	res := b.mustRun(strings.Replace(text, "max_rejected: 0.05", "max_rejected: 0.3", 1))
	if res.ResumedFrom == 0 {
		t.Errorf("want to go on from a checkpoint, got %+v", res)
	}
	b.accounts(res, 4000, bad, 0)
}

// TestEveryRowRejected stops however few rows there are, also where the rows are refused by an operator.
func TestEveryRowRejected(t *testing.T) {
	b := newTrial(t)
	text := strings.Replace(b.lines(6, 0, 1, 2, 3, 4, 5), "max_rejected: 1", "max_rejected: 0.9", 1)
	_, err := b.run(text)
	b.refuses(err, flow.ErrData, "6 of the last 6 rows were rejected")
	labels := newTrial(t)
	text = labels.lines(20)
	labels.write("in/a.jsonl", []byte(strings.Repeat(`{"n":1,"c":"k","x":1,"y":3}`+"\n", 20)))
	_, err = labels.run(strings.Replace(text, "max_rejected: 1", "max_rejected: 0.9", 1))
	labels.refuses(err, flow.ErrData, "20 of the last 20 rows were rejected", "label y: want 0 or 1, got 3 (20)")
}

// TestNowhereToPutRejected stops at the first rejected row where there are no dead letters.
func TestNowhereToPutRejected(t *testing.T) {
	b := newTrial(t)
	text := strings.Replace(b.lines(20, 12), "dead_letter: {parquet: {path: DIR/rejected}}\n", "", 1)
	_, err := b.run(text)
	b.refuses(err, flow.ErrData, "json: the text ends early", "DIR/in/a.jsonl, row 12", "declare dead_letter")
	b.lines(20)
	labels := newTrial(t)
	labels.lines(0)
	labels.write("in/a.jsonl", []byte(numbered(0)+"\n"+`{"n":1,"c":"k","x":1,"y":3}`+"\n"))
	_, err = labels.run(text)
	labels.refuses(err, flow.ErrData, "label y: want 0 or 1, got 3", "DIR/in/a.jsonl", "declare dead_letter")
	if n := len(labels.rows("rows")); n > 0 {
		t.Errorf("want no row committed, got %d", n)
	}
}

// TestBadRowsInEpochs reads a file several times: a bad row is rejected once.
func TestBadRowsInEpochs(t *testing.T) {
	b := newTrial(t)
	text := strings.Replace(b.lines(60, 7, 8, 21), "batch: 4", "batch: 4, epochs: {max: 2, split: random}", 1)
	line := `{"n":30,"c":"k","x":1,"y":9}`
	whole, err := os.ReadFile(b.path("in/a.jsonl"))
	if err != nil {
		t.Fatal(err)
	}
	b.write("in/a.jsonl", bytes.Replace(whole, []byte(numbered(30)), []byte(line), 1))
	res := b.mustRun(strings.Replace(text, "path: DIR/in", "meta: [row], path: DIR/in", 1))
	b.accounts(res, 60, []int{7, 8, 21, 30}, 56-int(res.Trained))
}
