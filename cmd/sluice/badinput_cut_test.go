package main

import (
	"bytes"
	"compress/gzip"
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/sluice-stream/sluice/flow"
)

// TestTruncatedParquet cuts a file at many places: whatever is left is refused, by name.
func TestTruncatedParquet(t *testing.T) {
	b := newTrial(t)
	whole, err := os.ReadFile(b.parquetFile("whole.parquet", numberedRecord(t, 0, 50), numberedRecord(t, 50, 100)))
	if err != nil {
		t.Fatal(err)
	}
	n := len(whole)
	for _, at := range []int{1, 4, 8, n / 4, n / 2, n - 200, n - 9, n - 8, n - 4, n - 1} {
		cut := newTrial(t)
		cut.parquetFile("in/a.parquet", numberedRecord(t, 0, 9))
		cut.write("in/b.parquet", whole[:at])
		_, err := cut.run(learning("{parquet: {path: DIR/in}}"))
		cut.refuses(err, flow.ErrCorrupt, "pipeline.yaml:2:10: source.parquet: ", "DIR/in/b.parquet: want a whole Parquet file", "was it cut off?")
	}
	for at := 4; at < n-8; at += n / 12 { // a hole in the middle: the footer is whole
		hole := newTrial(t)
		broken := slices.Clone(whole)
		clear(broken[at:min(at+60, n-8)])
		hole.write("in/b.parquet", broken)
		res, err := hole.run(learning("{parquet: {path: DIR/in}}"))
		if err != nil {
			hole.refuses(err, flow.ErrCorrupt, "DIR/in/b.parquet: ")
		} else if res.Rows != 100 { // zeros inside a plain page are values: the format has no check of them
			t.Errorf("a hole at %d: want all rows or a refusal, got %d", at, res.Rows)
		}
	}
}

// TestTruncatedText cuts a compressed file off. Its rows stay out until it is whole; those before it are kept.
func TestTruncatedText(t *testing.T) {
	b := newTrial(t)
	text := learning("{jsonl: {schema: {n: int64, c: utf8, x: float64, y: int64}, path: DIR/in}}")
	for i := range 3 {
		var lines strings.Builder
		for n := 10 * i; n < 10*(i+1); n++ {
			lines.WriteString(numbered(n) + "\n")
		}
		b.write(fmt.Sprintf("in/%d.jsonl.gz", i), gzipped(t, lines.String()))
	}
	last := b.path("in/2.jsonl.gz")
	whole, err := os.ReadFile(last)
	if err != nil {
		t.Fatal(err)
	}
	for _, at := range []int{1, 9, len(whole) / 2, len(whole) - 1} {
		b.write("in/2.jsonl.gz", whole[:at])
		_, err := b.run(text)
		b.refuses(err, flow.ErrCorrupt, last+": want", "was it cut off?")
	}
	if got := b.numbers("rows"); len(got) > 20 {
		t.Errorf("want no row of the file that is cut off, got %v", got)
	}
	b.write("in/2.jsonl.gz", whole)
	res := b.mustRun(text)
	b.accounts(res, 30, nil, 0)
	if res.ResumedFrom == 0 {
		t.Errorf("want to go on from a checkpoint, got %+v", res)
	}
}

func gzipped(t *testing.T, text string) []byte {
	t.Helper()
	var buf bytes.Buffer
	w := gzip.NewWriter(&buf)
	if _, err := w.Write([]byte(text)); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return buf.Bytes()
}
