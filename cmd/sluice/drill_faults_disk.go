package main

import (
	"context"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/sluice-stream/sluice/internal/state"
	"github.com/sluice-stream/sluice/internal/vfs"
)

// filled fills the disk twice at random bytes of what a run writes, as far as that is known from what it leaves.
func filled(ctx context.Context, r *trialRun) error {
	written := r.left.bytes + r.calm.Checkpoints*folderBytes(filepath.Join(r.drill.dir, "undisturbed", "checkpoint"))/2
	hits := 0
	for tries := 0; hits < 2 && tries < 8; tries++ {
		room := 1 + rand.Int64N(max(written>>tries, 1))
		c, err := r.start(ctx, fmt.Sprintf("disk_full:%d", room))
		if err != nil {
			return err
		}
		code, err := c.wait()
		switch {
		case err != nil:
			return err
		case code == exitTransient:
			hits++
		case code != 0:
			return c.failed(code)
		case hits > 0:
			tries = 8 // the rest had room
		default: // there was room for all of it
			if err := r.again(ctx, r.pipeline.Checkpoint.Every); err != nil {
				return err
			}
		}
	}
	r.remark = fmt.Sprintf("%d times full", hits)
	return r.complete(ctx)
}

// exitTransient is the exit code of an error that may pass.
const exitTransient = 4

func folderBytes(dir string) (n int64) {
	filepath.WalkDir(dir, func(_ string, e os.DirEntry, err error) error {
		if err == nil && !e.IsDir() {
			if info, err := e.Info(); err == nil {
				n += info.Size()
			}
		}
		return nil
	})
	return n
}

func slowed(ctx context.Context, r *trialRun) error {
	c, err := r.start(ctx, "slow_sink:5ms")
	if err != nil {
		return err
	}
	return c.finish()
}

// exitConfig is the exit code of what the settings, or what they meet outside, do not allow.
const exitConfig = 2

// exitCorrupt is the exit code of a state that is not trusted.
const exitCorrupt = 5

// corrupted flips a byte between two runs, wants a refusal, and follows its advice.
func corrupted(ctx context.Context, r *trialRun) error {
	if err := r.killBehind(ctx, max(3, uint64(r.calm.Checkpoints)/2)); err != nil {
		return err
	}
	id := r.newest()
	manifest := filepath.Join(r.dir, "checkpoint", fmt.Sprintf("manifest-%08d.json", id))
	if err := r.flip(id); err != nil {
		return err
	}
	c, err := r.start(ctx, "")
	if err != nil {
		return err
	}
	code, err := c.wait()
	if err != nil {
		return err
	}
	if code != exitCorrupt {
		return fmt.Errorf("a damaged checkpoint was not refused: want exit code %d, got %d", exitCorrupt, code)
	}
	if !strings.Contains(c.stderr.String(), filepath.Base(manifest)) {
		return fmt.Errorf("a damaged checkpoint was refused without advice: %s", lastLine(c.stderr.String()))
	}
	if err := os.Remove(manifest); err != nil {
		return err
	}
	r.remark = "refused with advice, which helped"
	return r.after(ctx)
}

// after goes on from the checkpoint before. A sink that has given rows of the later one to Kafka must refuse that: it
// cannot take them back, and would send them again.
func (r *trialRun) after(ctx context.Context) error {
	c, err := r.start(ctx, "")
	if err != nil {
		return err
	}
	code, err := c.wait()
	switch {
	case err != nil:
		return err
	case code == exitConfig && slices.ContainsFunc(r.sinks, func(s drilled) bool { return s.topic != "" && strings.Contains(c.stderr.String(), s.topic) }):
		return detected("refused, and the Kafka sink does not go back either: its topic holds later rows; --fresh starts over")
	case code != 0:
		return c.failed(code)
	}
	return nil
}

// flip changes one byte of the largest file that only checkpoint id names.
func (r *trialRun) flip(id uint64) error {
	store := state.NewStore(vfs.OS{}, filepath.Join(r.dir, "checkpoint"), 2)
	newest, err := store.Manifest(id)
	if err != nil {
		return err
	}
	shared := map[string]bool{}
	if before, err := store.Manifest(id - 1); err == nil {
		for _, f := range partFiles(before) {
			shared[f.File] = true
		}
	}
	own := slices.DeleteFunc(partFiles(newest), func(f state.File) bool { return shared[f.File] })
	if len(own) == 0 {
		return skipped("the newest checkpoint holds nothing of its own")
	}
	largest := slices.MaxFunc(own, func(a, b state.File) int { return int(a.Bytes - b.Bytes) })
	path := filepath.Join(r.dir, "checkpoint", largest.File)
	b, err := os.ReadFile(path)
	if err != nil {
		return err
	}
	b[rand.IntN(len(b))] ^= 1 << rand.IntN(8)
	return os.WriteFile(path, b, 0o644)
}

func partFiles(m *state.Manifest) (out []state.File) {
	for _, p := range m.Parts {
		out = append(out, p.Files()...)
	}
	return out
}
