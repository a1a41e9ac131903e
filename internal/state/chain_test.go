package state

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/sluice-stream/sluice/internal/vfs"
)

// clone is the brute-force copy that restored components are compared with.
func (t *thing) clone() *thing {
	c := *t
	c.Ss, c.Bs, c.U8, c.I32, c.I6 = slices.Clone(t.Ss), slices.Clone(t.Bs), slices.Clone(t.U8), slices.Clone(t.I32), slices.Clone(t.I6)
	c.U32, c.U6, c.F32, c.F64 = slices.Clone(t.U32), slices.Clone(t.U6), slices.Clone(t.F32), slices.Clone(t.F64)
	return &c
}

// empty has no nil slices: a restored one is never nil.
func empty() *thing {
	return &thing{Ss: []string{}, Bs: []bool{}, U8: []uint8{}, I32: []int32{}, I6: []int64{}, U32: []uint32{}, U6: []uint64{}, F32: []float32{}, F64: []float64{}}
}

// edit changes one list at random: some elements, its length, all of it, or nothing.
func edit[T any](r *rand.Rand, s []T, some func() T) []T {
	switch r.IntN(8) {
	case 0:
		for range r.IntN(600) {
			s = append(s, some())
		}
	case 1:
		s = s[:r.IntN(len(s)+1)]
	case 2:
		s = make([]T, r.IntN(3000))
		for i := range s {
			s[i] = some()
		}
	case 3, 4, 5:
		for range r.IntN(12) {
			if len(s) > 0 {
				s[r.IntN(len(s))] = some()
			}
		}
	}
	return s
}

func (t *thing) edit(r *rand.Rand) {
	t.B, t.I, t.F, t.S = r.IntN(2) == 0, r.IntN(100), r.Float64(), fmt.Sprint(r.IntN(3))
	t.Ss = edit(r, t.Ss, func() string { return strings.Repeat("x", r.IntN(9)) })
	t.Bs = edit(r, t.Bs, func() bool { return r.IntN(2) == 0 })
	t.U8 = edit(r, t.U8, func() uint8 { return uint8(r.Uint32()) })
	t.I32 = edit(r, t.I32, r.Int32)
	t.I6 = edit(r, t.I6, r.Int64)
	t.U32 = edit(r, t.U32, r.Uint32)
	t.U6 = edit(r, t.U6, r.Uint64)
	t.F32 = edit(r, t.F32, r.Float32)
	t.F64 = edit(r, t.F64, r.Float64)
}

// equal restores checkpoint id into a new component and compares it with want.
func equal(t *testing.T, s *Store, id uint64, want *thing) {
	t.Helper()
	c, err := s.Load(id)
	if err != nil {
		t.Fatal(err)
	}
	got := new(thing)
	if err := c.Restore("operator.0.train", got); err != nil {
		t.Fatal(err)
	}
	if !reflect.DeepEqual(want, got) {
		t.Fatalf("checkpoint %d (-want +got): %s", id, cmp.Diff(want, got))
	}
	p, err := Describe("operator.0.train", got)
	if err != nil || p.Content != c.Parts[0].Content || c.StateHash != StateHash([]Part{p}, "") {
		t.Fatalf("checkpoint %d: want the content %s, got %s (%v)", id, c.Parts[0].Content, p.Content, err)
	}
}

// TestRandomEdits takes 50 checkpoints of components that change at random, some after a restart, and compares every
// checkpoint that is kept with a copy.
func TestRandomEdits(t *testing.T) {
	for seed := range uint64(6) {
		t.Run(fmt.Sprint(seed), func(t *testing.T) {
			r := rand.New(rand.NewPCG(seed, 1))
			disk, now, copies, seen := vfs.NewMem(), empty(), map[uint64]*thing{}, map[string]bool{}
			s := NewStore(disk, "d", 3)
			for id := uint64(1); id <= 50; id++ {
				for range r.IntN(3) {
					now.edit(r)
				}
				if r.IntN(6) == 0 { // a checkpoint that never comes about spoils nothing
					if _, err := s.Capture("operator.0.train", now); err != nil {
						t.Fatal(err)
					}
					now.edit(r)
				}
				put(t, s, id, now)
				copies[id] = now.clone()
				if id > 3 && r.IntN(8) == 0 {
					s = NewStore(disk, "d", 3)
					c, err := s.Newest()
					if err != nil {
						t.Fatal(err)
					}
					now = new(thing)
					if err := c.Restore("operator.0.train", now); err != nil {
						t.Fatal(err)
					}
				}
				ids, _ := s.List()
				if want := max(1, int(id)-2); len(ids) == 0 || int(ids[0]) != want {
					t.Fatalf("want checkpoints from %d, got %v", want, ids)
				}
				reader := NewStore(disk, "d", 3)
				for _, k := range ids {
					equal(t, reader, k, copies[k])
				}
				m, err := s.Manifest(id)
				if err != nil {
					t.Fatal(err)
				}
				p := m.Parts[0]
				seen[kindOf(p)] = true
				if len(p.Deltas) > mostDeltas || p.DeltaBytes() > p.Bytes/2 {
					t.Fatalf("checkpoint %d: %d deltas of %d bytes over a base of %d", id, len(p.Deltas), p.DeltaBytes(), p.Bytes)
				}
			}
			if !seen["base"] || !seen["delta"] {
				t.Errorf("want bases and deltas, got %v", seen)
			}
		})
	}
}

