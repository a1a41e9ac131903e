package arrowio

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/twmb/franz-go/pkg/kfake"
	"go.uber.org/goleak"
)

// The order of rows and labels is that of ctr.py, whatever the batch, the size of records and the places where the
// source is stopped and made anew.
func TestLabelJoinOrderEqualsTheTwin(t *testing.T) {
	defer goleak.VerifyNone(t, goleak.IgnoreCurrent())
	for seed := range uint64(6) {
		d := randomRows(seed, 400)
		for name, settings := range map[string]string{"own": d.ownFile(t), "two files": d.twoFiles(t)} {
			r := rand.New(rand.NewPCG(seed, 2))
			whole := runJoin(t, "{"+settings+"}", all, nil)
			pieces := runJoin(t, "{"+settings+"}", func(call int) int { return 1 + (call*7)%23 }, func(int) bool { return r.IntN(4) == 0 })
			if d := cmp.Diff(fmt.Sprint(whole.rows), fmt.Sprint(pieces.rows)); d != "" {
				t.Fatalf("seed %d, %s: %s", seed, name, d)
			}
			for _, batch := range []int{1, 16, 64} {
				if d := cmp.Diff(d.stream(batch), batched(whole.rows, batch)); d != "" {
					t.Fatalf("seed %d, %s, batch %d: %s", seed, name, batch, d)
				}
			}
			checkLabels(t, d, whole.rows)
		}
	}
}

// checkLabels looks at every row: first without a label, then once with the right one.
func checkLabels(t *testing.T, d joinRows, rows []sentRow) {
	t.Helper()
	if len(rows) != 2*len(d.event) {
		t.Fatalf("want each of %d rows twice, got %d", len(d.event), len(rows))
	}
	seen := make([]int, len(d.event))
	for _, r := range rows {
		i := r.id
		switch {
		case r.row != i:
			t.Fatalf("row %d: want its number, got %d", i, r.row)
		case seen[i] == 0 && (r.matured || r.label == r.label || r.elapsed == r.elapsed || r.final):
			t.Fatalf("row %d as it happens: got %v", i, r)
		case seen[i] == 1 && (!r.matured || r.label != float64(d.label[i]) || r.elapsed != float64(d.known[i]-d.event[i])):
			t.Fatalf("row %d, label %d after %d s: got %v", i, d.label[i], d.known[i]-d.event[i], r)
		}
		seen[i]++
	}
}

// The same through topics of an embedded broker.
func TestLabelJoinOverTwoTopics(t *testing.T) {
	defer goleak.VerifyNone(t, goleak.IgnoreCurrent())
	d := randomRows(3, 300)
	cluster, addrs := fakeKafka(t, kfake.SeedTopics(1, "rows", "labels"))
	defer cluster.Close()
	want := runJoin(t, "{"+d.twoFiles(t)+"}", all, nil)
	d.send(t, addrs)
	settings := fmt.Sprintf(`{rows: {kafka: {brokers: [%[1]s], topic: rows, until: end, meta: [], schema: {id: int64, at: timestamp, note: utf8}}},
	  labels: {kafka: {brokers: [%[1]s], topic: labels, until: end, schema: {id: int64, known: timestamp, label: int8}}},
	  key: [id], time: at, label_time: known, label: label, window: 1h}`, addrs[0])
	got := runJoin(t, settings, func(call int) int { return 1 + call%40 }, func(call int) bool { return call%5 == 0 })
	if d := cmp.Diff(fmt.Sprint(want.rows), fmt.Sprint(got.rows)); d != "" {
		t.Fatal(d)
	}
	if !slices.Equal(batched(got.rows, 16), d.stream(16)) {
		t.Error("another order than the twin's")
	}
}

// Keys of several columns and kinds meet, whatever the width of their types.
func TestLabelJoinKeys(t *testing.T) {
	rows := jsonl(t, `{"user":"a","item":1,"id":0,"at":"2024-01-01T00:00:00Z"}`, `{"user":"a","item":2,"id":1,"at":"2024-01-01T00:00:00Z"}`,
		`{"user":"b","item":1,"id":2,"at":"2024-01-01T00:00:01Z"}`)
	labels := jsonl(t, `{"user":"b","item":1,"day":"2024-01-02","label":true}`, `{"user":"a","item":2,"day":"2024-01-03","label":false}`)
	got := runJoin(t, fmt.Sprintf(`{rows: {jsonl: {path: %s, schema: {user: utf8, item: int32, id: int64, at: timestamp}}}, labels: {jsonl: {path: %s, schema: {user: utf8, item: int64, day: date, label: bool}}},
	  key: [user, item], time: at, label_time: day, label: label, window: 3d, missing: unlabelled}`, rows, labels), all, nil)
	want := "[0/0 1/1 2/2 2/2 = 1 after 86399 1/1 = 0 after 172800 0/0 = NaN after 259200 final]"
	if d := cmp.Diff(want, fmt.Sprint(got.rows)); d != "" {
		t.Error(d)
	}
}
