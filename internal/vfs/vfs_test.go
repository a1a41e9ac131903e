package vfs

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"syscall"
	"testing"
)

func put(t *testing.T, f FS, path, data string, sync bool) {
	t.Helper()
	w, err := f.Create(path)
	if err == nil {
		_, err = w.Write([]byte(data))
	}
	if err == nil && sync {
		err = w.Sync()
	}
	if err == nil {
		err = w.Close()
	}
	if err != nil {
		t.Fatal(err)
	}
}

func want(t *testing.T, f FS, path, data string) {
	t.Helper()
	got, err := f.ReadFile(path)
	if err != nil || string(got) != data {
		t.Fatalf("%s: want %q, got %q, %v", path, data, got, err)
	}
}

func gone(t *testing.T, f FS, path string) {
	t.Helper()
	if got, err := f.ReadFile(path); !errors.Is(err, fs.ErrNotExist) {
		t.Fatalf("%s: want no file, got %q, %v", path, got, err)
	}
}

// TestSameBehaviour runs one script on the real file system and on the one in memory.
func TestSameBehaviour(t *testing.T) {
	for name, f := range map[string]FS{"os": OS{}, "mem": NewMem(), "faulty": CrashAt(NewMem(), 0)} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			p := func(s string) string { return filepath.Join(dir, filepath.FromSlash(s)) }
			if ents, err := f.ReadDir(p("none")); ents != nil || err != nil {
				t.Fatalf("absent folder: want nil, nil, got %v, %v", ents, err)
			}
			put(t, f, p("a/b/one"), "1", true)
			put(t, f, p("a/two"), "2", false)
			put(t, f, p("a/two"), "22", true) // replaces
			want(t, f, p("a/b/one"), "1")
			want(t, f, p("a/two"), "22")
			ents, err := f.ReadDir(p("a"))
			if err != nil || len(ents) != 2 || ents[0].Name() != "b" || !ents[0].IsDir() || ents[1].Name() != "two" || ents[1].IsDir() {
				t.Fatalf("listing: got %v, %v", ents, err)
			}
			if info, err := ents[1].Info(); err != nil || info.Size() != 2 {
				t.Fatalf("size: want 2, got %v, %v", info, err)
			}
			if err := f.Rename(p("a/two"), p("c/d/three")); err != nil {
				t.Fatal(err)
			}
			gone(t, f, p("a/two"))
			want(t, f, p("c/d/three"), "22")
			if err := f.Rename(p("a/two"), p("x")); !errors.Is(err, fs.ErrNotExist) {
				t.Fatalf("rename of nothing: got %v", err)
			}
			if err := f.Remove(p("a")); err == nil {
				t.Fatal("a folder that holds a file was removed")
			}
			if err := errors.Join(f.Remove(p("c/d/three")), f.Remove(p("c/d/three")), f.RemoveAll(p("a"))); err != nil {
				t.Fatal(err)
			}
			gone(t, f, p("a/b/one"))
			gone(t, f, p("c/d/three"))
			put(t, f, p("file"), "x", true)
			if _, err := f.Create(p("file/below")); err == nil {
				t.Fatal("a file was created below a file")
			}
		})
	}
}

func TestPowerCut(t *testing.T) {
	m := NewMem()
	put(t, m, "synced", "abc", true)
	put(t, m, "lost", "abc", false)
	put(t, m, "early", "abc", false)
	if err := m.Rename("early", "moved"); err != nil { // the name survives, the content does not
		t.Fatal(err)
	}
	w, _ := m.Create("part")
	w.Write([]byte("abc"))
	w.Sync()
	w.Write([]byte("def"))
	m.PowerCut()
	want(t, m, "synced", "abc")
	gone(t, m, "lost")
	want(t, m, "moved", "")
	want(t, m, "part", "abc")
	if _, err := w.Write([]byte("x")); err == nil {
		w2, _ := m.ReadFile("part")
		if string(w2) != "abc" {
			t.Fatal("a file that was cut off still writes")
		}
	}
}

func TestCrashAtEveryOperation(t *testing.T) {
	script := func(f FS) error {
		w, err := f.Create("x")
		if err != nil {
			return err
		}
		if _, err := w.Write([]byte("0123")); err != nil {
			return err
		}
		return errors.Join(w.Sync(), w.Close(), f.Rename("x", "y"), f.Remove("y"), f.RemoveAll("z"))
	}
	count := CrashAt(NewMem(), 0)
	if err := script(count); err != nil || count.Ops() != 7 || count.Crashed() {
		t.Fatalf("want 7 operations, got %d, %v", count.Ops(), err)
	}
	for k := 1; k <= 7; k++ {
		m := NewMem()
		f := CrashAt(m, k)
		if err := script(f); !errors.Is(err, ErrCrashed) || !f.Crashed() {
			t.Fatalf("k=%d: want a crash, got %v", k, err)
		}
		if _, err := f.ReadDir("."); !errors.Is(err, ErrCrashed) {
			t.Fatalf("k=%d: reads after the crash: got %v", k, err)
		}
		if _, err := f.ReadFile("x"); !errors.Is(err, ErrCrashed) {
			t.Fatalf("k=%d: reads after the crash: got %v", k, err)
		}
		if k == 2 {
			want(t, m, "x", "01") // half of the write
		}
		if k == 6 {
			want(t, m, "y", "0123") // renamed, not removed
		}
	}
}

func TestFullDisk(t *testing.T) {
	m := NewMem()
	f := FullAfter(m, 5)
	w, err := f.Create("x")
	if err != nil {
		t.Fatal(err)
	}
	if n, err := w.Write([]byte("abc")); n != 3 || err != nil {
		t.Fatal(n, err)
	}
	if n, err := w.Write([]byte("def")); n != 2 || !errors.Is(err, syscall.ENOSPC) {
		t.Fatalf("want 2 bytes and ENOSPC, got %d, %v", n, err)
	}
	f.Free(1)
	if n, err := w.Write([]byte("f")); n != 1 || err != nil {
		t.Fatal(n, err)
	}
	want(t, m, "x", "abcdef")
}

func TestOSMakesFolderOfWrongKindAnError(t *testing.T) {
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "f"), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := (OS{}).Rename(filepath.Join(dir, "f"), filepath.Join(dir, "f", "g")); err == nil {
		t.Fatal("renamed a file below itself")
	}
}
