package learn

import (
	"slices"
	"strings"
	"testing"
)

func TestTouchedAgainstAMap(t *testing.T) {
	r := NewRand(5, "ids", 0)
	var b Batch
	for range 200 {
		b.Reset()
		rows := 1 + r.IntN(300)
		for range r.IntN(50) {
			b.IDs = append(b.IDs, int32(r.IntN(rows)))
		}
		ids := b.Touched(rows)
		seen := map[int32]bool{}
		var want []int32
		for _, id := range b.IDs {
			if !seen[id] {
				want = append(want, id)
			}
			seen[id] = true
		}
		if !slices.Equal(ids.Unique, want) || len(ids.Inverse) != len(b.IDs) || ids.Values() != len(b.IDs) {
			t.Fatalf("ids %v: want %v, got %v", b.IDs, want, ids.Unique)
		}
		for i, id := range b.IDs {
			if ids.Unique[ids.Inverse[i]] != id {
				t.Fatalf("value %d of %v points to %d", i, b.IDs, ids.Unique[ids.Inverse[i]])
			}
		}
		if ids.Unique == nil || ids.Inverse == nil {
			t.Fatal("no ids are not the same as all rows")
		}
	}
}

func TestTouchedAllocatesOnce(t *testing.T) {
	var b Batch
	ids := []int32{1, 2, 3, 2, 900000}
	if n := testing.AllocsPerRun(20, func() {
		b.Reset()
		b.IDs = append(b.IDs, ids...)
		b.Touched(1000000)
	}); n != 0 {
		t.Errorf("want no allocation in a reused batch, got %v", n)
	}
}

func TestStampsSurviveTheWrap(t *testing.T) {
	var s stamps
	s.clear(4)
	s.mark[2] = 1
	s.now = ^uint32(0)
	s.clear(4) // now is 1 again
	if s.mark[2] == s.now {
		t.Error("an old mark looks new")
	}
}

func TestBatchCheck(t *testing.T) {
	good := Batch{Rows: 2, Fields: 1, IDs: []int32{0, 3, 1}, Offsets: []int32{0, 2, 3}, Labels: []float32{0, 1}}
	if err := good.Check(4); err != nil {
		t.Fatal(err)
	}
	if err := (&Batch{}).Check(0); err != nil {
		t.Errorf("an empty batch is one: %v", err)
	}
	for want, change := range map[string]func(b *Batch){
		"want 3 ids":       func(b *Batch) { b.IDs = b.IDs[:2] },
		"want 3 offsets":   func(b *Batch) { b.Offsets = []int32{0, 3} },
		"offsets fall":     func(b *Batch) { b.Offsets = []int32{0, 4, 3} },
		"id 9 at position": func(b *Batch) { b.IDs = []int32{0, 9, 1} },
		"id -1 at":         func(b *Batch) { b.IDs = []int32{0, -1, 1} },
		"want 2 labels":    func(b *Batch) { b.Labels = []float32{1} },
		"want 2 weights":   func(b *Batch) { b.Weights = []float32{1} },
	} {
		b := Batch{Rows: 2, Fields: 1, IDs: []int32{0, 3, 1}, Offsets: []int32{0, 2, 3}, Labels: []float32{0, 1}}
		change(&b)
		if err := b.Check(4); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("want %q, got %v", want, err)
		}
	}
}
