package main

import (
	"bytes"
	"errors"
	"math/rand/v2"
	"os"
	"regexp"
	"strings"
	"testing"

	"github.com/sluice-stream/sluice/flow"
	"github.com/sluice-stream/sluice/runtime"
)

// program runs the program in process and returns what it printed.
func (b trial) program(args ...string) (string, error) {
	cmd := root()
	var out bytes.Buffer
	cmd.SetOut(&out)
	cmd.SetErr(&out)
	cmd.SetArgs(args)
	err := cmd.ExecuteContext(b.Context())
	return out.String(), err
}

// TestSharedFolder has two sinks that would remove each other's files.
func TestSharedFolder(t *testing.T) {
	b := newTrial(t)
	text := b.lines(5)
	for is, want := range map[string]string{
		"embeddings: {path: DIR/./rows/}":                 "pipeline.yaml:7:18: embeddings.path: want a folder of its own, got DIR/./rows/; the files of sink 1, parquet, write there too; choose another path",
		"dead_letter: {parquet: {path: DIR/rows}}":        "pipeline.yaml:8:25: dead_letter.parquet.path: want a folder of its own, got DIR/rows; the files of sink 1, parquet, write there too",
		"- parquet: {path: DIR/checkpoint}":               "pipeline.yaml:6:15: parquet.path: want a folder of its own, got DIR/checkpoint; the checkpoints write there too",
		"- arrow: {path: DIR/embeddings, from: features}": "pipeline.yaml:7:18: embeddings.path: want a folder of its own, got DIR/embeddings; the files of sink 1, arrow, write there too",
	} {
		name, _, _ := strings.Cut(is, ":")
		if name == "- arrow" {
			name = "- parquet"
		}
		bad := regexp.MustCompile(`(?m)`+name+`: .*$`).ReplaceAllString(text, is)
		_, err := b.run(bad)
		b.refuses(err, flow.ErrConfig, want)
		path := b.write("pipeline.yaml", []byte(strings.ReplaceAll(bad, "DIR", b.dir)))
		if _, lint := b.program("lint", path); lint == nil || strings.ReplaceAll(lint.Error(), path, "pipeline.yaml") != err.Error() {
			t.Errorf("want lint to say what run says, got %v", lint)
		}
	}
	if _, err := os.Stat(b.path("rows")); err == nil {
		t.Error("want nothing written")
	}
}

// TestFilesOfAnotherRun has files in a sink's folder that no checkpoint of this run names.
func TestFilesOfAnotherRun(t *testing.T) {
	b := newTrial(t)
	text := strings.Replace(b.lines(9), "checkpoint: {path: DIR/checkpoint, every: {rows: 5}}\n", "", 1)
	b.accounts(b.mustRun(text), 9, nil, 0)
	_, err := b.run(text)
	b.refuses(err, flow.ErrConfig, "pipeline.yaml:6:15: parquet.path: want a folder without files of another run, got part-00000001-0000.parquet in DIR/rows", "--fresh")
	res, err := b.run(text, func(o *runtime.Options) { o.Fresh = true })
	if err != nil {
		t.Fatal(err)
	}
	b.accounts(res, 9, nil, 0)
}

// TestUnfitSettings has settings that only the outside can refuse: each names its place.
func TestUnfitSettings(t *testing.T) {
	b := newTrial(t)
	b.lines(3)
	for text, want := range map[string]string{
		"name: a\nfeed: {topic: t, key: usr, generate: {clicks: {rows: 5}}}\nsource: {kafka: {brokers: [embedded], topic: t, until: end}}\n": `pipeline.yaml:2:18: feed.key: want one of user, item`,
		"name: a\nfeed: {topic: t, generate: {jsonl: {path: DIR/no}}}\nsource: {kafka: {brokers: [embedded], topic: t, until: end}}\n":       `pipeline.yaml:2:29: feed.generate.jsonl: path: want at least one file`,
		"name: a\nsource: {kafka: {brokers: [embedded], topic: t, until: end}}\n":                                                            `pipeline.yaml:2:18: source.kafka.brokers: want a feed that fills the embedded broker`,
		"name: a\nsource: {jsonl: {path: DIR/in}}\noperators:\n  - score: {model: DIR/none}\n":                                               `pipeline.yaml:4:13: score.model: want the checkpoint folder of a pipeline that trains`,
		"name: a\nsource: {jsonl: {path: DIR/in}}\noperators:\n  - train: {label: z, fields: {categorical: [c]}, model: lr}\n":               `pipeline.yaml:4:13: train.label: want a column of the input, got z; columns: n, c, x, y`,
		"name: a\nsource: {jsonl: {path: DIR/in}}\nsinks:\n  - embeddings: {path: DIR/e}\n":                                                  "pipeline.yaml:4:5: embeddings: want an operator that publishes embeddings, got none in this pipeline; add `train`",
	} {
		_, err := b.run(text)
		b.refuses(err, flow.ErrConfig, want)
	}
}

