package runtime

import (
	"slices"

	"github.com/sluice-stream/sluice/flow"
	"github.com/sluice-stream/sluice/internal/state"
	"github.com/sluice-stream/sluice/internal/vfs"
)

// Lock takes the folder of a pipeline's checkpoints as a run does, and fails with class ErrConfig while one uses it.
func Lock(dir string) (unlock func(), err error) { return lockDir(dir) }

// lockSinks keeps other runs out of the folders of the sinks: a run begins by removing there what its checkpoints do
// not know. The file system of a test is its own.
func (g *graph) lockSinks(files vfs.FS) (unlock func(), err error) {
	if _, local := files.(vfs.OS); !local {
		return func() {}, nil
	}
	var held []func()
	unlock = func() {
		for _, free := range slices.Backward(held) {
			free()
		}
	}
	for i, s := range g.sinks() {
		p, ok := s.(flow.Placed)
		if !ok || p.Place() == "" {
			continue
		}
		free, err := lockFolder(p.Place())
		if err != nil {
			unlock()
			return nil, g.sinkError(i, err)
		}
		held = append(held, free)
	}
	return unlock, nil
}

// claim takes an object store away from a run that may still use it, before anything of that run is touched. It
// returns the newest checkpoint, which the other one may have written meanwhile.
func (r *run) claim(from *state.Checkpoint) (*state.Checkpoint, error) {
	if r.store == nil || from != nil && from.Final {
		return from, nil
	}
	if err := r.store.Claim(); err != nil {
		return nil, flow.Disk("cannot write a checkpoint to", r.Checkpoint.Path, err)
	}
	if r.opts.Fresh {
		return nil, nil
	}
	ids, err := r.store.List()
	if err != nil {
		return nil, r.unread(err)
	}
	if n := len(ids); n > 0 && (from == nil || ids[n-1] != from.Checkpoint) {
		return r.newest()
	}
	return from, nil
}
