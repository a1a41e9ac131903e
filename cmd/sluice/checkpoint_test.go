package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/sluice-stream/sluice/flow"
	"github.com/sluice-stream/sluice/internal/state"
	_ "github.com/sluice-stream/sluice/internal/vfs/bucket/inmemory" // mem://
	"github.com/sluice-stream/sluice/runtime"
)

// file writes a pipeline into the folder of the trial and returns its path.
func (b trial) file(name, text string) string {
	b.Helper()
	return b.write(name, []byte(strings.ReplaceAll(text, "DIR", b.dir)))
}

// listed is what `checkpoint list --json` prints.
func listed(t *testing.T, path string) (all []keptCheckpoint) {
	t.Helper()
	if err := json.Unmarshal([]byte(must(t, "checkpoint", "list", path, "--json")), &all); err != nil {
		t.Fatal(err)
	}
	return all
}

func newest(all []keptCheckpoint) keptCheckpoint { return all[len(all)-1] }

// refused runs a command that has to fail, with the class and the words.
func refused(t *testing.T, class error, words string, args ...string) {
	t.Helper()
	out, err := sluice(t, args...)
	if !errors.Is(err, class) || !strings.Contains(fmt.Sprint(err), words) {
		t.Errorf("sluice %s: want %v and %q, got %v\n%s", strings.Join(args, " "), class, words, err, out)
	}
}

func TestCheckpointListAndVerify(t *testing.T) {
	b := newTrial(t)
	text := learning("{kafka: {" + b.topic(messages(30, nil)...) + numberSchema + "}}")
	file, dir := b.file("p.yaml", text), b.path("checkpoint")
	refused(t, flow.ErrConfig, "no folder", "checkpoint", "list", file)
	refused(t, flow.ErrConfig, "no folder", "checkpoint", "reset", dir, "--offset", "t/0=1")
	b.stopped(text, 4)
	all := listed(t, file)
	last := newest(all)
	if len(all) < 2 || last.Checkpoint != 4 || last.Rows != 20 || last.Final || last.Pipeline != "bad" || last.StateHash == "" || last.Base == 0 || last.Published.IsZero() {
		t.Fatalf("got %+v", all)
	}
	if text := must(t, "checkpoint", "list", dir); !strings.Contains(text, last.StateHash) || !strings.Contains(text, "delta bytes") {
		t.Errorf("got\n%s", text)
	}
	if text := must(t, "checkpoint", "verify", dir); strings.Count(text, "every one is right") != len(all) {
		t.Errorf("want all checkpoints found right, got\n%s", text)
	}
	for _, f := range b.newestFiles(4) {
		whole, err := os.ReadFile(f)
		if err != nil {
			t.Fatal(err)
		}
		broken := append([]byte(nil), whole...)
		broken[len(broken)/2] ^= 1
		os.WriteFile(f, broken, 0o644)
		refused(t, flow.ErrCorrupt, filepath.Base(f), "checkpoint", "verify", dir)
		if _, err := sluice(t, "checkpoint", "verify", dir); exitCode(err) != 5 {
			t.Errorf("want exit code 5, got %d", exitCode(err))
		}
		os.WriteFile(f, whole, 0o644)
	}
	must(t, "checkpoint", "verify", file)
}

// TestCheckpointFork starts a second pipeline from the middle of a first: it learns to the same end, and its sinks
// hold only its own rows.
func TestCheckpointFork(t *testing.T) {
	b := newTrial(t)
	text := learning("{kafka: {" + b.topic(messages(30, nil)...) + numberSchema + "}}")
	whole := b.mustRun(text)
	b = trial{t, t.TempDir()}
	b.stopped(text, 4)
	before := b.visible()
	other := strings.NewReplacer("name: bad", "name: other", "DIR/", "DIR/other/").Replace(text)
	file := b.file("other.yaml", other)
	said := must(t, "checkpoint", "fork", b.path("checkpoint"), file)
	if !strings.Contains(said, "pipeline other starts from bad, checkpoint 4") || !strings.Contains(said, "behind row 20") {
		t.Errorf("got %s", said)
	}
	all := listed(t, file)
	if len(all) != 1 || all[0].Checkpoint != 0 || all[0].Rows != 20 || all[0].Forked != "bad, checkpoint 4" || all[0].StateHash != newest(listed(t, b.path("checkpoint"))).StateHash {
		t.Errorf("got %+v", all)
	}
	res := b.mustRun(other)
	if res.StateHash != whole.StateHash || res.Rows != 30 {
		t.Errorf("want the state %s of 30 rows, got %s of %d", whole.StateHash, res.StateHash, res.Rows)
	}
	rows := decode[dataFound](t, b.path("other/rows"))
	if rows.Rows != 10 {
		t.Errorf("want the 10 rows behind the fork, got %d", rows.Rows)
	}
	own := map[string]bool{}
	for name := range b.visible() {
		own[name] = true
	}
	for name := range before {
		if !own[name] {
			t.Errorf("the fork took %s from the first pipeline", name)
		}
	}
	must(t, "checkpoint", "verify", file)
	refused(t, flow.ErrConfig, "want a place without checkpoints", "checkpoint", "fork", b.path("checkpoint"), file)
}