func kindOf(p Part) string {
	if len(p.Deltas) > 0 {
		return "delta"
	}
	return "base"
}

// TestFirstCheckpointAfterARestartIsADelta also shows that an unchanged component costs no file at all.
func TestFirstCheckpointAfterARestartIsADelta(t *testing.T) {
	disk, th := vfs.NewMem(), full()
	th.F32 = make([]float32, 10_000)
	put(t, NewStore(disk, "d", 1), 1, th)
	s := NewStore(disk, "d", 1)
	c, err := s.Newest()
	if err != nil {
		t.Fatal(err)
	}
	again := new(thing)
	if err := c.Restore("operator.0.train", again); err != nil {
		t.Fatal(err)
	}
	put(t, s, 2, again)
	if m, _ := s.Manifest(2); len(m.Parts[0].Deltas) != 0 || m.Parts[0].File != c.Parts[0].File {
		t.Errorf("nothing changed: want the files of the checkpoint before, got %+v", m.Parts[0])
	}
	again.F32[5000] = 1
	put(t, s, 3, again)
	m, _ := s.Manifest(3)
	if p := m.Parts[0]; len(p.Deltas) != 1 || p.Deltas[0].Bytes > 8<<10 || p.File != c.Parts[0].File {
		t.Errorf("want one small delta over the same base, got %+v", p)
	}
	equal(t, s, 3, again)
}

// TestCapturedIsACopy changes the component between its capture and the writing of it.
func TestCapturedIsACopy(t *testing.T) {
	s, th := NewStore(vfs.NewMem(), "d", 1), full()
	th.F32, th.Ss, th.Bs = make([]float32, 5000), []string{"a", "b"}, make([]bool, 3000)
	put(t, s, 1, th)
	for round, dense := range []bool{false, true} {
		for i := range th.F32 {
			if dense || i%1000 == 0 {
				th.F32[i]++
			}
		}
		th.Bs[7] = !th.Bs[7]
		want := th.clone()
		got, err := s.Capture("operator.0.train", th)
		if err != nil {
			t.Fatal(err)
		}
		clear(th.F32)
		clear(th.Bs)
		th.Ss[0], th.I = "changed", -1
		whole, err := got.Whole()
		if err != nil {
			t.Fatal(err)
		}
		alone := new(thing)
		if err := ReadPart(whole, alone); err != nil {
			t.Fatal(err)
		}
		parts, err := s.Write(t.Context(), []*Captured{got})
		if err != nil {
			t.Fatal(err)
		}
		id := uint64(round + 2)
		if err := s.Publish(&Manifest{Checkpoint: id, Parts: parts, Identity: []byte("{}"), StateHash: StateHash(parts, "")}); err != nil {
			t.Fatal(err)
		}
		equal(t, NewStore(s.fs, "d", 1), id, want)
		if d := cmp.Diff(want, alone); d != "" {
			t.Error("the part that Whole encodes: ", d)
		}
		th = want
	}
}

// TestChainsThatDoNotFit swaps, drops and repeats the files of a chain whose hashes are right.
func TestChainsThatDoNotFit(t *testing.T) {
	disk, th := vfs.NewMem(), full()
	th.F32 = make([]float32, 10_000)
	s := NewStore(disk, "d", 9)
	for id := uint64(1); id <= 4; id++ {
		put(t, s, id, th)
		th.F32[id*1000]++
	}
	m, err := s.Manifest(4)
	if err != nil || len(m.Parts[0].Deltas) != 3 {
		t.Fatal(m, err)
	}
	id := uint64(9)
	for name, change := range map[string]func(p *Part){
		"swapped":     func(p *Part) { p.Deltas[0], p.Deltas[1] = p.Deltas[1], p.Deltas[0] },
		"dropped":     func(p *Part) { p.Deltas = p.Deltas[:2] },
		"first gone":  func(p *Part) { p.Deltas = p.Deltas[1:] },
		"no base":     func(p *Part) { p.File, p.Bytes, p.Hash = p.Deltas[0].File, p.Deltas[0].Bytes, p.Deltas[0].Hash },
		"two bases":   func(p *Part) { p.Deltas[0] = p.Files()[0] },
		"all doubled": func(p *Part) { p.Deltas = append(p.Deltas, p.Deltas...) },
	} {
		bad := *m
		bad.Parts = slices.Clone(m.Parts)
		bad.Parts[0].Deltas = slices.Clone(m.Parts[0].Deltas)
		change(&bad.Parts[0])
		id++
		bad.Checkpoint = id
		if err := s.Publish(&bad); err != nil {
			t.Fatal(err)
		}
		c, err := s.Load(id)
		if err != nil {
			t.Fatal(err)
		}
		for what, err := range map[string]error{"verify": second(c.Verify()), "restore": c.Restore("operator.0.train", new(thing))} {
			if !errors.Is(err, ErrCorrupt) || !strings.Contains(err.Error(), "--fresh") {
				t.Errorf("%s, %s: want ErrCorrupt with advice, got %v", name, what, err)
			}
		}
	}
}

func second[T any](_ T, err error) error { return err }
