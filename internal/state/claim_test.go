package state

import (
	"bytes"
	"errors"
	"testing"

	"gocloud.dev/blob/memblob"

	"github.com/sluice-stream/sluice/internal/vfs"
	"github.com/sluice-stream/sluice/internal/vfs/bucket"
)

// TestEqualWorkOfTwoRuns: the manifest of another run is not taken for one's own, however equal the work.
func TestEqualWorkOfTwoRuns(t *testing.T) {
	disk := vfs.NewMem()
	one, two := NewStore(disk, "d", 2), NewStore(disk, "d", 2)
	put(t, one, 1, full())
	if err := save(two, 1, full()); !errors.Is(err, ErrTaken) {
		t.Errorf("the other run: want ErrTaken, got %v", err)
	}
	if err := save(one, 1, full()); err != nil {
		t.Errorf("the same run again: want no error, got %v", err)
	}
	m, err := one.Manifest(1)
	if err != nil || m.Run == "" {
		t.Fatalf("want the run named, got %+v, %v", m, err)
	}
	m.Run = "" // as it was written before runs were named
	old, err := m.encode()
	if err != nil || bytes.Contains(old, []byte(`"run"`)) {
		t.Fatal(string(old), err)
	}
	if _, err := decodeManifest(old, 1); err != nil {
		t.Errorf("a manifest without a run: %v", err)
	}
}

// TestClaim: the newest claim counts, the one before finds out when it publishes.
func TestClaim(t *testing.T) {
	f := bucket.New(memblob.OpenBucket(nil), "mem://b")
	one, two, three := NewStore(f, "d", 2), NewStore(f, "d", 2), NewStore(f, "d", 2)
	if err := one.Claim(); err != nil {
		t.Fatal(err)
	}
	put(t, one, 1, full())
	if err := two.Claim(); err != nil {
		t.Fatal(err)
	}
	if err := save(one, 2, full()); !errors.Is(err, ErrTaken) {
		t.Errorf("want ErrTaken, got %v", err)
	}
	put(t, two, 2, full())
	if err := three.Claim(); err != nil {
		t.Fatal(err)
	}
	if err := save(two, 3, full()); !errors.Is(err, ErrTaken) {
		t.Errorf("want ErrTaken, got %v", err)
	}
	if all, err := three.owners(); err != nil || len(all) != 1 || all[0] != 3 {
		t.Errorf("want the claim 3 alone, got %v, %v", all, err)
	}
	put(t, three, 3, full())
	disk := vfs.NewMem()
	if err := NewStore(disk, "d", 2).Claim(); err != nil || len(disk.Files()) > 0 {
		t.Errorf("on a disk there is a lock: want no claim, got %v, %v", disk.Files(), err)
	}
}

// TestClaimWhoseAnswerIsLost crashes before and behind the object: the next run takes the next number.
func TestClaimWhoseAnswerIsLost(t *testing.T) {
	for k := 1; k <= 2; k++ {
		f := bucket.New(memblob.OpenBucket(nil), "mem://b")
		if err := NewStore(vfs.CrashAt(f, k), "d", 2).Claim(); !errors.Is(err, vfs.ErrCrashed) {
			t.Fatalf("want a crash, got %v", err)
		}
		next := NewStore(f, "d", 2)
		if err := next.Claim(); err != nil || next.owner != uint64(k) {
			t.Errorf("want claim %d, got %d, %v", k, next.owner, err)
		}
		put(t, next, 1, full())
	}
}
