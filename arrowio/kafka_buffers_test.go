package arrowio

import "testing"

func TestBuffersAreUsedAgainWhenFree(t *testing.T) {
	var p bufferPool
	a := p.get(1 << 20)
	a.retain()
	a.release()
	if b := p.get(1 << 20); &b.b[0] == &a.b[0] {
		t.Fatal("a buffer with a user was handed out again")
	}
	a.release()
	if b := p.get(300 << 10); &b.b[0] == &a.b[0] {
		t.Fatal("a small answer took a buffer three times its size")
	}
	if b := p.get(1<<20 - 5); &b.b[0] != &a.b[0] || len(b.b) != 1<<20-5 {
		t.Fatal("want the free buffer, at the length asked for")
	}
	small := p.get(100)
	small.release()
	small.release() // not counted: the collector has it
	for range 10 {
		p.put(make([]byte, 1<<20))
	}
	if len(p.free) != pooledMost {
		t.Fatalf("want %d buffers kept, got %d", pooledMost, len(p.free))
	}
}
