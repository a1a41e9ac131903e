package vfs

import (
	"net/url"
	"path/filepath"
	"regexp"
	"slices"
	"strings"

	"github.com/sluice-stream/sluice/check"
)

// stores opens a URL; nil where the program has no object stores.
var stores func(u *url.URL) (FS, error)

// OpenStores sets how object stores are opened. Package bucket calls it.
func OpenStores(open func(u *url.URL) (FS, error)) { stores = open }

// Open returns the file system that path lies on, and the path there: a local folder, file:///folder, or a prefix
// in an object store, such as s3://bucket/prefix?region=eu-west-1 or, elsewhere than at AWS,
// s3://bucket/prefix?endpoint=https://host:9000. Keys come from the environment (AWS_ACCESS_KEY_ID, ...), never from
// the path. mem://name/prefix is a store in this process, which only tests have: see package bucket/inmemory.
//
// The error is a check.Violation. A store that cannot be reached is found out by its first use.
func Open(path string) (FS, string, error) {
	scheme, _, found := strings.Cut(path, "://")
	if err := Written(path); err != nil {
		return nil, "", err
	}
	if !found {
		return OS{}, filepath.Clean(path), nil
	}
	u, err := url.Parse(path)
	switch {
	case err != nil:
		return nil, "", check.Violation{Want: "a path or the URL of an object store (s3://bucket/prefix)", Got: path}
	case scheme == "file":
		return OS{}, filepath.FromSlash(u.Path), nil
	case u.Host == "" || u.User != nil:
		return nil, "", check.Violation{Want: "a bucket, and no credentials, in a URL such as s3://bucket/prefix", Got: u.Redacted(),
			Hint: "credentials come from the environment: AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY"}
	case stores == nil:
		return nil, "", check.Violation{Want: "a local path", Got: path, Hint: "this program was built without object stores"}
	}
	f, err := stores(u)
	if err != nil {
		return nil, "", check.Violation{Want: "a path or the URL of an object store (s3://bucket/prefix)", Got: path, Hint: err.Error()}
	}
	return f, filepath.Clean(filepath.FromSlash(strings.Trim(u.Path, "/"))), nil
}

// slashed is the beginning of a URL that lacks a slash. One letter is a drive of Windows.
var slashed = regexp.MustCompile(`^([a-zA-Z][a-zA-Z0-9+.-]+):/?([^/].*)?$`)

// schemes are those of which a path with too few slashes is taken for a URL.
var schemes = []string{"s3", "gs", "azblob", "file", "mem", "http", "https"}

// Written reports a path that is a URL by its looks and would become a local folder. The error is a check.Violation.
func Written(path string) error {
	m := slashed.FindStringSubmatch(path)
	if m == nil || !slices.Contains(schemes, strings.ToLower(m[1])) {
		return nil
	}
	hint := "write " + m[1] + "://" + m[2]
	if m[1] == "file" {
		hint = "write file:///" + m[2]
	}
	return check.Violation{Want: "a path or the URL of an object store (s3://bucket/prefix)", Got: path, Hint: hint}
}
