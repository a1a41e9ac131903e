package main

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// pipelineExperiment writes an experiment whose arms are pipelines over generated clicks.
func pipelineExperiment(t *testing.T, falsifier string) string {
	t.Helper()
	root := t.TempDir()
	dir := filepath.Join(root, "models")
	if err := os.Mkdir(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	write(t, dir, "pipeline.yaml", `name: models
source: {clicks: {rows: 4000}}
operators:
  - train: {label: click, fields: {categorical: [user, item, city]}, model: {lr: {}}, batch: 64}
sinks:
  - parquet: {path: out/scored}
`)
	write(t, dir, "experiment.yaml", `name: models
paper: none
claim: both models run
pipeline: pipeline.yaml
seeds: 2
arms:
  lr: {}
  fm: {"operators[0].train.model": {fm: {dim: 4}}}
figures: {auc: metrics.auc, rows: rows, ratio: gate.ratio}
falsifiers: ["`+falsifier+`"]
`)
	return root
}

func TestExperimentOverPipelines(t *testing.T) {
	t.Chdir(t.TempDir())
	root := pipelineExperiment(t, "lr.rows == 4000 and fm.rows == 4000 and lr.auc > 0")
	if out := must(t, "experiment", "list", "--dir", root); !strings.Contains(out, "models") || !strings.Contains(out, "lr, fm") {
		t.Errorf("got\n%s", out)
	}
	out := must(t, "experiment", "run", "models", "--dir", root, "--no-cache")
	for _, want := range []string{"claim: both models run", "over 2 seeds", "4000.0000 ± 0.0000", "verdict: holds"} {
		if !strings.Contains(out, want) {
			t.Errorf("want %q in\n%s", want, out)
		}
	}
	if _, err := os.Stat("out"); err == nil {
		t.Error("an experiment wrote the pipeline's outputs")
	}
}

func TestExperimentJSONAndCache(t *testing.T) {
	t.Setenv("XDG_CACHE_HOME", t.TempDir())
	root := pipelineExperiment(t, "lr.auc > 2")
	dir := filepath.Join(root, "models")
	first := must(t, "experiment", "run", dir, "--seeds", "1", "--json")
	var got struct {
		Name, Verdict string
		Seeds         int
		Figures       map[string]map[string]struct{ Mean float64 }
	}
	lines := strings.Split(strings.TrimSpace(first), "\n")
	if err := json.Unmarshal([]byte(lines[len(lines)-1]), &got); err != nil {
		t.Fatalf("%v in %s", err, first)
	}
	if got.Name != "models" || got.Verdict != "fails" || got.Seeds != 1 || got.Figures["fm"]["rows"].Mean != 4000 {
		t.Errorf("got %+v", got)
	}
	if _, ok := got.Figures["lr"]["ratio"]; ok {
		t.Error("a figure that was not measured has a value")
	}
	if again := must(t, "experiment", "run", dir, "--seeds", "1", "--json"); again != first {
		t.Errorf("the cached result differs:\n%s\n%s", first, again)
	}
}

func TestExperimentErrors(t *testing.T) {
	root := pipelineExperiment(t, "lr.auc > 0")
	for args, want := range map[string]string{
		"run modles --dir " + root:           `did you mean "models"?`,
		"run models --seeds 0 --dir " + root: "--seeds: want >= 1",
		"list --dir " + t.TempDir():          "no experiments here",
	} {
		if _, err := sluice(t, append([]string{"experiment"}, strings.Fields(args)...)...); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("experiment %s: want %q, got %v", args, want, err)
		}
	}
}

// The experiments of the repository are well formed; running them is not a matter of unit tests.
func TestExperimentsLoad(t *testing.T) {
	if out := must(t, "experiment", "list", "--dir", "../../experiments"); !strings.Contains(out, "optfs-planted") {
		t.Errorf("got\n%s", out)
	}
}
