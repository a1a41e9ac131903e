package runtime

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	_ "gocloud.dev/blob/s3blob"

	"github.com/sluice-stream/sluice/flow"
	"github.com/sluice-stream/sluice/internal/state"
	"github.com/sluice-stream/sluice/internal/vfs"
)

// refusedRun wants a run to be refused as a matter of settings.
func refusedRun(t *testing.T, text, words string) {
	t.Helper()
	if _, err := Run(t.Context(), pipeline(t, text), Options{}); !errors.Is(err, flow.ErrConfig) || !strings.Contains(err.Error(), words) {
		t.Errorf("want ErrConfig and %q, got %v", words, err)
	}
}

// A sink's folder is locked before anything in it is touched, whatever the checkpoints are.
func TestSinkFolderIsLocked(t *testing.T) {
	for _, at := range []string{"rows", "totals", "rejected"} {
		dir := t.TempDir()
		text := strings.Replace(file(dir, "{rows: 50}", "{}"), dir+"/checkpoint", "mem://"+t.Name()+at+"/prefix", 1)
		stage := filepath.Join(dir, at, "00000001.stage")
		if err := errors.Join(os.MkdirAll(filepath.Dir(stage), 0o755), os.WriteFile(stage, []byte("of the other run"), 0o644)); err != nil {
			t.Fatal(err)
		}
		unlock, err := lockFolder(filepath.Join(dir, at))
		if err != nil {
			t.Fatal(err)
		}
		refusedRun(t, text, at+": another run writes to this folder")
		if b, err := os.ReadFile(stage); string(b) != "of the other run" {
			t.Errorf("the stage of the other run was touched: %q, %v", b, err)
		}
		unlock()
		if _, err := Run(t.Context(), pipeline(t, text), Options{}); err != nil {
			t.Error(err)
		}
		if ents, err := filepath.Glob(filepath.Join(dir, at, ".*")); len(ents) > 0 || err != nil {
			t.Errorf("want nothing left by the lock, got %v", ents)
		}
	}
}

// A URL of the disk is locked as its path is.
func TestFileURLIsLocked(t *testing.T) {
	dir := t.TempDir()
	text := strings.Replace(file(dir, "{rows: 50}", "{}"), dir+"/checkpoint", "file://"+filepath.ToSlash(dir)+"/checkpoint", 1)
	unlock, err := Lock(dir + "/checkpoint")
	if err != nil {
		t.Fatal(err)
	}
	refusedRun(t, text, "another run uses these checkpoints")
	unlock()
	if _, err := Run(t.Context(), pipeline(t, text), Options{}); err != nil {
		t.Error(err)
	}
	if all, _ := filepath.Glob(dir + "/checkpoint/manifest-*"); len(all) == 0 {
		t.Error("want the checkpoints in the folder, got none")
	}
}

// A second run on the same object store, kept away by no lock, takes it over: the first stops at its next checkpoint,
// with the same work done, and all rows are there once.
func TestSecondRunTakesTheStoreOver(t *testing.T) {
	dir, whole := t.TempDir(), t.TempDir()
	text := strings.Replace(file(dir, "{rows: 2000, piece: 100}", "{}"), dir+"/checkpoint", "mem://"+t.Name()+"/prefix", 1)
	second := func() {
		if res, err := Run(context.Background(), pipeline(t, text), Options{FS: quick{}}); err != nil || res.ResumedFrom != 3 || res.Rows != 2000 {
			t.Errorf("the second run: got %+v, %v", res, err)
		}
	}
	_, err := Run(t.Context(), pipeline(t, text), Options{Observer: stopper{second}, FS: quick{}})
	if !errors.Is(err, state.ErrTaken) || !errors.Is(err, flow.ErrConfig) {
		t.Errorf("the first run: want state.ErrTaken, got %v", err)
	}
	if _, err := Run(t.Context(), pipeline(t, file(whole, "{rows: 2000, piece: 100}", "{}")), Options{FS: quick{}}); err != nil {
		t.Fatal(err)
	}
	f, at, err := vfs.Open("mem://" + t.Name() + "/prefix")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := f.ReadFile(filepath.Join(at, "owner-00000002.json")); err != nil {
		t.Errorf("want the claim of the second run: %v", err)
	}
	if got, want := visibleText(t, dir), visibleText(t, whole); got != want {
		t.Errorf("want %d bytes of rows, got %d", len(want), len(got))
	}
}

// visibleText joins the files of the rows.
func visibleText(t *testing.T, dir string) string {
	t.Helper()
	names, err := filepath.Glob(filepath.Join(dir, "rows", "*.txt"))
	if err != nil || len(names) == 0 {
		t.Fatal(names, err)
	}
	var all strings.Builder
	for _, n := range names {
		b, err := os.ReadFile(n)
		if err != nil {
			t.Fatal(err)
		}
		all.Write(b)
	}
	return all.String()
}

// What is wrong with an object store at the start has a class.
func TestStoreThatCannotBeRead(t *testing.T) {
	t.Setenv("AWS_MAX_ATTEMPTS", "1")
	t.Setenv("AWS_EC2_METADATA_DISABLED", "true")
	t.Setenv("AWS_CONFIG_FILE", filepath.Join(t.TempDir(), "none"))
	t.Setenv("AWS_SHARED_CREDENTIALS_FILE", filepath.Join(t.TempDir(), "none"))
	dir := t.TempDir()
	text := strings.Replace(file(dir, "{rows: 50}", "{}"), dir+"/checkpoint", "s3://tests/p?endpoint=http://127.0.0.1:1", 1)
	for _, c := range []struct {
		key, words string
		class      error
	}{{"", "AWS_ACCESS_KEY_ID", flow.ErrConfig}, {"key", "cannot read the checkpoints in s3://tests/p", flow.ErrTransient}} {
		t.Setenv("AWS_ACCESS_KEY_ID", c.key)
		t.Setenv("AWS_SECRET_ACCESS_KEY", c.key)
		if _, err := Run(t.Context(), pipeline(t, text), Options{}); !errors.Is(err, c.class) || !strings.Contains(err.Error(), c.words) {
			t.Errorf("want %v and %q, got %v", c.class, c.words, err)
		}
	}
}

func TestCheckpointPathThatLacksASlash(t *testing.T) {
	for path, hint := range map[string]string{"s3:/x/y": "write s3://x/y", "s3:x": "write s3://x", "file:/a/b": "write file:///a/b"} {
		_, err := Parse("p.yaml", []byte("name: x\nsource: {count: {rows: 5}}\noperators: [sum]\ncheckpoint: {path: \""+path+"\"}\n"), os.LookupEnv)
		if !errors.Is(err, flow.ErrConfig) || !strings.Contains(err.Error(), hint) || !strings.Contains(err.Error(), "checkpoint.path") {
			t.Errorf("%s: want the hint %q, got %v", path, hint, err)
		}
	}
}
