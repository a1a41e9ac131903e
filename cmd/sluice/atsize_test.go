//go:build slow && unix

package main

import (
	"fmt"
	"os/exec"
	"path/filepath"
	"testing"
	"time"

	"github.com/sluice-stream/sluice/internal/state"
	"github.com/sluice-stream/sluice/internal/vfs"
)

const (
	sizeRows = `
name: rows
source: {clicks: {rows: %d, users: 10000000, items: 10000000, cities: 10000000}}
sinks: [{parquet: {path: out/clicks}}]
checkpoint: {path: out/checkpoint, every: {rows: 1000000}}
`
	sizePipeline = `
name: size
seed: 3
source: {parquet: {path: %s}}
operators:
  - train:
      label: click
      fields: {categorical: [user, item, city]}
      model: {deepfm: {dim: 16, mlp: [16]}}
      batch: 1024
checkpoint: {path: out/checkpoint, every: {rows: 50000}}
`
)

// TestRecoveryAtOneGigabyte trains until the state is a gigabyte, kills the process, and prints how long a new one
// takes to its first checkpoint, how long checkpoints hold up the rows, and what they write. It fails when what is
// restored differs from what was saved, never for a time.
func TestRecoveryAtOneGigabyte(t *testing.T) {
	bin := filepath.Join(t.TempDir(), "sluice")
	if out, err := exec.Command("go", "build", "-o", bin, ".").CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	input, dir := t.TempDir(), t.TempDir()
	runHere(t, bin, input, fmt.Sprintf(sizeRows, 6_000_000))
	text := fmt.Sprintf(sizePipeline, filepath.Join(input, "out", "clicks"))
	cmd := start(t, bin, dir, text)
	defer cmd.Process.Kill()
	var before *state.Manifest
	for before == nil || size(before) < 1<<30 {
		time.Sleep(200 * time.Millisecond)
		if before = newestManifest(t, dir, before); before != nil && before.Final {
			t.Fatalf("the input ended at %d bytes of state", size(before))
		}
	}
	cmd.Process.Kill()
	cmd.Wait()
	before = newestManifest(t, dir, before)

	began := time.Now()
	again := start(t, bin, dir, text)
	var after *state.Manifest
	for after == nil || after.Checkpoint == before.Checkpoint {
		time.Sleep(20 * time.Millisecond)
		after = newestManifest(t, dir, after)
	}
	recovered := time.Since(began)
	if err := again.Wait(); err != nil {
		t.Fatalf("%v\n%s", err, again.Stderr)
	}
	res := reportOf(t, dir)
	t.Logf("state %.2f GB at checkpoint %d (%d rows); first new checkpoint %.1f s after the start; longest pause of the rows %.3f s over %d checkpoints",
		float64(size(before))/1e9, before.Checkpoint, before.Rows, recovered.Seconds(), res.Pause, res.Checkpoints)
	calm := t.TempDir()
	if want := runHere(t, bin, calm, text); want.StateHash != res.StateHash {
		t.Errorf("want the state %s of a run that was left alone, got %s", want.StateHash, res.StateHash)
	}
}

// size is what the parts of a checkpoint hold, deltas not counted: the size of the state.
func size(m *state.Manifest) (n int64) {
	for _, p := range m.Parts {
		n += p.Bytes
	}
	return n
}

// newestManifest reads the newest checkpoint's manifest; old where there is none, or it was swept meanwhile.
func newestManifest(t *testing.T, dir string, old *state.Manifest) *state.Manifest {
	t.Helper()
	store := state.NewStore(vfs.OS{}, filepath.Join(dir, "out", "checkpoint"), 1)
	ids, err := store.List()
	if err != nil {
		t.Fatal(err)
	}
	if len(ids) == 0 {
		return old
	}
	m, err := store.Manifest(ids[len(ids)-1])
	if err != nil {
		t.Log(err)
		return old
	}
	return m
}
