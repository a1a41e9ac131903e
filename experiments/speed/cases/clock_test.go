package cases

import (
	"errors"
	"testing"
	"time"
)

func TestSeconds(t *testing.T) {
	for _, clock := range []Clock{Wall, Processor} {
		n := 0
		s, err := Seconds(func() error {
			n++
			for end := time.Now().Add(2 * time.Millisecond); time.Now().Before(end); {
			}
			return nil
		}, clock, 10*time.Millisecond)
		if err != nil || n < 4 || s <= 0 || clock == Wall && s < .002 {
			t.Errorf("%s: want 4 runs of 2 ms or more, got %d of %g s, %v", clock, n, s, err)
		}
	}
	want := errors.New("no")
	if _, err := Seconds(func() error { return want }, Wall, time.Millisecond); !errors.Is(err, want) {
		t.Errorf("got %v", err)
	}
	if Clock("sun").Validate() == nil {
		t.Error("want an error")
	}
}

var kept []*int

func TestAllocations(t *testing.T) {
	if n, err := Allocations(func() error { return nil }); err != nil || n != 0 {
		t.Errorf("want 0, got %g, %v", n, err)
	}
	n, err := Allocations(func() error {
		for i := range 5 {
			kept = append(kept[:0], &i)
		}
		return nil
	})
	if err != nil || n != 5 {
		t.Errorf("want 5, got %g, %v", n, err)
	}
}
