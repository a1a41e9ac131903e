package sim_test

import (
	"context"
	"errors"
	"path/filepath"
	"strings"
	"testing"

	"github.com/sluice-stream/sluice/flow"
	"github.com/sluice-stream/sluice/internal/vfs"
	"github.com/sluice-stream/sluice/operators"
)

// TestBrokenVariantsAreCaught is the test of the test: each way to break the promise is noticed within a few seeds.
func TestBrokenVariantsAreCaught(t *testing.T) {
	const most = 100
	for name, breaks := range map[string]func(*world){
		"visible before the checkpoint":   func(w *world) { w.edit("sinks:\n  - ", "sinks:\n  - early: {of: {", "\n", "}}\n") },
		"offsets one message ahead":       func(w *world) { w.edit("source: sim", "source: {skewed: {by: 1}}", "", "") },
		"offsets one message behind":      func(w *world) { w.edit("source: sim", "source: {skewed: {by: -1}}", "", "") },
		"sync does nothing":               func(w *world) { w.fault.disk = func(d vfs.FS) vfs.FS { return unsynced{d} } },
		"renamed before it is synced":     func(w *world) { w.fault.disk = func(d vfs.FS) vfs.FS { return &late{FS: d} } },
		"renames that a power cut undoes": renamesUndone,
		"a sweep that takes too much":     func(w *world) { w.fault.disk = func(d vfs.FS) vfs.FS { return greedy{d} } },
		"forgets weights":                 forgets("value"),
		"forgets moments":                 forgets("slot_"),
		"forgets a counter":               forgets("trained"),
	} {
		t.Run(name, func(t *testing.T) {
			root, model := t.TempDir(), trained(t)
			for seed := range uint64(most) {
				if w, err := play(t, seed, nil, root, model, breaks); err != nil {
					t.Logf("noticed at seed %d, after %d crashes: %v", seed, w.deaths, err)
					if strings.HasPrefix(err.Error(), "undisturbed") {
						t.Error("want it noticed by a crash only")
					}
					return
				}
			}
			t.Errorf("not noticed in %d seeds", most)
		})
	}
}

// edit replaces old by start in the pipeline file, and the next upTo behind it by end.
func (w *world) edit(old, start, upTo, end string) {
	before, after, ok := strings.Cut(w.text, old)
	if !ok {
		return
	}
	if upTo != "" {
		after = strings.Replace(after, upTo, end, 1)
	}
	w.text = before + start + after
}

func forgets(name string) func(*world) {
	return func(w *world) { w.edit("- train: {", "- forgetful: {forgets: "+name+", of: {", "\n", "}\n") }
}

func init() {
	flow.Register(flow.Sinks, flow.Entry[earlyConfig, flow.Sink]{
		Name: "early", Build: func(c earlyConfig) (flow.Sink, error) {
			s, err := c.Of.Build()
			return early{s}, err
		},
	})
	flow.Register(flow.Sources, flow.Entry[skewedConfig, flow.Source]{
		Name: "skewed", Build: func(c skewedConfig) (flow.Source, error) { return &skewed{&source{}, c.By}, nil },
	})
	flow.Register(flow.Operators, flow.Entry[forgetfulConfig, flow.Operator]{
		Name: "forgetful", Default: forgetfulConfig{Of: operators.DefaultTrain()}, Build: func(c forgetfulConfig) (flow.Operator, error) {
			o, err := operators.NewTrain(c.Of)
			return &forgetful{o, c.Forgets}, err
		},
	})
}

type earlyConfig struct {
	Of flow.Choice[flow.Sink] `yaml:"of" doc:"sink"`
}

// early makes rows visible as soon as they are durable, whether or not the checkpoint comes to exist.
type early struct{ flow.Sink }

func (e early) Open(ctx context.Context, env flow.Env) error {
	return e.Sink.(flow.Opener).Open(ctx, env)
}
func (e early) Prepare(ctx context.Context, id flow.CheckpointID) error {
	return errors.Join(e.Sink.Prepare(ctx, id), e.Commit(ctx, id))
}

type skewedConfig struct {
	By int `yaml:"by" doc:"messages"`
}

