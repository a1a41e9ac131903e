package vfs

import (
	"bytes"
	"errors"
	"io"
	"io/fs"
)

// Putter is a file system on which a file appears whole, and a rename would not be atomic.
type Putter interface {
	// Put makes what write writes the file at path, whole and durable when it returns. With fresh it fails with
	// fs.ErrExist when there is one.
	Put(path string, fresh bool, write func(io.Writer) error) error
}

// Shared says that f is an object store, where no lock keeps a second writer away.
func Shared(f FS) bool {
	if x, ok := f.(*Faulty); ok {
		return Shared(x.FS)
	}
	_, ok := f.(Putter)
	return ok
}

// Write makes what write writes the file at path: whole and durable when it returns, and not to be seen before.
// After an error the file is what it was.
func Write(f FS, path string, write func(io.Writer) error) error {
	if p, ok := f.(Putter); ok {
		return p.Put(path, false, write)
	}
	return replace(f, path, write)
}

// PutNew writes a small file as Write does, and fails with fs.ErrExist when there is one. On a local disk two
// processes may still get past each other: whoever writes there holds a lock.
func PutNew(f FS, path string, data []byte) error {
	write := func(w io.Writer) error {
		_, err := w.Write(data)
		return err
	}
	if p, ok := f.(Putter); ok {
		return p.Put(path, true, write)
	}
	return fresh(f, path, write)
}

func fresh(f FS, path string, write func(io.Writer) error) error {
	_, err := f.ReadFile(path)
	switch {
	case err == nil:
		return &fs.PathError{Op: "create", Path: path, Err: fs.ErrExist}
	case !errors.Is(err, fs.ErrNotExist):
		return err
	}
	return replace(f, path, write)
}

// replace writes beside path, syncs, closes and renames.
func replace(f FS, path string, write func(io.Writer) error) error {
	tmp := path + ".tmp"
	file, err := f.Create(tmp)
	if err != nil {
		return err
	}
	if err = write(file); err == nil {
		err = file.Sync()
	}
	if cerr := file.Close(); err == nil {
		err = cerr
	}
	if err == nil {
		err = f.Rename(tmp, path)
	}
	if err != nil {
		_ = f.Remove(tmp) // best effort: on a full disk it gives room back
	}
	return err
}

// Put crashes before the file is there, or, as the next operation, behind it: the answer was lost.
func (f *Faulty) Put(path string, isFresh bool, write func(io.Writer) error) error {
	p, ok := f.FS.(Putter)
	switch {
	case !ok && isFresh:
		return fresh(f, path, write)
	case !ok:
		return replace(f, path, write)
	}
	if _, err := f.step(); err != nil {
		return err
	}
	var buf bytes.Buffer
	if err := write(&buf); err != nil {
		return err
	}
	if n := f.take(buf.Len()); n < buf.Len() {
		return full()
	}
	err := p.Put(path, isFresh, func(w io.Writer) error {
		_, err := w.Write(buf.Bytes())
		return err
	})
	if err != nil {
		return err
	}
	_, err = f.step()
	return err
}
