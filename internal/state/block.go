package state

import (
	"encoding/binary"
	"fmt"
	"runtime"
	"sync"
	"sync/atomic"

	"github.com/zeebo/xxh3"
)

// blockBytes is the size of the blocks that lists are cut into, to find out what has changed. Every element size
// divides it. 256 bytes are hashed at 8 GB/s a core, their hashes take 1/32 of the state, and a change of one row of
// 64 bytes copies four. It is part of the content hash and does not change.
const blockBytes = 256

// blocks is the hashes of the blocks of one list.
type blocks struct {
	kind   kind
	hashes []uint64
}

func blockCount(bytes int) int { return (bytes + blockBytes - 1) / blockBytes }

// stretch is how many blocks a goroutine takes at a time: 1 MB.
const stretch = 4096

// hashBlocks hashes every block of every list, on all cores when there is much to do.
func hashBlocks(values []value) []blocks {
	out := make([]blocks, len(values))
	var pieces []piece
	for i := range values {
		v := &values[i]
		if !v.cut() {
			continue
		}
		n := blockCount(len(v.raw))
		out[i] = blocks{v.kind, make([]uint64, n)}
		for from := 0; from < n; from += stretch {
			pieces = append(pieces, piece{v.raw, out[i].hashes, from, min(from+stretch, n)})
		}
	}
	share(len(pieces), func(i int) { pieces[i].hash() })
	return out
}

type piece struct {
	raw      []byte
	hashes   []uint64
	from, to int
}

func (p piece) hash() {
	for b := p.from; b < p.to; b++ {
		p.hashes[b] = xxh3.Hash(p.raw[b*blockBytes : min((b+1)*blockBytes, len(p.raw))])
	}
}

// share calls do for 0 to n-1 on as many goroutines as there are cores.
func share(n int, do func(i int)) {
	var next atomic.Int64
	work := func() {
		for i := int(next.Add(1)) - 1; i < n; i = int(next.Add(1)) - 1 {
			do(i)
		}
	}
	var wg sync.WaitGroup
	for range min(runtime.GOMAXPROCS(0), n) - 1 {
		wg.Go(work)
	}
	work()
	wg.Wait()
}

// run is a row of blocks.
type run struct{ start, count int64 }

// changed returns the blocks of now that before does not have in the same place.
func changed(before, now []uint64) []run {
	var out []run
	for b := 0; b < len(now); b++ {
		if b < len(before) && before[b] == now[b] {
			continue
		}
		from := b
		for b < len(now) && (b >= len(before) || before[b] != now[b]) {
			b++
		}
		out = append(out, run{int64(from), int64(b - from)})
	}
	return out
}

func whole(blocks int) []run {
	if blocks == 0 {
		return nil
	}
	return []run{{0, int64(blocks)}}
}

// span returns where the run lies in a list of n bytes.
func (r run) span(n int) (from, to int) {
	return int(r.start) * blockBytes, min(int(r.start+r.count)*blockBytes, n)
}

// copyRuns returns copies of the runs of raw, one after the other.
func copyRuns(raw []byte, runs []run) []byte {
	at := make([]int, len(runs)+1)
	for i, r := range runs {
		from, to := r.span(len(raw))
		at[i+1] = at[i] + to - from
	}
	out := make([]byte, at[len(runs)])
	const most = 4096 // runs a goroutine takes at a time
	if len(runs) == 1 {
		copyOne(out, raw[runs[0].start*blockBytes:])
		return out
	}
	share((len(runs)+most-1)/most, func(i int) {
		for k := i * most; k < min((i+1)*most, len(runs)); k++ {
			from, to := runs[k].span(len(raw))
			copy(out[at[k]:at[k+1]], raw[from:to])
		}
	})
	return out
}

// copyOne copies a long run on all cores.
func copyOne(dst, src []byte) {
	const most = 1 << 20
	share((len(dst)+most-1)/most, func(i int) {
		copy(dst[i*most:min((i+1)*most, len(dst))], src[i*most:])
	})
}

// contentHash is one hash of what values hold: names, types, lengths, elements. It does not depend on the file
// format, nor on what of it lies in a base and what in deltas.
func contentHash(values []value, of []blocks) string {
	h := xxh3.New()
	var n [8]byte
	number := func(x uint64) {
		binary.LittleEndian.PutUint64(n[:], x)
		h.Write(n[:])
	}
	text := func(s string) {
		number(uint64(len(s)))
		h.WriteString(s)
	}
	for i := range values {
		v := &values[i]
		text(v.name)
		list := uint64(0)
		if v.list {
			list = 1
		}
		number(uint64(v.kind)<<1 | list)
		number(uint64(v.len()))
		switch {
		case v.kind == kindString:
			for _, s := range v.text {
				text(s)
			}
		case v.list:
			h.Write(bytesOf(of[i].hashes))
		default:
			h.Write(v.raw)
		}
	}
	sum := h.Sum128().Bytes()
	return fmt.Sprintf("%x", sum[:])
}

// image is what a checkpoint holds of one component, without the values: enough to tell what has changed since.
type image struct {
	part   Part
	blocks map[string]blocks
}

func imageOf(part Part, values []value, of []blocks) *image {
	m := &image{part: part, blocks: make(map[string]blocks, len(values))}
	for i, b := range of {
		if values[i].cut() {
			m.blocks[values[i].name] = b
		}
	}
	return m
}

// before returns the hashes of the list called name, if it was one of the same kind.
func (m *image) before(name string, k kind) ([]uint64, bool) {
	if m == nil {
		return nil, false
	}
	b, ok := m.blocks[name]
	return b.hashes, ok && b.kind == k
}
