package state

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"slices"
	"strings"

	"github.com/sluice-stream/sluice/internal/vfs"
)

// Publish makes the checkpoint exist: its manifest appears, whole. Later captures compare with it. It fails with
// ErrTaken when a checkpoint of that number is there, be it the same, that another run has written, and when another
// run has claimed the place.
func (s *Store) Publish(m *Manifest) error {
	if err := s.stillOurs(); err != nil {
		return err
	}
	m.Format, m.Run = FormatVersion, s.run
	b, err := m.encode()
	if err != nil {
		return err
	}
	path := s.manifestPath(m.Checkpoint)
	if err := vfs.PutNew(s.fs, path, b); errors.Is(err, fs.ErrExist) {
		// the answer to our own writing may have been lost
		if old, rerr := s.fs.ReadFile(path); rerr != nil || !bytes.Equal(old, b) {
			return fmt.Errorf("%s: %w checkpoint %d here; give every pipeline a checkpoint path of its own, and run it once", s.dir, ErrTaken, m.Checkpoint)
		}
	} else if err != nil {
		return err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.images = map[string]*image{}
	for _, p := range m.Parts {
		if w := s.pending[p.Name]; w != nil && w.part.Content == p.Content && slices.Equal(w.part.Files(), p.Files()) {
			s.images[p.Name] = w
		}
	}
	s.pending = map[string]*image{}
	return nil
}

// Replace puts m in the place of the checkpoint that has its number, at once. Nothing may run on that checkpoint.
func (s *Store) Replace(m *Manifest) error {
	m.Format, m.Run = FormatVersion, s.run
	b, err := m.encode()
	if err != nil {
		return err
	}
	return vfs.Write(s.fs, s.manifestPath(m.Checkpoint), func(w io.Writer) error {
		_, err := w.Write(b)
		return err
	})
}

// StateHash is one hash of the parts whose names begin with prefix, in order.
func StateHash(parts []Part, prefix string) string {
	var b strings.Builder
	for _, p := range parts {
		if strings.HasPrefix(p.Name, prefix) {
			b.WriteString(p.Name + " " + p.Content + "\n")
		}
	}
	return hashOf([]byte(b.String()))[:16]
}
