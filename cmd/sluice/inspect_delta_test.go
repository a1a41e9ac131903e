package main

import (
	"path/filepath"
	"strings"
	"testing"

	"github.com/sluice-stream/sluice/flow"
	"github.com/sluice-stream/sluice/internal/state"
	"github.com/sluice-stream/sluice/internal/vfs"
)

// lists is a component of which some lists change and others do not.
type lists struct {
	table, other []float32
	step         int64
}

func (l *lists) Walk(v flow.Visitor) {
	v.Visit("table", &l.table)
	v.Visit("other", &l.other)
	v.Visit("step", &l.step)
}

func TestInspectDelta(t *testing.T) {
	dir := t.TempDir()
	s := state.NewStore(vfs.OS{}, dir, 2)
	l := &lists{table: make([]float32, 2000), other: make([]float32, 500)}
	for id := uint64(1); id <= 2; id++ {
		c, err := s.Capture("operator.0.train", l)
		if err != nil {
			t.Fatal(err)
		}
		parts, err := s.Write(t.Context(), []*state.Captured{c})
		if err != nil {
			t.Fatal(err)
		}
		if err := s.Publish(&state.Manifest{Pipeline: "p", Checkpoint: id, Parts: parts, Identity: []byte("{}")}); err != nil {
			t.Fatal(err)
		}
		l.table[1000], l.step = 7, 3
	}
	found, err := filepath.Glob(filepath.Join(dir, "parts", "*-delta-*"))
	if err != nil || len(found) != 1 {
		t.Fatal(found, err)
	}
	p := decode[partFound](t, found[0])
	if v := p.Values[0]; v.Type != "64 changed of list of float32" || v.Length != 2000 || *v.Max != 7 {
		t.Errorf("got %+v", v)
	}
	if p.Values[1].Type != "as before" || p.Values[2].Value != "3" {
		t.Errorf("got %+v", p.Values)
	}
	must(t, "inspect", found[0])
	text := must(t, "inspect", dir)
	for _, want := range []string{"deltas", "operator.0.train", "every part verified"} {
		if !strings.Contains(text, want) {
			t.Errorf("want %q in\n%s", want, text)
		}
	}
	if all := listed(t, dir); newest(all).Deltas != 1 || newest(all).Delta == 0 {
		t.Errorf("got %+v", all)
	}
}
