//go:build unix

package runtime

import (
	"errors"
	"os"
	"path/filepath"

	"golang.org/x/sys/unix"

	"github.com/sluice-stream/sluice/flow"
	"github.com/sluice-stream/sluice/internal/vfs"
)

// lockDir keeps a second run away from the same checkpoints. The lock goes with the process, however it ends.
func lockDir(dir string) (unlock func(), err error) {
	if err := vfs.MakeDir(dir); err != nil {
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

// lockFolder makes the folder of a sink and locks it itself, so that no file of ours stands among those of the user.
func lockFolder(dir string) (unlock func(), err error) {
	if err := vfs.MakeDir(dir); err != nil {
		return nil, flow.Disk("cannot write to", dir, err)
	}
	f, err := os.Open(dir)
	if err != nil {
		return nil, flow.Disk("cannot write to", dir, err)
	}
	if err := unix.Flock(int(f.Fd()), unix.LOCK_EX|unix.LOCK_NB); errors.Is(err, unix.EWOULDBLOCK) {
		f.Close()
		return nil, flow.Configf("%s: another run writes to this folder; stop it, or choose another path", dir)
	}
	return func() { f.Close() }, nil // some network file systems lock no folders: there the checkpoints' lock must do
}
