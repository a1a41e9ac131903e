package arrowio

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"net"
	"sync"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kfake"
)

// fault is what a link does to the answers of a broker.
type fault int

const (
	well    fault = iota
	halted        // the connection stays open, nothing comes, also later
	held          // nothing comes for as long as the fault lasts, then all of it
	slow          // 1 KiB/s
	torn          // the connection is closed in the middle of each answer
	garbage       // random bytes instead of each answer
)

var faultNames = map[fault]string{halted: "halted", held: "held", slow: "slow", torn: "torn", garbage: "garbage"}

// link is the network between a fake broker and its clients.
type link struct {
	mu    sync.Mutex
	fault fault
	since chan struct{} // closed at the next change
	dice  *rand.Rand
}

// fakeOverLink starts a cluster behind a link.
func fakeOverLink(t testing.TB, opts ...kfake.Opt) (*link, []string) {
	l := &link{since: make(chan struct{}), dice: rand.New(rand.NewPCG(1, 2))}
	_, addrs := fakeKafka(t, append(opts, kfake.ListenFn(func(network, address string) (net.Listener, error) {
		ln, err := net.Listen(network, address)
		return &linkListener{ln, l}, err
	}))...)
	t.Cleanup(func() { l.set(well) })
	return l, addrs
}

// set changes what the link does from now on.
func (l *link) set(f fault) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.fault = f
	close(l.since)
	l.since = make(chan struct{})
}

func (l *link) now() (fault, <-chan struct{}) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.fault, l.since
}

type linkListener struct {
	net.Listener
	l *link
}

func (l *linkListener) Accept() (net.Conn, error) {
	c, err := l.Listener.Accept()
	if err != nil {
		return nil, err
	}
	return &linkConn{Conn: c, l: l.l, closed: make(chan struct{})}, nil
}

// linkConn is the broker's end of a connection.
type linkConn struct {
	net.Conn
	l      *link
	once   sync.Once
	closed chan struct{}
	dead   bool // it has halted
}

func (c *linkConn) Close() error {
	c.once.Do(func() { close(c.closed) })
	return c.Conn.Close()
}

var errLink = errors.New("the link was cut")

func (c *linkConn) Write(b []byte) (int, error) {
	for at := 0; at < len(b); {
		f, changed := c.l.now()
		if c.dead {
			return len(b), nil
		}
		switch f {
		case well:
			n, err := c.Conn.Write(b[at:min(at+4096, len(b))])
			if at += n; err != nil {
				return at, err
			}
		case halted:
			c.dead = true
		case held:
			select {
			case <-changed:
			case <-c.closed:
				return at, net.ErrClosed
			}
		case slow:
			n, err := c.Conn.Write(b[at:min(at+128, len(b))])
			if at += n; err != nil {
				return at, err
			}
			select {
			case <-time.After(125 * time.Millisecond):
			case <-changed:
			}
		case torn:
			c.Conn.Write(b[at : (at+len(b))/2])
			c.Close()
			return at, errLink
		case garbage:
			c.Conn.Write(c.l.noise())
			at = len(b)
		}
	}
	return len(b), nil
}

func (l *link) noise() []byte {
	l.mu.Lock()
	defer l.mu.Unlock()
	b := make([]byte, 64+l.dice.IntN(200))
	for i := range b {
		b[i] = byte(l.dice.Uint32())
	}
	if l.dice.IntN(4) == 0 {
		copy(b, "HTTP/1.1 400 Bad Request\r\n\r\n")
	}
	return b
}

func (f fault) String() string { return faultNames[f] }

// bulkyRows is the values of rows from 0 to n, each of about size bytes.
func bulkyRows(n, size int) (values [][]byte) {
	dice := rand.New(rand.NewPCG(3, 4))
	for i := range n {
		pad := make([]byte, size/2)
		for j := range pad {
			pad[j] = byte(dice.Uint32())
		}
		values = append(values, fmt.Appendf(nil, `{"n":%d,"pad":"%x"}`, i, pad))
	}
	return values
}
