//go:build unix

package main

import (
	"bytes"
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"io/fs"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/sluice-stream/sluice/runtime"
)

const killPipeline = `
name: kill
seed: 3
feed: {topic: t, partitions: %d, generate: {clicks: {rows: 30000}}}
source: {kafka: {brokers: [embedded], topic: t, until: end, merge: %s}}
operators:
  - derive: {hour: hour(at)}
  - train:
      label: click
      fields: {categorical: [user, item, city, hour], numeric: {price: log2floor}}
      model: {deepfm: {dim: 4, mlp: [16]}}
      gate: {optfs: {lambda: 1e-4, final_temp: 200}}
      batch: 100
sinks:
  - parquet: {path: out/scored}
  - embeddings: {path: out/embeddings}
dead_letter: {parquet: {path: out/rejected}}
checkpoint: {path: out/checkpoint, every: {rows: 1000}}
`

// A process that is killed with SIGKILL at any moment, again and again, ends with the same bytes in every file as
// one that was left alone.
func TestKilledAnywhereEndsEqual(t *testing.T) {
	if testing.Short() {
		t.Skip("builds and kills the program; not in -short")
	}
	bin := filepath.Join(t.TempDir(), "sluice")
	if out, err := exec.Command("go", "build", "-o", bin, ".").CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	for name, text := range map[string]string{
		"one partition":            fmt.Sprintf(killPipeline, 1, "none"),
		"three partitions, merged": fmt.Sprintf(killPipeline, 3, "timestamp"),
	} {
		t.Run(name, func(t *testing.T) {
			calm, killed := t.TempDir(), t.TempDir()
			began := time.Now()
			want := runHere(t, bin, calm, text)
			whole := time.Since(began)
			seed := uint64(time.Now().UnixNano())
			rng := rand.New(rand.NewPCG(seed, 1))
			kills := 0
			for range 6 {
				cmd := start(t, bin, killed, text)
				time.Sleep(time.Duration(rng.Int64N(int64(whole) / 3)))
				cmd.Process.Kill()
				if cmd.Wait() != nil {
					kills++
				}
			}
			got := runHere(t, bin, killed, text)
			if got.StateHash != want.StateHash || got.Rows != want.Rows {
				t.Errorf("seed %d, %d kills: want %+v, got %+v", seed, kills, want, got)
			}
			if d := cmp.Diff(outputs(t, calm), outputs(t, killed)); d != "" {
				t.Errorf("seed %d, %d kills: %s", seed, kills, d)
			}
			t.Logf("%d kills, resumed from %d", kills, got.ResumedFrom)
		})
	}
}

func start(t *testing.T, bin, dir, text string) *exec.Cmd {
	t.Helper()
	if err := os.WriteFile(filepath.Join(dir, "pipeline.yaml"), []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(bin, "run", "--report", "report.json")
	cmd.Dir = dir
	cmd.Stderr = new(bytes.Buffer)
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	return cmd
}

func runHere(t *testing.T, bin, dir, text string) runtime.Result {
	t.Helper()
	cmd := start(t, bin, dir, text)
	if err := cmd.Wait(); err != nil {
		t.Fatalf("%v\n%s", err, cmd.Stderr)
	}
	return reportOf(t, dir)
}

// reportOf reads what the newest run in dir reported.
func reportOf(t *testing.T, dir string) runtime.Result {
	t.Helper()
	b, err := os.ReadFile(filepath.Join(dir, "report.json"))
	if err != nil {
		t.Fatal(err)
	}
	var res runtime.Result
	if err := json.Unmarshal(b, &res); err != nil {
		t.Fatal(err)
	}
	return res
}

// outputs is the hash of nothing but what a reader sees: every file outside the checkpoint and the report.
func outputs(t *testing.T, dir string) map[string]int {
	t.Helper()
	out := map[string]int{}
	err := filepath.WalkDir(filepath.Join(dir, "out"), func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() || strings.Contains(path, "/checkpoint/") {
			return err
		}
		b, err := os.ReadFile(path)
		rel, _ := filepath.Rel(dir, path)
		out[rel+" "+fmt.Sprintf("%x", sha256.Sum256(b))] = len(b)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	if len(out) < 20 {
		t.Fatalf("want a file a checkpoint and the embeddings, got %v", out)
	}
	return out
}
