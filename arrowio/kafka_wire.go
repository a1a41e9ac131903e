package arrowio

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net"

	"github.com/segmentio/kafka-go/protocol"
	"github.com/twmb/franz-go/pkg/kmsg"
)

// kafkaCall is a request of kmsg on a connection of kafka-go, which connects, authenticates and multiplexes. Its
// own messages do not do: its fetch decoder copies each record into pages and drops the last offset of a batch,
// without which a compacted batch is fetched for ever, and neither its fetch nor its metadata knows topic ids.
type kafkaCall struct {
	c              *kafkaClient
	ctx            context.Context // of the caller: kafka-go does not hand it on
	req            kmsg.Request
	oldest, newest int16 // versions that we speak
	leader         int32 // broker to ask, anyBroker for any
}

// kafkaAnswer is what came back.
type kafkaAnswer struct {
	kmsg.Response
	buf *answerBuffer // that byte strings in it alias
}

const (
	anyBroker       = -1
	correlation     = 1 // a connection carries one exchange at a time
	readUncommitted = 0 // isolation levels
	readCommitted   = 1
	noEpoch         = -1
	noEnd           = -1
	consumer        = -1        // replica id of a client that is not a broker
	unlimited       = 1 << 30   // bytes of one fetch
	largestAnswer   = 1<<31 - 1 // bytes; the length is a positive int32
)

var (
	errOldBroker = errors.New("the broker is older than Kafka 0.11, which brought record batches and transactions")
	errNoBroker  = errors.New("the leader is not among the brokers yet")
)

// ApiKey is the protocol's number of the request.
func (k *kafkaCall) ApiKey() protocol.ApiKey { return protocol.ApiKey(k.req.Key()) }

// ApiKey is the protocol's number of the request that was answered.
func (a *kafkaAnswer) ApiKey() protocol.ApiKey { return protocol.ApiKey(a.Key()) }

// Broker routes the call.
func (k *kafkaCall) Broker(cluster protocol.Cluster) (protocol.Broker, error) {
	if k.leader == anyBroker {
		return protocol.Broker{ID: anyBroker}, nil
	}
	b, ok := cluster.Brokers[k.leader]
	if !ok {
		return b, fmt.Errorf("%w: %d", errNoBroker, k.leader)
	}
	return b, nil
}

// Required makes kafka-go leave the exchange to RawExchange.
func (k *kafkaCall) Required(map[protocol.ApiKey]int16) bool { return true }

// RawExchange writes the request in the newest version that both sides speak, and reads its answer whole.
func (k *kafkaCall) RawExchange(rw io.ReadWriter) (protocol.Message, error) {
	versions, err := k.c.versions(rw)
	if err != nil {
		return nil, err
	}
	v := min(versions[k.req.Key()], k.newest)
	if v < k.oldest {
		return nil, errOldBroker
	}
	k.req.SetVersion(v)
	var res kmsg.Response
	var buf *answerBuffer
	err = until(k.ctx, rw.(net.Conn), func() error { // versions has seen that it is one
		res, buf, err = k.c.exchange(rw, k.req)
		return err
	})
	if err != nil {
		return nil, err
	}
	return &kafkaAnswer{res, buf}, nil
}

// versions returns the newest version of each request that the broker at the other end speaks. It asks once a
// connection: the brokers of a cluster need not be of one version.
func (c *kafkaClient) versions(rw io.ReadWriter) (map[int16]int16, error) {
	conn, ok := rw.(net.Conn)
	if !ok {
		return nil, fmt.Errorf("want a connection, got %T", rw)
	}
	c.mu.Lock()
	known := c.spoken[connName(conn)]
	c.mu.Unlock()
	if known != nil {
		return known, nil
	}
	res, _, err := c.exchange(rw, kmsg.NewPtrApiVersionsRequest())
	if err != nil {
		return nil, err
	}
	known = map[int16]int16{}
	for _, k := range res.(*kmsg.ApiVersionsResponse).ApiKeys {
		known[k.ApiKey] = k.MaxVersion
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.spoken[connName(conn)] = known
	return known, nil
}

// connName tells the open connections apart.
func connName(c net.Conn) string { return c.LocalAddr().String() + " " + c.RemoteAddr().String() }

var kafkaFormat = kmsg.NewRequestFormatter(kmsg.FormatterClientID(clientID))

// exchange sends req in the version that is set and returns the answer. Byte strings in it alias the buffer.
func (c *kafkaClient) exchange(rw io.ReadWriter, req kmsg.Request) (kmsg.Response, *answerBuffer, error) {
	if _, err := rw.Write(kafkaFormat.AppendRequest(nil, req, correlation)); err != nil {
		return nil, nil, err
	}
	var head [8]byte
	if _, err := io.ReadFull(rw, head[:]); err != nil {
		return nil, nil, err
	}
	size, id := binary.BigEndian.Uint32(head[:]), binary.BigEndian.Uint32(head[4:])
	if size < 4 || size > largestAnswer || id != correlation {
		return nil, nil, fmt.Errorf("want an answer to %s, got %d bytes with correlation id %d", kmsg.NameForKey(req.Key()), size, id)
	}
	buf := c.buffers.get(int(size - 4))
	body := buf.b
	if _, err := io.ReadFull(rw, body); err != nil {
		return nil, nil, err
	}
	res := req.ResponseKind()
	// answers in flexible versions have tags behind the correlation id, but that to ApiVersions never
	if req.IsFlexible() && req.Key() != int16(protocol.ApiVersions) {
		body = skipTags(body)
	}
	if err := res.ReadFrom(body); err != nil {
		return nil, nil, fmt.Errorf("answer to %s of %d bytes: %w", kmsg.NameForKey(req.Key()), len(body), err)
	}
	return res, buf, nil
}

// skipTags drops the tags of a response header.
func skipTags(b []byte) []byte {
	n, used := binary.Uvarint(b)
	b = b[max(used, 0):]
	for ; n > 0 && len(b) > 0; n-- {
		_, used = binary.Uvarint(b) // the tag
		b = b[max(used, 0):]
		size, used := binary.Uvarint(b)
		b = b[max(used, 0):]
		b = b[min(size, uint64(len(b))):]
	}
	return b
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