// TestCheckpointForkAnew lets a fork read another topic: it starts there at the first row, with what was learned.
func TestCheckpointForkAnew(t *testing.T) {
	b := newTrial(t)
	text := learning("{kafka: {" + b.topic(messages(30, nil)...) + numberSchema + "}}")
	b.mustRun(text)
	other := learning("{jsonl: {path: DIR/in.jsonl, schema: {n: int64, c: utf8, x: float64, y: int64}}}")
	b.write("in.jsonl", []byte(numbered(1)+"\n"+numbered(2)+"\n"))
	other = strings.NewReplacer("name: bad", "name: other", "DIR/in.jsonl", "DIR/in.jsonl", "DIR/", "DIR/other/").Replace(other)
	file := b.file("other.yaml", other)
	if said := must(t, "checkpoint", "fork", b.path("checkpoint"), file); !strings.Contains(said, "starts as its settings say") {
		t.Errorf("got %s", said)
	}
	res := b.mustRun(other)
	if res.Rows != 2 || decode[dataFound](t, b.path("other/rows")).Rows != 2 {
		t.Errorf("want 2 rows, got %+v", res)
	}
	c, err := state.Open(b.path("other/checkpoint"))
	if err != nil || !strings.Contains(string(c.Report), `"Trained": 32`) {
		t.Errorf("want 32 rows trained on in all, got %s (%v)", c.Report, err)
	}
}

func TestCheckpointForkRefuses(t *testing.T) {
	b := newTrial(t)
	text := learning("{kafka: {" + b.topic(messages(10, nil)...) + numberSchema + "}}")
	b.mustRun(text)
	from := b.path("checkpoint")
	other := strings.NewReplacer("name: bad", "name: other", "DIR/", "DIR/other/").Replace(text)
	for name, c := range map[string]struct{ text, words string }{
		"name":      {strings.Replace(other, "name: other", "name: bad", 1), "want a name of its own"},
		"operators": {strings.Replace(other, "dim: 2", "dim: 3", 1), "want the seed and the operators of pipeline bad"},
		"none":      {other[:strings.Index(other, "checkpoint:")], "want a pipeline with checkpoints"},
		"same":      {strings.Replace(other, "DIR/other/checkpoint", "DIR/checkpoint", 1), "want a place without checkpoints"},
		"bad":       {strings.Replace(other, "train:", "trian:", 1), `did you mean "train"?`},
	} {
		refused(t, flow.ErrConfig, c.words, "checkpoint", "fork", from, b.file(name+".yaml", c.text))
	}
	good := b.file("other.yaml", other)
	refused(t, flow.ErrConfig, "want one of checkpoints", "checkpoint", "fork", from, good, "--checkpoint", "77")
	refused(t, flow.ErrConfig, "want the file of the new pipeline", "checkpoint", "fork", from, b.path("elsewhere"))
	refused(t, flow.ErrConfig, "want a folder with checkpoints", "checkpoint", "fork", b.path("rows"), good)
	must(t, "checkpoint", "fork", from, good)
	shared := strings.Replace(other, "DIR/other/rows", "DIR/rows", 1) // the sinks of the first pipeline
	b.file("other.yaml", shared)
	if err := os.RemoveAll(b.path("other/checkpoint")); err != nil {
		t.Fatal(err)
	}
	must(t, "checkpoint", "fork", from, good)
	before := b.visible()
	_, err := b.run(shared)
	b.refuses(err, flow.ErrConfig, "want a folder without files of another run")
	if d := cmp.Diff(before, b.visible()); d != "" {
		t.Errorf("a fork that was refused has changed files: %s", d)
	}
}

func TestCheckpointReset(t *testing.T) {
	b := newTrial(t)
	_, source := b.broker(messages(20, nil)...)
	text := learning("{kafka: {" + source + numberSchema + "}}")
	file, dir := b.file("p.yaml", text), b.path("checkpoint")
	b.mustRun(text)
	learned := newest(listed(t, dir))
	rows := 20
	for _, c := range []struct {
		args []string
		more int
	}{
		{[]string{"--offset", "t/0=12"}, 8},
		{[]string{"--to", "earliest"}, 20},
		{[]string{"--to", "latest"}, 0},
		{[]string{"--to", "2001-01-01T00:00:00Z"}, 20},
		{[]string{"--to", "2999-01-01T00:00:00Z"}, 0},
	} {
		path := file
		if c.args[0] == "--offset" {
			path = dir
		}
		said := must(t, append([]string{"checkpoint", "reset", path}, c.args...)...)
		after := newest(listed(t, dir))
		if c.more > 0 && (!strings.Contains(said, "to undo this") || after.Final || after.StateHash != learned.StateHash) {
			t.Errorf("%v: got %+v\n%s", c.args, after, said)
		}
		must(t, "checkpoint", "verify", dir)
		rows += c.more
		res := b.mustRun(text)
		if got := decode[dataFound](t, b.path("rows")).Rows; int(got) != rows {
			t.Errorf("%v: want %d rows in all, got %d (%+v)", c.args, rows, got, res)
		}
		learned = newest(listed(t, dir))
	}
	undo := must(t, "checkpoint", "reset", dir, "--offset", "t/0=3")
	_, flags, _ := strings.Cut(strings.TrimSpace(undo), "reset "+dir+" ")
	must(t, append([]string{"checkpoint", "reset", dir}, strings.Fields(flags)...)...)
	b.mustRun(text)
	if got := decode[dataFound](t, b.path("rows")).Rows; int(got) != rows {
		t.Errorf("undone: want %d rows, got %d", rows, got)
	}
}

