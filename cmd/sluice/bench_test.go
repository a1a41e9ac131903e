package main

import (
	"encoding/json"
	"strings"
	"testing"
)

// Times are never asserted: only that every case reads every row.
func TestBench(t *testing.T) {
	var r benchResult
	out := must(t, "bench", "--rows", "2000", "--repeat", "2", "--json", "--peer", `test -f "$SLUICE_BENCH_FILE" && echo loading && echo '{"rows_per_s": 1000}'`)
	if err := json.Unmarshal([]byte(out), &r); err != nil {
		t.Fatal(err)
	}
	if len(r.Timings) != 7 || r.Columns != 10 || r.Ratio == nil {
		t.Fatalf("want six cases, a peer and a ratio over ten columns, got %+v", r)
	}
	for _, m := range r.Timings {
		if m.Rows != 2000 || len(m.Runs) != 2 || m.Min > m.Median || m.Median > m.Max || m.Min <= 0 {
			t.Errorf("got %+v", m)
		}
	}
	if last := r.Timings[6]; last.Case != peerCase || last.Median != 1000 {
		t.Errorf("got %+v", last)
	}
}

func TestBenchOfAFile(t *testing.T) {
	dir := t.TempDir()
	if err := generateClicks(t.Context(), 3000, dir); err != nil {
		t.Fatal(err)
	}
	set := &benchSet{path: dir}
	if err := set.count(); err != nil {
		t.Fatal(err)
	}
	pipeline := write(t, t.TempDir(), "p.yaml", `name: p
source: {clicks: {}}
operators:
  - train: {label: click, fields: {categorical: [user]}, model: {lr: {}}, batch: 64}
`)
	out := must(t, "bench", "--file", set.path, "--rows", "1500", "--repeat", "1", "--pipeline", pipeline)
	if strings.Count(out, " 1500 ") != 6 {
		t.Errorf("want six cases of 1500 rows, got\n%s", out)
	}
}

func TestBenchErrors(t *testing.T) {
	for args, want := range map[string]string{
		"--repeat 0":                   "want --repeat >= 1",
		"--file nowhere.parquet":       "nowhere.parquet",
		"--rows 100 --peer false":      "peer: exit status 1",
		"--rows 100 --peer echo":       "want a line of JSON with rows_per_s",
		"--rows 100 --label no_such":   "--label",
		"--rows 100 --pipeline x.yaml": "x.yaml",
	} {
		if _, err := sluice(t, append([]string{"bench", "--repeat", "1"}, strings.Fields(args)...)...); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("bench %s: want %q, got %v", args, want, err)
		}
	}
}

func TestMedian(t *testing.T) {
	m := timing{Runs: []float64{4, 1, 3, 2}}
	m.summarize()
	if m.Min != 1 || m.Median != 2.5 || m.Max != 4 {
		t.Errorf("got %+v", m)
	}
	if s := thousands(1234567.8); s != "1,234,568" {
		t.Errorf("got %s", s)
	}
}