// TestNoPipeline has files that describe none.
func TestNoPipeline(t *testing.T) {
	for text, want := range map[string]string{
		"":                       "pipeline.yaml:1:1: want a pipeline, got an empty file",
		"# nothing\n\n":          "pipeline.yaml:1:1: want a pipeline, got an empty file",
		"---\n---\n":             "pipeline.yaml:1:1: want a pipeline, got an empty file",
		"null":                   "want",
		"[]":                     "pipeline.yaml:1:1: want a map, got",
		"x":                      "pipeline.yaml:1:1: want a map, got",
		"name: a":                `source: want a source, got nothing; ` + "`sluice list sources` shows them",
		"name: [":                "pipeline.yaml:1:",
		"nme: a\nsource: clicks": `pipeline.yaml:1:1: nme: unknown key; did you mean "name"?`,
	} {
		b := newTrial(t)
		_, err := b.run(text)
		b.refuses(err, flow.ErrConfig, want)
		if _, lint := b.program("lint", b.write("pipeline.yaml", []byte(text))); exitCode(lint) != 2 {
			t.Errorf("%q: want exit code 2 of lint, got %v", text, lint)
		}
	}
	b := newTrial(t)
	_, err := b.program("run", b.path("none.yaml"))
	b.refuses(err, flow.ErrConfig, "DIR/none.yaml: no such file", "sluice create")
}

// TestUnseenValues scores rows whose values the model has never seen, or that lack them.
func TestUnseenValues(t *testing.T) {
	b := newTrial(t)
	b.mustRun(b.lines(30))
	b.write("in/new.jsonl", []byte(numbered(0)+"\n"+`{"n":1,"c":"never seen","x":1e300,"y":1}`+"\n"+`{"n":2,"c":null,"x":null,"y":1}`+"\n"+`{"n":3,"c":"never seen either","x":1e300}`+"\n"))
	res := b.mustRun("name: score\nsource: {jsonl: {schema: {n: int64, c: utf8, x: float64, y: int64}, path: DIR/in/new.jsonl}}\n" +
		"operators:\n  - score: {model: DIR/checkpoint}\nsinks:\n  - parquet: {path: DIR/scored}\n")
	if got := b.numbers("scored"); res.Rejected != 0 || len(got) != 4 {
		t.Errorf("want 4 rows and none rejected, got %v and %+v", got, res)
	}
	rows := b.rows("scored")
	if rows[1]["score"] != rows[3]["score"] || rows[1]["score"] != rows[2]["score"] || rows[0]["score"] == rows[1]["score"] {
		t.Errorf("want unseen values, a null that was never seen too, to count as one, apart from known ones, got %v", rows)
	}
}

// TestGarbagePipelines changes pipelines at random: whatever comes of it, it is an error of class ErrConfig or a
// pipeline, and never a panic.
func TestGarbagePipelines(t *testing.T) {
	base := learning("{jsonl: {path: DIR/x}}") + "feed: {topic: t, generate: {clicks: {rows: 5}}}\n"
	pieces := []string{"{", "}", "[", "]", ":", "- ", "\n", "  ", "\t", "&a ", "*a", "<<: *a", "!!int ", "null", "~", "1e999", "-1", "${X}", "${X:-", "'", "\"", "|\n", "? ", "---\n", "\x00", "\xff",
		"train:", "source: ", "999999999999999999999", ".nan", "#", "{{}}", "0x1F", "fields: ", "name: "}
	for seed := range uint64(3000) {
		fuzzOnce(t, mutate(rand.New(rand.NewPCG(seed, 1)), base, pieces))
	}
}

func mutate(r *rand.Rand, text string, pieces []string) string {
	for range 1 + r.IntN(4) {
		at := r.IntN(len(text) + 1)
		to := min(len(text), at+r.IntN(12))
		switch r.IntN(4) {
		case 0:
			text = text[:at] + pieces[r.IntN(len(pieces))] + text[at:]
		case 1:
			text = text[:at] + text[to:]
		case 2:
			text = text[:at] + pieces[r.IntN(len(pieces))] + text[to:]
		default:
			text = text[:to] + text[at:]
		}
	}
	return text
}

func FuzzPipeline(f *testing.F) {
	f.Add(learning("{jsonl: {path: DIR/x}}"))
	f.Add("name: a\nsource: clicks\n")
	f.Fuzz(func(t *testing.T, text string) { fuzzOnce(t, text) })
}

func fuzzOnce(t *testing.T, text string) {
	t.Helper()
	defer func() {
		if p := recover(); p != nil {
			t.Fatalf("a panic: %v\n%s", p, text)
		}
	}()
	p, err := runtime.Parse("p.yaml", []byte(text), func(string) (string, bool) { return "", false })
	if err == nil {
		err = p.Lint()
	}
	if err != nil && (!errors.Is(err, flow.ErrConfig) || !strings.HasPrefix(err.Error(), "p.yaml:")) {
		t.Fatalf("want ErrConfig with its place, got %v\n%q", err, text)
	}
}
