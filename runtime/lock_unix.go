//go:build unix

package runtime

import (
	"os"
	"path/filepath"

	"golang.org/x/sys/unix"

	"github.com/sluice-stream/sluice/flow"
)

// lockDir keeps a second run away from the same checkpoints. The lock goes with the process, however it ends.
func lockDir(dir string) (unlock func(), err error) {
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return nil, flow.Disk("cannot write to", dir, err)
	}
	f, err := os.OpenFile(filepath.Join(dir, "lock"), os.O_CREATE|os.O_RDWR, 0o644)
	if err != nil {
		return nil, flow.Disk("cannot write to", dir, err)
	}
	if err := unix.Flock(int(f.Fd()), unix.LOCK_EX|unix.LOCK_NB); err != nil {
		f.Close()
		return nil, flow.Configf("%s: another run uses these checkpoints; stop it, or choose another checkpoint path", dir)
	}
	return func() { f.Close() }, nil
}
