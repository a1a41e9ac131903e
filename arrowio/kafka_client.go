package arrowio

import (
	"context"
	"errors"
	"fmt"
	"net"
	"strings"
	"sync"
	"time"

	kafka "github.com/segmentio/kafka-go"

	"github.com/sluice-stream/sluice/flow"
	"github.com/sluice-stream/sluice/internal/kafkaconn"
)

// clientID is the name by which brokers know us in their logs and quotas.
const clientID = "sluice"

// kafkaClient asks one cluster about one topic.
type kafkaClient struct {
	topic   string
	name    string // the brokers as they were configured, for messages
	addr    net.Addr
	giveUp  time.Duration // how long a broker may fail before it counts as dead
	brokers []string
	dialer  kafkaconn.Dialer
	tr      *kafka.Transport
	stop    context.CancelFunc

	buffers bufferPool // for answers

	mu     sync.Mutex
	closed bool
	conns  map[net.Conn]bool
	spoken map[string]map[int16]int16 // newest version of each request, by connection
	id     topicID                    // zero until it is known
	epochs map[int32]int32            // of the leaders, by partition
}

func newKafkaClient(brokers []string, topic string, giveUp time.Duration) *kafkaClient {
	c := &kafkaClient{
		topic: topic, name: strings.Join(brokers, ","), giveUp: giveUp,
		addr: kafka.TCP(brokers...), conns: map[net.Conn]bool{}, spoken: map[string]map[int16]int16{}, epochs: map[int32]int32{},
	}
	ctx, stop := context.WithCancel(context.Background())
	c.stop = stop
	c.tr = &kafka.Transport{ // it refreshes what it knows about the brokers every MetadataTTL
		Dial: c.dial, DialTimeout: min(giveUp, 5*time.Second), MetadataTTL: 2 * time.Second,
		MetadataTopics: []string{topic}, ClientID: clientID, Context: ctx,
	}
	return c
}

// dial makes a connection that is encrypted and logged in, and remembers it, so that Close ends requests that wait
// for rows. The transport's own TLS and SASL are not used: they lose what the broker says when it refuses.
func (c *kafkaClient) dial(ctx context.Context, network, address string) (net.Conn, error) {
	conn, err := c.dialer.Dial(ctx, network, address)
	if err != nil {
		return nil, refused(err)
	}
	conn.Conn = newPatientConn(conn.Conn, c.silence())
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.closed {
		conn.Close()
		return nil, net.ErrClosed
	}
	c.conns[conn] = true
	c.spoken[connName(conn)] = conn.Versions
	return &knownConn{Conn: conn, c: c}, nil
}

type knownConn struct {
	net.Conn
	c *kafkaClient
}

func (k *knownConn) Close() error {
	k.c.mu.Lock()
	delete(k.c.conns, k.Conn)
	delete(k.c.spoken, connName(k.Conn))
	k.c.mu.Unlock()
	return k.Conn.Close()
}

// close ends every request and connection.
func (c *kafkaClient) close() {
	c.stop()
	c.tr.CloseIdleConnections()
	c.mu.Lock()
	defer c.mu.Unlock()
	c.closed = true
	for conn := range c.conns {
		conn.Close()
	}
}

// firstPause is the time between a failed request and its first repetition; it grows.
const firstPause = 50 * time.Millisecond

// retry repeats f while its error may pass, for as long as a broker may be dead.
func (c *kafkaClient) retry(ctx context.Context, f func() error) error {
	began, pause := time.Now(), firstPause
	for {
		err := f()
		if err == nil || final(err) {
			return err
		}
		if ctx.Err() != nil {
			return ctx.Err()
		}
		if time.Since(began)+pause > c.giveUp {
			return c.dead(err)
		}
		if pause == firstPause {
			if err := c.blame(ctx, err, c.giveUp-time.Since(began)); final(err) {
				return err
			}
		}
		if err := sleep(ctx, pause); err != nil {
			return err
		}
		pause = min(2*pause, 2*time.Second)
	}
}

// dead is the error for a broker that failed for longer than giveUp.
func (c *kafkaClient) dead(err error) error {
	return flow.Transientf("kafka: topic %q: brokers %s gave no usable answer for %s: %w; check that they run and that the address is right",
		c.topic, c.name, c.giveUp, err)
}

// final says that repeating does not help.
func final(err error) bool {
	return errors.Is(err, flow.ErrConfig) || errors.Is(err, flow.ErrCorrupt) || errors.Is(err, errOldBroker)
}

func sleep(ctx context.Context, d time.Duration) error {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// codeError turns a code of the protocol into an error; 0 is nil.
func codeError(code int16) error {
	switch e := kafka.Error(code); {
	case code == 0:
		return nil
	case e == kafka.TopicAuthorizationFailed || e == kafka.GroupAuthorizationFailed || e == kafka.InvalidTopic:
		return flow.Configf("%s: %s", e.Title(), e.Description())
	case code < 0:
		return errors.New("the broker reports an unknown error")
	case e.Title() == "":
		return fmt.Errorf("the broker reports error %d", code)
	default:
		return fmt.Errorf("%s: %s", e.Title(), e.Description())
	}
}

// moved says that err tells of another leader: the partitions are to be grouped anew.
func moved(code int16) bool {
	switch kafka.Error(code) {
	case kafka.UnknownTopicID, kafka.InconsistentTopicID, kafka.LeaderNotAvailable, kafka.NotLeaderForPartition, kafka.ReplicaNotAvailable, kafka.UnknownTopicOrPartition,
		kafka.FencedLeaderEpoch, kafka.UnknownLeaderEpoch:
		return true
	}
	return false
}
