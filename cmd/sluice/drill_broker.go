package main

import (
	"errors"
	"fmt"
	"net"
	"sync"
	"sync/atomic"
	"time"

	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kmsg"
)

// drillBroker is an embedded broker that can be taken away from its clients and given back, and that can send
// messages again. It lives through the whole drill: what it holds never changes.
type drillBroker struct {
	cluster *kfake.Cluster
	gate    *gate
	addr    string
	again   atomic.Int64 // messages before the asked offset that every second fetch begins with; 0: none
	fetches atomic.Int64
	resent  atomic.Int64 // fetches that were answered from an earlier offset
}

func startDrillBroker() (*drillBroker, error) {
	b := &drillBroker{}
	c, err := kfake.NewCluster(kfake.NumBrokers(1), kfake.ListenFn(func(network, address string) (net.Listener, error) {
		g, err := newGate(network, address)
		b.gate = g
		return g, err
	}))
	if err != nil {
		return nil, fmt.Errorf("drill: embedded broker: %w", err)
	}
	b.cluster, b.addr = c, c.ListenAddrs()[0]
	c.ControlKey(int16(kmsg.Fetch), b.resend)
	return b, nil
}

// resend lets every second fetch begin earlier than its client asked, as one does whose offset lies within a
// batch, or whose broker repeats an answer.
func (b *drillBroker) resend(req kmsg.Request) (kmsg.Response, error, bool) {
	n := b.again.Load()
	if n == 0 || b.fetches.Add(1)%2 == 0 {
		return nil, nil, false
	}
	f := req.(*kmsg.FetchRequest)
	for t := range f.Topics {
		for p := range f.Topics[t].Partitions {
			at := &f.Topics[t].Partitions[p].FetchOffset
			if *at > 0 {
				*at = max(0, *at-n)
				b.resent.Add(1)
			}
		}
	}
	return nil, nil, false
}

func (b *drillBroker) close() {
	b.cluster.Close()
}

// gate is a listener that can cut all connections and refuse new ones for a while, on one address.
type gate struct {
	addr    net.Addr
	mu      sync.Mutex
	inner   net.Listener
	up      chan struct{} // closed while the gate is open
	closed  bool
	conns   map[net.Conn]bool
	bounces int           // still to come
	every   int64         // bytes sent from one to the next
	sent    int64         // since the last one
	down    time.Duration // how long each lasts
	done    int
}

func newGate(network, address string) (*gate, error) {
	l, err := net.Listen(network, address)
	if err != nil {
		return nil, err
	}
	up := make(chan struct{})
	close(up)
	return &gate{addr: l.Addr(), inner: l, up: up, conns: map[net.Conn]bool{}}, nil
}

// bounceAfter plans n bounces, one each time that so many bytes were sent.
func (g *gate) bounceAfter(bytes int64, n int, down time.Duration) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.every, g.bounces, g.sent, g.down, g.done = max(bytes, 1), n, 0, down, 0
}

// bounced cancels what is still planned and returns how often the gate was closed.
func (g *gate) bounced() int {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.bounces = 0
	return g.done
}

// Addr stays the same.
func (g *gate) Addr() net.Addr { return g.addr }

// Accept waits while the gate is closed.
func (g *gate) Accept() (net.Conn, error) {
	for {
		g.mu.Lock()
		inner, up, closed := g.inner, g.up, g.closed
		g.mu.Unlock()
		if closed {
			return nil, net.ErrClosed
		}
		<-up
		conn, err := inner.Accept()
		if err == nil {
			return g.keep(conn), nil
		}
		g.mu.Lock()
		same := g.inner == inner && g.up == up
		g.mu.Unlock()
		if same {
			return nil, err
		}
	}
}

func (g *gate) keep(conn net.Conn) net.Conn {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.conns[conn] = true
	return &gateConn{conn, g}
}

// Close ends the listener for good.
func (g *gate) Close() error {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.closed {
		return nil
	}
	g.closed = true
	return g.inner.Close()
}

// spend counts bytes that are about to be sent; true says that a bounce begins instead.
func (g *gate) spend(n int) bool {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.bounces == 0 {
		return false
	}
	if g.sent += int64(n); g.sent < g.every {
		return false
	}
	g.sent, g.bounces, g.done = 0, g.bounces-1, g.done+1
	g.up = make(chan struct{})
	g.inner.Close()
	for c := range g.conns {
		c.Close()
	}
	g.conns = map[net.Conn]bool{}
	go g.reopen(g.up, g.down)
	return true
}

// reopen listens again on the same port. Another program may have taken it meanwhile: it asks for a while.
func (g *gate) reopen(up chan struct{}, after time.Duration) {
	defer close(up)
	time.Sleep(after)
	for range 100 {
		l, err := net.Listen("tcp", g.addr.String())
		if err == nil {
			g.mu.Lock()
			g.inner = l
			if g.closed {
				l.Close()
			}
			g.mu.Unlock()
			return
		}
		time.Sleep(50 * time.Millisecond)
	}
}

type gateConn struct {
	net.Conn
	gate *gate
}

// Write sends, or half of it where a bounce falls into it.
func (c *gateConn) Write(p []byte) (int, error) {
	if c.gate.spend(len(p)) {
		return 0, errors.New("the broker is gone")
	}
	return c.Conn.Write(p)
}

func (c *gateConn) Close() error {
	c.gate.mu.Lock()
	delete(c.gate.conns, c.Conn)
	c.gate.mu.Unlock()
	return c.Conn.Close()
}
