package state

import (
	"crypto/rand"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"path/filepath"
	"slices"
	"sync"
	"time"

	"github.com/sluice-stream/sluice/internal/vfs"
)

// ErrTaken says that a checkpoint of that number, of another run, is there already.
var ErrTaken = errors.New("another run has written")

// Store is a folder of checkpoints:
//
//	manifest-00000012.json    one for each checkpoint that is kept
//	owner-00000003.json       in an object store: the run that writes there is that of the highest number
//	parts/NAME-HASH.arrow     bases and deltas, named after their bytes, shared by the checkpoints that name them
//
// It is safe for concurrent use; at most one checkpoint is under way at a time.
type Store struct {
	fs    vfs.FS
	dir   string
	keep  int
	young time.Duration // files of parts that are younger are not swept
	run   string        // tells the manifests of this process from equal ones of another
	owner uint64        // number of the claim, 0 without one

	files sync.Mutex // held by who writes or removes part files

	mu      sync.Mutex
	images  map[string]*image // of the last published checkpoint, or of the one that was restored
	pending map[string]*image // written, not published
}

// another is how long a file in an object store may wait for the manifest that names it. There is no lock there: it
// may be that of another run, which is about to find out that it is the second.
const another = time.Hour

// NewStore returns the store in dir that keeps the newest `keep` checkpoints.
func NewStore(fs vfs.FS, dir string, keep int) *Store {
	s := &Store{fs: fs, dir: dir, keep: max(keep, 1), run: rand.Text(), images: map[string]*image{}, pending: map[string]*image{}}
	if vfs.Shared(fs) {
		s.young = another
	}
	return s
}

// published returns what the last published checkpoint holds of the part, nil for nothing.
func (s *Store) published(name string) *image {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.images[name]
}

func manifestName(id uint64) string { return fmt.Sprintf("manifest-%08d.json", id) }

func (s *Store) manifestPath(id uint64) string { return filepath.Join(s.dir, manifestName(id)) }

// List returns the ids of the checkpoints, oldest first.
func (s *Store) List() ([]uint64, error) {
	times, err := s.Times()
	return slices.Sorted(maps.Keys(times)), err
}

// Times returns when each checkpoint was published, by its id.
func (s *Store) Times() (map[uint64]time.Time, error) {
	ents, err := s.fs.ReadDir(s.dir)
	if err != nil {
		return nil, err
	}
	out := map[uint64]time.Time{}
	for _, e := range ents {
		var id uint64
		if n, _ := fmt.Sscanf(e.Name(), "manifest-%d.json", &id); n != 1 || e.Name() != manifestName(id) {
			continue
		}
		info, err := e.Info()
		if errors.Is(err, fs.ErrNotExist) {
			continue // swept meanwhile
		}
		if err != nil {
			return nil, err
		}
		out[id] = info.ModTime()
	}
	return out, nil
}

// Forget removes the checkpoints that are newer than id.
func (s *Store) Forget(id uint64) error {
	s.mu.Lock()
	clear(s.images) // what comes is not compared with what is gone
	clear(s.pending)
	s.mu.Unlock()
	return s.forget(func(n uint64) bool { return n > id })
}

// forget removes checkpoints, the newest first: what is left is always a row without a gap.
func (s *Store) forget(which func(id uint64) bool) error {
	ids, err := s.List()
	if err != nil {
		return err
	}
	for _, n := range slices.Backward(ids) {
		if !which(n) {
			continue
		}
		if err := s.fs.Remove(s.manifestPath(n)); err != nil {
			return err
		}
	}
	return nil
}

// Sweep removes checkpoints older than those that are kept, and parts that none of them names.
func (s *Store) Sweep() error {
	s.files.Lock()
	defer s.files.Unlock()
	ids, err := s.List()
	if err != nil {
		return err
	}
	old := max(0, len(ids)-s.keep)
	for _, id := range ids[:old] {
		if err := s.fs.Remove(s.manifestPath(id)); err != nil {
			return err
		}
	}
	return s.sweepParts(ids[old:])
}

func (s *Store) sweepParts(ids []uint64) error {
	used := s.unpublished()
	for _, id := range ids {
		m, err := s.Manifest(id)
		if errors.Is(err, ErrCorrupt) {
			return nil // a manifest that cannot be read may name any part: remove none
		}
		if err != nil {
			return err
		}
		for _, p := range m.Parts {
			used.add(p)
		}
	}
	dir := filepath.Join(s.dir, "parts")
	ents, err := s.fs.ReadDir(dir)
	if err != nil {
		return err
	}
	for _, e := range ents {
		if !used[e.Name()] && s.old(e) {
			if err := s.fs.Remove(filepath.Join(dir, e.Name())); err != nil {
				return err
			}
		}
	}
	return nil
}

// old says that a file that no manifest names may go.
func (s *Store) old(e fs.DirEntry) bool {
	if s.young == 0 {
		return true
	}
	info, err := e.Info()
	return err == nil && time.Since(info.ModTime()) > s.young
}

// names of files in the folder of the parts.
type names map[string]bool

func (n names) add(p Part) {
	for _, f := range p.Files() {
		n[filepath.Base(f.File)] = true
	}
}

// unpublished names the files of the checkpoint under way.
func (s *Store) unpublished() names {
	s.mu.Lock()
	defer s.mu.Unlock()
	out := names{}
	for _, m := range s.pending {
		out.add(m.part)
	}
	return out
}

// Clear removes every checkpoint, and nothing else that may be in the folder.
func (s *Store) Clear() error {
	s.files.Lock()
	defer s.files.Unlock()
	s.mu.Lock()
	s.images, s.pending = map[string]*image{}, map[string]*image{}
	s.mu.Unlock()
	if err := s.forget(func(uint64) bool { return true }); err != nil {
		return err
	}
	return s.fs.RemoveAll(filepath.Join(s.dir, "parts"))
}
