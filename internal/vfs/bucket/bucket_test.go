package bucket

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net/http"
	"net/http/httptest"
	"os"
	"path"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/johannesboyne/gofakes3"
	"github.com/johannesboyne/gofakes3/backend/s3mem"
	"gocloud.dev/blob"
	"gocloud.dev/blob/memblob"
	_ "gocloud.dev/blob/s3blob"

	"github.com/sluice-stream/sluice/internal/vfs"
)

func put(t *testing.T, f vfs.FS, path, data string) {
	t.Helper()
	w, err := f.Create(path)
	if err == nil {
		_, err = io.WriteString(w, data)
	}
	if err == nil {
		err = w.Close()
	}
	if err != nil {
		t.Fatal(err)
	}
}

func want(t *testing.T, f vfs.FS, path, data string) {
	t.Helper()
	got, err := f.ReadFile(path)
	if err != nil || string(got) != data {
		t.Fatalf("%s: want %q, got %q, %v", path, data, got, err)
	}
}

func gone(t *testing.T, f vfs.FS, path string) {
	t.Helper()
	if got, err := f.ReadFile(path); !errors.Is(err, fs.ErrNotExist) {
		t.Fatalf("%s: want no file, got %q, %v", path, got, err)
	}
}

// s3 starts an S3 server in this process and returns the URL of a bucket there.
func s3(t *testing.T) string {
	t.Helper()
	backend := s3mem.New()
	if err := backend.CreateBucket("tests"); err != nil {
		t.Fatal(err)
	}
	server := httptest.NewServer(gofakes3.New(backend).Server())
	t.Cleanup(server.Close)
	t.Setenv("AWS_ACCESS_KEY_ID", "key")
	t.Setenv("AWS_SECRET_ACCESS_KEY", "not-shown")
	return "s3://tests/deep/prefix?endpoint=" + server.URL
}

// memories are the stores that mem:// opens, as package inmemory does.
var memories = map[string]*blob.Bucket{}

func init() {
	OpenMemory(func(name string) *blob.Bucket {
		if memories[name] == nil {
			memories[name] = memblob.OpenBucket(nil)
		}
		return memories[name]
	})
}

// stores opens every kind of object store.
func stores(t *testing.T) map[string]string {
	return map[string]string{"s3": s3(t), "mem": "mem://" + path.Base(t.TempDir()) + t.Name() + "/deep/prefix"}
}

func opened(t *testing.T, url string) (vfs.FS, string) {
	t.Helper()
	f, dir, err := vfs.Open(url)
	if err != nil {
		t.Fatal(err)
	}
	return f, dir
}

