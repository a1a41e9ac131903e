package main

import (
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"slices"
	"strconv"
	"strings"

	"github.com/sluice-stream/sluice/flow"
	"github.com/sluice-stream/sluice/internal/state"
	"github.com/sluice-stream/sluice/internal/vfs"
)

// checkpointFound is a checkpoint whose manifest and parts were read and whose hashes are right.
type checkpointFound struct {
	Kind       string          `json:"kind"` // checkpoint
	Path       string          `json:"path"`
	Pipeline   string          `json:"pipeline"`
	Checkpoint uint64          `json:"checkpoint"`
	Others     []uint64        `json:"others"` // further checkpoints in the folder
	Rows       int64           `json:"rows"`
	Rejected   int64           `json:"rejected"`
	Pass       int             `json:"pass"`
	Final      bool            `json:"final"`
	StateHash  string          `json:"state_hash"`
	Verified   bool            `json:"verified"`
	Parts      []state.Part    `json:"parts"`
	Report     flow.Report     `json:"report"`
	Identity   json.RawMessage `json:"settings"`
}

// inspectManifest reads one checkpoint of dir, the newest when id is "".
func inspectManifest(dir, id string) (inspection, error) {
	store := state.NewStore(vfs.OS{}, dir, 1)
	ids, err := store.List()
	if err != nil {
		return nil, err
	}
	want := ids[len(ids)-1]
	if id != "" {
		if want, err = strconv.ParseUint(id, 10, 64); err != nil {
			return nil, flow.Configf("%s: want a number in the name of the manifest, got %s", dir, id)
		}
	}
	c, err := store.Load(want)
	if err != nil {
		return nil, err
	}
	parts, err := c.Verify()
	if err != nil {
		return nil, err
	}
	f := &checkpointFound{
		Kind: "checkpoint", Path: dir, Pipeline: c.Pipeline, Checkpoint: want, Rows: c.Rows, Rejected: c.Rejected, Pass: c.Pass,
		Final: c.Final, StateHash: c.StateHash, Verified: true, Parts: parts, Identity: c.Identity,
		Others: slices.DeleteFunc(ids, func(i uint64) bool { return i == want }),
	}
	if len(c.Report) > 0 {
		if err := json.Unmarshal(c.Report, &f.Report); err != nil {
			return nil, flow.Corruptf("%s: report of checkpoint %d: %v", dir, want, err)
		}
	}
	return f, nil
}

func (f *checkpointFound) show(w io.Writer) error {
	status := "the run goes on from here"
	if f.Final {
		status = "the run is finished"
	}
	fmt.Fprintf(w, "checkpoint %d of pipeline %s in %s: %s\n", f.Checkpoint, f.Pipeline, f.Path, status)
	fmt.Fprintf(w, "rows %d, rejected %d, pass %d, state hash %s, every part verified\n", f.Rows, f.Rejected, f.Pass, f.StateHash)
	if len(f.Others) > 0 {
		fmt.Fprintf(w, "also here: checkpoints %s\n", strings.Trim(fmt.Sprint(f.Others), "[]"))
	}
	fmt.Fprintln(w)
	t := newTable(w, "part", "base bytes", "deltas", "delta bytes", "content", "base")
	t.SetColumnConfigs(right(2, 3, 4))
	for _, p := range f.Parts {
		t.AppendRow([]any{p.Name, p.Bytes, len(p.Deltas), p.DeltaBytes(), p.Content[:min(16, len(p.Content))], p.File})
	}
	t.Render()
	f.showMetrics(w)
	return nil
}

func (f *checkpointFound) showMetrics(w io.Writer) {
	groups := []struct {
		name   string
		values map[string]float64
	}{{"metrics", f.Report.Metrics}, {"window", f.Report.Window}, {"valid", f.Report.Valid}, {"gate", f.Report.Gate}}
	for _, b := range slices.Sorted(maps.Keys(f.Report.Baselines)) {
		groups = append(groups, struct {
			name   string
			values map[string]float64
		}{"baseline " + b, f.Report.Baselines[b]})
	}
	if len(f.Report.Metrics)+len(f.Report.Gate) == 0 {
		return
	}
	fmt.Fprintln(w)
	t := newTable(w, "figures", "values")
	for _, g := range groups {
		var parts []string
		for _, k := range slices.Sorted(maps.Keys(g.values)) {
			parts = append(parts, k+" "+number(g.values[k]))
		}
		if len(parts) > 0 {
			t.AppendRow([]any{g.name, strings.Join(parts, ", ")})
		}
	}
	t.Render()
	for _, n := range f.Report.Notes {
		fmt.Fprintln(w, paragraph("note: "+n, "", pageWidth))
	}
}

// number writes x with at most six significant digits, whole numbers whole.
func number(x float64) string {
	if x == float64(int64(x)) && x < 1e15 && x > -1e15 {
		return strconv.FormatInt(int64(x), 10)
	}
	return strconv.FormatFloat(x, 'g', 6, 64)
}
