package state

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"
	"slices"
	"strings"

	"github.com/sluice-stream/sluice/internal/vfs"
)

// Store is a folder of checkpoints:
//
//	manifest-00000012.json    one for each checkpoint that is kept
//	parts/NAME-HASH.arrow     named after their content, shared by checkpoints that did not change them
type Store struct {
	fs   vfs.FS
	dir  string
	keep int
}

// NewStore returns the store in dir that keeps the newest `keep` checkpoints.
func NewStore(fs vfs.FS, dir string, keep int) *Store {
	return &Store{fs: fs, dir: dir, keep: max(keep, 1)}
}

// Put writes the state of c as the part called name, durably, and returns its description.
func (s *Store) Put(name string, c Stateful) (Part, error) {
	var buf bytes.Buffer
	if err := WritePart(&buf, c); err != nil {
		return Part{}, fmt.Errorf("checkpoint part %s: %w", name, err)
	}
	return s.PutBytes(name, buf.Bytes())
}

// Describe encodes the state of c and describes the part it would be, without writing it.
func Describe(name string, c Stateful) (Part, error) {
	var buf bytes.Buffer
	if err := WritePart(&buf, c); err != nil {
		return Part{}, fmt.Errorf("state of %s: %w", name, err)
	}
	return partOf(name, buf.Bytes()), nil
}

func partOf(name string, b []byte) Part {
	hash := hashOf(b)
	return Part{Name: name, File: fmt.Sprintf("parts/%s-%s.arrow", name, hash[:16]), Bytes: int64(len(b)), Hash: hash}
}

// PutBytes writes an encoded part.
func (s *Store) PutBytes(name string, b []byte) (Part, error) {
	p := partOf(name, b)
	path := filepath.Join(s.dir, p.File)
	if old, err := s.fs.ReadFile(path); err == nil && bytes.Equal(old, b) {
		return p, nil // an earlier checkpoint holds the same state
	}
	tmp := path + ".tmp"
	if err := s.write(tmp, b); err != nil {
		return Part{}, err
	}
	return p, s.fs.Rename(tmp, path)
}

func (s *Store) write(path string, b []byte) error {
	f, err := s.fs.Create(path)
	if err != nil {
		return err
	}
	if _, err := f.Write(b); err != nil {
		f.Close()
		return err
	}
	if err := f.Sync(); err != nil {
		f.Close()
		return err
	}
	return f.Close()
}

// Publish makes the checkpoint exist: its manifest is renamed into place.
func (s *Store) Publish(m *Manifest) error {
	m.Format = FormatVersion
	b, err := m.encode()
	if err != nil {
		return err
	}
	path := s.manifestPath(m.Checkpoint)
	if err := s.write(path+".tmp", b); err != nil {
		return err
	}
	return s.fs.Rename(path+".tmp", path)
}

func (s *Store) manifestPath(id uint64) string {
	return filepath.Join(s.dir, fmt.Sprintf("manifest-%08d.json", id))
}

// List returns the ids of the checkpoints, oldest first.
func (s *Store) List() ([]uint64, error) {
	ents, err := s.fs.ReadDir(s.dir)
	if err != nil {
		return nil, err
	}
	var ids []uint64
	for _, e := range ents {
		var id uint64
		if n, _ := fmt.Sscanf(e.Name(), "manifest-%d.json", &id); n == 1 && strings.HasSuffix(e.Name(), ".json") {
			ids = append(ids, id)
		}
	}
	slices.Sort(ids)
	return ids, nil
}

// Newest returns the newest checkpoint, nil when there is none.
func (s *Store) Newest() (*Checkpoint, error) {
	ids, err := s.List()
	if err != nil || len(ids) == 0 {
		return nil, err
	}
	return s.Load(ids[len(ids)-1])
}

