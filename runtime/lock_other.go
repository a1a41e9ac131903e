//go:build !unix

package runtime

import (
	"os"

	"github.com/sluice-stream/sluice/flow"
)

// lockDir makes the folder; this system has no lock that goes with the process.
func lockDir(dir string) (unlock func(), err error) {
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return nil, flow.Disk("cannot write to", dir, err)
	}
	return func() {}, nil
}