// skewed saves a position that lies by messages ahead of where it stands.
type skewed struct {
	*source
	by int
}

func (s *skewed) Walk(v flow.Visitor) {
	if v.Restoring() || s.w == nil {
		s.source.Walk(v)
		return
	}
	moved := *s.source
	moved.next = append([]int64{}, s.next...)
	switch p, ok := s.w.broker.At(s.at); {
	case s.by > 0 && ok:
		moved.next[p]++
		moved.at, moved.row = s.at+1, 0
	case s.by < 0 && s.at > 0:
		p, _ = s.w.broker.At(s.at - 1)
		moved.next[p]--
		moved.at, moved.row = s.at-1, 0
	}
	moved.Walk(v)
}

type forgetfulConfig struct {
	Forgets string                `yaml:"forgets" doc:"how the names of the values begin"`
	Of      operators.TrainConfig `yaml:"of" doc:"settings of train"`
}

// forgetful is a trainer that forgets some of its values in its walk.
type forgetful struct {
	*operators.Train
	name string
}

func (f *forgetful) Walk(v flow.Visitor) { f.Train.Walk(without{v, f.name}) }

type without struct {
	flow.Visitor
	name string
}

func (w without) Scope(name string) flow.Visitor { return without{w.Visitor.Scope(name), w.name} }
func (w without) Visit(name string, ptr any) {
	if !strings.HasPrefix(name, w.name) {
		w.Visitor.Visit(name, ptr)
	}
}

// unsynced is a disk on which nobody syncs.
type unsynced struct{ vfs.FS }

type unsyncedFile struct{ vfs.File }

func (unsyncedFile) Sync() error { return nil }

func (u unsynced) Create(path string) (vfs.File, error) {
	f, err := u.FS.Create(path)
	return unsyncedFile{f}, err
}

// late is a disk on which files are synced only after the next rename.
type late struct {
	vfs.FS
	owed []vfs.File
}

type lateFile struct {
	vfs.File
	l    *late
	owed bool
}

func (l *late) Create(path string) (vfs.File, error) {
	f, err := l.FS.Create(path)
	return &lateFile{File: f, l: l}, err
}

func (f *lateFile) Sync() error {
	f.l.owed, f.owed = append(f.l.owed, f.File), true
	return nil
}

func (f *lateFile) Close() error {
	if f.owed {
		return nil
	}
	return f.File.Close()
}

func (l *late) Rename(from, to string) error {
	err := l.FS.Rename(from, to)
	owed := l.owed
	l.owed = nil
	for _, f := range owed {
		err = errors.Join(err, f.Sync(), f.Close())
	}
	return err
}

// renamesUndone lets a power cut undo the renames since the last sync of anything.
func renamesUndone(w *world) {
	v := &volatile{}
	w.fault.disk = func(d vfs.FS) vfs.FS { *v = volatile{FS: d}; return v }
	w.fault.crashed = func() {
		for i := len(v.renames) - 1; i >= 0; i-- {
			_ = w.mem.Rename(v.renames[i][1], v.renames[i][0]) // what was removed since stays so
		}
	}
}

type volatile struct {
	vfs.FS
	renames [][2]string
}

type volatileFile struct {
	vfs.File
	v *volatile
}

func (v *volatile) Create(path string) (vfs.File, error) {
	f, err := v.FS.Create(path)
	return volatileFile{f, v}, err
}

func (v *volatile) Rename(from, to string) error {
	err := v.FS.Rename(from, to)
	if err == nil {
		v.renames = append(v.renames, [2]string{from, to})
	}
	return err
}

func (f volatileFile) Sync() error {
	err := f.File.Sync()
	if err == nil {
		f.v.renames = nil
	}
	return err
}

// greedy is a disk on which removing one part of a checkpoint removes the last one too.
type greedy struct{ vfs.FS }

func (g greedy) Remove(path string) error {
	err := g.FS.Remove(path)
	if dir := filepath.Dir(path); err == nil && filepath.Base(dir) == "parts" {
		ents, _ := g.FS.ReadDir(dir)
		if len(ents) > 0 {
			err = g.FS.Remove(filepath.Join(dir, ents[len(ents)-1].Name()))
		}
	}
	return err
}
