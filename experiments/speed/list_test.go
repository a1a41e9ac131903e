package main

import (
	"strings"
	"testing"
)

// The table of figures to reach, by pattern of a name: how many lines, and the ratio.
var wanted = []struct {
	pattern string
	n       int
	atLeast float64
}{
	{"matmul:*:numpy:?", 10, .97}, {"matmul:*:torch:?", 10, 1},
	{"matmul:16x464x256", 1, 1}, {"matmul:16x256x128", 1, 1}, {"matmul:64x464x256", 1, 1},
	{"gather", 1, 1}, {"gather_fm", 1, 5}, {"scatter", 1, 6}, {"adam:sparse", 1, 4}, {"adam:dense", 1, 1},
	{"sigmoid,exp,softmax,layer_norm", 4, 1},
	{"deepfm:4096:sparse,dcn:4096:sparse", 2, 1.25}, {"deepfm:4096:dense,dcn:4096:dense", 2, 1.1},
	{"fm:4096:sparse", 1, 4}, {"fm:4096:dense", 1, 1.5}, {"deepfm:512:sparse,dcn:512:sparse", 2, 2},
	{"online:deepfm:16", 1, 6}, {"online:lr:row", 1, 10}, {"transformer", 1, 1}, {"allocations:*", 4, 0},
	{"online:deepfm:512:parquet", 1, 2}, {"scan", 1, .5}, {"online:lr:row:parquet", 1, 0},
}

func TestEveryFigureToReachIsACase(t *testing.T) {
	all := comparisons()
	left := map[string]bool{}
	for _, c := range all {
		if left[c.name] {
			t.Errorf("%s stands twice", c.name)
		}
		left[c.name] = true
	}
	for _, w := range wanted {
		got, err := choose(all, w.pattern)
		if err != nil || len(got) != w.n {
			t.Errorf("%s: want %d cases, got %d, %v", w.pattern, w.n, len(got), err)
		}
		for _, c := range got {
			delete(left, c.name)
			if c.atLeast != w.atLeast || c.counts != strings.HasPrefix(c.name, "allocations") {
				t.Errorf("want at least %g, got %+v", w.atLeast, c)
			}
		}
	}
	if len(left) > 0 {
		t.Errorf("not in the table: %v", left)
	}
}

func TestEveryCaseHasItsSides(t *testing.T) {
	for _, c := range comparisons() {
		if _, err := c.sluice(); err != nil {
			t.Errorf("%s: %v", c.name, err)
		}
		if (len(c.peers) == 0) != c.counts || c.threads < 1 || c.threads > 2 {
			t.Errorf("%s: want peers and one or two threads, got %+v", c.name, c)
		}
		for _, p := range c.peers {
			if p.served() != (p.name != "") || p.threads < 1 {
				t.Errorf("%s: got %+v", c.name, p)
			}
		}
	}
}

// Each script is gone through once: a case that lies before another's in our list must not lie behind it there.
func TestOurScriptIsGoneThroughOnce(t *testing.T) {
	want := []string{"numpy matmul:4096x624x1024", "numpy matmul:624x4096x1024", "numpy matmul:16x464x256", "torch matmul:16x464x256",
		"numpy matmul:16x256x128", "torch matmul:64x464x256", "torch gather_fm", "pyarrow scan"}
	for _, c := range comparisons() {
		for _, p := range c.peers {
			if p.script == ops && len(want) > 0 && p.name == want[0] {
				want = want[1:]
			}
		}
	}
	if len(want) > 0 {
		t.Errorf("out of order from %s on", want[0])
	}
}

func TestChoose(t *testing.T) {
	for pattern, want := range map[string]string{"gathr": "--list", "[": "syntax error"} {
		if _, err := choose(comparisons(), pattern); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: want %q, got %v", pattern, want, err)
		}
	}
	if got, err := choose(comparisons(), ""); err != nil || len(got) != len(comparisons()) {
		t.Errorf("got %d, %v", len(got), err)
	}
}

func TestPeerNames(t *testing.T) {
	for want, p := range map[string]peer{
		"numpy, 2":   {script: ops, name: "numpy matmul:1x2x3", threads: 2},
		"pyarrow, 1": {script: ops, name: "pyarrow scan", threads: 1},
		"torch, 1":   {script: torchCTR, threads: 1},
		"vw, 1":      {script: vwCTR, threads: 1},
	} {
		if p.String() != want {
			t.Errorf("want %s, got %s", want, p)
		}
	}
}
