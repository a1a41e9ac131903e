package main

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/sluice-stream/sluice/check"
	"github.com/sluice-stream/sluice/flow"
	"github.com/sluice-stream/sluice/internal/state"
	"github.com/sluice-stream/sluice/internal/vfs"
	"github.com/sluice-stream/sluice/runtime"
)

func checkpointCmd() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "checkpoint",
		Short: "List, verify and fork checkpoints, and move the offsets in them",
		Long: "Works on the checkpoints of a pipeline. PATH is the folder of the checkpoints, its place in an object store\n" +
			"(s3://bucket/prefix), or the pipeline file that names it.",
		Example: "  sluice checkpoint list out/checkpoint\n  sluice checkpoint verify pipeline.yaml",
		Args:    exactly(0),
		RunE:    func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	cmd.AddCommand(checkpointListCmd(), checkpointVerifyCmd(), checkpointForkCmd(), checkpointResetCmd())
	return cmd
}

// checkpoints is where a pipeline keeps its checkpoints.
type checkpoints struct {
	path     string
	local    bool // on a disk, where a run holds a lock
	dir      string
	store    *state.Store
	pipeline *runtime.Pipeline // nil when the folder itself was named
}

// openCheckpoints finds the checkpoints that path means.
func openCheckpoints(path string) (*checkpoints, error) {
	c := &checkpoints{path: path}
	if ext := filepath.Ext(path); ext == ".yaml" || ext == ".yml" {
		p, err := runtime.Load(path)
		if err != nil {
			return nil, err
		}
		if p.Checkpoint == nil {
			return nil, flow.Configf("%s: want a pipeline with checkpoints, got one without; add checkpoint: {path: out/checkpoint}", path)
		}
		c.path, c.pipeline = p.Checkpoint.Path, p
	}
	files, dir, err := vfs.Open(c.path)
	if err != nil {
		return nil, flow.Classify(flow.ErrConfig, err)
	}
	_, c.local = files.(vfs.OS)
	c.dir, c.store = dir, state.NewStore(files, dir, 1)
	return c, nil
}

// exactly is cobra.ExactArgs with the class of a mistake of the user.
func exactly(n int) cobra.PositionalArgs {
	return func(cmd *cobra.Command, args []string) error {
		if len(args) == n {
			return nil
		}
		plural := "s"
		if n == 1 {
			plural = ""
		}
		return flow.Configf("want %d argument%s, got %d; see `%s --help`", n, plural, len(args), cmd.CommandPath())
	}
}

// unread gives an error of reading checkpoints its class. Damage has one, and says where it is.
func (c *checkpoints) unread(err error) error {
	if err == nil || errors.Is(err, flow.ErrCorrupt) {
		return err
	}
	return flow.Disk("cannot read the checkpoints in", c.path, err)
}

// some returns the numbers of the checkpoints, at least one.
func (c *checkpoints) some() ([]uint64, error) {
	ids, err := c.store.List()
	if err != nil {
		return nil, flow.Disk("cannot list", c.path, err)
	}
	if len(ids) > 0 {
		return ids, nil
	}
	got := "none in " + c.path
	if _, err := os.Stat(c.dir); c.local && errors.Is(err, fs.ErrNotExist) {
		got = "no folder " + c.dir
	}
	return nil, flow.Classify(flow.ErrConfig, check.Violation{Want: "a folder with checkpoints", Got: got, Hint: "name the path under checkpoint: of a pipeline that has run"})
}

// load reads checkpoint id, the newest for 0.
func (c *checkpoints) load(id uint64) (*state.Checkpoint, error) {
	ids, err := c.some()
	if err != nil {
		return nil, err
	}
	if id == 0 {
		id = ids[len(ids)-1]
	}
	found, err := c.store.Load(id)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, flow.Configf("%s: want one of checkpoints %s, got %d", c.path, strings.Trim(fmt.Sprint(ids), "[]"), id)
	}
	return found, c.unread(err)
}

// lock keeps runs away until unlock is called. In an object store there is no lock.
func (c *checkpoints) lock() (unlock func(), err error) {
	if !c.local {
		return func() {}, nil
	}
	return runtime.Lock(c.dir)
}

func checkpointListCmd() *cobra.Command {
	asJSON := false
	cmd := &cobra.Command{
		Use:   "list PATH",
		Short: "Show the checkpoints that are kept",
		Long: "Shows every checkpoint that is kept: its number, the rows up to it, when it was published, the bytes of its bases\n" +
			"and of the deltas over them, the pass over the input, and the hash of what was learned. It reads manifests only.",
		Example: "  sluice checkpoint list out/checkpoint\n  sluice checkpoint list pipeline.yaml --json",
		Args:    exactly(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			c, err := openCheckpoints(args[0])
			if err != nil {
				return err
			}
			all, err := c.list()
			if err != nil {
				return err
			}
			if asJSON {
				return printJSON(cmd.OutOrStdout(), all)
			}
			showCheckpoints(cmd.OutOrStdout(), all)
			return nil
		},
	}
	cmd.Flags().BoolVar(&asJSON, "json", false, "print the list as JSON")
	return cmd
}

// keptCheckpoint is a checkpoint in the list.
type keptCheckpoint struct {
	Checkpoint uint64    `json:"checkpoint"`
	Pipeline   string    `json:"pipeline"`
	Published  time.Time `json:"published"`
	Rows       int64     `json:"rows"`
	Rejected   int64     `json:"rejected"`
	Pass       int       `json:"pass"`
	Final      bool      `json:"final"`
	Forked     string    `json:"forked,omitempty"`
	Base       int64     `json:"base_bytes"`
	Delta      int64     `json:"delta_bytes"`
	Deltas     int       `json:"deltas"`
	StateHash  string    `json:"state_hash"`
}

func (c *checkpoints) list() ([]keptCheckpoint, error) {
	ids, err := c.some()
	if err != nil {
		return nil, err
	}
	times, err := c.store.Times()
	if err != nil {
		return nil, flow.Disk("cannot list", c.path, err)
	}
	var out []keptCheckpoint
	for _, id := range ids {
		m, err := c.store.Manifest(id)
		if err != nil {
			return nil, c.unread(err)
		}
		k := keptCheckpoint{Checkpoint: id, Pipeline: m.Pipeline, Published: times[id], Rows: m.Rows, Rejected: m.Rejected, Pass: m.Pass, Final: m.Final,
			Forked: m.Forked, StateHash: m.StateHash}
		for _, p := range m.Parts {
			k.Base += p.Bytes
			k.Delta += p.DeltaBytes()
			k.Deltas += len(p.Deltas)
		}
		out = append(out, k)
	}
	return out, nil
}

func showCheckpoints(w io.Writer, all []keptCheckpoint) {
	t := newTable(w, "checkpoint", "pipeline", "published", "rows", "rejected", "pass", "base bytes", "delta bytes", "state hash", "")
	t.SetColumnConfigs(right(1, 4, 5, 6, 7, 8))
	for _, k := range all {
		note := ""
		if k.Final {
			note = "finished"
		}
		if k.Forked != "" {
			note = "forked from " + k.Forked
		}
		deltas := strconv.FormatInt(k.Delta, 10)
		if k.Deltas > 0 {
			deltas += fmt.Sprintf(" in %d", k.Deltas)
		}
		t.AppendRow([]any{k.Checkpoint, k.Pipeline, k.Published.Format(time.DateTime), k.Rows, k.Rejected, k.Pass, k.Base, deltas, k.StateHash, note})
	}
	t.Render()
}
