package arrowio

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"

	"github.com/segmentio/kafka-go/protocol"
	"github.com/segmentio/kafka-go/protocol/fetch"
)

// fetchCall is a fetch request whose answer stays bytes. kafka-go routes it to the partition leader as it does
// with its own request; the answer is read in one piece, because its decoder copies each record into pages and
// drops the last offset of a batch, without which a compacted batch is fetched for ever.
type fetchCall struct {
	fetch.Request
	version int16
}

// fetchAnswer is the body of a fetch response behind the correlation id.
type fetchAnswer struct {
	version int16
	body    []byte
}

const (
	oldestFetch   = 4 // the first version with record batches and aborted transactions: Kafka 0.11
	readCommitted = 1 // isolation level
	noEpoch       = -1
	consumer      = -1 // replica id of a client that is not a broker
)

var errOldBroker = errors.New("the broker is older than Kafka 0.11 and does not speak fetch version 4")

func newFetchCall(topic string, parts []fetch.RequestPartition, waitMS, maxBytes int32) *fetchCall {
	return &fetchCall{Request: fetch.Request{
		ReplicaID: consumer, MaxWaitTime: waitMS, MinBytes: 1, MaxBytes: maxBytes,
		IsolationLevel: readCommitted,
		SessionEpoch:   noEpoch, // no fetch session: 0 would open one at each call
		Topics:         []fetch.RequestTopic{{Topic: topic, Partitions: parts}},
	}}
}

// Required makes kafka-go leave the exchange to RawExchange.
func (f *fetchCall) Required(versions map[protocol.ApiKey]int16) bool {
	f.version = versions[protocol.Fetch]
	return true
}

// RawExchange writes the request and reads its answer whole.
func (f *fetchCall) RawExchange(rw io.ReadWriter) (protocol.Message, error) {
	if f.version < oldestFetch {
		return nil, errOldBroker
	}
	const correlation = 1
	if err := protocol.WriteRequest(rw, f.version, correlation, clientID, &f.Request); err != nil {
		return nil, err
	}
	var head [8]byte
	if _, err := io.ReadFull(rw, head[:]); err != nil {
		return nil, err
	}
	size, id := int32(binary.BigEndian.Uint32(head[:])), binary.BigEndian.Uint32(head[4:])
	if size < 4 || id != correlation {
		return nil, fmt.Errorf("want a fetch answer, got %d bytes with correlation id %d", size, id)
	}
	body := make([]byte, size-4)
	if _, err := io.ReadFull(rw, body); err != nil {
		return nil, err
	}
	return &fetchAnswer{version: f.version, body: body}, nil
}

// ApiKey says that this answers a fetch.
func (a *fetchAnswer) ApiKey() protocol.ApiKey { return protocol.Fetch }

// fetched is what one partition answered.
type fetched struct {
	partition int32
	code      int16
	stable    int64 // last stable offset: the end for a reader of committed rows
	logStart  int64 // -1 where the version does not tell
	aborted   []abortedRange
	records   []byte // record batches one behind the other; the last one may be cut
}

// abortedRange says that producer's transaction that began at first was aborted.
type abortedRange struct{ producer, first int64 }

// partitions decodes the answer. The records alias its body.
func (a *fetchAnswer) partitions() ([]fetched, error) {
	w := wire{b: a.body}
	w.i32() // throttle time
	if a.version >= 7 {
		code := w.i16()
		w.i32() // session id
		if code != 0 {
			return nil, codeError(code)
		}
	}
	var out []fetched
	for range w.count() {
		w.skip(int(w.i16())) // topic
		for range w.count() {
			out = append(out, w.partition(a.version))
		}
	}
	if w.bad {
		return nil, fmt.Errorf("fetch answer of %d bytes ends early", len(a.body))
	}
	return out, nil
}

func (w *wire) partition(version int16) fetched {
	f := fetched{partition: w.i32(), code: w.i16(), logStart: -1}
	w.i64() // high watermark
	f.stable = w.i64()
	if version >= 5 {
		f.logStart = w.i64()
	}
	for range w.count() {
		f.aborted = append(f.aborted, abortedRange{producer: w.i64(), first: w.i64()})
	}
	if version >= 11 {
		w.i32() // preferred read replica
	}
	if n := w.i32(); n > 0 {
		f.records = w.skip(int(n))
	}
	return f
}

// wire reads big-endian values. Behind its end it yields zeros and turns bad.
type wire struct {
	b   []byte
	bad bool
}

func (w *wire) skip(n int) []byte {
	if n < 0 || n > len(w.b) {
		w.bad, w.b = true, nil
		return nil
	}
	out := w.b[:n:n]
	w.b = w.b[n:]
	return out
}

func (w *wire) i16() int16 {
	if b := w.skip(2); b != nil {
		return int16(binary.BigEndian.Uint16(b))
	}
	return 0
}

func (w *wire) i32() int32 {
	if b := w.skip(4); b != nil {
		return int32(binary.BigEndian.Uint32(b))
	}
	return 0
}

func (w *wire) i64() int64 {
	if b := w.skip(8); b != nil {
		return int64(binary.BigEndian.Uint64(b))
	}
	return 0
}

// count reads an array's length; a null array has none. No element is shorter than a byte.
func (w *wire) count() int {
	n := int(w.i32())
	if n > len(w.b) {
		w.bad, w.b = true, nil
	}
	if n < 0 || w.bad {
		return 0
	}
	return n
}
