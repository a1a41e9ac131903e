package state

import (
	"bytes"
	"encoding/binary"
	"errors"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/sluice-stream/sluice/internal/vfs"
)

// TestDamagedFilesNeverPanic changes every byte of a base and of a delta in turn, up to the footer, which the Arrow
// library reads, and cuts them at every length. Where nobody has checked a hash the reader still says what is wrong, or
// reads other values.
func TestDamagedFilesNeverPanic(t *testing.T) {
	disk, th := vfs.NewMem(), full()
	th.F32 = make([]float32, 500)
	s := NewStore(disk, "d", 2)
	put(t, s, 1, th)
	th.F32[3], th.I = 1, 4
	put(t, s, 2, th)
	files := 0
	for name, b := range disk.Files() {
		if bytes.HasPrefix(b, []byte("{")) {
			continue
		}
		files++
		for i := range b {
			if _, err := decode(b[:i]); !errors.Is(err, ErrCorrupt) {
				t.Fatalf("%s cut at %d: want ErrCorrupt, got %v", name, i, err)
			}
			if i >= len(b)-10-int(binary.LittleEndian.Uint32(b[len(b)-10:])) {
				continue
			}
			for _, x := range []byte{1, 0x80, 0xff} {
				b[i] ^= x
				if _, err := decode(b); err != nil && !errors.Is(err, ErrCorrupt) {
					t.Fatalf("%s, byte %d: %v", name, i, err)
				}
				b[i] ^= x
			}
		}
	}
	if files != 2 {
		t.Fatalf("want a base and a delta, got %d files", files)
	}
}

// TestPartsShareNoMemory restores two components from the same bytes.
func TestPartsShareNoMemory(t *testing.T) {
	var part bytes.Buffer
	if err := WritePart(&part, full()); err != nil {
		t.Fatal(err)
	}
	one, other := new(thing), new(thing)
	for _, x := range []*thing{one, other} {
		if err := ReadPart(part.Bytes(), x); err != nil {
			t.Fatal(err)
		}
	}
	one.I32[0], one.F32[1], one.U8[0], one.Bs[0] = 9, 9, 9, false
	one.I32, one.U8 = append(one.I32, 1), append(one.U8, 1)
	if d := cmp.Diff(full(), other); d != "" {
		t.Error(d)
	}
}
