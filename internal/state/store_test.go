package state

import (
	"errors"
	"io/fs"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/johannesboyne/gofakes3"
	"github.com/johannesboyne/gofakes3/backend/s3mem"
	"gocloud.dev/blob/memblob"
	_ "gocloud.dev/blob/s3blob"

	"github.com/sluice-stream/sluice/internal/vfs"
	"github.com/sluice-stream/sluice/internal/vfs/bucket"
)

// TestObjectStore takes checkpoints in an S3 server of this process: it starts, goes on, keeps two, and refuses a
// second run that writes the same numbers.
func TestObjectStore(t *testing.T) {
	backend := s3mem.New()
	if err := backend.CreateBucket("tests"); err != nil {
		t.Fatal(err)
	}
	server := httptest.NewServer(gofakes3.New(backend).Server())
	defer server.Close()
	t.Setenv("AWS_ACCESS_KEY_ID", "key")
	t.Setenv("AWS_SECRET_ACCESS_KEY", "secret")
	url := "s3://tests/runs/one?endpoint=" + server.URL
	if _, err := Open(url); err == nil || !strings.Contains(err.Error(), "no checkpoint") {
		t.Errorf("want to hear that there is none, got %v", err)
	}
	f, dir, err := vfs.Open(url)
	if err != nil {
		t.Fatal(err)
	}
	tale := newStory(3, 8)
	rival := NewStore(f, dir, 2) // it has found no checkpoint, and trains on its own
	if err := tale.at(NewStore(f, dir, 2), 1, 5); err != nil {
		t.Fatal(err)
	}
	if err := save(rival, 5, tale.states[0]); !errors.Is(err, ErrTaken) {
		t.Errorf("want ErrTaken, got %v", err)
	}
	again := NewStore(f, dir, 2)
	c, err := again.Newest()
	if err != nil {
		t.Fatal(err)
	}
	th := new(thing)
	if err := c.Restore("operator.0.train", th); err != nil {
		t.Fatal(err)
	}
	if err := tale.at(again, 6, 8); err != nil {
		t.Fatal(err)
	}
	equal(t, NewStore(f, dir, 2), 8, tale.states[7])
	equal(t, NewStore(f, dir, 2), 7, tale.states[6])
	if ids, err := again.List(); err != nil || len(ids) != 2 {
		t.Errorf("want two kept, got %v (%v)", ids, err)
	}
	if err := again.Clear(); err != nil {
		t.Fatal(err)
	}
	if c, err := again.Newest(); c != nil || err != nil {
		t.Errorf("want none after Clear, got %v, %v", c, err)
	}
}

// at takes checkpoints from to to.
func (s *story) at(store *Store, from, to uint64) error {
	for id := from; id <= to; id++ {
		if err := save(store, id, s.states[id-1].clone()); err != nil {
			return err
		}
	}
	return nil
}

// TestCompactingReadsWhatItNeeds damages the base of a chain: the compaction notices, and what is written stays as it was.
func TestCompactingReadsWhatItNeeds(t *testing.T) {
	dir, th := t.TempDir(), full()
	th.F32 = make([]float32, 8000)
	s := NewStore(vfs.OS{}, dir, 1)
	put(t, s, 1, th)
	bases, _ := filepath.Glob(filepath.Join(dir, "parts", "*"))
	b, err := os.ReadFile(bases[0])
	if err != nil {
		t.Fatal(err)
	}
	b[len(b)/2] ^= 1
	if err := os.WriteFile(bases[0], b, 0o644); err != nil {
		t.Fatal(err)
	}
	for id := uint64(2); ; id++ {
		if th.F32[id*100]++; id > mostDeltas+2 {
			t.Fatal("no compaction came")
		}
		err := save(s, id, th)
		if errors.Is(err, ErrCorrupt) && strings.Contains(err.Error(), filepath.Base(bases[0])) {
			break
		}
		if err != nil {
			t.Fatal(err)
		}
	}
}

// TestASecondReaderIsNotDisturbed loads checkpoints while another process takes and sweeps them: each load is whole
// or says that a file is missing.
func TestASecondReaderIsNotDisturbed(t *testing.T) {
	disk, tale := vfs.NewMem(), newStory(4, 60)
	s := NewStore(disk, "d", 2)
	if err := tale.at(s, 1, 1); err != nil {
		t.Fatal(err)
	}
	done := make(chan error)
	go func() { done <- tale.at(s, 2, 60) }()
	for {
		select {
		case err := <-done:
			if err != nil {
				t.Fatal(err)
			}
			return
		default:
		}
		reader := NewStore(disk, "d", 2)
		c, err := reader.Newest()
		if errors.Is(err, ErrCorrupt) && strings.Contains(err.Error(), "missing") || errors.Is(err, fs.ErrNotExist) {
			continue
		}
		if err != nil {
			t.Fatal(err)
		}
		if _, err := c.Verify(); err != nil {
			t.Fatal(err)
		}
	}
}

// TestAdopt copies a checkpoint with its chain into another folder, without a part.
func TestAdopt(t *testing.T) {
	from, to := NewStore(vfs.NewMem(), "a", 1), NewStore(vfs.NewMem(), "b", 1)
	tale := newStory(5, 4)
	if err := tale.at(from, 1, 4); err != nil {
		t.Fatal(err)
	}
	c, err := from.Newest()
	if err != nil {
		t.Fatal(err)
	}
	parts, err := c.Verify()
	if err != nil || len(parts[0].Deltas) == 0 {
		t.Fatal(parts, err)
	}
	if err := to.Adopt(c, parts); err != nil {
		t.Fatal(err)
	}
	m := &Manifest{Checkpoint: 0, Forked: "p, checkpoint 4", Parts: parts, Identity: []byte("{}"), StateHash: StateHash(parts, "")}
	if err := to.Publish(m); err != nil {
		t.Fatal(err)
	}
	equal(t, to, 0, tale.states[3])
	forked, err := to.Newest()
	if err != nil {
		t.Fatal(err)
	}
	if err := forked.Restore("sink.0.parquet", new(thing)); err != nil {
		t.Errorf("what a fork left behind starts anew: want no error, got %v", err)
	}
	if err := to.Clear(); err != nil {
		t.Fatal(err)
	}
	if ids, _ := to.List(); len(ids) > 0 {
		t.Errorf("want none after Clear, got %v", ids)
	}
}

// TestTwoRunsOnOneBucket lets a second run sweep between the files and the manifest of the first, where no lock keeps
// it away.
func TestTwoRunsOnOneBucket(t *testing.T) {
	f, tale := bucket.New(memblob.OpenBucket(nil), "mem://b"), newStory(6, 3)
	first := NewStore(f, "d", 1)
	if err := tale.at(first, 1, 1); err != nil {
		t.Fatal(err)
	}
	c, err := first.Capture("operator.0.train", tale.states[1])
	if err != nil {
		t.Fatal(err)
	}
	parts, err := first.Write(t.Context(), []*Captured{c})
	if err != nil {
		t.Fatal(err)
	}
	second := NewStore(f, "d", 1)
	if err := second.Sweep(); err != nil {
		t.Fatal(err)
	}
	if err := first.Publish(&Manifest{Checkpoint: 2, Parts: parts, Identity: []byte("{}"), StateHash: StateHash(parts, "")}); err != nil {
		t.Fatal(err)
	}
	equal(t, NewStore(f, "d", 1), 2, tale.states[1])
	if err := save(second, 2, tale.states[2]); !errors.Is(err, ErrTaken) {
		t.Errorf("want ErrTaken, got %v", err)
	}
	equal(t, NewStore(f, "d", 1), 2, tale.states[1])
}
