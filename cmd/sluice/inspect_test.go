package main

import (
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/sluice-stream/sluice/flow"
	"github.com/sluice-stream/sluice/runtime"
)

// trained runs a small pipeline into out/ of the working folder.
func trained(t *testing.T) {
	t.Helper()
	t.Chdir(t.TempDir())
	p, err := runtime.Parse("small", []byte(`name: small
source: {clicks: {rows: 3000}}
operators:
  - train: {label: click, fields: {categorical: [user, city]}, model: {fm: {dim: 4}}, batch: 100}
sinks:
  - parquet: {path: out/scored}
  - embeddings: {path: out/embeddings}
checkpoint: {path: out/checkpoint, every: {rows: 1000}}
`), os.LookupEnv)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := runtime.Run(t.Context(), p, runtime.Options{}); err != nil {
		t.Fatal(err)
	}
}

// decode reads what `inspect --json` prints.
func decode[T any](t *testing.T, path string) T {
	t.Helper()
	var v T
	if err := json.Unmarshal([]byte(must(t, "inspect", path, "--json")), &v); err != nil {
		t.Fatal(err)
	}
	return v
}

func TestInspectCheckpoint(t *testing.T) {
	trained(t)
	c := decode[checkpointFound](t, "out/checkpoint")
	if c.Pipeline != "small" || c.Rows != 3000 || !c.Final || !c.Verified || len(c.Parts) != 2 || len(c.Others) != 1 || c.Report.Metrics["auc"] == 0 {
		t.Errorf("got %+v", c)
	}
	older := decode[checkpointFound](t, "out/checkpoint/manifest-00000003.json")
	if older.Checkpoint != 3 || older.StateHash == "" {
		t.Errorf("got %+v", older)
	}
	text := must(t, "inspect", "out/checkpoint")
	for _, want := range []string{"pipeline small", "the run is finished", "rows 3000", "operator.0.train", "auc", "every part verified"} {
		if !strings.Contains(text, want) {
			t.Errorf("want %q in\n%s", want, text)
		}
	}
}

func TestInspectPart(t *testing.T) {
	trained(t)
	found, err := filepath.Glob("out/checkpoint/parts/operator.0.train-*.arrow")
	if err != nil || len(found) == 0 {
		t.Fatal(found, err)
	}
	p := decode[partFound](t, found[0])
	emb := -1
	for i, v := range p.Values {
		if strings.HasSuffix(v.Name, "emb.value") {
			emb = i
		}
	}
	if emb < 0 || p.Values[emb].Length%4 != 0 || *p.Values[emb].Min >= 0 || *p.Values[emb].Max <= 0 || p.Values[emb].Type != "list of float32" {
		t.Errorf("want the embeddings among the values, got %+v", p.Values)
	}
	must(t, "inspect", found[0])
}

func TestInspectRefusesDamage(t *testing.T) {
	trained(t)
	found, _ := filepath.Glob("out/checkpoint/parts/*.arrow")
	for _, f := range found {
		b, err := os.ReadFile(f)
		if err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(f, b[:len(b)/2], 0o644); err != nil {
			t.Fatal(err)
		}
		if _, err := sluice(t, "inspect", f); !errors.Is(err, flow.ErrCorrupt) {
			t.Errorf("%s: want ErrCorrupt, got %v", f, err)
		}
	}
	if _, err := sluice(t, "inspect", "out/checkpoint"); !errors.Is(err, flow.ErrCorrupt) {
		t.Errorf("want ErrCorrupt, got %v", err)
	}
}

func TestInspectEmbeddingsAndQuery(t *testing.T) {
	trained(t)
	e := decode[embeddingsFound](t, "out/embeddings")
	if e.Dim != 4 || len(e.Fields) != 2 || e.Ratio != 1 || e.Values != e.Kept || e.Fields[0].Rows != 3000 || e.Fields[0].MeanNorm <= 0 {
		t.Errorf("got %+v", e)
	}
	if text := must(t, "inspect", "out/embeddings"); !strings.Contains(text, "city") || !strings.Contains(text, "mean norm") {
		t.Errorf("got\n%s", text)
	}
	var got struct{ Near []answer }
	if err := json.Unmarshal([]byte(must(t, "query", "out/embeddings", "--field", "city", "--value", "c01", "--k", "3", "--json")), &got); err != nil {
		t.Fatal(err)
	}
	if len(got.Near) != 3 || got.Near[0].Score < got.Near[2].Score || got.Near[0].Field != "city" {
		t.Errorf("got %+v", got)
	}
	if text := must(t, "query", "out/embeddings", "--field", "user", "--value", "u0031", "--into", "city", "--metric", "dot"); !strings.Contains(text, "nearest of city by dot") {
		t.Errorf("got\n%s", text)
	}
	for args, want := range map[string]string{
		"--field city":                          "--value: want a value, or --null, got none",
		"--field citi --value c01":              `did you mean "city"?`,
		"--field city --value c01 --metric dit": "--metric",
		"--field city --value c01 --into itm":   "--into",
		"--field city --value zzz":              "--value: want a value of field",
		"--value c01":                           "--field: want a value",
	} {
		_, err := sluice(t, append([]string{"query", "out/embeddings"}, strings.Fields(args)...)...)
		if !errors.Is(err, flow.ErrConfig) || !strings.Contains(err.Error(), want) {
			t.Errorf("query %s: want %q, got %v", args, want, err)
		}
	}
}

func TestInspectData(t *testing.T) {
	trained(t)
	d := decode[dataFound](t, "out/scored")
	if d.Format != "parquet" || d.Rows != 3000 || d.Sampled != 3000 || len(d.Columns) != 7 || d.Files < 1 {
		t.Fatalf("got %+v", d)
	}
	for _, c := range d.Columns {
		if c.Name == "click" && (c.Distinct != 2 || c.Min != "0" || c.Max != "1" || c.Nulls != 0) {
			t.Errorf("got %+v", c)
		}
		if c.Name == "price" && c.Nulls == 0 {
			t.Errorf("want some nulls, got %+v", c)
		}
	}
	write(t, ".", "a.csv", "x;y\n1;a\n2;b\n")
	for path, want := range map[string]string{"out/scored": "3000 rows", "a.csv": "2 rows in 1 file of csv", "*.csv": "int64"} {
		if text := must(t, "inspect", path); !strings.Contains(text, want) {
			t.Errorf("%s: want %q in\n%s", path, want, text)
		}
	}
	write(t, ".", "b.bin", "\x00\x01")
	for _, path := range []string{"nowhere", "b.bin", "out"} {
		if _, err := sluice(t, "inspect", path); !errors.Is(err, flow.ErrConfig) {
			t.Errorf("%s: want ErrConfig, got %v", path, err)
		}
	}
}
