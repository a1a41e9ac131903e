package main

import (
	"bytes"
	"context"
	"errors"
	"math"
	"strings"
	"testing"
	"time"
)

func TestMedian(t *testing.T) {
	for _, c := range []struct {
		of   []float64
		want float64
	}{{[]float64{3}, 3}, {[]float64{4, 1, 3}, 3}, {[]float64{4, 1, 3, 2}, 2.5}} {
		if got := median(c.of); got != c.want {
			t.Errorf("%v: want %g, got %g", c.of, c.want, got)
		}
	}
}

// Our runs take 1, 2 and 4 s; the second peer's 2, 2 and 2, the first one's 9 in a single round.
var example = rounds{sluice: []float64{1, 2, 4}, peers: [][]float64{{9}, {2, 2, 2}}}

func TestLineComparesRoundByRound(t *testing.T) {
	l := example.line("x", 10, "rows/s")
	if l.Sluice != 5 || *l.Peer != 5 || *l.Ratio != 1 || *l.Low != .5 || *l.High != 2 {
		t.Errorf("want rates 5 and 5, ratios 2, 1 and .5, got %g %g %g %g %g", l.Sluice, *l.Peer, *l.Ratio, *l.Low, *l.High)
	}
}

func TestHopeless(t *testing.T) {
	for _, c := range []struct {
		ours int
		slow float64
		want bool
	}{{1, 1.9, false}, {1, 2.1, true}, {2, 1.2, false}, {2, 1.3, true}} {
		r := rounds{sluice: make([]float64, c.ours), peers: [][]float64{{1}, {c.slow}}}
		if r.hopeless(1) != c.want || r.hopeless(0) {
			t.Errorf("%+v: want %v", c, c.want)
		}
	}
}

// A peer that does not come to an end is left out; one that fails, or the end of our own run, is not taken for that.
func TestPatience(t *testing.T) {
	wait := func(ctx context.Context) (float64, error) {
		<-ctx.Done()
		return 0, ctx.Err()
	}
	r := rounds{patience: time.Millisecond}
	if s, err := r.patiently(t.Context(), wait); err != nil || !math.IsInf(s, 1) {
		t.Errorf("want no end, got %g, %v", s, err)
	}
	stopped, stop := context.WithCancel(t.Context())
	stop()
	if _, err := r.patiently(stopped, wait); !errors.Is(err, context.Canceled) {
		t.Errorf("got %v", err)
	}
	r.patience = time.Hour
	broken := errors.New("broken")
	if _, err := r.patiently(t.Context(), func(context.Context) (float64, error) { return 0, broken }); !errors.Is(err, broken) {
		t.Errorf("got %v", err)
	}
	if got := (rounds{peers: [][]float64{{1}, {math.Inf(1)}}}); got.fastest() != 0 || !got.hopeless(1) {
		t.Error("want the endless one left out")
	}
}

func TestFigures(t *testing.T) {
	for x, want := range map[float64]float64{0: 0, 123456: 123500, .00012345: .0001235, 5: 5} {
		if got := figures(x); got != want {
			t.Errorf("%g: want %g, got %g", x, want, got)
		}
	}
}

func TestJSON(t *testing.T) {
	var out bytes.Buffer
	r := reporter{w: &out, json: true}
	if err := r.add(comparison{name: "x"}, example.line("x", 10, "rows/s"), "torch, 1"); err != nil {
		t.Fatal(err)
	}
	if err := r.add(comparison{name: "y", counts: true}, line{Case: "y", Sluice: 3, Unit: "allocations/step"}, ""); err != nil {
		t.Fatal(err)
	}
	want := `{"case":"x","sluice":5,"peer":5,"ratio":1,"low":0.5,"high":2,"unit":"rows/s"}
{"case":"y","sluice":3,"peer":null,"ratio":null,"low":null,"high":null,"unit":"allocations/step"}
`
	if out.String() != want {
		t.Errorf("want\n%s\ngot\n%s", want, out.String())
	}
}

func TestTable(t *testing.T) {
	var out bytes.Buffer
	r := reporter{w: &out}
	for _, c := range []comparison{{name: "x", atLeast: 1}, {name: "y", atLeast: 1.1}, {name: "z"}} {
		if err := r.add(c, example.line(c.name, 12.34e6, "rows/s"), "torch, 1"); err != nil {
			t.Fatal(err)
		}
	}
	if err := r.add(comparison{name: "a", counts: true}, line{Case: "a", Unit: "allocations/step"}, ""); err != nil {
		t.Fatal(err)
	}
	r.end()
	lines := strings.Split(strings.TrimSpace(out.String()), "\n")[2:]
	for i, want := range []string{
		"case sluice peer ratio low - high want met unit (best peer, threads)",
		"x 6.17 M 6.17 M 1.00 0.50 - 2.00 1 yes rows/s (torch, 1)",
		"y 6.17 M 6.17 M 1.00 0.50 - 2.00 1.1 NO rows/s (torch, 1)",
		"z 6.17 M 6.17 M 1.00 0.50 - 2.00 - - rows/s (torch, 1)",
		"a 0 - - - 0 yes allocations/step",
		"",
		"2 of 3 figures reached",
	} {
		if got := strings.Join(strings.Fields(lines[i]), " "); got != want {
			t.Errorf("want\n%s\ngot\n%s", want, got)
		}
	}
}
