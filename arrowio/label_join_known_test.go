package arrowio

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/twmb/franz-go/pkg/kfake"

	"github.com/sluice-stream/sluice/flow"
)

// A row that leaves for lack of memory has its label when that was recorded before the row that needed the room
// happened, and else neither the label nor its time.
func TestLabelJoinForcedRowsKnowOnlyThePast(t *testing.T) {
	r := rand.New(rand.NewPCG(4, 4))
	var event, known []int64
	var lines []string
	at := int64(0)
	for i := range 300 {
		at += r.Int64N(3)
		event, known = append(event, at), append(known, at+r.Int64N(30))
		lines = append(lines, fmt.Sprintf(`{"id":%d,"at":%q,"known":%q,"label":1,"end":%q}`, i, stampAt(at), stampAt(known[i]), stampAt(at+60)))
	}
	file := jsonl(t, lines...)
	for name, settings := range map[string]string{"label": "wait: label", "outcome": "wait: outcome, outcome_time: end", "negative": "wait: label, missing: negative"} {
		s := joinSource(t, fmt.Sprintf("{rows: {jsonl: {path: %s, schema: {id: int64, at: timestamp, known: timestamp, label: int8, end: timestamp}}}, time: at, label_time: known, label: label, memory: 3000, on_full: oldest, %s}", file, settings))
		mustOpen(t, s, flow.Env{Alloc: checkedAlloc(t)})
		type leaving struct {
			sentRow
			told bool // its label's time
		}
		var rows []leaving
		for {
			rec, err := s.Next(context.Background(), 7)
			if errors.Is(err, io.EOF) {
				break
			}
			noError(t, err)
			for i, row := range sentRows(t, rec) {
				rows = append(rows, leaving{row, rec.Column(2).IsValid(i)})
			}
			rec.Release()
		}
		labelled, now := 0, int64(math.MaxInt64)
		for _, row := range slices.Backward(rows) {
			if !row.matured {
				now = event[row.id]
				continue
			}
			want := known[row.id] < now
			if got := row.label == 1; got != want || row.told != want {
				t.Errorf("%s: row %d, label recorded at %d, before a row of %d: want it known %v, got %v and its time %v", name, row.id, known[row.id], now, want, got, row.told)
			}
			if !want && row.final {
				t.Errorf("%s: want row %d not final, as its label is still to come", name, row.id)
			}
			if want {
				labelled++
			}
		}
		if n := s.counts.labels.Load(); n != int64(labelled) || s.counts.forced.Load() == 0 || labelled == 300 {
			t.Errorf("%s: want %d labels joined and some rows forced, got %d and %d", name, labelled, n, s.counts.forced.Load())
		}
		s.Close()
	}
}

// A window holds to the nanosecond, whatever the unit of the columns.
func TestLabelJoinWindowFinerThanTheColumns(t *testing.T) {
	join := func(kind, rows, labels, window string) string {
		t.Helper()
		got := runJoin(t, fmt.Sprintf("{rows: {jsonl: {path: %s, schema: {id: int64, at: '%[3]s'}}}, labels: {jsonl: {path: %[2]s, schema: {id: int64, known: '%[3]s', label: int8}}}, "+
			"key: [id], time: at, label_time: known, label: label, missing: unlabelled, window: %[4]s}", rows, labels, kind, window), all, nil)
		return fmt.Sprint(got.rows)
	}
	rows := jsonl(t, `{"id":1,"at":"2024-01-01T00:00:00Z"}`, `{"id":2,"at":"2024-01-01T00:00:00Z"}`, `{"id":3,"at":"2024-01-01T00:00:00Z"}`)
	labels := jsonl(t, `{"id":1,"known":"2024-01-01T00:00:01Z","label":1}`, `{"id":2,"known":"2024-01-01T00:00:02Z","label":1}`)
	want := "[0/1 1/2 2/3 0/1 = 1 after 1 1/2 = NaN after 1.5 final 2/3 = NaN after 1.5 final]"
	if d := cmp.Diff(want, join("timestamp[s]", rows, labels, "1500ms")); d != "" {
		t.Error(d)
	}
	want = "[0/1 1/2 2/3 0/1 = NaN after 0.5 final 1/2 = NaN after 0.5 final 2/3 = NaN after 0.5 final]"
	if d := cmp.Diff(want, join("timestamp[s]", rows, labels, "500ms")); d != "" {
		t.Error(d)
	}
	days := jsonl(t, `{"id":1,"at":"2024-01-01"}`, `{"id":2,"at":"2024-01-01"}`)
	labels = jsonl(t, `{"id":1,"known":"2024-01-01","label":1}`, `{"id":2,"known":"2024-01-02","label":1}`)
	if d := cmp.Diff("[0/1 1/2 0/1 = 1 after 0 1/2 = NaN after 1e-09 final]", join("date", days, labels, "1ns")); d != "" {
		t.Error(d)
	}
	for text, want := range map[string]time.Duration{"0.57d": 820*time.Minute + 48*time.Second, "1.1d": 26*time.Hour + 24*time.Minute, "30d": 720 * time.Hour} {
		if got, err := parseWindow(text); got != want || err != nil {
			t.Errorf("%s: want %v, got %v, %v", text, want, got, err)
		}
	}
	for _, text := range []string{"0.00000000000000001d", "0s", "-1d", "NaNd", "0d", "1e9d"} {
		if got, err := parseWindow(text); err == nil {
			t.Errorf("%s: want it refused, got %v", text, got)
		}
	}
}

