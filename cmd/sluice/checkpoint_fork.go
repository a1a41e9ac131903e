package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/sluice-stream/sluice/flow"
	"github.com/sluice-stream/sluice/internal/config"
	"github.com/sluice-stream/sluice/internal/state"
	"github.com/sluice-stream/sluice/runtime"
)

const forkLong = `Starts a new pipeline from what another one has learned. FILE is the file of the new pipeline. Its name and its
checkpoint path are its own, and so must be the paths of its sinks; seed and operators are those of the old one.

Operators go on with their state. Where feed and source are set as before, the source goes on behind the last row of
the checkpoint; another source starts as its settings say. Sinks start empty. The fork is checkpoint 0 of the new
pipeline: to its sinks nothing is committed yet, so they refuse a folder that holds the files of another run.`

func checkpointForkCmd() *cobra.Command {
	id := uint64(0)
	cmd := &cobra.Command{
		Use:     "fork PATH FILE",
		Short:   "Start a new pipeline from a checkpoint of another",
		Long:    forkLong,
		Example: "  sluice checkpoint fork out/checkpoint next.yaml\n  sluice checkpoint fork pipeline.yaml next.yaml --checkpoint 12",
		Args:    exactly(2),
		RunE: func(cmd *cobra.Command, args []string) error {
			m, to, err := fork(args[0], args[1], id)
			if err != nil {
				return err
			}
			source := "the source starts as its settings say"
			if slices.ContainsFunc(m.Parts, isSource) {
				source = fmt.Sprintf("the source goes on behind row %d", m.Rows)
			}
			fmt.Fprintf(cmd.OutOrStdout(), "pipeline %s starts from %s, state hash %s; %s, the sinks start empty\ncheckpoint 0 in %s; go on with: sluice run %s\n",
				m.Pipeline, m.Forked, m.StateHash, source, to, args[1])
			return nil
		},
	}
	cmd.Flags().Uint64Var(&id, "checkpoint", 0, "number of the checkpoint to start from; 0: the newest")
	return cmd
}

// sourcePart names the source in checkpoints.
const sourcePart = "source.0"

func isSource(p state.Part) bool { return p.Name == sourcePart }

// fork writes a checkpoint of the pipeline in file that continues one of those at path.
func fork(path, file string, id uint64) (*state.Manifest, string, error) {
	from, err := openCheckpoints(path)
	if err != nil {
		return nil, "", err
	}
	to, err := openCheckpoints(file)
	if err != nil {
		return nil, "", err
	}
	if to.pipeline == nil {
		return nil, "", flow.Configf("%s: want the file of the new pipeline, a .yaml; it names where its checkpoints go", file)
	}
	if err := to.pipeline.Lint(); err != nil {
		return nil, "", err
	}
	old, err := from.load(id)
	if err != nil {
		return nil, "", err
	}
	m, goesOn, err := forked(old.Manifest, to, file)
	if err != nil {
		return nil, "", err
	}
	unlock, err := to.lock()
	if err != nil {
		return nil, "", err
	}
	defer unlock()
	if ids, err := to.store.List(); err != nil || len(ids) > 0 {
		return nil, "", taken(to.path, ids, err)
	}
	parts, err := old.Verify()
	if err != nil {
		return nil, "", err
	}
	m.Parts = slices.DeleteFunc(parts, func(p state.Part) bool {
		return !strings.HasPrefix(p.Name, "operator.") && !(isSource(p) && goesOn)
	})
	m.StateHash = state.StateHash(m.Parts, "operator.")
	if err := to.store.Adopt(old, m.Parts); err != nil {
		return nil, "", flow.Disk("cannot copy the checkpoint to", to.path, err)
	}
	if err := to.store.Publish(m); err != nil {
		return nil, "", flow.Disk("cannot copy the checkpoint to", to.path, err)
	}
	return m, to.path, nil
}

func taken(path string, ids []uint64, err error) error {
	if err != nil {
		return flow.Disk("cannot list", path, err)
	}
	return flow.Configf("%s: want a place without checkpoints for the new pipeline, got checkpoints %s; choose another checkpoint path in its file",
		path, strings.Trim(fmt.Sprint(ids), "[]"))
}

// forked is the manifest of the new pipeline, without parts; goesOn says whether the source keeps its place.
func forked(old *state.Manifest, to *checkpoints, file string) (m *state.Manifest, goesOn bool, err error) {
	now, err := config.Identity(to.pipeline)
	if err != nil {
		return nil, false, err
	}
	differ, err := differences(old.Identity, now)
	if err != nil {
		return nil, false, err
	}
	goesOn = !differ["source"] && !differ["feed"]
	switch {
	case to.pipeline.Name == old.Pipeline:
		err = flow.Configf("%s: name: want a name of its own, got %s, that of the old pipeline; choose another", file, old.Pipeline)
	case differ["seed"] || differ["operators"]:
		err = flow.Configf("%s: want the seed and the operators of pipeline %s, whose state they go on with, got others; `sluice inspect` shows its settings", file, old.Pipeline)
	case !goesOn && old.Pass > 0:
		err = flow.Configf("%s: want the feed and the source of pipeline %s, which is in pass %d over its input, got others", file, old.Pipeline, old.Pass)
	case goesOn && grouped(old.Identity):
		err = flow.Configf("%s: want a source with assign: all or static, got assign: group; its offsets are those of its group", file)
	}
	if err != nil {
		return nil, false, err
	}
	m = &state.Manifest{Pipeline: to.pipeline.Name, Identity: now, Report: old.Report, Forked: fmt.Sprintf("%s, checkpoint %d", old.Pipeline, old.Checkpoint)}
	if goesOn {
		m.Rows, m.Pass = old.Rows, old.Pass
	}
	return m, goesOn, nil
}

// differences returns the keys of the settings in which two pipelines differ. A setting that the older one does not
// name has its default.
func differences(saved, now []byte) (map[string]bool, error) {
	old := runtime.Pipeline{Seed: 1}
	if err := config.DecodeSaved(saved, &old); err != nil {
		return nil, flow.Configf("the checkpoint was written with settings that this version does not know: %v; use the version that wrote it", err)
	}
	then, err := config.Identity(&old)
	if err != nil {
		return nil, err
	}
	var was, is map[string]json.RawMessage
	if err := errors.Join(json.Unmarshal(then, &was), json.Unmarshal(now, &is)); err != nil {
		return nil, err
	}
	out := map[string]bool{}
	for key := range is {
		out[key] = !bytes.Equal(was[key], is[key])
	}
	return out, nil
}

// grouped says that the source of the settings is a member of a consumer group.
func grouped(identity []byte) bool {
	var s struct {
		Source map[string]struct {
			Assign string `json:"assign"`
		} `json:"source"`
	}
	return json.Unmarshal(identity, &s) == nil && s.Source["kafka"].Assign == "group"
}
