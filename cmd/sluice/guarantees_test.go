package main

import (
	"os"
	gort "runtime"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// TestGuaranteesNameTheirTests holds docs/guarantees.md to its word: every test that it names exists.
func TestGuaranteesNameTheirTests(t *testing.T) {
	text, err := os.ReadFile("../../docs/guarantees.md")
	if err != nil {
		t.Fatal(err)
	}
	source, named := goSource(t, "../.."), 0
	for _, word := range strings.FieldsFunc(string(text), func(r rune) bool { return r == '`' || r == ' ' || r == '\n' }) {
		if !strings.HasPrefix(word, "Test") || len(word) < 8 {
			continue
		}
		named++
		if !strings.Contains(source, "func "+strings.Trim(word, ",.;|")+"(t *testing.T)") {
			t.Errorf("there is no test %s", word)
		}
	}
	if named < 25 {
		t.Errorf("want a test for every guarantee, got %d", named)
	}
}

// TestSourceDoesNotMatter learns the same rows from a topic, from lines and from Parquet.
func TestSourceDoesNotMatter(t *testing.T) {
	b := newTrial(t)
	lines := b.lines(40)
	sources := []string{lines, learning("{kafka: {" + b.topic(messages(40, nil)...) + numberSchema + "}}"),
		learning("{parquet: {path: " + b.parquetFile("in/a.parquet", numberedRecord(t, 0, 40)) + "}}")}
	hashes := map[string]bool{}
	for i, text := range sources {
		each := trial{t, b.path(string(rune('a' + i)))}
		hashes[each.mustRun(strings.ReplaceAll(text, "DIR/in", b.path("in"))).StateHash] = true
	}
	if len(hashes) != 1 {
		t.Errorf("want one state hash, got %v", hashes)
	}
}

// TestThreadsDoNotMatter learns the same rows with one thread and with several.
func TestThreadsDoNotMatter(t *testing.T) {
	b := newTrial(t)
	text := strings.Replace(b.lines(400), "{fm: {dim: 2}}, batch: 4", "{deepfm: {dim: 8, mlp: [64, 32]}}, batch: 128", 1)
	text = strings.Replace(text, "rows: 5}", "rows: 300}", 1)
	var first map[string][]map[string]any
	hash := ""
	for i, threads := range []int{1, 2, 7} {
		each := trial{t, b.path(string(rune('a' + i)))}
		before := gort.GOMAXPROCS(threads)
		res := each.mustRun(strings.ReplaceAll(text, "DIR/in", b.path("in")))
		gort.GOMAXPROCS(before)
		if i == 0 {
			first, hash = each.visible(), res.StateHash
			continue
		}
		if d := cmp.Diff(first, each.visible()); d != "" || res.StateHash != hash {
			t.Errorf("%d threads: want state %s, got %s\n%s", threads, hash, res.StateHash, d)
		}
	}
}
