package state

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"path/filepath"
	"slices"
	"strings"

	"github.com/sluice-stream/sluice/internal/vfs"
)

// Checkpoint is one loaded checkpoint.
type Checkpoint struct {
	*Manifest
	store *Store
	files map[string][][]byte // of each part, until it is restored
}

// Open reads the newest checkpoint of dir, a local path or the URL of an object store. It fails when there is none.
func Open(dir string) (*Checkpoint, error) {
	f, at, err := vfs.Open(dir)
	if err != nil {
		return nil, err
	}
	c, err := NewStore(f, at, 1).Newest()
	if err == nil && c == nil {
		err = fmt.Errorf("%s: no checkpoint in this folder", dir)
	}
	return c, err
}

// Newest returns the newest checkpoint, nil when there is none.
func (s *Store) Newest() (*Checkpoint, error) {
	ids, err := s.List()
	if err != nil || len(ids) == 0 {
		return nil, err
	}
	return s.Load(ids[len(ids)-1])
}

// Manifest reads and checks the manifest of checkpoint id, and no part.
func (s *Store) Manifest(id uint64) (*Manifest, error) {
	path := s.manifestPath(id)
	b, err := s.fs.ReadFile(path)
	if err != nil {
		return nil, err
	}
	m, err := decodeManifest(b, id)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	return m, nil
}

// Load reads checkpoint id and checks the hash of every file. What the files of a part say together is checked by
// Restore and Verify.
func (s *Store) Load(id uint64) (*Checkpoint, error) {
	m, err := s.Manifest(id)
	if err != nil {
		return nil, err
	}
	c := &Checkpoint{Manifest: m, store: s, files: map[string][][]byte{}}
	for _, p := range m.Parts {
		if c.files[p.Name], err = s.readFiles(p); err != nil {
			return nil, advised(err, id)
		}
	}
	return c, nil
}

// readFiles reads the files of a part and checks their hashes.
func (s *Store) readFiles(p Part) ([][]byte, error) {
	var out [][]byte
	for _, f := range p.Files() {
		path := filepath.Join(s.dir, f.File)
		b, err := s.fs.ReadFile(path)
		if errors.Is(err, fs.ErrNotExist) {
			return nil, fmt.Errorf("%s: %w: the file is missing", path, ErrCorrupt)
		}
		if err != nil {
			return nil, err
		}
		if got := hashOf(b); got != f.Hash {
			return nil, fmt.Errorf("%s: %w: its hash is %s, want %s", path, ErrCorrupt, got, f.Hash)
		}
		out = append(out, b)
	}
	return out, nil
}

func advice(id uint64) string {
	return fmt.Sprintf("remove %s to go on from the checkpoint before it, or start over with --fresh", manifestName(id))
}

// advised adds to damage what can be done about it.
func advised(err error, id uint64) error {
	if errors.Is(err, ErrCorrupt) {
		return fmt.Errorf("%w; %s", err, advice(id))
	}
	return err
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
func (c *Checkpoint) Has(name string) bool { return slices.Contains(c.Names(), name) }

// Restore restores a component from the part called name. What it captures next is compared with that part. Of a
// forked checkpoint that has no such part it leaves the component as it is.
func (c *Checkpoint) Restore(name string, into Stateful) error {
	at := slices.Index(c.Names(), name)
	if at < 0 && c.Forked != "" {
		return nil // it was left behind: into starts anew
	}
	if at < 0 {
		return fmt.Errorf("%w: checkpoint %d has no part %s; it holds %s", ErrCorrupt, c.Checkpoint, name, strings.Join(c.Names(), ", "))
	}
	p := c.Parts[at]
	values, _, err := c.values(p)
	if err == nil {
		err = restore(values, into)
	}
	if err != nil {
		return fmt.Errorf("checkpoint %d, part %s: %w", c.Checkpoint, name, err)
	}
	return nil
}

// values returns the values of a part once its content is found right, and the part with its content. The bytes of
// its files are let go.
func (c *Checkpoint) values(p Part) ([]value, Part, error) {
	files := c.files[p.Name]
	delete(c.files, p.Name)
	if files == nil {
		var err error
		if files, err = c.store.readFiles(p); err != nil {
			return nil, p, advised(err, c.Checkpoint)
		}
	}
	values, err := assemble(p, files)
	if err != nil {
		return nil, p, advised(err, c.Checkpoint)
	}
	of := hashBlocks(values)
	content := contentHash(values, of)
	if p.Content != "" && p.Content != content {
		return nil, p, fmt.Errorf("%w: its content is %s, want %s; %s", ErrCorrupt, content, p.Content, advice(c.Checkpoint))
	}
	p.Content = content
	c.store.mu.Lock()
	c.store.images[p.Name] = imageOf(p, values, of)
	c.store.mu.Unlock()
	return values, p, nil
}

// Verify checks the content of every part, as a restore would, and returns the parts. Those of version 1, which does
// not name the content, have it now.
func (c *Checkpoint) Verify() ([]Part, error) {
	parts := slices.Clone(c.Parts)
	for i, p := range parts {
		var err error
		if _, parts[i], err = c.values(p); err != nil {
			return nil, fmt.Errorf("checkpoint %d, part %s: %w", c.Checkpoint, p.Name, err)
		}
	}
	return parts, nil
}

// Adopt copies the files of parts of c, which lies elsewhere, into s. They belong to no checkpoint yet: Publish
// one that names them.
func (s *Store) Adopt(c *Checkpoint, parts []Part) error {
	s.files.Lock()
	defer s.files.Unlock()
	for _, p := range parts {
		files, err := c.store.readFiles(p)
		if err != nil {
			return advised(err, c.Checkpoint)
		}
		for i, f := range p.Files() {
			err := vfs.Write(s.fs, filepath.Join(s.dir, f.File), func(w io.Writer) error {
				_, err := w.Write(files[i])
				return err
			})
			if err != nil {
				return err
			}
		}
	}
	return nil
}
