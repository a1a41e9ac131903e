package arrowio

import (
	"fmt"

	"github.com/apache/arrow/go/v17/arrow/memory"
)

// boundedAlloc panics, recoverably, where a broken file asks for a piece of memory that no whole one needs: the
// lengths in its metadata are trusted by arrow-go, and running out of memory cannot be caught.
type boundedAlloc struct {
	memory.Allocator
	most int
}

// allocFor returns alloc bounded for a file of size bytes.
func allocFor(alloc memory.Allocator, size int64) *boundedAlloc {
	return &boundedAlloc{alloc, int(1<<30 + 16*size)}
}

func (b *boundedAlloc) Allocate(size int) []byte {
	b.check(size)
	return b.Allocator.Allocate(size)
}

func (b *boundedAlloc) Reallocate(size int, old []byte) []byte {
	b.check(size)
	return b.Allocator.Reallocate(size, old)
}

func (b *boundedAlloc) check(size int) {
	if size < 0 || size > b.most {
		panic(fmt.Sprintf("a length of %d bytes", size))
	}
}