func TestBucketBehavesAsADisk(t *testing.T) {
	for name, url := range stores(t) {
		t.Run(name, func(t *testing.T) {
			f, dir := opened(t, url)
			p := func(s string) string { return path.Join(dir, s) }
			if ents, err := f.ReadDir(dir); ents != nil || err != nil {
				t.Fatalf("nothing there: want nil, nil, got %v, %v", ents, err)
			}
			put(t, f, p("a/b/one"), "1")
			put(t, f, p("a/two"), "2")
			put(t, f, p("a/two"), "22")
			put(t, f, p("ab"), "near")
			want(t, f, p("a/b/one"), "1")
			want(t, f, p("a/two"), "22")
			ents, err := f.ReadDir(p("a"))
			if err != nil || len(ents) != 2 || ents[0].Name() != "b" || !ents[0].IsDir() || ents[1].Name() != "two" || ents[1].IsDir() {
				t.Fatalf("listing: got %v, %v", ents, err)
			}
			if info, err := ents[1].Info(); err != nil || info.Size() != 2 || time.Since(info.ModTime()) > time.Hour {
				t.Fatalf("want 2 bytes of now, got %v, %v", info, err)
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
			want(t, f, p("ab"), "near")
			again, _ := opened(t, url)
			want(t, again, p("ab"), "near")
		})
	}
}

func TestWholeFiles(t *testing.T) {
	all := stores(t)
	all["disk"] = t.TempDir()
	for name, url := range all {
		t.Run(name, func(t *testing.T) {
			f, dir := opened(t, url)
			file, large := path.Join(dir, "m/1"), strings.Repeat("0123456789abcdef", 1<<20) // 16 MB: an upload in parts
			if err := vfs.PutNew(f, file, []byte("mine")); err != nil {
				t.Fatal(err)
			}
			if err := vfs.PutNew(f, file, []byte("theirs")); !errors.Is(err, fs.ErrExist) {
				t.Errorf("want ErrExist, got %v", err)
			}
			want(t, f, file, "mine")
			write := func(n int, err error) error {
				return vfs.Write(f, file, func(w io.Writer) error {
					if _, werr := io.WriteString(w, large[:n]); werr != nil {
						return werr
					}
					return err
				})
			}
			cut := errors.New("cut")
			for _, n := range []int{0, 5, len(large)} {
				if err := write(n, cut); !errors.Is(err, cut) {
					t.Fatalf("want the error of the writer, got %v", err)
				}
				want(t, f, file, "mine")
			}
			for _, n := range []int{len(large), 0} {
				if err := write(n, nil); err != nil {
					t.Fatal(err)
				}
				if got, err := f.ReadFile(file); err != nil || string(got) != large[:n] {
					t.Fatalf("want %d bytes, got %d (%v)", n, len(got), err)
				}
			}
			if ents, err := f.ReadDir(path.Join(dir, "m")); err != nil || len(ents) != 1 {
				t.Errorf("want nothing left beside the file, got %v (%v)", ents, err)
			}
		})
	}
}

// TestBucketCrash crashes before an object appears, and behind it: its writer does not know that it is there.
func TestBucketCrash(t *testing.T) {
	for k, there := range map[int]bool{1: false, 2: true} {
		b := New(memblob.OpenBucket(nil), "mem://b")
		if err := vfs.PutNew(vfs.CrashAt(b, k), "x", []byte("1")); !errors.Is(err, vfs.ErrCrashed) {
			t.Fatalf("want a crash, got %v", err)
		}
		if _, err := b.ReadFile("x"); (err == nil) != there {
			t.Errorf("crash at %d: is it there? %v", k, err)
		}
	}
	if err := vfs.PutNew(vfs.FullAfter(New(memblob.OpenBucket(nil), "mem://b"), 2), "x", []byte("123")); !errors.Is(err, syscall.ENOSPC) {
		t.Errorf("want ENOSPC, got %v", err)
	}
}

func TestOpen(t *testing.T) {
	for path, want := range map[string]string{"out/checkpoint/": "out/checkpoint", "/a//b": "/a/b", "file:///a/b": "/a/b", ".": "."} {
		f, dir, err := vfs.Open(path)
		if _, local := f.(vfs.OS); !local || dir != want || err != nil {
			t.Errorf("%s: want the disk and %s, got %T, %s, %v", path, want, f, dir, err)
		}
	}
	t.Setenv("AWS_REGION", "eu-west-1")
	if f, dir, err := vfs.Open("s3://bucket"); err != nil || dir != "." || fmt.Sprintf("%T", f) != "*bucket.store" {
		t.Errorf("got %T, %s, %v", f, dir, err)
	}
	for path, want := range map[string]string{
		"nope://bucket/x":            "no driver registered",
		"s3:///x":                    "want a bucket",
		"s3://key:secret@bucket/x":   "AWS_ACCESS_KEY_ID",
		"s3://bucket/x?colour=green": "colour",
		"s3://bu cket/x":             "want a path or the URL",
		"s3:/x/y":                    "write s3://x/y",
		"file:/x/y":                  "write file:///x/y",
	} {
		_, _, err := vfs.Open(path)
		if err == nil || !strings.Contains(err.Error(), want) || strings.Contains(err.Error(), "secret@") {
			t.Errorf("%s: want %q, got %v", path, want, err)
		}
	}
	if _, _, err := vfs.Open("C:/x"); err != nil {
		t.Errorf("a drive is no scheme: %v", err)
	}
	was := memory
	defer OpenMemory(was)
	OpenMemory(nil) // as in the program
	if _, _, err := vfs.Open("mem://b/x"); err == nil || !strings.Contains(err.Error(), "ends with the program") {
		t.Errorf("want mem:// refused, got %v", err)
	}
}

// TestNoCredentials wants to hear of the variables, and nothing from the library itself on stderr, where the machine
// has a metadata service that gives no keys.
func TestNoCredentials(t *testing.T) {
	closed := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusForbidden) }))
	defer closed.Close()
	none := path.Join(t.TempDir(), "none")
	for key, value := range map[string]string{"AWS_ACCESS_KEY_ID": "", "AWS_SECRET_ACCESS_KEY": "", "AWS_CONFIG_FILE": none, "AWS_SHARED_CREDENTIALS_FILE": none,
		"AWS_MAX_ATTEMPTS": "1", "AWS_EC2_METADATA_SERVICE_ENDPOINT": closed.URL} {
		t.Setenv(key, value)
	}
	said, err := os.Create(path.Join(t.TempDir(), "stderr"))
	if err != nil {
		t.Fatal(err)
	}
	defer said.Close()
	was := os.Stderr
	os.Stderr = said
	f, _, err := vfs.Open("s3://tests?endpoint=http://127.0.0.1:1")
	if err == nil {
		_, err = f.ReadDir("x")
	}
	os.Stderr = was
	if !errors.Is(err, syscall.EACCES) || !strings.Contains(err.Error(), "AWS_ACCESS_KEY_ID") {
		t.Errorf("want EACCES, got %v", err)
	}
	if b, err := os.ReadFile(said.Name()); len(b) > 0 || err != nil {
		t.Errorf("on stderr: %s (%v)", b, err)
	}
}

// TestBucketErrors wants the errors of a store to say what they would say on a disk.
func TestBucketErrors(t *testing.T) {
	url := s3(t)
	missing, _ := opened(t, strings.Replace(url, "tests", "other", 1))
	if err := vfs.PutNew(missing, "x", []byte("1")); !errors.Is(err, fs.ErrNotExist) || !strings.Contains(err.Error(), "s3://other/x") {
		t.Errorf("no such bucket: want ErrNotExist, got %v", err)
	}
	if _, err := missing.ReadDir("x"); !errors.Is(err, syscall.ENOTDIR) || !strings.Contains(err.Error(), "no such bucket") {
		t.Errorf("no such bucket: want ENOTDIR, got %v", err)
	}
	t.Setenv("AWS_MAX_ATTEMPTS", "1")
	deaf, _ := opened(t, "s3://tests?endpoint=http://127.0.0.1:1")
	if _, err := deaf.ReadFile("x"); !errors.Is(err, vfs.ErrUnreachable) || strings.Contains(err.Error(), "not-shown") {
		t.Errorf("nobody answers: want vfs.ErrUnreachable, got %v", err)
	}
}
