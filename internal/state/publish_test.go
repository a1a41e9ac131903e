package state

import (
	"context"
	"errors"
	"slices"
	"strings"
	"testing"

	"github.com/sluice-stream/sluice/internal/vfs"
)

func TestANumberIsGivenOnce(t *testing.T) {
	s := NewStore(vfs.NewMem(), "d", 2)
	put(t, s, 1, full())
	m, err := s.Manifest(1)
	if err != nil {
		t.Fatal(err)
	}
	if err := s.Publish(m); err != nil {
		t.Errorf("the same manifest again, its answer lost: want no error, got %v", err)
	}
	m.Rows++
	if err := s.Publish(m); !errors.Is(err, ErrTaken) || !strings.Contains(err.Error(), "another run has written checkpoint 1 here") {
		t.Errorf("want ErrTaken, got %v", err)
	}
	put(t, s, 2, full())
	put(t, s, 3, full())
	if err := s.Forget(2); err != nil {
		t.Fatal(err)
	}
	if ids, _ := s.List(); !slices.Equal(ids, []uint64{2}) {
		t.Errorf("want 2 left, got %v", ids)
	}
	put(t, s, 3, empty())
}

// TestStopsBetweenFiles ends the context of a writing.
func TestStopsBetweenFiles(t *testing.T) {
	s := NewStore(vfs.NewMem(), "d", 1)
	c, err := s.Capture("a", full())
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := s.Write(ctx, []*Captured{c}); !errors.Is(err, context.Canceled) {
		t.Errorf("want the end of the context, got %v", err)
	}
}

// TestRaw edits a part without its component.
func TestRaw(t *testing.T) {
	s := NewStore(vfs.NewMem(), "d", 1)
	put(t, s, 1, full())
	c, err := s.Newest()
	if err != nil {
		t.Fatal(err)
	}
	r, err := c.Raw("operator.0.train")
	if err != nil {
		t.Fatal(err)
	}
	var list []int32
	var one int64
	if !r.Get("i32", &list) || !r.Get("in.i64", &one) || one != full().I64 || r.Get("i32", &one) || r.Has("none") {
		t.Errorf("got %v, %d", list, one)
	}
	list[1] = 77
	put(t, s, 2, r)
	want := full()
	want.I32[1] = 77
	equal(t, s, 2, want)
}
