//go:build !unix

package runtime

import (
	"github.com/sluice-stream/sluice/flow"
	"github.com/sluice-stream/sluice/internal/vfs"
)

// lockDir makes the folder; this system has no lock that goes with the process.
func lockDir(dir string) (unlock func(), err error) {
	if err := vfs.MakeDir(dir); err != nil {
		return nil, flow.Disk("cannot write to", dir, err)
	}
	return func() {}, nil
}

// lockFolder makes the folder of a sink.
func lockFolder(dir string) (unlock func(), err error) { return lockDir(dir) }
