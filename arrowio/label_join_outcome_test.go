package arrowio

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/sluice-stream/sluice/flow"
)

// joinCase is rows and labels by hand: each "id at" or "id at label", times in seconds.
type joinCase struct {
	rows, labels []string
	settings     string
	want         []string // rows that leave: number/id, then what matured
	rejected     []string // parts of the dead letters, in order
	note         string   // part of the note
}

func (c joinCase) text(t testing.TB) string {
	line := func(s string) string {
		var id, at string
		label := ""
		fmt.Sscan(s, &id, &at, &label)
		stamp := "null"
		if at != "null" {
			var n int64
			fmt.Sscan(at, &n)
			stamp = fmt.Sprintf("%q", stampAt(n))
		}
		if label == "" {
			return fmt.Sprintf(`{"id":%s,"at":%s,"end":%q}`, id, stamp, stampAt(100))
		}
		return fmt.Sprintf(`{"id":%s,"known":%s,"label":%s}`, id, stamp, label)
	}
	var rows, labels []string
	for _, r := range c.rows {
		rows = append(rows, line(r))
	}
	for _, l := range c.labels {
		labels = append(labels, line(l))
	}
	settings := "window: 10s"
	if c.settings != "" {
		settings = c.settings
	}
	if !strings.Contains(settings, "missing:") {
		settings += ", missing: drop"
	}
	return fmt.Sprintf("{rows: {jsonl: {path: %s, schema: {id: int64, at: timestamp, end: timestamp}}}, labels: {jsonl: {path: %s, schema: {id: int64, known: timestamp, label: int8}}}, "+
		"key: [id], time: at, label_time: known, label: label, %s}", jsonl(t, rows...), jsonl(t, labels...), settings)
}

