// Package vfs is the file system that sinks and checkpoints write to: the real one, one in memory, one that fails on
// purpose, or, with package bucket, an object store. Only what a two-phase write needs is here.
package vfs

import (
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"syscall"
)

// File is a file being written.
type File interface {
	io.WriteCloser
	Sync() error // the content and the name survive a power cut when it returns
}

// FS writes, renames and lists. Paths are those of the operating system.
type FS interface {
	Create(path string) (File, error) // makes parent folders
	ReadFile(path string) ([]byte, error)
	Rename(from, to string) error // atomic, makes parent folders; durable when it returns
	Remove(path string) error     // a file or an empty folder; no error when absent; durable when it returns
	RemoveAll(path string) error
	ReadDir(path string) ([]fs.DirEntry, error) // sorted by name, nil when absent
}

// ErrUnreachable marks what an object store could not do for a reason that may pass.
var ErrUnreachable = errors.New("the object store did not do it")

// OS is the real file system.
type OS struct{}

// Create opens path for writing, empty.
func (OS) Create(path string) (File, error) {
	if err := MakeDir(filepath.Dir(path)); err != nil {
		return nil, err
	}
	f, err := os.Create(path)
	if err != nil {
		return nil, err
	}
	return osFile{f}, nil
}

// osFile syncs its folder too: a synced file whose name was never written is lost in a power cut.
type osFile struct{ *os.File }

func (f osFile) Sync() error {
	if err := f.File.Sync(); err != nil {
		return err
	}
	return syncDir(filepath.Dir(f.Name()))
}

// ReadFile reads a whole file.
func (OS) ReadFile(path string) ([]byte, error) { return os.ReadFile(path) }

// Rename moves a file and syncs both folders, so that a power cut does not undo it.
func (OS) Rename(from, to string) error {
	if err := MakeDir(filepath.Dir(to)); err != nil {
		return err
	}
	if err := os.Rename(from, to); err != nil {
		return err
	}
	if err := syncDir(filepath.Dir(to)); err != nil {
		return err
	}
	return syncDir(filepath.Dir(from))
}

// Remove deletes a file or an empty folder, and syncs its folder so that it does not come back.
func (OS) Remove(path string) error {
	err := os.Remove(path)
	if os.IsNotExist(err) {
		return nil
	}
	if err != nil {
		return err
	}
	return syncDir(filepath.Dir(path))
}

// RemoveAll deletes a folder with all it holds.
func (OS) RemoveAll(path string) error { return os.RemoveAll(path) }

// ReadDir lists a folder, sorted by name.
func (OS) ReadDir(path string) ([]fs.DirEntry, error) {
	ents, err := os.ReadDir(path)
	if os.IsNotExist(err) {
		return nil, nil
	}
	return ents, err
}

// MakeDir makes a folder and its parents on the real disk, and syncs the parent of each one that is new.
func MakeDir(dir string) error {
	if info, err := os.Stat(dir); err == nil {
		if info.IsDir() {
			return nil
		}
		return &fs.PathError{Op: "mkdir", Path: dir, Err: syscall.ENOTDIR}
	}
	parent := filepath.Dir(dir)
	if parent != dir {
		if err := MakeDir(parent); err != nil {
			return err
		}
	}
	if err := os.Mkdir(dir, 0o755); err != nil {
		if info, serr := os.Stat(dir); serr == nil && info.IsDir() {
			return nil // someone else made it meanwhile
		}
		return err
	}
	return syncDir(parent)
}

func syncDir(dir string) error {
	if runtime.GOOS == "windows" { // where a folder cannot be synced
		return nil
	}
	d, err := os.Open(dir)
	if err != nil {
		return err
	}
	defer d.Close()
	return d.Sync()
}
