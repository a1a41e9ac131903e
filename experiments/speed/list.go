package main

import (
	"fmt"
	"path"
	"strconv"
	"strings"

	"github.com/sluice-stream/sluice/experiments/speed/cases"
)

// comparison is one line of the table: a case of Sluice, those it is compared with, and the ratio to reach.
type comparison struct {
	name    string
	of      string // Sluice's case
	threads int    // Sluice's
	peers   []peer // the fastest counts
	atLeast float64
	counts  bool // memory allocations are counted instead of time; there is no peer
}

// peer is another program's way to do the same work.
type peer struct {
	script  string // torchStep and ops are served, the others run once a round
	name    string // of the case in a served script
	args    []string
	threads int
}

// served says that the script stays alive from turn to turn.
func (p peer) served() bool { return p.script == torchStep || p.script == ops }

// String names the program and its threads, as in "numpy, 2".
func (p peer) String() string {
	program, _, _ := strings.Cut(p.script, "_")
	if p.script == ops {
		program, _, _ = strings.Cut(p.name, " ")
	}
	return fmt.Sprintf("%s, %d", program, p.threads)
}

// The scripts.
const (
	torchStep = "torch_step.py"
	torchCTR  = "torch_ctr.py"
	vwCTR     = "vw_ctr.py"
	ops       = "ops.py" // ours
)

// oneOrTwo is a peer's case on one thread and on two.
func oneOrTwo(script, name string, args ...string) []peer {
	return []peer{{script, name, args, 1}, {script, name, args, 2}}
}

// comparisons lists all, in the order of the scripts, so that each runs through once.
func comparisons() []comparison {
	out := append(matrixProducts(), comparison{"gather", "gather", 2, oneOrTwo(torchStep, "gather"), 1, false})
	onTwo := func(name, script, peerCase string, atLeast float64) {
		out = append(out, comparison{name, name, 2, oneOrTwo(script, peerCase), atLeast, false})
	}
	onTwo("gather_fm", ops, "torch gather_fm", 5)
	onTwo("scatter", torchStep, "scatter_sparse", 6)
	onTwo("adam:dense", torchStep, "adam_dense_fused", 1)
	onTwo("adam:sparse", torchStep, "adam_sparse", 4)
	for _, f := range []string{"sigmoid", "exp", "softmax", "layer_norm"} {
		onTwo(f, torchStep, f, 1)
	}
	for _, m := range []struct {
		kind          string
		dense, sparse float64
	}{{"fm", 1.5, 4}, {"deepfm", 1.1, 1.25}, {"dcn", 1.1, 1.25}} {
		name := m.kind + ":batch 4096, mlp 1024-512-256, "
		onTwo(m.kind+":4096:dense", torchStep, name+"fused adam", m.dense)
		onTwo(m.kind+":4096:sparse", torchStep, name+"sparse adam", m.sparse)
	}
	for _, kind := range []string{"deepfm", "dcn"} {
		onTwo(kind+":512:sparse", torchStep, kind+":batch 512, mlp 256-128, sparse adam", 2)
	}
	onTwo("transformer", torchStep, "transformer:2 layers, 15 tokens, width 64, 4 heads, batch 512", 1)
	for _, step := range []string{"fm:4096:sparse", "deepfm:4096:sparse", "deepfm:512:sparse", "dcn:512:sparse"} {
		out = append(out, comparison{name: "allocations:" + step, of: step, threads: 2, counts: true})
	}
	return append(out, onRealRows()...)
}

// matrixProducts are compared on one thread and on two, where the peer may also take one; small ones on one.
func matrixProducts() []comparison {
	var out []comparison
	for _, shape := range []string{"4096x624x1024", "4096x1024x512", "512x512x512", "2048x2048x2048", "624x4096x1024"} {
		torch := "matmul:" + shape
		if shape == "624x4096x1024" {
			torch += " (A transposed)"
		}
		for t := 1; t <= 2; t++ {
			on := ":" + strconv.Itoa(t)
			out = append(out,
				comparison{"matmul:" + shape + ":numpy" + on, "matmul:" + shape, t, oneOrTwo(ops, "numpy matmul:"+shape)[:t], .97, false},
				comparison{"matmul:" + shape + ":torch" + on, "matmul:" + shape, t, oneOrTwo(torchStep, torch)[:t], 1, false})
		}
	}
	for _, shape := range []string{"16x464x256", "16x256x128", "64x464x256"} {
		name := "matmul:" + shape
		out = append(out, comparison{name, name, 1, []peer{{ops, "numpy " + name, nil, 1}, {ops, "torch " + name, nil, 1}}, 1, false})
	}
	return out
}

// onRealRows are passes over the hotel bookings and the scan of the flights.
func onRealRows() []comparison {
	deepfm := func(batch string) []peer { return oneOrTwo(torchCTR, "", "--model", "deepfm", "--batch", batch) }
	vw := []peer{{vwCTR, "", nil, 1}}
	return []comparison{
		{"online:deepfm:16", "online:deepfm:16", 2, deepfm("16"), 6, false},
		{"online:deepfm:512:parquet", "online:deepfm:512:parquet", 2, deepfm("512"), 2, false},
		{"online:lr:row", "online:lr:row", 1, vw, 10, false},
		{"online:lr:row:parquet", "online:lr:row:parquet", 1, vw, 0, false},
		{"scan", "scan", 2, oneOrTwo(ops, "pyarrow scan"), .5, false},
	}
}

// choose returns the comparisons whose names match one of the patterns, which commas part; "" means all.
func choose(all []comparison, patterns string) ([]comparison, error) {
	if patterns == "" {
		return all, nil
	}
	var out []comparison
	for _, c := range all {
		for _, p := range strings.Split(patterns, ",") {
			ok, err := path.Match(p, c.name)
			if err != nil {
				return nil, fmt.Errorf("--case: want a name or a pattern such as 'matmul:*', got %q: %w", p, err)
			}
			if ok {
				out = append(out, c)
				break
			}
		}
	}
	if len(out) == 0 {
		return nil, fmt.Errorf("--case: want the name of a case or a pattern that meets one, got %q; --list shows them", patterns)
	}
	return out, nil
}

// sluice returns our side.
func (c comparison) sluice() (cases.Case, error) { return cases.Find(c.of) }
