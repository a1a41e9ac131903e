// Package bucket is the file system of package vfs on an object store. It is a package of its own because the library
// below it is large: a program that imports it can open s3:// where a path is wanted, others stay small.
package bucket

import (
	"context"
	"fmt"
	"io"
	"io/fs"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"time"

	"gocloud.dev/blob"
	"gocloud.dev/gcerrors"

	"github.com/sluice-stream/sluice/internal/vfs"
)

// stall is how long an object store may take for one answer, or for the next bytes of a long one.
const stall = 2 * time.Minute

// store is a file system on an object store. A file appears, whole and durable, when it is closed; Sync does
// nothing. Rename copies and removes, which is not atomic: use vfs.Write.
type store struct {
	b    *blob.Bucket
	name string // for errors
}

// New returns the file system on b, which errors call name.
func New(b *blob.Bucket, name string) vfs.FS { return &store{b, name} }

func key(path string) string {
	k := strings.Trim(filepath.ToSlash(filepath.Clean(path)), "/")
	if k == "." {
		return ""
	}
	return k
}

// fail gives err the meaning it has on a disk.
func (s *store) fail(op, path string, err error) error {
	class := vfs.ErrUnreachable
	switch code := gcerrors.Code(err); {
	case strings.Contains(err.Error(), "get credentials"): // the library has no error of its own for it
		class = fmt.Errorf("%w: no credentials, which come from AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY", syscall.EACCES)
	case code == gcerrors.NotFound && op == "list": // a folder that is not there is empty
		class = fmt.Errorf("%w: no such bucket", syscall.ENOTDIR)
	case code == gcerrors.NotFound:
		class = fs.ErrNotExist
	case code == gcerrors.AlreadyExists, code == gcerrors.FailedPrecondition:
		class = fs.ErrExist
	case code == gcerrors.PermissionDenied:
		class = syscall.EACCES
	case code == gcerrors.InvalidArgument, code == gcerrors.Unimplemented:
		class = fs.ErrInvalid
	}
	// not wrapped: a context that was ended here says nothing about the one of the run
	return &fs.PathError{Op: op, Path: s.name + "/" + key(path), Err: fmt.Errorf("%w: %v", class, err)}
}

// watch returns a context that ends when more is not called for a while.
func watch() (ctx context.Context, more, stop func()) {
	ctx, cancel := context.WithCancel(context.Background())
	t := time.AfterFunc(stall, cancel)
	return ctx, func() { t.Reset(stall) }, func() {
		t.Stop()
		cancel()
	}
}

// object is an object being written.
type object struct {
	w    *blob.Writer
	s    *store
	path string
	more func()
	stop func()
}

func (s *store) create(path string, o *blob.WriterOptions) (*object, error) {
	ctx, more, stop := watch()
	w, err := s.b.NewWriter(ctx, key(path), o)
	if err != nil {
		stop()
		return nil, s.fail("create", path, err)
	}
	return &object{w, s, path, more, stop}, nil
}

func (s *store) Create(path string) (vfs.File, error) {
	f, err := s.create(path, nil)
	if err != nil {
		return nil, err
	}
	return f, nil
}

func (f *object) Write(p []byte) (int, error) {
	const most = 1 << 20 // so that a slow line is not taken for a dead one
	done := 0
	for done < len(p) {
		f.more()
		n, err := f.w.Write(p[done:min(done+most, len(p))])
		done += n
		if err != nil {
			return done, f.s.fail("write", f.path, err)
		}
	}
	return done, nil
}

func (f *object) Sync() error { return nil }

func (f *object) Close() error {
	defer f.stop()
	f.more()
	if err := f.w.Close(); err != nil {
		return f.s.fail("write", f.path, err)
	}
	return nil
}

// abort gives up: no object appears.
func (f *object) abort() {
	f.stop()
	f.w.Close()
}

// Put writes a whole object; see vfs.Putter.
func (s *store) Put(path string, fresh bool, write func(io.Writer) error) error {
	f, err := s.create(path, &blob.WriterOptions{IfNotExist: fresh, ContentType: "application/octet-stream"})
	if err != nil {
		return err
	}
	if err := write(f); err != nil {
		f.abort()
		return err
	}
	return f.Close()
}

// ReadFile reads a whole object.
func (s *store) ReadFile(path string) ([]byte, error) {
	ctx, more, stop := watch()
	defer stop()
	r, err := s.b.NewReader(ctx, key(path), nil)
	if err != nil {
		return nil, s.fail("read", path, err)
	}
	defer r.Close()
	out := make([]byte, r.Size())
	for at := 0; at < len(out); {
		more()
		n, err := r.Read(out[at:])
		at += n
		if err != nil && (err != io.EOF || at < len(out)) {
			return nil, s.fail("read", path, err)
		}
	}
	return out, nil
}

// Rename copies the object and removes the old one; a crash between the two leaves both.
func (s *store) Rename(from, to string) error {
	ctx, _, stop := watch()
	defer stop()
	if err := s.b.Copy(ctx, key(to), key(from), nil); err != nil {
		return s.fail("rename", from, err)
	}
	return s.remove(ctx, from)
}

func (s *store) remove(ctx context.Context, path string) error {
	if err := s.b.Delete(ctx, key(path)); err != nil && gcerrors.Code(err) != gcerrors.NotFound {
		return s.fail("remove", path, err)
	}
	return nil
}

// Remove deletes an object. As on a disk, a folder that holds one is an error.
func (s *store) Remove(path string) error {
	ctx, _, stop := watch()
	defer stop()
	err := s.b.Delete(ctx, key(path))
	if err == nil {
		return nil
	}
	if gcerrors.Code(err) != gcerrors.NotFound {
		return s.fail("remove", path, err)
	}
	_, err = s.b.List(&blob.ListOptions{Prefix: key(path) + "/"}).Next(ctx)
	switch {
	case err == io.EOF:
		return nil
	case err != nil:
		return s.fail("remove", path, err)
	}
	return &fs.PathError{Op: "remove", Path: s.name + "/" + key(path), Err: fs.ErrExist}
}

// RemoveAll deletes the object and all objects below it.
func (s *store) RemoveAll(path string) error {
	below, err := s.list(path, "")
	if err != nil {
		return err
	}
	for _, o := range below {
		ctx, _, stop := watch()
		err := s.remove(ctx, o.Key)
		stop()
		if err != nil {
			return err
		}
	}
	ctx, _, stop := watch()
	defer stop()
	return s.remove(ctx, path)
}

func (s *store) list(path, delimiter string) (out []*blob.ListObject, err error) {
	ctx, more, stop := watch()
	defer stop()
	prefix := key(path) + "/"
	if prefix == "/" {
		prefix = ""
	}
	it := s.b.List(&blob.ListOptions{Prefix: prefix, Delimiter: delimiter})
	for {
		more()
		o, err := it.Next(ctx)
		if err == io.EOF {
			return out, nil
		}
		if err != nil {
			return nil, s.fail("list", path, err)
		}
		out = append(out, o)
	}
}

// ReadDir lists a folder, sorted by name.
func (s *store) ReadDir(path string) ([]fs.DirEntry, error) {
	objects, err := s.list(path, "/")
	if err != nil {
		return nil, err
	}
	var out []fs.DirEntry
	for _, o := range objects {
		k := strings.TrimSuffix(o.Key, "/")
		name := k[strings.LastIndex(k, "/")+1:]
		out = append(out, vfs.Entry(name, o.Size, o.IsDir, o.ModTime))
	}
	slices.SortFunc(out, func(a, b fs.DirEntry) int { return strings.Compare(a.Name(), b.Name()) })
	return out, nil
}
