package state

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"

	"gocloud.dev/blob/memblob"

	"github.com/sluice-stream/sluice/internal/vfs"
	"github.com/sluice-stream/sluice/internal/vfs/bucket"
)

// story is a sequence of checkpoints of components that change at random: bases, deltas and compactions.
type story struct {
	states []*thing // states[i] is checkpoint i+1
}

func newStory(seed uint64, n int) *story {
	r := rand.New(rand.NewPCG(seed, 2))
	now := empty()
	now.F32 = make([]float32, 4000)
	out := &story{}
	for range n {
		for range 1 + r.IntN(40) {
			now.F32[r.IntN(len(now.F32))]++
		}
		now.I6, now.I = append(now.I6, r.Int64()), r.IntN(3)
		out.states = append(out.states, now.clone())
	}
	return out
}

// tell takes the checkpoints behind the newest one, as a run that starts or goes on; it returns the last one that
// was published for sure.
func (s *story) tell(f vfs.FS) (done uint64, err error) {
	store := NewStore(f, "d", 2)
	store.young = 0 // no other run writes here
	c, err := store.Newest()
	if err != nil {
		return 0, err
	}
	if c != nil {
		done = c.Checkpoint
		if err := c.Restore("operator.0.train", new(thing)); err != nil {
			return done, err
		}
	}
	for id := done + 1; id <= uint64(len(s.states)); id++ {
		if err := save(store, id, s.states[id-1].clone()); err != nil {
			if ids, _ := store.List(); len(ids) > 0 { // the sweep failed: published all the same
				done = ids[len(ids)-1]
			}
			return done, err
		}
		done = id
	}
	return done, nil
}

// TestCrashAtEveryOperation cuts the power at each operation of a sequence of checkpoints with deltas and compaction,
// on a disk and on an object store. What was published is still there and right, nothing else is, and a new run goes
// on to the same end.
func TestCrashAtEveryOperation(t *testing.T) {
	tale := newStory(1, 14)
	disks := map[string]func() (vfs.FS, func()){
		"disk": func() (vfs.FS, func()) {
			m := vfs.NewMem()
			return m, m.PowerCut
		},
		"bucket": func() (vfs.FS, func()) { return bucket.New(memblob.OpenBucket(nil), "mem://b"), func() {} },
	}
	for name, disk := range disks {
		t.Run(name, func(t *testing.T) {
			under, _ := disk()
			count := vfs.CrashAt(under, 0)
			if _, err := tale.tell(count); err != nil {
				t.Fatal(err)
			}
			m, _ := NewStore(under, "d", 2).Manifest(14)
			shapes(t, under)
			if m == nil || count.Ops() < 60 {
				t.Fatalf("want many operations, got %d", count.Ops())
			}
			for k := 1; k <= count.Ops(); k++ {
				under, powerCut := disk()
				f := vfs.CrashAt(under, k)
				done, err := tale.tell(f)
				if !errors.Is(err, vfs.ErrCrashed) {
					t.Fatalf("operation %d: want the crash, got %v", k, err)
				}
				powerCut()
				tale.check(t, fmt.Sprintf("operation %d", k), under, done)
			}
		})
	}
}

// shapes wants the last checkpoints of a story to be of more than one kind.
func shapes(t *testing.T, f vfs.FS) {
	t.Helper()
	ents, err := f.ReadDir("d/parts")
	if err != nil {
		t.Fatal(err)
	}
	deltas := 0
	for _, e := range ents {
		if strings.Contains(e.Name(), "-delta-") {
			deltas++
		}
	}
	if deltas == 0 || deltas == len(ents) {
		t.Fatalf("want bases and deltas, got %v", ents)
	}
}

// check wants checkpoint done or the one behind it, whole, and the same end of the story from there.
func (s *story) check(t *testing.T, when string, f vfs.FS, done uint64) {
	t.Helper()
	store := NewStore(f, "d", 2)
	store.young = 0
	c, err := store.Newest()
	if err != nil {
		t.Fatalf("%s: %v", when, err)
	}
	if c == nil {
		if done > 0 {
			t.Fatalf("%s: checkpoint %d is gone", when, done)
		}
	} else {
		if c.Checkpoint != done && c.Checkpoint != done+1 {
			t.Fatalf("%s: want checkpoint %d or the next one, got %d", when, done, c.Checkpoint)
		}
		equal(t, store, c.Checkpoint, s.states[c.Checkpoint-1])
		ids, _ := store.List()
		equal(t, store, ids[0], s.states[ids[0]-1])
	}
	if end, err := s.tell(f); err != nil || end != uint64(len(s.states)) {
		t.Fatalf("%s: going on ended at %d (%v)", when, end, err)
	}
	if err := store.Sweep(); err != nil { // the crash may have been in the last one
		t.Fatal(err)
	}
	equal(t, NewStore(f, "d", 2), uint64(len(s.states)), s.states[len(s.states)-1])
	ents, err := f.ReadDir("d/parts")
	if err != nil {
		t.Fatal(err)
	}
	named := names{}
	ids, _ := store.List()
	for _, id := range ids {
		m, err := store.Manifest(id)
		if err != nil {
			t.Fatal(err)
		}
		named.add(m.Parts[0])
	}
	if len(ids) != 2 || len(ents) != len(named) {
		t.Fatalf("%s: want what two checkpoints name, got checkpoints %v and %d files of %d", when, ids, len(ents), len(named))
	}
}

// TestFullDisk runs out of room in the middle of each file; with room again the run goes on.
func TestFullDisk(t *testing.T) {
	tale := newStory(2, 6)
	for room := int64(0); room < 60_000; room += 1777 {
		m := vfs.NewMem()
		f := vfs.FullAfter(m, room)
		done, err := tale.tell(f)
		if err == nil {
			break
		}
		f.Free(1 << 30)
		tale.check(t, fmt.Sprintf("room for %d bytes", room), f, done)
	}
}

// TestSweepLeavesWhatIsUnderWay sweeps between the writing of a checkpoint and its manifest.
func TestSweepLeavesWhatIsUnderWay(t *testing.T) {
	s, th := NewStore(vfs.NewMem(), "d", 1), full()
	put(t, s, 1, th)
	th.I++
	c, err := s.Capture("operator.0.train", th)
	if err != nil {
		t.Fatal(err)
	}
	parts, err := s.Write(t.Context(), []*Captured{c})
	if err != nil {
		t.Fatal(err)
	}
	if err := s.Sweep(); err != nil {
		t.Fatal(err)
	}
	if err := s.Publish(&Manifest{Checkpoint: 2, Parts: parts, Identity: []byte("{}"), StateHash: StateHash(parts, "")}); err != nil {
		t.Fatal(err)
	}
	equal(t, s, 2, th)
}
