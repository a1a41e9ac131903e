package kafkaconn

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"syscall"

	"github.com/twmb/franz-go/pkg/kmsg"
)

const (
	correlation   = 1
	largestAnswer = 8 << 20 // bytes; the answers of this package are small, but for the list of a cluster's brokers
)

var format = kmsg.NewRequestFormatter(kmsg.FormatterClientID("sluice"))

// errForeign marks an answer that is not one of Kafka.
var errForeign = errors.New("not an answer of Kafka")

// exchange sends req, in a version without tags in its header, and returns the answer.
func exchange(conn net.Conn, req kmsg.Request) (kmsg.Response, error) {
	_, wrote := conn.Write(format.AppendRequest(nil, req, correlation))
	var head [8]byte
	if n, err := io.ReadFull(conn, head[:]); err != nil { // also after a failed write: the other side may have said why
		switch {
		case wrote != nil && alert(err) == "":
			err = wrote
		case n > 0 && closed(err):
			err = fmt.Errorf("%w: %d bytes, then its end", errForeign, n)
		}
		return nil, err
	}
	size, id := binary.BigEndian.Uint32(head[:]), binary.BigEndian.Uint32(head[4:])
	if size < 4 || size > largestAnswer || id != correlation {
		return nil, fmt.Errorf("%w: it begins with % x", errForeign, head)
	}
	body := make([]byte, size-4)
	if _, err := io.ReadFull(conn, body); err != nil {
		return nil, err
	}
	res := req.ResponseKind()
	if err := res.ReadFrom(body); err != nil {
		return nil, fmt.Errorf("%w: %w", errForeign, err)
	}
	return res, nil
}

// askVersions returns the newest version of each request that the broker speaks.
func askVersions(conn net.Conn) (map[int16]int16, error) {
	m, err := exchange(conn, kmsg.NewPtrApiVersionsRequest())
	if err != nil {
		return nil, err
	}
	out := map[int16]int16{}
	for _, k := range m.(*kmsg.ApiVersionsResponse).ApiKeys {
		out[k.ApiKey] = k.MaxVersion
	}
	return out, nil
}

// askBrokers asks for nothing but the brokers: what any client may ask once it is logged in.
func askBrokers(conn net.Conn) error {
	req := kmsg.NewPtrMetadataRequest()
	req.Version, req.Topics = 4, []kmsg.MetadataRequestTopic{}
	_, err := exchange(conn, req)
	return err
}

// closed says that the other side ended the connection.
func closed(err error) bool {
	return errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) || errors.Is(err, syscall.ECONNRESET) || errors.Is(err, syscall.EPIPE)
}

func timedOut(err error) bool { return errors.Is(err, os.ErrDeadlineExceeded) }
