package flow

import (
	"errors"
	"fmt"
	"slices"
	"syscall"

	"github.com/sluice-stream/sluice/internal/state"
	"github.com/sluice-stream/sluice/internal/vfs"
)

// Disk says what could not be done to which path, and gives an error of the file system its class: a full disk and
// a store that cannot be reached may pass, a folder that cannot be written to, or that another run writes to, is a
// matter of settings, all others have none.
func Disk(what, path string, err error) error {
	is := func(targets ...error) bool {
		return slices.ContainsFunc(targets, func(t error) bool { return errors.Is(err, t) })
	}
	switch {
	case is(syscall.ENOSPC, syscall.EDQUOT):
		return Transientf("%s %s: the disk is full: free some space or give another path, then run again; it continues from the last checkpoint: %w",
			what, path, err)
	case is(state.ErrTaken):
		return Configf("%s %s: %w: two runs must not share a place; stop one of them, or give it another path", what, path, err)
	case is(vfs.ErrUnreachable):
		return Transientf("%s %s: %w; run again when it can be reached; it continues from the last checkpoint", what, path, err)
	case is(syscall.EACCES, syscall.EPERM, syscall.EROFS, syscall.ENOTDIR, syscall.ENAMETOOLONG):
		return Configf("%s %s: want a folder that can be written to: %w; change path or its permissions", what, path, err)
	}
	return fmt.Errorf("%s %s: %w", what, path, err)
}
