package sinks

import (
	"errors"
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/apache/arrow/go/v17/arrow/memory"

	"github.com/sluice-stream/sluice/flow"
	"github.com/sluice-stream/sluice/internal/vfs"
)

// TestPreparedFilesThatAreGone: a commit says so when files that it prepared are neither staged nor visible.
func TestPreparedFilesThatAreGone(t *testing.T) {
	mem := memory.NewCheckedAllocator(memory.NewGoAllocator())
	defer mem.AssertSize(t, 0)
	for name, build := range crashCases() {
		t.Run(name, func(t *testing.T) {
			disk, schema := vfs.NewMem(), crashSchema()
			s, err := build()
			if err != nil {
				t.Fatal(err)
			}
			start(t, s, disk, mem, schema, 0)
			defer s.Close()
			r := rand.New(rand.NewPCG(1, 1))
			writeCut(t, s, mem, schema, 0, 120, r, false)
			checkpoint(t, s, 1)
			if err := s.Commit(t.Context(), 1); err != nil {
				t.Errorf("a repeated commit: %v", err)
			}
			writeCut(t, s, mem, schema, 120, 240, r, false)
			if err := s.Prepare(t.Context(), 2); err != nil {
				t.Fatal(err)
			}
			gone := ""
			for path := range disk.Files() {
				if strings.HasSuffix(path, stageExt) {
					gone = path
				}
			}
			if err := disk.Remove(gone); err != nil || gone == "" {
				t.Fatal(gone, err)
			}
			for range 2 {
				if err := s.Commit(t.Context(), 2); !errors.Is(err, flow.ErrCorrupt) || !strings.Contains(err.Error(), "which was prepared, got none") {
					t.Errorf("want ErrCorrupt, got %v", err)
				}
			}
			if err := s.Recover(t.Context(), 1); err != nil { // and the rows are written again
				t.Fatal(err)
			}
			writeCut(t, s, mem, schema, 120, 240, r, false)
			checkpoint(t, s, 2)
		})
	}
}
