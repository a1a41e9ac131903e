package arrowio

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/sluice-stream/sluice/flow"
)

func TestNoteCarriesOn(t *testing.T) {
	var n note
	n, _ = n.by("a", 3, 0)
	n, _ = n.by("b", 9, 2)
	n, _ = n.by("a", 4, 0)
	_, text := n.by("c", 1, 5)
	const want = `{"member":"c","checkpoint":1,"row":5,"before":[["a",4],["b",9]]}`
	if text != want {
		t.Errorf("want %s, got %s", want, text)
	}
	back := parseNote(&text)
	for member, id := range map[string]flow.CheckpointID{"a": 4, "b": 9, "c": 1} {
		if got, ok := back.decided(member); !ok || got != id {
			t.Errorf("%s: want %d, got %d, %v", member, id, got, ok)
		}
	}
	if _, ok := back.decided("d"); ok {
		t.Error("want nothing known of d")
	}
	if _, ok := (note{}).decided(""); ok {
		t.Error("want nothing known of no member")
	}
}

// The metadata of an offset is bounded by the broker: the newest members stay.
func TestNoteIsBounded(t *testing.T) {
	var n note
	var text string
	for i := range 300 {
		n, text = n.by(fmt.Sprintf("%012x", i), flow.CheckpointID(1<<40+i), 1<<40)
		if len(text) > noteBytes {
			t.Fatalf("%d bytes behind %d members", len(text), i+1)
		}
	}
	for i := 299; i > 250; i-- {
		if _, ok := n.decided(fmt.Sprintf("%012x", i)); !ok {
			t.Errorf("member %d is forgotten", i)
		}
	}
}

func TestNoteOfStrangers(t *testing.T) {
	for _, text := range []string{"", "x", `{"member":3}`, `{"row":-1}`, `{"before":[["a"]]}`, `{"before":[["a","b"]]}`, `[]`} {
		if n := parseNote(&text); n.Member != "" || n.Row != 0 {
			t.Errorf("%q: want nothing, got %+v", text, n)
		}
	}
	if n := parseNote(nil); n.Member != "" {
		t.Errorf("want nothing, got %+v", n)
	}
}

// A member that cannot know whether its checkpoint counts refuses to go on.
func TestGroupRefusesToGuess(t *testing.T) {
	for name, c := range map[string]struct {
		do   func(t *testing.T, m *member, addrs []string)
		want string
	}{
		"offsets reset": {want: "no trace of this member", do: func(t *testing.T, m *member, addrs []string) {
			commitOffset(t, addrs, "g", "x", 0)
		}},
		"offsets deleted": {want: "no trace of this member", do: func(t *testing.T, m *member, addrs []string) {
			if _, err := fakeAdmin(t, addrs).DeleteGroup(t.Context(), "g"); err != nil {
				t.Fatal(err)
			}
		}},
		"folder set back": {want: "has checkpoint 2 of this member", do: func(t *testing.T, m *member, addrs []string) {
			delete(m.manifests, 2)
		}},
	} {
		t.Run(name, func(t *testing.T) {
			_, addrs := groupKafka(t, 1)
			fillGroup(t, addrs, "x", 1, 0, 30)
			m := newMember(t, "a", groupConfig(addrs, "x"))
			noError(t, m.start())
			for range 2 {
				noError(t, m.read(10))
				noError(t, m.barrier(t.Context(), nowhere, nil))
			}
			m.k.Close()
			c.do(t, m, addrs)
			if err := m.start(); !errors.Is(err, flow.ErrConfig) || !strings.Contains(err.Error(), c.want) || !strings.Contains(err.Error(), "--fresh") {
				t.Errorf("want ErrConfig with %q, got %v", c.want, err)
			}
		})
	}
}
