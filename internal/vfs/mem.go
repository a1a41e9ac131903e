package vfs

import (
	"io/fs"
	"path/filepath"
	"sort"
	"strings"
	"sync"
	"time"
)

// Mem is a file system in memory that knows what would survive a power cut: what was synced, and renames.
// It is safe for concurrent use. Folders exist as long as a file lies below them.
type Mem struct {
	mu   sync.Mutex
	live map[string]*memFile
	disk map[string][]byte // what a power cut leaves
}

// NewMem returns an empty file system.
func NewMem() *Mem { return &Mem{live: map[string]*memFile{}, disk: map[string][]byte{}} }

type memFile struct {
	fs     *Mem
	path   string // moves with a rename
	data   []byte
	synced []byte // prefix of data that is on disk
	closed bool
}

// Create makes an empty file. Its name is not on disk before its first Sync.
func (m *Mem) Create(path string) (File, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	path = filepath.Clean(path)
	for dir := filepath.Dir(path); dir != filepath.Dir(dir); dir = filepath.Dir(dir) {
		if m.live[dir] != nil {
			return nil, &fs.PathError{Op: "create", Path: path, Err: fs.ErrInvalid}
		}
	}
	f := &memFile{fs: m, path: path}
	m.live[path] = f
	return f, nil
}

func (f *memFile) Write(p []byte) (int, error) {
	f.fs.mu.Lock()
	defer f.fs.mu.Unlock()
	if f.closed {
		return 0, &fs.PathError{Op: "write", Path: f.path, Err: fs.ErrClosed}
	}
	f.data = append(f.data, p...)
	return len(p), nil
}

func (f *memFile) Sync() error {
	f.fs.mu.Lock()
	defer f.fs.mu.Unlock()
	if f.closed {
		return &fs.PathError{Op: "sync", Path: f.path, Err: fs.ErrClosed}
	}
	f.synced = f.data[:len(f.data):len(f.data)]
	if f.fs.live[f.path] == f {
		f.fs.disk[f.path] = f.synced
	}
	return nil
}

func (f *memFile) Close() error {
	f.fs.mu.Lock()
	defer f.fs.mu.Unlock()
	f.closed = true
	return nil
}

// ReadFile reads a whole file.
func (m *Mem) ReadFile(path string) ([]byte, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	f := m.live[filepath.Clean(path)]
	if f == nil {
		return nil, &fs.PathError{Op: "read", Path: path, Err: fs.ErrNotExist}
	}
	return append([]byte{}, f.data...), nil
}

// Rename moves a file. The move is on disk at once, of the content only what was synced.
func (m *Mem) Rename(from, to string) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	from, to = filepath.Clean(from), filepath.Clean(to)
	f := m.live[from]
	if f == nil {
		return &fs.PathError{Op: "rename", Path: from, Err: fs.ErrNotExist}
	}
	delete(m.live, from)
	delete(m.disk, from)
	f.path = to
	m.live[to], m.disk[to] = f, f.synced
	return nil
}

// Remove deletes a file; a folder that still holds one is an error.
func (m *Mem) Remove(path string) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	path = filepath.Clean(path)
	for p := range m.live {
		if strings.HasPrefix(p, path+string(filepath.Separator)) {
			return &fs.PathError{Op: "remove", Path: path, Err: fs.ErrExist}
		}
	}
	delete(m.live, path)
	delete(m.disk, path)
	return nil
}

// RemoveAll deletes a folder with all it holds.
func (m *Mem) RemoveAll(path string) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	path = filepath.Clean(path)
	for p := range m.live {
		if p == path || strings.HasPrefix(p, path+string(filepath.Separator)) {
			delete(m.live, p)
			delete(m.disk, p)
		}
	}
	return nil
}

// ReadDir lists a folder, sorted by name.
func (m *Mem) ReadDir(path string) ([]fs.DirEntry, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	prefix := filepath.Clean(path) + string(filepath.Separator)
	found := map[string]info{}
	for p, f := range m.live {
		rest, ok := strings.CutPrefix(p, prefix)
		if !ok {
			continue
		}
		name, _, below := strings.Cut(rest, string(filepath.Separator))
		if below {
			found[name] = info{name: name, dir: true}
		} else {
			found[name] = info{name: name, size: int64(len(f.data))}
		}
	}
	var out []fs.DirEntry
	for _, i := range found {
		out = append(out, fs.FileInfoToDirEntry(i))
	}
	sort.Slice(out, func(i, j int) bool { return out[i].Name() < out[j].Name() })
	return out, nil
}

// Files returns the content of every file by its path.
func (m *Mem) Files() map[string][]byte {
	m.mu.Lock()
	defer m.mu.Unlock()
	out := map[string][]byte{}
	for p, f := range m.live {
		out[p] = append([]byte{}, f.data...)
	}
	return out
}

// PowerCut loses all that is not on disk. Files that are open are cut off.
func (m *Mem) PowerCut() {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.live = map[string]*memFile{}
	for p, data := range m.disk {
		m.live[p] = &memFile{fs: m, path: p, data: data, synced: data, closed: true}
	}
}

// info describes a file that is not on a disk of the operating system.
type info struct {
	name string
	size int64
	dir  bool
	time time.Time
}

// Entry makes an entry of a listing, of a file that is not on a disk of the operating system.
func Entry(name string, size int64, dir bool, modified time.Time) fs.DirEntry {
	return fs.FileInfoToDirEntry(info{name, size, dir, modified})
}

func (i info) Name() string       { return i.name }
func (i info) Size() int64        { return i.size }
func (i info) ModTime() time.Time { return i.time }
func (i info) IsDir() bool        { return i.dir }
func (i info) Sys() any           { return nil }
func (i info) Mode() fs.FileMode {
	if i.dir {
		return fs.ModeDir | 0o755
	}
	return 0o644
}
