package arrowio

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"hash/crc32"
	"io"

	"github.com/klauspost/compress/zstd"
	"github.com/segmentio/kafka-go/compress"
)

// kbatch is one record batch, format 2. Its header, big-endian:
//
//	 0 base offset 8 | 8 length 4 | 12 leader epoch 4 | 16 magic 1 | 17 crc32c 4 of all that follows
//	21 attributes 2 | 23 last offset delta 4 | 27 base time 8 | 35 max time 8
//	43 producer id 8 | 51 producer epoch 2 | 53 base sequence 4 | 57 records 4 | 61 the records
type kbatch struct {
	base, last    int64 // offsets; last is valid even where compaction removed the row
	baseMS, maxMS int64
	attrs         int16
	epoch         int32 // of the leader that wrote it
	producer      int64
	count         int32
	body          []byte        // records, compressed until inflate
	ready         chan struct{} // closed when inflate is done
	err           error         // valid behind ready
	packed        int           // length of body as it came
	in            *answerBuffer // that body aliases until it is inflated, nil for none
	gap           *gap          // stands in the queue instead of a batch
}

const (
	batchHeader   = 61
	batchPrefix   = 12 // base offset and length, which the length does not count
	attrLogAppend = 1 << 3
	attrTxn       = 1 << 4
	attrControl   = 1 << 5
	maxInflated   = 1 << 30 // bytes a batch may unpack to
)

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

// splitBatches cuts records into batches. A batch that is cut off at the end is left out; cut says so.
func splitBatches(records []byte) (out []*kbatch, cut bool, err error) {
	for len(records) > 0 {
		if len(records) < batchPrefix {
			return out, true, nil
		}
		n := int(int32(binary.BigEndian.Uint32(records[8:]))) + batchPrefix
		if n < batchPrefix {
			return out, false, fmt.Errorf("batch of negative length at offset %d", int64(binary.BigEndian.Uint64(records)))
		}
		if n > len(records) {
			return out, true, nil
		}
		b, err := parseBatch(records[:n:n])
		if err != nil {
			return out, false, err
		}
		out, records = append(out, b), records[n:]
	}
	return out, false, nil
}

func parseBatch(raw []byte) (*kbatch, error) {
	w := wire{b: raw}
	b := &kbatch{base: w.i64(), ready: make(chan struct{})}
	if len(raw) > 16 && raw[16] != 2 {
		return nil, fmt.Errorf("batch at offset %d has message format %d, want 2 (Kafka 0.11 and newer); write the topic anew", b.base, raw[16])
	}
	if len(raw) < batchHeader {
		return nil, fmt.Errorf("batch at offset %d has %d bytes, want at least %d", b.base, len(raw), batchHeader)
	}
	w.skip(4) // length
	b.epoch = w.i32()
	w.skip(1) // magic
	if want, got := uint32(w.i32()), crc32.Checksum(w.b, castagnoli); want != got {
		return nil, fmt.Errorf("batch at offset %d has checksum %08x, want %08x", b.base, got, want)
	}
	b.attrs = w.i16()
	b.last = b.base + int64(w.i32())
	b.baseMS, b.maxMS, b.producer = w.i64(), w.i64(), w.i64()
	w.skip(6) // producer epoch, base sequence
	b.count = w.i32()
	b.body = w.b
	return b, nil
}

// release says that the bytes of the batch, as they came, are no longer read.
func (b *kbatch) release() {
	b.in.release()
	b.in = nil
}

func (b *kbatch) control() bool { return b.attrs&attrControl != 0 }

// inflate unpacks the records and closes ready. It is called once.
func (b *kbatch) inflate() {
	defer close(b.ready)
	codec := compress.Compression(b.attrs & 7)
	if codec == compress.None {
		return
	}
	body, err := unpack(codec, b.body)
	b.release()
	if err != nil {
		b.err = fmt.Errorf("batch at offset %d: %s: %w", b.base, codec, err)
	}
	b.body = body
}

// zstdDecoder is safe for concurrent DecodeAll.
var zstdDecoder, _ = zstd.NewReader(nil, zstd.WithDecoderConcurrency(0), zstd.WithDecoderMaxMemory(maxInflated))

func unpack(codec compress.Compression, body []byte) ([]byte, error) {
	if codec == compress.Zstd {
		return zstdDecoder.DecodeAll(body, nil)
	}
	c := codec.Codec()
	if c == nil {
		return nil, fmt.Errorf("unknown codec %d", codec)
	}
	r := c.NewReader(bytes.NewReader(body))
	defer r.Close()
	out := bytes.NewBuffer(make([]byte, 0, 4*len(body)))
	n, err := out.ReadFrom(io.LimitReader(r, maxInflated+1))
	if err == nil && n > maxInflated {
		err = fmt.Errorf("unpacks to more than %d bytes", maxInflated)
	}
	return out.Bytes(), err
}

// krecord is one message. Nil key or value is null; the bytes alias the batch.
type krecord struct {
	offset, ms int64
	key, value []byte
	headers    []byte // as on the wire
	nheaders   int
	in         *answerBuffer // that key, value and headers alias; nil where the collector owns them
}

// recordIter walks the records of an inflated batch.
type recordIter struct {
	b    *kbatch
	rest []byte
	left int32
}

func (b *kbatch) records() recordIter { return recordIter{b: b, rest: b.body, left: b.count} }

// next reads the next record into r; false at the end.
func (t *recordIter) next(r *krecord) (bool, error) {
	if t.left <= 0 {
		return false, nil
	}
	t.left--
	size, n := binary.Varint(t.rest)
	if n <= 0 || size < 1 || size > int64(len(t.rest)-n) {
		return false, t.broken()
	}
	rec := varints{b: t.rest[n : n+int(size)]}
	t.rest = t.rest[n+int(size):]
	rec.b = rec.b[1:] // attributes, unused
	r.ms = t.b.baseMS + rec.int()
	r.offset = t.b.base + rec.int()
	r.key = rec.bytes()
	r.value = rec.bytes()
	r.nheaders = int(rec.int())
	r.in = t.b.in
	r.headers = rec.b
	if t.b.attrs&attrLogAppend != 0 {
		r.ms = t.b.maxMS
	}
	if rec.bad || r.nheaders < 0 || r.nheaders > len(r.headers) {
		return false, t.broken()
	}
	return true, nil
}

func (t *recordIter) broken() error {
	return fmt.Errorf("batch at offset %d: record %d of %d is broken", t.b.base, t.b.count-t.left, t.b.count)
}

// eachHeader calls f for each header of r, until the bytes end.
func (r *krecord) eachHeader(f func(key string, value []byte)) {
	v := varints{b: r.headers}
	for range r.nheaders {
		key, value := v.bytes(), v.bytes()
		if v.bad {
			return
		}
		f(string(key), value)
	}
}

// varints reads zigzag varints and byte strings that they precede.
type varints struct {
	b   []byte
	bad bool
}

func (v *varints) int() int64 {
	x, n := binary.Varint(v.b)
	if n <= 0 {
		v.bad, v.b = true, nil
		return 0
	}
	v.b = v.b[n:]
	return x
}

// bytes returns nil for null, and an empty slice for no bytes.
func (v *varints) bytes() []byte {
	n := v.int()
	if n < 0 || v.bad {
		return nil
	}
	if n > int64(len(v.b)) {
		v.bad, v.b = true, nil
		return nil
	}
	out := v.b[:n:n]
	v.b = v.b[n:]
	return out
}
