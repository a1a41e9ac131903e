package bucket

import (
	"context"
	"errors"
	"net/url"
	"os"

	"gocloud.dev/blob"

	"github.com/sluice-stream/sluice/internal/vfs"
)

func init() { vfs.OpenStores(open) }

// open opens the bucket of a URL with the driver for its scheme, which the program has to import.
func open(u *url.URL) (vfs.FS, error) {
	name := u.Scheme + "://" + u.Host
	switch {
	case u.Scheme == "mem" && memory == nil:
		return nil, errors.New("mem:// ends with the program: give a folder or a bucket")
	case u.Scheme == "mem":
		return New(memory(u.Host), name), nil
	case u.Scheme == "s3":
		noLegacy()
	}
	b, err := blob.OpenBucket(context.Background(), bucketURL(u))
	if err != nil {
		return nil, err
	}
	return New(b, name), nil
}

// bucketURL is u without its path. A store that is not at AWS is asked in the way that all of them understand: with
// the bucket in the path, without a region, and without the checksums of AWS; every file is hashed anyway.
func bucketURL(u *url.URL) string {
	q := u.Query()
	if u.Scheme == "s3" && q.Get("endpoint") != "" {
		if !q.Has("use_path_style") && !q.Has("s3ForcePathStyle") {
			q.Set("use_path_style", "true")
		}
		for _, k := range []string{"request_checksum_calculation", "response_checksum_validation"} {
			if !q.Has(k) {
				q.Set(k, "when_required")
			}
		}
		if !q.Has("region") && os.Getenv("AWS_REGION") == "" && os.Getenv("AWS_DEFAULT_REGION") == "" {
			q.Set("region", "us-east-1")
		}
	}
	return (&url.URL{Scheme: u.Scheme, Host: u.Host, RawQuery: q.Encode()}).String()
}

// noLegacy keeps the library from asking the first version of Amazon's metadata service, which it tells on stderr. Who
// needs it sets the variable to false.
func noLegacy() {
	const key = "AWS_EC2_METADATA_V1_DISABLED"
	if _, set := os.LookupEnv(key); !set {
		_ = os.Setenv(key, "true") // fails for a bad name only
	}
}

// memory opens the store of that name in this process; nil outside of tests.
var memory func(name string) *blob.Bucket

// OpenMemory sets how mem:// is opened. Package inmemory calls it.
func OpenMemory(open func(name string) *blob.Bucket) { memory = open }