var joinCases = map[string]joinCase{
	"known strictly before": {
		rows: []string{"1 0", "2 3", "3 3", "4 4"}, labels: []string{"1 3 1", "2 3 0"},
		want: []string{"0/1", "1/2", "2/3", "0/1 = 1 after 3", "1/2 = 0 after 0", "3/4"},
		note: "2 windows ended without a label",
	},
	"ties go by arrival": {
		rows: []string{"1 0", "2 0", "3 1", "4 9"}, labels: []string{"3 5 0", "2 5 1", "1 5 1"},
		want: []string{"0/1", "1/2", "2/3", "0/1 = 1 after 5", "1/2 = 1 after 5", "2/3 = 0 after 4", "3/4"},
	},
	"late label is dropped": {
		rows: []string{"1 0", "2 30"}, labels: []string{"1 11 1"},
		want: []string{"0/1", "1/2"}, note: "1 late labels",
	},
	"a label at the end of the window is in time and final": {
		rows: []string{"1 0", "2 30"}, labels: []string{"1 10 1"},
		want: []string{"0/1", "0/1 = 1 after 10 final", "1/2"},
	},
	"late label is rejected": {
		rows: []string{"1 0", "2 30"}, labels: []string{"1 11 1"}, settings: "window: 10s, late: reject",
		want: []string{"0/1", "1/2"}, rejected: []string{"label: want it within the window of its row, got it 1s later"},
	},
	"late label behind its row's own end": {
		rows: []string{"1 0", "2 12", "3 40"}, labels: []string{"1 15 1"}, settings: "window: 10s, late: reject",
		want: []string{"0/1", "1/2", "2/3"}, rejected: []string{"got it 5s later"}, note: "1 late labels",
	},
	"missing is negative": {
		rows: []string{"1 0", "2 3", "3 30"}, labels: []string{"2 5 1"}, settings: "window: 10s, missing: negative",
		want: []string{"0/1", "1/2", "1/2 = 1 after 2", "0/1 = 0 after 10 final", "2/3", "2/3 = 0 after 10 final"}, note: "2 windows ended without a label",
	},
	"missing is unlabelled": {
		rows: []string{"1 0", "3 30"}, settings: "window: 10s, missing: unlabelled",
		want: []string{"0/1", "0/1 = NaN after 10 final", "1/3", "1/3 = NaN after 10 final"},
	},
	"repeated label is ignored": {
		rows: []string{"1 0", "2 30"}, labels: []string{"1 2 1", "1 3 1"},
		want: []string{"0/1", "0/1 = 1 after 2", "1/2"}, note: "1 repeated labels",
	},
	"contradicting label is rejected and the first stands": {
		rows: []string{"1 0", "2 30"}, labels: []string{"1 2 1", "1 3 0"},
		want: []string{"0/1", "0/1 = 1 after 2", "1/2"}, rejected: []string{"label: want 1, as the row of this key got first, got 0"}, note: "1 contradicting labels",
	},
	"correction is sent once more": {
		rows: []string{"1 0", "2 3", "3 30"}, labels: []string{"1 2 1", "1 6 0", "1 7 0", "1 8 1", "1 11 0"}, settings: "window: 10s, corrections: true",
		want: []string{"0/1", "0/1 = 1 after 2", "1/2", "0/1 = 0 after 6 correction", "0/1 = 1 after 8 correction", "2/3"}, note: "2 corrections",
	},
	"label before its row": {
		rows: []string{"9 0", "1 5", "2 6"}, labels: []string{"1 2 1"},
		want: []string{"0/9", "1/1", "1/1 = 1 after -3", "2/2"}, note: "1 labels came before their row",
	},
	"label without a row": {
		rows: []string{"9 0", "8 30"}, labels: []string{"1 2 1", "1 3 1"},
		want: []string{"0/9", "1/8"}, rejected: []string{`want a row with the key of this label within the window, got none {"id":1`, "got none"}, note: "2 labels without a row",
	},
	"a key twice": {
		rows: []string{"1 0", "1 3", "2 30"}, labels: []string{"1 5 1"},
		want: []string{"0/1", "0/1 = 1 after 5", "1/2"}, rejected: []string{"key: want it once within a window"},
	},
	"nulls are rejected": {
		rows: []string{"1 0", "null 1", "2 null", "3 30"}, labels: []string{"1 null 1", "null 2 1", "1 2 null", "1 3 1"},
		want:     []string{"0/1", "0/1 = 1 after 3", "1/3"},
		rejected: []string{"known: want a time, got null", "id: want a value, got null", "at: want a time, got null", "id: want a value, got null", "label: want a number, got null"},
	},
	"rows out of order are taken as they come": {
		rows: []string{"1 0", "2 8", "3 4", "4 9"}, labels: []string{"1 5 1", "3 6 1"},
		want: []string{"0/1", "0/1 = 1 after 5", "1/2", "2/3", "2/3 = 1 after 2", "3/4"},
	},
	"outcome": {
		rows: []string{"1 0", "2 50", "3 100", "4 101"}, labels: []string{"1 20 1", "1 30 0", "2 99 1", "3 200 1"},
		settings: "window: 10s, wait: outcome, outcome_time: end, late: reject, missing: negative",
		want: []string{"0/1", "1/2", "2/3", "0/1 = 1 after 20 final", "1/2 = 1 after 49 final", "2/3 = 0 after 0 final", "3/4",
			"3/4 = 0 after 0 final"},
		rejected: []string{"want 1, as the row", "got none"},
	},
	"outcome with corrections takes the newest": {
		rows: []string{"1 0", "4 101"}, labels: []string{"1 20 1", "1 30 0"}, settings: "window: 10s, wait: outcome, outcome_time: end, corrections: true",
		want: []string{"0/1", "0/1 = 0 after 30 final", "1/4"},
	},
	"a label later than two windows is dropped": {
		rows: []string{"1 0", "2 30", "3 60"}, labels: []string{"1 35 1"},
		want: []string{"0/1", "1/2", "2/3"}, note: "1 labels without a row",
	},
	"a label later than two windows is rejected": {
		rows: []string{"1 0", "2 30", "3 60"}, labels: []string{"1 35 1"}, settings: "window: 10s, late: reject",
		want: []string{"0/1", "1/2", "2/3"}, rejected: []string{"want a row with the key of this label"},
	},
	"a label that was read makes its row mature with it": { // the label of key 9 needs room
		rows: []string{"1 0", "2 1", "3 2", "4 50"}, labels: []string{"1 5 1", "9 5 1"}, settings: "window: 10s, memory: 1100, on_full: oldest",
		want:     []string{"0/1", "1/2", "2/3", "0/1 = 1 after 5", "3/4"},
		rejected: []string{"got none"}, note: "1 rows matured early for lack of memory",
	},
	"over memory the oldest matures": {
		rows: []string{"1 0", "2 1", "3 2", "4 3", "5 9"}, labels: []string{"1 4 1", "4 5 1"}, settings: "window: 10s, missing: negative, memory: 1100, on_full: oldest",
		want:     []string{"0/1", "1/2", "2/3", "0/1 = 0 after 3", "3/4", "1/2 = 0 after 2", "3/4 = 1 after 2", "2/3 = 0 after 7", "4/5", "4/5 = 0 after 10 final"},
		rejected: []string{"got none"}, note: "3 rows matured early for lack of memory",
	},
}

