package experiment

import (
	"context"
	"encoding/json"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

type lineArm struct {
	Slope float64 `yaml:"slope"`
	Quiet bool    `yaml:"quiet"`
}

var lineRuns int

func init() {
	Register("test-line", lineArm{Slope: 1}, func(_ context.Context, seed uint64, a lineArm) (Figures, error) {
		lineRuns++
		f := Figures{"y": a.Slope * float64(seed)}
		if !a.Quiet {
			f["extra"] = math.NaN() // not measured
		}
		return f, nil
	})
}

// folder writes an experiment and returns its path.
func folder(t *testing.T, name, spec string, files ...string) string {
	t.Helper()
	dir := filepath.Join(t.TempDir(), name)
	if err := os.Mkdir(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	write := func(file, text string) {
		if err := os.WriteFile(filepath.Join(dir, file), []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	write(FileName, spec)
	for i := 0; i+1 < len(files); i += 2 {
		write(files[i], files[i+1])
	}
	return dir
}

const lineSpec = `name: line
claim: twice the slope is twice the height
program: test-line
seeds: 3
arms:
  one: {}
  two: {slope: 2}
figures: {height: y, extra: extra}
falsifiers:
  - two.height - one.height == 2
  - abs(two.height / one.height - 2) < 1e-12
`

func TestProgram(t *testing.T) {
	s, err := Load(folder(t, "line", lineSpec))
	if err != nil {
		t.Fatal(err)
	}
	cache := &Cache{t.TempDir()}
	var cached int
	o := Options{Cache: cache, Progress: func(_ string, _ uint64, _ Figures, _ time.Duration, c bool) {
		if c {
			cached++
		}
	}}
	lineRuns = 0
	r, err := s.Run(t.Context(), o)
	if err != nil {
		t.Fatal(err)
	}
	// seeds 1, 2, 3: means 2 and 4, sample deviations 1 and 2
	want := map[string]map[string]Summary{
		"one": {"height": {2, 1, []float64{1, 2, 3}}},
		"two": {"height": {4, 2, []float64{2, 4, 6}}},
	}
	if d := cmp.Diff(want, r.Figures); d != "" {
		t.Error(d)
	}
	if r.Verdict != Holds || r.Seeds != 3 || len(r.Falsifiers) != 2 {
		t.Errorf("want holds with 3 seeds, got %+v", r)
	}
	if lineRuns != 6 || cached != 0 {
		t.Errorf("want 6 runs, got %d (%d cached)", lineRuns, cached)
	}
	o.Seeds = 4
	if r, err = s.Run(t.Context(), o); err != nil || lineRuns != 8 || cached != 6 {
		t.Errorf("want 2 more runs for a fourth seed, got %d (%d cached), %v", lineRuns, cached, err)
	}
	if r.Verdict != Fails { // (1+2+3+4)/4 = 2.5
		t.Error("want the first condition false with 4 seeds")
	}
	if b, err := json.Marshal(r); err != nil || !strings.Contains(string(b), `"verdict":"fails"`) {
		t.Errorf("%s, %v", b, err)
	}
}

func TestAFigureThatNobodyMeasuredFails(t *testing.T) {
	s, err := Load(folder(t, "line", strings.Replace(lineSpec, "two.height - one.height == 2", "one.extra < 1 or one.extra >= 1", 1)))
	if err != nil {
		t.Fatal(err)
	}
	r, err := s.Run(t.Context(), Options{})
	if err != nil || r.Verdict != Fails {
		t.Errorf("want fails, got %v, %v", r, err)
	}
}

const pipelineText = `name: base
source: {parquet: {path: "${NO_SUCH:-data}/x.parquet"}}
operators:
  - derive: {hour: hour(at)}
  - train: {label: click, gate: {optfs: {lambda: 1e-4}}}
sinks:
  - parquet: {path: out}
checkpoint: {path: out/checkpoint}
`

const pipelineSpec = `name: gates
claim: the gate matters
pipeline: pipeline.yaml
seeds: 2
arms:
  none: {"operators[1].train.gate": null}
  strong: {"operators[1].train.gate.optfs.lambda": 1e-3, "operators[0]": {select: {keep: [a, b]}}}
figures: {auc: metrics.auc, ratio: gate.ratio}
falsifiers: ["strong.auc > none.auc"]
`

func TestPipelineArms(t *testing.T) {
	s, err := Load(folder(t, "gates", pipelineSpec, "pipeline.yaml", pipelineText))
	if err != nil {
		t.Fatal(err)
	}
	var texts []string
	r, err := s.Run(t.Context(), Options{Pipeline: func(_ context.Context, name string, text []byte) ([]byte, error) {
		texts = append(texts, string(text))
		auc, ratio := .7, ""
		if strings.Contains(name, "strong") {
			auc, ratio = .75, `, "gate": {"ratio": 0.25}`
		}
		return fmt.Appendf(nil, `{"metrics": {"auc": %g}%s}`, auc, ratio), nil
	}})
	if err != nil {
		t.Fatal(err)
	}
	if r.Verdict != Holds || r.Figures["strong"]["ratio"].Mean != .25 || len(r.Figures["none"]) != 1 {
		t.Errorf("got %+v", r)
	}
	for i, text := range texts {
		for _, want := range []string{"${NO_SUCH:-data}/x.parquet", fmt.Sprintf("seed: %d", i%2+1)} {
			if !strings.Contains(text, want) {
				t.Errorf("run %d: want %q in\n%s", i, want, text)
			}
		}
		for _, not := range []string{"sinks", "checkpoint"} {
			if strings.Contains(text, not) {
				t.Errorf("run %d: want no %q in\n%s", i, not, text)
			}
		}
	}
	if strings.Contains(texts[0], "gate") || !strings.Contains(texts[0], "hour(at)") {
		t.Errorf("arm none:\n%s", texts[0])
	}
	if !strings.Contains(texts[2], "lambda: 1e-3") || strings.Contains(texts[2], "hour(at)") || !strings.Contains(texts[2], "keep") {
		t.Errorf("arm strong:\n%s", texts[2])
	}
}

func TestLoadNamesEverythingWrong(t *testing.T) {
	for _, c := range []struct{ old, new, want string }{
		{"name: line", "name: other", "name: want the name of its folder, line, got other"},
		{"claim: twice the slope is twice the height", "claim: ''", "claim: want a value"},
		{"two: {slope", "Two: {slope", "arms.Two: want a name"},
		{"two: {slope: 2}", "two: 2", "arms.two: want settings"},
		{"seeds: 3", "seeds: 0", "seeds: want >= 1, got 0"},
		{"two.height - one.height == 2", "tow.height > 2", "falsifiers[0]: want a condition over ARM.FIGURE, got tow.height > 2; unknown name tow"},
		{"two.height - one.height == 2", "two.height", "falsifiers[0]"},
		{"two.height - one.height == 2", "two.hight > 1", "hight"},
		{"program: test-line", "pipeline: nowhere.yaml", "pipeline: want a readable file"},
		{"program: test-line", "", "want either pipeline or program, got both or none"},
		{"seeds: 3", "seedz: 3", "seedz"},
	} {
		_, err := Load(folder(t, "line", strings.Replace(lineSpec, c.old, c.new, 1)))
		if err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%q: want %q, got %v", c.new, c.want, err)
		}
	}
	for old, c := range map[string][2]string{
		"operators[0]": {"operators[7]", "arms.strong.operators[7]: want a list with position 7, got a list of 2"},
		"train.gate\"": {"train.gat\"", "arms.none.operators[1].train.gat: want a key that can be taken out, got none called gat"},
		"train.gate.o": {"train.label.o", "want a map to hold \"optfs\", got click"},
	} {
		_, err := Load(folder(t, "gates", strings.Replace(pipelineSpec, old, c[0], 1), "pipeline.yaml", pipelineText))
		if err == nil || !strings.Contains(err.Error(), c[1]) {
			t.Errorf("%s: want %q, got %v", c[0], c[1], err)
		}
	}
}

func TestUnknownProgramAndSettings(t *testing.T) {
	s, err := Load(folder(t, "line", strings.Replace(lineSpec, "test-line", "test-lime", 1)))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := s.Run(t.Context(), Options{}); err == nil || !strings.Contains(err.Error(), `did you mean "test-line"?`) {
		t.Errorf("got %v", err)
	}
	if s, err = Load(folder(t, "line", strings.Replace(lineSpec, "slope: 2", "slop: 2", 1))); err != nil {
		t.Fatal(err)
	}
	if _, err := s.Run(t.Context(), Options{}); err == nil || !strings.Contains(err.Error(), `did you mean "slope"?`) {
		t.Errorf("got %v", err)
	}
}

func TestList(t *testing.T) {
	dir := folder(t, "line", lineSpec)
	all, err := List(filepath.Dir(dir))
	if err != nil || len(all) != 1 || all[0].Name != "line" || cmp.Diff([]string{"one", "two"}, all[0].ArmNames()) != "" || cmp.Diff([]string{"height", "extra"}, all[0].FigureNames()) != "" {
		t.Errorf("got %v, %v", all, err)
	}
}