func TestCheckpointResetRefuses(t *testing.T) {
	b := newTrial(t)
	text := learning("{kafka: {" + b.topic(messages(20, nil)...) + numberSchema + "}}")
	file, dir := b.file("p.yaml", text), b.path("checkpoint")
	b.mustRun(text)
	before := b.visible()
	for words, args := range map[string][]string{
		"want either --to or --offset, got neither": {dir},
		"got both":                       {dir, "--to", "latest", "--offset", "t/0=1"},
		"want topic t":                   {dir, "--offset", "u/0=1"},
		"want topic/partition=N":         {dir, "--offset", "t/0"},
		"N >= 0, got t/0=-1":             {dir, "--offset", "t/0=-1"},
		"N >= 0, got t/x=1":              {dir, "--offset", "t/x=1"},
		"want one of partitions 0":       {dir, "--offset", "t/7=1"},
		"0 twice":                        {dir, "--offset", "t/0=1", "--offset", "t/0=2"},
		"want an offset up to 20":        {dir, "--offset", "t/0=21"},
		"want the pipeline file":         {dir, "--to", "latest"},
		"want earliest, latest or a tim": {file, "--to", "yesterday"},
	} {
		refused(t, flow.ErrConfig, words, append([]string{"checkpoint", "reset"}, args...)...)
	}
	unlock, err := runtime.Lock(dir)
	if err != nil {
		t.Fatal(err)
	}
	refused(t, flow.ErrConfig, "another run uses these checkpoints", "checkpoint", "reset", dir, "--offset", "t/0=1")
	refused(t, flow.ErrConfig, "another run uses these checkpoints", "checkpoint", "reset", "file://"+filepath.ToSlash(dir), "--offset", "t/0=1")
	unlock()
	if d := cmp.Diff(before, b.visible()); d != "" {
		t.Error(d)
	}
	trained(t)
	refused(t, flow.ErrConfig, "want the checkpoint of a pipeline with a kafka source", "checkpoint", "reset", "out/checkpoint", "--offset", "t/0=1")
}

// TestCheckpointsInAnObjectStore stops a run whose checkpoints lie in a store, goes on, and looks at them there.
func TestCheckpointsInAnObjectStore(t *testing.T) {
	b := newTrial(t)
	here := learning("{kafka: {" + b.topic(messages(30, nil)...) + numberSchema + "}}")
	whole := b.mustRun(here)
	want := b.visible()
	b = trial{t, t.TempDir()}
	url := "mem://" + filepath.Base(t.TempDir()) + t.Name() + "/runs/one"
	text := strings.Replace(here, "DIR/checkpoint", url, 1)
	b.stopped(text, 3)
	if last := newest(listed(t, url)); last.Checkpoint != 3 || last.Published.IsZero() {
		t.Errorf("got %+v", last)
	}
	res := b.mustRun(text)
	if res.ResumedFrom != 3 || res.StateHash != whole.StateHash {
		t.Errorf("want to go on from 3 to state %s, got %+v", whole.StateHash, res)
	}
	if d := cmp.Diff(want, b.visible()); d != "" {
		t.Error(d)
	}
	must(t, "checkpoint", "verify", url)
	must(t, "checkpoint", "reset", b.file("p.yaml", text), "--to", "earliest")
	other := strings.NewReplacer("name: bad", "name: other", "DIR/", "DIR/other/", url, url+"-other").Replace(text)
	must(t, "checkpoint", "fork", url, b.file("other.yaml", other))
	if res := b.mustRun(other); res.Rows != 60 {
		t.Errorf("want 30 rows twice, got %+v", res)
	}
	refused(t, flow.ErrConfig, "want a folder with checkpoints, got none in "+url+"-none", "checkpoint", "list", url+"-none")
}

func TestCheckpointArguments(t *testing.T) {
	for words, args := range map[string][]string{
		"want 2 arguments, got 1; see `sluice checkpoint fork --help`": {"fork", "out/checkpoint"},
		"want 1 argument, got 0": {"list"},
		"want 1 argument, got 2": {"verify", "a", "b"},
		"want 0 arguments":       {"move"},
	} {
		refused(t, flow.ErrConfig, words, append([]string{"checkpoint"}, args...)...)
	}
	refused(t, flow.ErrConfig, "accepts at most 1 arg(s), received 2; see `sluice run --help`", "run", "a.yaml", "b.yaml")
	refused(t, flow.ErrConfig, "see `sluice inspect --help`", "inspect")
}