// A dead letter names the source that it was read from, before and after a restart.
func TestLabelJoinDeadLettersNameTheirSource(t *testing.T) {
	rows := jsonl(t, `{"id":1,"at":"2024-01-01T00:00:00Z"}`, `{"id":1,"at":"2024-01-01T00:00:01Z"}`, `{"id":null,"at":"2024-01-01T00:00:01Z"}`, `{"id":2,"at":"2024-01-01T00:10:00Z"}`)
	labels := jsonl(t, `{"id":1,"known":"2024-01-01T00:00:02Z","label":1}`, `{"id":1,"known":"2024-01-01T00:00:03Z","label":0}`,
		`{"id":8,"known":"2024-01-01T00:00:04Z","label":0}`, `{"id":null,"known":"2024-01-01T00:00:05Z","label":0}`, `{"id":1,"known":"2024-01-01T00:00:15Z","label":0}`,
		`{"id":"x","known":"2024-01-01T00:00:16Z","label":0}`)
	text := fmt.Sprintf("{rows: {jsonl: {path: %s, schema: {id: int64, at: timestamp}}}, labels: {jsonl: {path: %s, schema: {id: int64, known: timestamp, label: int8}}}, "+
		"key: [id], time: at, label_time: known, label: label, late: reject, window: 10s}", rows, labels)
	var got []string
	env := flow.Env{Alloc: checkedAlloc(t), Reject: func(r flow.Rejection) {
		whose := map[string]string{rows: "rows", labels: "labels"}[r.Topic]
		if isLabel := strings.Contains(string(r.Raw), "known"); whose == "" || isLabel != (whose == "labels") {
			t.Errorf("want %s beside its own source, got %q", r.Raw, r.Topic)
		}
		got = append(got, whose)
	}}
	s := joinSource(t, text)
	mustOpen(t, s, env)
	for {
		rec, err := s.Next(context.Background(), 1)
		if errors.Is(err, io.EOF) {
			break
		}
		noError(t, err)
		rec.Release()
		part := saveSource(t, s)
		s.Close()
		s = restored(t, text, part)
		mustOpen(t, s, env)
	}
	s.Close()
	slices.Sort(got)
	if d := cmp.Diff([]string{"labels", "labels", "labels", "labels", "labels", "rows", "rows"}, got); d != "" {
		t.Error(d)
	}
}

// Both groups are told how far their topic was read, which changes nothing about what counts.
func TestLabelJoinTellsTheLag(t *testing.T) {
	cluster, addrs := fakeKafka(t, kfake.SeedTopics(1, "rows", "labels"))
	defer cluster.Close()
	d := randomRows(3, 30)
	d.send(t, addrs)
	settings := func(group string) string {
		return fmt.Sprintf(`{rows: {kafka: {brokers: [%[1]s], topic: rows%[2]s, until: end, meta: [], schema: {id: int64, at: timestamp, note: utf8}}},
	  labels: {kafka: {brokers: [%[1]s], topic: labels%[2]s, until: end, schema: {id: int64, known: timestamp, label: int8}}},
	  key: [id], time: at, label_time: known, label: label, window: 1h}`, addrs[0], group)
	}
	if _, ok := buildJoin(t, settings("")).(flow.Arbiter); ok {
		t.Error("want a join without groups to decide nothing")
	}
	src := buildJoin(t, settings(", group: lag"))
	j := src.(toldJoin).LabelJoin
	mustOpen(t, j, kafkaEnv(t, nil))
	defer src.Close()
	rec, err := src.Next(context.Background(), 20)
	noError(t, err)
	rec.Release()
	part := saveSource(t, j)
	noError(t, src.(flow.Arbiter).Decide(t.Context(), 1, part))
	at, err := fakeAdmin(t, addrs).FetchOffsets(t.Context(), "lag")
	noError(t, err)
	for _, topic := range []string{"rows", "labels"} { // both were read ahead to their end
		if o, ok := at.Lookup(topic, 0); !ok || o.At != 30 {
			t.Errorf("%s: want offset 30 committed, got %v", topic, at)
		}
	}
	if id, err := src.(flow.Arbiter).Decided(t.Context(), kafkaEnv(t, nil), 7); id != 7 || err != nil {
		t.Errorf("want every checkpoint to count, got %d, %v", id, err)
	}
	if err := src.(flow.Arbiter).Decide(t.Context(), 2, part[:10]); !errors.Is(err, flow.ErrCorrupt) {
		t.Errorf("want a damaged part noticed, got %v", err)
	}
	if s := src.(interface{ Sources() []flow.Source }).Sources(); len(s) != 2 || s[0].(flow.Channel) == nil || s[1].(*Kafka).cfg.Topic != "labels" {
		t.Errorf("want both sources, got %v", s)
	}
}