// Each row and label that is not as it should be has a stated outcome, in whole and in pieces with restarts.
func TestLabelJoinOutcomes(t *testing.T) {
	for name, c := range joinCases {
		t.Run(name, func(t *testing.T) {
			text := c.text(t)
			for _, stop := range []func(int) bool{nil, func(int) bool { return true }} {
				max := all
				if stop != nil {
					max = func(int) int { return 1 }
				}
				got := runJoin(t, text, max, stop)
				var rows []string
				for _, r := range got.rows {
					rows = append(rows, r.String())
				}
				if d := cmp.Diff(c.want, rows); d != "" {
					t.Error(d)
				}
				if len(got.rejected) != len(c.rejected) {
					t.Fatalf("want %d dead letters, got %q", len(c.rejected), got.rejected)
				}
				for i, want := range c.rejected {
					if !strings.Contains(got.rejected[i], want) {
						t.Errorf("want %q, got %q", want, got.rejected[i])
					}
				}
				if !strings.Contains(strings.Join(got.notes, "\n"), c.note) {
					t.Errorf("want %q in the notes, got %q", c.note, got.notes)
				}
			}
		})
	}
}

func TestLabelJoinStopsWhenFull(t *testing.T) {
	c := joinCase{rows: []string{"1 0", "2 1", "3 2", "4 3"}, settings: "window: 10s, memory: 1100"}
	s := joinSource(t, c.text(t))
	defer s.Close()
	mustOpen(t, s, flow.Env{Alloc: checkedAlloc(t)})
	rec, err := s.Next(context.Background(), 100)
	if err != nil || rec.NumRows() != 3 {
		t.Fatalf("want the three rows that fit, got %v, %v", rec, err)
	}
	rec.Release()
	for range 2 { // it is the same each time
		if _, err := s.Next(context.Background(), 100); !errors.Is(err, flow.ErrConfig) || !strings.Contains(err.Error(), "memory: want rows and labels that wait to fit into 1100 bytes, got 3 rows and 0 labels") {
			t.Errorf("got %v", err)
		}
	}
}

func TestLabelJoinRefuses(t *testing.T) {
	rows := jsonl(t, `{"id":1}`)
	source := func(schema string) string { return fmt.Sprintf("{jsonl: {path: %s, schema: {%s}}}", rows, schema) }
	for text, want := range map[string]string{
		"rows: " + source("id: int64, at: utf8") + ", time: at, label_time: known, label: id":                                                                                                           "time: want a timestamp or date, got utf8",
		"rows: " + source("id: int64, at: timestamp") + ", time: att, label_time: at, label: id":                                                                                                        `time: want a column of the rows, got att; did you mean "at"?`,
		"rows: " + source("id: int64, at: timestamp, _row: int64") + ", time: at, label_time: at, label: id":                                                                                            "want rows without a column _row",
		"rows: " + source("id: int64, at: timestamp, label: int8") + ", labels: " + source("id: utf8, at: timestamp, label: int8") + ", key: [id], window: 1s, time: at, label_time: at, label: label":  "want id of one kind in both sources, got whole numbers in the rows and text in the labels",
		"rows: " + source("id: int64, at: timestamp, label: int8") + ", labels: " + source("id: int64, at: timestamp, label: int8") + ", key: [id], window: 1s, time: at, label_time: at, label: label": "want rows without a column label",
		"rows: {jsonl: {path: nothing.jsonl}}, time: at, label_time: at, label: id":                                                                                                                     "want at least one file",
	} {
		s := joinSource(t, "{"+text+"}")
		if err := s.Open(context.Background(), flow.Env{}); !errors.Is(err, flow.ErrConfig) || !strings.Contains(err.Error(), want) {
			t.Errorf("want %q, got %v", want, err)
		}
		s.Close()
	}
	err := LabelJoinConfig{Wait: "soon", Late: lateDrop, Missing: "zero", OnFull: fullStop, Memory: 1, Window: "-3d", Key: []string{"id"}}.Validate()
	for _, want := range []string{"rows: want a source", "time: want a value", "wait: want one of", "missing: want one of", "memory: want >= 1024", "window: want a length", "key: want labels beside it"} {
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("want %q in %v", want, err)
		}
	}
}

// What is hidden is hidden: neither label nor its time leaves with a row that has not matured.
func TestLabelJoinHidesOwnLabels(t *testing.T) {
	d := randomRows(11, 200)
	s := joinSource(t, "{"+d.ownFile(t)+"}")
	defer s.Close()
	mustOpen(t, s, flow.Env{Alloc: checkedAlloc(t)})
	for {
		rec, err := s.Next(context.Background(), 17)
		if err != nil {
			break
		}
		for i := range int(rec.NumRows()) {
			matured := rec.Column(5).ValueStr(i) == "true"
			if known, label := rec.Column(2), rec.Column(3); known.IsNull(i) == matured || label.IsNull(i) == matured {
				t.Fatalf("matured %v: label %s known at %s", matured, label.ValueStr(i), known.ValueStr(i))
			}
			if note := fmt.Sprintf("row %s", rec.Column(0).ValueStr(i)); rec.Column(4).ValueStr(i) != note {
				t.Fatalf("want %q beside its row, got %q", note, rec.Column(4).ValueStr(i))
			}
		}
		rec.Release()
	}
}
