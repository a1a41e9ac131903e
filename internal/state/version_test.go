package state

import (
	"bytes"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/sluice-stream/sluice/internal/vfs"
)

// TestVersion1 reads checkpoints that an older sluice wrote, and goes on from them.
func TestVersion1(t *testing.T) {
	dir := t.TempDir()
	if err := os.CopyFS(dir, os.DirFS("testdata/v1")); err != nil {
		t.Fatal(err)
	}
	s := NewStore(vfs.OS{}, dir, 2)
	c, err := s.Newest()
	if err != nil {
		t.Fatal(err)
	}
	if c.Format != 1 || c.Checkpoint != 2 || c.Rows != 20 || c.StateHash != "963b0f7644a6d0df" || !slices.Equal(c.Names(), []string{"source.0", "operator.0.train"}) {
		t.Errorf("got %+v", c.Manifest)
	}
	want, got := full(), new(thing)
	want.I, want.F32 = 2, append(want.F32, 1, 1, 2)
	if err := c.Restore("operator.0.train", got); err != nil {
		t.Fatal(err)
	}
	if d := cmp.Diff(want, got); d != "" {
		t.Fatal(d)
	}
	old, err := s.Load(1)
	if err != nil {
		t.Fatal(err)
	}
	if parts, err := old.Verify(); err != nil || parts[0].Content == "" || parts[0].File != old.Parts[0].File {
		t.Fatal(parts, err)
	}
	if err := c.Restore("operator.0.train", got); err != nil { // the files are read again
		t.Fatal(err)
	}
	got.F64 = make([]float64, 10)
	put(t, s, 3, got)
	equal(t, NewStore(vfs.OS{}, dir, 2), 3, got)
	var whole bytes.Buffer
	if err := WritePart(&whole, want); err != nil {
		t.Fatal(err)
	}
	if was, _ := os.ReadFile(filepath.Join(dir, c.Parts[1].File)); !bytes.Equal(was, whole.Bytes()) {
		t.Error("a base is written as version 1 wrote it: its bytes differ")
	}
	if b, _ := os.ReadFile(filepath.Join(dir, "manifest-00000003.json")); !bytes.Contains(b, []byte(`"format": 2`)) {
		t.Error("want a manifest of version 2")
	}
}
