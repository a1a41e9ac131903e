package state

import (
	"bytes"
	"context"
	"errors"
	"math"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/sluice-stream/sluice/internal/vfs"
)

type thing struct {
	B   bool
	I   int
	I64 int64
	U   uint64
	F   float64
	S   string
	Ss  []string
	Bs  []bool
	U8  []uint8
	I32 []int32
	I6  []int64
	U32 []uint32
	U6  []uint64
	F32 []float32
	F64 []float64
}

func (t *thing) Walk(v Visitor) {
	v.Visit("b", &t.B)
	v.Visit("i", &t.I)
	in := v.Scope("in")
	in.Visit("i64", &t.I64)
	in.Visit("u", &t.U)
	in.Visit("f", &t.F)
	v.Visit("s", &t.S)
	v.Visit("ss", &t.Ss)
	v.Visit("bs", &t.Bs)
	v.Visit("u8", &t.U8)
	v.Visit("i32", &t.I32)
	v.Visit("i6", &t.I6)
	v.Visit("u32", &t.U32)
	v.Visit("u6", &t.U6)
	v.Visit("f32", &t.F32)
	v.Visit("f64", &t.F64)
}

func full() *thing {
	return &thing{true, -3, math.MinInt64, math.MaxUint64, math.Pi, "häh", []string{"", "a"}, []bool{true, false},
		[]uint8{1}, []int32{-1, 2}, []int64{5}, []uint32{7}, []uint64{math.MaxUint64}, []float32{1.5, float32(math.Inf(1))}, []float64{}}
}

func TestPartRoundTrip(t *testing.T) {
	for _, in := range []*thing{full(), {Ss: []string{}, Bs: []bool{}, U8: []uint8{}, I32: []int32{}, I6: []int64{}, U32: []uint32{}, U6: []uint64{}, F32: []float32{}, F64: []float64{}}} {
		var buf bytes.Buffer
		if err := WritePart(&buf, in); err != nil {
			t.Fatal(err)
		}
		var out thing
		if err := ReadPart(buf.Bytes(), &out); err != nil {
			t.Fatal(err)
		}
		if d := cmp.Diff(in, &out); d != "" {
			t.Error(d)
		}
		var again bytes.Buffer
		if err := WritePart(&again, &out); err != nil || !bytes.Equal(buf.Bytes(), again.Bytes()) {
			t.Errorf("equal state gives other bytes (%v)", err)
		}
	}
}

func put(t *testing.T, s *Store, id uint64, c Stateful) {
	t.Helper()
	if err := save(s, id, c); err != nil {
		t.Fatal(err)
	}
}

// save takes checkpoint id of c, as a run does.
func save(s *Store, id uint64, c Stateful) error {
	got, err := s.Capture("operator.0.train", c)
	if err != nil {
		return err
	}
	parts, err := s.Write(context.Background(), []*Captured{got})
	if err != nil {
		return err
	}
	if err := s.Publish(&Manifest{Pipeline: "p", Checkpoint: id, Parts: parts, Identity: []byte("{}"), StateHash: StateHash(parts, "")}); err != nil {
		return err
	}
	return s.Sweep()
}

func TestStoreKeepsTheNewest(t *testing.T) {
	dir := t.TempDir()
	s := NewStore(vfs.OS{}, dir, 2)
	if c, err := s.Newest(); c != nil || err != nil {
		t.Fatalf("want none in an empty folder, got %v, %v", c, err)
	}
	th := full()
	for id := uint64(1); id <= 4; id++ {
		th.I = int(id) / 2 // 0 1 1 2: checkpoints 2 and 3 share their part
		put(t, s, id, th)
	}
	if ids, _ := s.List(); cmp.Diff([]uint64{3, 4}, ids) != "" {
		t.Errorf("want 3 and 4 kept, got %v", ids)
	}
	parts, _ := os.ReadDir(filepath.Join(dir, "parts"))
	if len(parts) != 2 {
		t.Errorf("want the 2 parts that are named, got %d", len(parts))
	}
	var out thing
	c, err := s.Newest()
	if err != nil {
		t.Fatal(err)
	}
	if err := c.Restore("operator.0.train", &out); err != nil || out.I != 2 {
		t.Errorf("want 2, got %d (%v)", out.I, err)
	}
	if err := c.Restore("nope", &out); !errors.Is(err, ErrCorrupt) {
		t.Errorf("want ErrCorrupt, got %v", err)
	}
	os.WriteFile(filepath.Join(dir, "mine.txt"), nil, 0o644)
	if err := s.Clear(); err != nil {
		t.Fatal(err)
	}
	if ents, _ := os.ReadDir(dir); len(ents) != 1 {
		t.Errorf("Clear must leave what is not its own, and nothing else: %v", ents)
	}
}

// Every byte of every file of a checkpoint counts: whichever is flipped, the load refuses.
func TestAFlippedByteIsNoticed(t *testing.T) {
	dir := t.TempDir()
	s := NewStore(vfs.OS{}, dir, 1)
	th := full()
	th.F32 = make([]float32, 2000)
	put(t, s, 1, th)
	th.F32[1000]++
	put(t, s, 2, th)
	files, _ := filepath.Glob(filepath.Join(dir, "*", "*"))
	files = append(files, filepath.Join(dir, "manifest-00000002.json"))
	if len(files) != 3 {
		t.Fatalf("want a base, a delta and a manifest, got %v", files)
	}
	for _, f := range files {
		if st, _ := os.Stat(f); st.IsDir() {
			continue
		}
		b, _ := os.ReadFile(f)
		for i := 0; i < len(b); i += 13 {
			b[i] ^= 1
			os.WriteFile(f, b, 0o644)
			var out thing
			c, err := s.Newest()
			if err == nil {
				err = c.Restore("operator.0.train", &out)
			}
			if !errors.Is(err, ErrCorrupt) || !strings.Contains(err.Error(), "--fresh") || !strings.Contains(err.Error(), filepath.Base(f)) {
				t.Fatalf("%s byte %d flipped: want ErrCorrupt, the file and what to do, got %v", filepath.Base(f), i, err)
			}
			b[i] ^= 1
		}
		os.WriteFile(f, b, 0o644)
	}
	if _, err := s.Newest(); err != nil {
		t.Fatal(err)
	}
}

type nothing struct{}

func (nothing) Walk(Visitor) {}

// TestNothing keeps a component that has no state after all, and one that had some.
func TestNothing(t *testing.T) {
	s := NewStore(vfs.NewMem(), "d", 1)
	for id, c := range []Stateful{nothing{}, full(), nothing{}, full()} {
		put(t, s, uint64(id+1), c)
		found, err := NewStore(s.fs, "d", 1).Newest()
		if err != nil {
			t.Fatal(err)
		}
		into := Stateful(nothing{})
		got := new(thing)
		if id%2 == 1 {
			into = got
		}
		if err := found.Restore("operator.0.train", into); err != nil {
			t.Fatal(err)
		}
		if d := cmp.Diff(full(), got); id%2 == 1 && d != "" {
			t.Error(d)
		}
	}
}
