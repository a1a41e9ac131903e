package bucket

import (
	"context"
	"net/url"
	"os"
	"sync"

	"gocloud.dev/blob"
	"gocloud.dev/blob/memblob"

	"github.com/sluice-stream/sluice/internal/vfs"
)

func init() { vfs.OpenStores(open) }

// open opens the bucket of a URL with the driver for its scheme, which the program has to import.
func open(u *url.URL) (vfs.FS, error) {
	name := u.Scheme + "://" + u.Host
	if u.Scheme == "mem" {
		return New(memory(u.Host), name), nil
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

var memories struct {
	sync.Mutex
	byName map[string]*blob.Bucket
}

// memory returns the bucket of that name in this process.
func memory(name string) *blob.Bucket {
	memories.Lock()
	defer memories.Unlock()
	if memories.byName == nil {
		memories.byName = map[string]*blob.Bucket{}
	}
	if memories.byName[name] == nil {
		memories.byName[name] = memblob.OpenBucket(nil)
	}
	return memories.byName[name]
}
