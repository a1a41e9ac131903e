package sim

import (
	"errors"
	"io/fs"
	"strings"
	"syscall"

	"github.com/sluice-stream/sluice/internal/vfs"
)

// Disk is the disk as one process sees it: each operation is a step of it. What a crash leaves is in the
// vfs.Mem below, which outlives the process.
type Disk struct {
	vfs.FS // below
	p      *Process
	root   string  // left out of the names of steps
	room   int64   // bytes that can still be written; negative: no limit
	lucky  float64 // how often a write is on the disk before anyone asked for it
}

// NewDisk returns the disk of p on top of under. Names of steps leave out the folder root, so that a trace does not
// depend on it.
func NewDisk(under vfs.FS, p *Process, root string) *Disk {
	return &Disk{FS: under, p: p, root: root, room: -1, lucky: []float64{0, 0, 0.3}[p.Draw(3)]}
}

// FullAfter lets n more bytes be written before the disk is full.
func (d *Disk) FullAfter(n int64) { d.room = n }

// step waits for the turn of an operation. Dying it happens as a whole or not at all: its caller never knows.
func (d *Disk) step(op, path string, f func() error) error {
	switch d.p.Step(op + " " + strings.TrimPrefix(path, d.root)) {
	case Dead:
		return ErrCrashed
	case Dying:
		if d.p.Draw(2) == 0 {
			_ = f() // its answer is lost
		}
		return ErrCrashed
	}
	return f()
}

// Create makes a file.
func (d *Disk) Create(path string) (f vfs.File, err error) {
	err = d.step("create", path, func() (err error) {
		f, err = d.FS.Create(path)
		return err
	})
	if err != nil {
		return nil, err
	}
	return &diskFile{File: f, d: d, path: path}, nil
}

// ReadFile reads a whole file.
func (d *Disk) ReadFile(path string) (b []byte, err error) {
	err = d.step("read", path, func() (err error) {
		b, err = d.FS.ReadFile(path)
		return err
	})
	return b, err
}

// ReadDir lists a folder.
func (d *Disk) ReadDir(path string) (ents []fs.DirEntry, err error) {
	err = d.step("list", path, func() (err error) {
		ents, err = d.FS.ReadDir(path)
		return err
	})
	return ents, err
}

// Rename moves a file.
func (d *Disk) Rename(from, to string) error {
	return d.step("rename to", to, func() error { return d.FS.Rename(from, to) })
}

// Remove deletes a file or an empty folder.
func (d *Disk) Remove(path string) error {
	return d.step("remove", path, func() error { return d.FS.Remove(path) })
}

// RemoveAll deletes a folder with all it holds.
func (d *Disk) RemoveAll(path string) error {
	return d.step("remove all of", path, func() error { return d.FS.RemoveAll(path) })
}

type diskFile struct {
	vfs.File
	d    *Disk
	path string
}

// Write writes p, or a part of it when the crash falls into it or the disk is full.
func (f *diskFile) Write(p []byte) (n int, err error) {
	switch f.d.p.Step("write " + strings.TrimPrefix(f.path, f.d.root)) {
	case Dead:
		return 0, ErrCrashed
	case Dying:
		_, _ = f.File.Write(p[:f.d.p.Draw(len(p)+1)])
		return 0, ErrCrashed
	}
	n = len(p)
	if f.d.room >= 0 {
		n = int(min(int64(n), f.d.room))
		f.d.room -= int64(n)
	}
	w, err := f.File.Write(p[:n])
	if err == nil && n < len(p) {
		err = &fs.PathError{Op: "write", Path: f.path, Err: syscall.ENOSPC}
	}
	if float64(f.d.p.Draw(1000)) < 1000*f.d.lucky {
		err = errors.Join(err, f.File.Sync())
	}
	return w, err
}

// Sync makes the content durable.
func (f *diskFile) Sync() error { return f.d.step("sync", f.path, f.File.Sync) }

// Close closes the file; it is no step, for nothing can be seen of it from outside.
func (f *diskFile) Close() error { return f.File.Close() }
