// Package inmemory lets tests open mem://name/prefix, an object store that lasts as long as the process. The program
// does not import it: checkpoints there would help nobody.
package inmemory

import (
	"sync"

	"gocloud.dev/blob"
	"gocloud.dev/blob/memblob"

	"github.com/sluice-stream/sluice/internal/vfs/bucket"
)

func init() { bucket.OpenMemory(named) }

var buckets struct {
	sync.Mutex
	byName map[string]*blob.Bucket
}

// named returns the bucket of that name in this process.
func named(name string) *blob.Bucket {
	buckets.Lock()
	defer buckets.Unlock()
	if buckets.byName == nil {
		buckets.byName = map[string]*blob.Bucket{}
	}
	if buckets.byName[name] == nil {
		buckets.byName[name] = memblob.OpenBucket(nil)
	}
	return buckets.byName[name]
}
