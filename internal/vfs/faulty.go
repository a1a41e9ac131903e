package vfs

import (
	"errors"
	"io/fs"
	"sync"
	"syscall"
)

// ErrCrashed is what every call returns once a Faulty file system has crashed.
var ErrCrashed = errors.New("simulated crash")

// Faulty wraps a file system and fails on purpose. Operations are the calls that change something: Create,
// Write, Sync, Close, Rename, Remove and RemoveAll, counted from 1; on an object store, the begin and the end of a
// whole file.
type Faulty struct {
	FS
	crashAt int
	mu      sync.Mutex
	ops     int
	room    int64 // bytes that can still be written; negative: no limit
}

// CrashAt returns a file system on which operation k fails, half done where that is possible, and every call
// after it too. k = 0 never crashes: it counts.
func CrashAt(under FS, k int) *Faulty { return &Faulty{FS: under, crashAt: k, room: -1} }

// FullAfter returns a file system on which writes fail with ENOSPC after n bytes.
func FullAfter(under FS, n int64) *Faulty { return &Faulty{FS: under, room: n} }

// Ops returns how many operations were made.
func (f *Faulty) Ops() int {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.ops
}

// Crashed says whether the crash has happened.
func (f *Faulty) Crashed() bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.crashAt > 0 && f.ops >= f.crashAt
}

// Free makes room for n more bytes, as one who cleans up the disk.
func (f *Faulty) Free(n int64) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.room += n
}

// step counts an operation; now says that the crash happens in it.
func (f *Faulty) step() (now bool, err error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.crashAt > 0 && f.ops >= f.crashAt {
		return false, ErrCrashed
	}
	f.ops++
	if f.ops == f.crashAt {
		return true, ErrCrashed
	}
	return false, nil
}

// take reserves up to n bytes and returns how many there were.
func (f *Faulty) take(n int) int {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.room < 0 {
		return n
	}
	got := int(min(int64(n), f.room))
	f.room -= int64(got)
	return got
}

// Create makes a file that can fail.
func (f *Faulty) Create(path string) (File, error) {
	if _, err := f.step(); err != nil {
		return nil, err
	}
	under, err := f.FS.Create(path)
	if err != nil {
		return nil, err
	}
	return &faultyFile{under, f}, nil
}

// ReadFile reads a whole file.
func (f *Faulty) ReadFile(path string) ([]byte, error) {
	if f.Crashed() {
		return nil, ErrCrashed
	}
	return f.FS.ReadFile(path)
}

// ReadDir lists a folder.
func (f *Faulty) ReadDir(path string) ([]fs.DirEntry, error) {
	if f.Crashed() {
		return nil, ErrCrashed
	}
	return f.FS.ReadDir(path)
}

// Rename moves a file.
func (f *Faulty) Rename(from, to string) error {
	if _, err := f.step(); err != nil {
		return err
	}
	return f.FS.Rename(from, to)
}

// Remove deletes a file or an empty folder.
func (f *Faulty) Remove(path string) error {
	if _, err := f.step(); err != nil {
		return err
	}
	return f.FS.Remove(path)
}

// RemoveAll deletes a folder with all it holds.
func (f *Faulty) RemoveAll(path string) error {
	if _, err := f.step(); err != nil {
		return err
	}
	return f.FS.RemoveAll(path)
}

type faultyFile struct {
	File
	fs *Faulty
}

func (f *faultyFile) Write(p []byte) (int, error) {
	now, err := f.fs.step()
	if now {
		n, _ := f.File.Write(p[:len(p)/2]) // torn
		return n, err
	}
	if err != nil {
		return 0, err
	}
	n := f.fs.take(len(p))
	w, err := f.File.Write(p[:n])
	if err == nil && n < len(p) {
		err = full()
	}
	return w, err
}

func full() error { return &fs.PathError{Op: "write", Path: "disk", Err: syscall.ENOSPC} }

func (f *faultyFile) Sync() error {
	if _, err := f.fs.step(); err != nil {
		return err
	}
	return f.File.Sync()
}

// Close closes the file below in any case, so that a test leaks no handle.
func (f *faultyFile) Close() error {
	_, err := f.fs.step()
	return errors.Join(err, f.File.Close())
}
