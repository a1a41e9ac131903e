package state

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"
	"time"

	"github.com/sluice-stream/sluice/internal/vfs"
)

// claim is what an owner object holds.
type claim struct {
	Run   string    `json:"run"`
	Since time.Time `json:"since"`
}

func ownerName(n uint64) string { return fmt.Sprintf("owner-%08d.json", n) }

// Claim takes an object store for this process: whoever had it before finds that out when it publishes next, and
// fails with ErrTaken. On a disk a lock does this, and Claim does nothing.
func (s *Store) Claim() error {
	if !vfs.Shared(s.fs) {
		return nil
	}
	b, err := json.Marshal(claim{s.run, time.Now().UTC()})
	if err != nil {
		return err
	}
	for n := uint64(0); ; {
		old, err := s.owners()
		if err != nil {
			return err
		}
		n++ // a store may list late what it holds
		if len(old) > 0 {
			n = max(n, old[len(old)-1]+1)
		}
		err = vfs.PutNew(s.fs, filepath.Join(s.dir, ownerName(n)), b)
		if errors.Is(err, fs.ErrExist) {
			continue // someone else was faster, or the answer was lost: the next number is as good
		}
		if err != nil {
			return err
		}
		s.owner = n
		for _, o := range old {
			if err := s.fs.Remove(filepath.Join(s.dir, ownerName(o))); err != nil {
				return err
			}
		}
		return nil
	}
}

// owners returns the numbers of the claims, the newest last.
func (s *Store) owners() ([]uint64, error) {
	ents, err := s.fs.ReadDir(s.dir)
	if err != nil {
		return nil, err
	}
	var out []uint64
	for _, e := range ents { // sorted by name, and so by number
		var n uint64
		if got, _ := fmt.Sscanf(e.Name(), "owner-%d.json", &n); got == 1 && e.Name() == ownerName(n) {
			out = append(out, n)
		}
	}
	return out, nil
}

// stillOurs fails with ErrTaken when another run has claimed the place since.
func (s *Store) stillOurs() error {
	if s.owner == 0 {
		return nil
	}
	all, err := s.owners()
	if err != nil {
		return err
	}
	if len(all) == 0 || all[len(all)-1] != s.owner {
		return fmt.Errorf("%s: %w here since: it goes on from the checkpoints of this one", s.dir, ErrTaken)
	}
	return nil
}
