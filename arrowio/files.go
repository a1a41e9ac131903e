package arrowio

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net/url"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"

	"gocloud.dev/blob"
	"gocloud.dev/gcerrors"

	"github.com/sluice-stream/sluice/check"
	"github.com/sluice-stream/sluice/flow"
)

// inputFile is one file that a source reads.
type inputFile struct {
	name string // as errors and the column _file show it: a path or a URL
	size int64
	key  string // in the bucket
}

// fileStore opens files: those of the operating system, or those of one object store.
type fileStore struct {
	bucket *blob.Bucket // nil for the operating system
	prefix string       // scheme://host of the names, "" for the operating system
}

// randomFile is a file that is read at any place.
type randomFile interface {
	io.Reader
	io.ReaderAt
	io.Seeker
	io.Closer
}

// openStore returns the store that holds location, and the path or glob inside it. file:// means the operating
// system; any other scheme is an object store whose driver is linked in.
func openStore(ctx context.Context, location string) (*fileStore, string, error) {
	scheme, rest, isURL := strings.Cut(location, "://")
	if !isURL {
		return &fileStore{}, location, nil
	}
	if scheme == "file" {
		return &fileStore{}, rest, nil
	}
	host, key, _ := strings.Cut(rest, "/")
	key, query, hasQuery := strings.Cut(key, "?")
	bucketURL := scheme + "://" + host
	prefix := bucketURL
	if hasQuery {
		if _, err := url.ParseQuery(query); err == nil && strings.Contains(query, "=") {
			bucketURL += "?" + query
		} else {
			key += "?" + query // a glob's question mark
		}
	}
	b, err := blob.OpenBucket(ctx, bucketURL)
	if err != nil {
		return nil, "", flow.Configf("%s: want a path or the URL of an object store (s3://bucket/path), got: %w", location, err)
	}
	return &fileStore{bucket: b, prefix: prefix + "/"}, key, nil
}

func (s *fileStore) close() {
	if s != nil && s.bucket != nil {
		_ = s.bucket.Close() // read only: nothing can be lost
	}
}

// list returns the files that pattern names, sorted by name: one file, a glob, or a folder with the files in it
// that have one of the endings. Names that begin with a dot or an underscore are marks of other systems.
func (s *fileStore) list(ctx context.Context, pattern string, endings []string) ([]inputFile, error) {
	find := s.listLocal
	if s.bucket != nil {
		find = s.listBucket
	}
	files, err := find(ctx, pattern, endings)
	if err != nil {
		return nil, err
	}
	slices.SortFunc(files, func(a, b inputFile) int { return strings.Compare(a.name, b.name) })
	if len(files) == 0 {
		return nil, flow.Configf("path: want at least one file, got none that matches %s%s%s", s.prefix, pattern, s.suggest(pattern, endings))
	}
	return files, nil
}

func (s *fileStore) listLocal(_ context.Context, pattern string, endings []string) ([]inputFile, error) {
	info, err := os.Stat(pattern)
	switch {
	case err == nil && !info.IsDir():
		return []inputFile{{name: pattern, size: info.Size()}}, nil
	case err == nil:
		return listFolder(pattern, endings)
	case errors.Is(err, fs.ErrPermission):
		return nil, flow.Configf("path: want a readable file, got: %w", err)
	}
	names, err := filepath.Glob(pattern)
	if err != nil {
		return nil, flow.Configf("path: want a path or glob, got %q: %w", pattern, err)
	}
	var out []inputFile
	for _, n := range names {
		if isMark(filepath.Base(n)) && !isMark(filepath.Base(pattern)) {
			continue
		}
		info, err := os.Stat(n)
		if err != nil {
			return nil, flow.Configf("path: want readable files, got: %w", err)
		}
		if !info.IsDir() {
			out = append(out, inputFile{name: n, size: info.Size()})
		}
	}
	return out, nil
}

func listFolder(dir string, endings []string) ([]inputFile, error) {
	ents, err := os.ReadDir(dir)
	if err != nil {
		return nil, flow.Configf("path: want a readable folder, got: %w", err)
	}
	var out []inputFile
	for _, e := range ents {
		if e.IsDir() || isMark(e.Name()) || !hasEnding(e.Name(), endings) {
			continue
		}
		info, err := os.Stat(filepath.Join(dir, e.Name()))
		if err != nil {
			return nil, flow.Configf("path: want readable files, got: %w", err)
		}
		out = append(out, inputFile{name: filepath.Join(dir, e.Name()), size: info.Size()})
	}
	return out, nil
}

func (s *fileStore) listBucket(ctx context.Context, pattern string, endings []string) ([]inputFile, error) {
	fixed, glob := pattern, strings.IndexAny(pattern, `*?[\`)
	if glob >= 0 {
		fixed = pattern[:glob]
	}
	var out []inputFile
	it := s.bucket.List(&blob.ListOptions{Prefix: fixed})
	for {
		o, err := it.Next(ctx)
		if err == io.EOF {
			return out, nil
		}
		if err != nil {
			return nil, storeError(s.prefix+pattern, err)
		}
		ok := o.Key == pattern
		if glob >= 0 {
			if ok, err = path.Match(pattern, o.Key); err != nil {
				return nil, flow.Configf("path: want a path or glob, got %q: %w", pattern, err)
			}
			ok = ok && (!isMark(path.Base(o.Key)) || isMark(path.Base(pattern)))
		} else if dir := strings.TrimSuffix(pattern, "/") + "/"; !ok && (pattern == "" || strings.HasPrefix(o.Key, dir)) {
			in := strings.TrimPrefix(o.Key, dir)
			ok = in != "" && !strings.Contains(in, "/") && !isMark(in) && hasEnding(in, endings)
		}
		if ok && !o.IsDir {
			out = append(out, inputFile{name: s.prefix + o.Key, size: o.Size, key: o.Key})
		}
	}
}

// suggest names the file of the same folder that is nearest to a path without one.
func (s *fileStore) suggest(pattern string, endings []string) string {
	if s.bucket != nil {
		return ""
	}
	if info, err := os.Stat(pattern); err == nil && info.IsDir() {
		return fmt.Sprintf(" and ends in %s; write a glob for other endings", strings.Join(endings, ", "))
	}
	ents, err := os.ReadDir(filepath.Dir(pattern))
	if err != nil {
		return fmt.Sprintf("; there is no folder %s", filepath.Dir(pattern))
	}
	names := make([]string, len(ents))
	for i, e := range ents {
		names[i] = e.Name()
	}
	if hint := check.DidYouMean(filepath.Base(pattern), names); hint != "" {
		return "; " + hint
	}
	return ""
}

func isMark(base string) bool { return strings.HasPrefix(base, ".") || strings.HasPrefix(base, "_") }

func hasEnding(name string, endings []string) bool {
	return slices.ContainsFunc(endings, func(e string) bool { return strings.HasSuffix(strings.ToLower(name), e) })
}

// storeError gives an error of a store its class: what the settings can mend, or what may pass.
func storeError(name string, err error) error {
	switch gcerrors.Code(err) {
	case gcerrors.NotFound, gcerrors.PermissionDenied, gcerrors.InvalidArgument, gcerrors.Unimplemented:
		return flow.Configf("%s: want a readable file, got: %w", name, err)
	case gcerrors.Canceled:
		return err
	}
	return flow.Transientf("%s: %w", name, err)
}
