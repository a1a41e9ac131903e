package sinks

import (
	"errors"
	"fmt"
	"syscall"

	"github.com/sluice-stream/sluice/flow"
)

// fail says what could not be done to which path, and gives the error the class that its cause has.
func (s *staging) fail(what, path string, err error) error {
	switch {
	case errors.Is(err, syscall.ENOSPC), errors.Is(err, syscall.EDQUOT):
		return flow.Transientf("%s %s: the disk is full: free some space or give another path, then run again; it continues from the last checkpoint: %w",
			what, path, err)
	case isAny(err, syscall.EACCES, syscall.EPERM, syscall.EROFS, syscall.ENOTDIR, syscall.ENAMETOOLONG):
		return flow.Configf("%s %s: want a folder that can be written to: %w; change path or its permissions", what, path, err)
	default:
		return fmt.Errorf("%s %s: %w", what, path, err)
	}
}

func isAny(err error, targets ...error) bool {
	for _, t := range targets {
		if errors.Is(err, t) {
			return true
		}
	}
	return false
}