// Load reads checkpoint id and checks the hash of every part.
func (s *Store) Load(id uint64) (*Checkpoint, error) {
	path := s.manifestPath(id)
	b, err := s.fs.ReadFile(path)
	if err != nil {
		return nil, err
	}
	m, err := decodeManifest(b, id)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	c := &Checkpoint{Manifest: m, parts: map[string][]byte{}}
	for _, p := range m.Parts {
		path := filepath.Join(s.dir, p.File)
		b, err := s.fs.ReadFile(path)
		if errors.Is(err, fs.ErrNotExist) {
			return nil, fmt.Errorf("%s: %w: the file is missing; %s", path, ErrCorrupt, advice(id))
		}
		if err != nil {
			return nil, err
		}
		if got := hashOf(b); got != p.Hash {
			return nil, fmt.Errorf("%s: %w: its hash is %s, want %s; %s", path, ErrCorrupt, got, p.Hash, advice(id))
		}
		c.parts[p.Name] = b
	}
	return c, nil
}

func advice(id uint64) string {
	return fmt.Sprintf("remove manifest-%08d.json to go on from the checkpoint before it, or start over with --fresh", id)
}

// Sweep removes checkpoints older than those that are kept, and parts that none of them names.
func (s *Store) Sweep() error {
	ids, err := s.List()
	if err != nil {
		return err
	}
	for _, id := range ids[:max(0, len(ids)-s.keep)] {
		if err := s.fs.Remove(s.manifestPath(id)); err != nil {
			return err
		}
	}
	return s.sweepParts(ids[max(0, len(ids)-s.keep):])
}

func (s *Store) sweepParts(ids []uint64) error {
	used := map[string]bool{}
	for _, id := range ids {
		b, err := s.fs.ReadFile(s.manifestPath(id))
		if err != nil {
			return err
		}
		m, err := decodeManifest(b, id)
		if err != nil {
			return nil // a manifest that cannot be read may name any part: remove none
		}
		for _, p := range m.Parts {
			used[filepath.Base(p.File)] = true
		}
	}
	dir := filepath.Join(s.dir, "parts")
	ents, err := s.fs.ReadDir(dir)
	if err != nil {
		return err
	}
	for _, e := range ents {
		if !used[e.Name()] {
			if err := s.fs.Remove(filepath.Join(dir, e.Name())); err != nil {
				return err
			}
		}
	}
	return nil
}

// Clear removes every checkpoint, and nothing else that may be in the folder.
func (s *Store) Clear() error {
	ids, err := s.List()
	if err != nil {
		return err
	}
	for _, id := range ids {
		if err := s.fs.Remove(s.manifestPath(id)); err != nil {
			return err
		}
	}
	return s.fs.RemoveAll(filepath.Join(s.dir, "parts"))
}

// Checkpoint is one loaded checkpoint.
type Checkpoint struct {
	*Manifest
	parts map[string][]byte
}

// Open reads the newest checkpoint of dir. It fails when there is none.
func Open(dir string) (*Checkpoint, error) {
	c, err := NewStore(vfs.OS{}, dir, 1).Newest()
	if err == nil && c == nil {
		err = fmt.Errorf("%s: no checkpoint in this folder", dir)
	}
	return c, err
}

// Names returns the names of the parts in the order of the pipeline.
func (c *Checkpoint) Names() []string {
	out := make([]string, len(c.Parts))
	for i, p := range c.Parts {
		out[i] = p.Name
	}
	return out
}

// Has says whether the checkpoint holds the part.
func (c *Checkpoint) Has(name string) bool { return c.parts[name] != nil }

// Restore restores a component from the part called name.
func (c *Checkpoint) Restore(name string, into Stateful) error {
	b, ok := c.parts[name]
	if !ok {
		return fmt.Errorf("%w: checkpoint %d has no part %s; it holds %s", ErrCorrupt, c.Checkpoint, name, strings.Join(c.Names(), ", "))
	}
	if err := ReadPart(b, into); err != nil {
		return fmt.Errorf("checkpoint %d, part %s: %w", c.Checkpoint, name, err)
	}
	return nil
}

// StateHash is one hash of the parts whose names begin with prefix, in order.
func StateHash(parts []Part, prefix string) string {
	var b strings.Builder
	for _, p := range parts {
		if strings.HasPrefix(p.Name, prefix) {
			b.WriteString(p.Name + " " + p.Hash + "\n")
		}
	}
	return hashOf([]byte(b.String()))[:16]
}
