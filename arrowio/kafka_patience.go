package arrowio

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"net"
	"os"
	"sync"
	"time"
)

// patientConn gives up when no byte moves for a while, however long the whole answer takes: a slow link is not a
// dead one. Every request has this limit, those that kafka-go makes for itself too. A deadline that is set counts
// beside it. It also refuses bytes that are no answer to what was asked, before a decoder believes their lengths.
type patientConn struct {
	net.Conn
	most time.Duration // of silence

	mu          sync.Mutex
	read, write time.Time // deadlines that were set, zero for none
	asked       framing
	answered    framing
	id          uint32 // correlation id of the newest request
}

func newPatientConn(c net.Conn, most time.Duration) *patientConn {
	return &patientConn{Conn: c, most: most, asked: framing{skip: 4}}
}

// silence is how long a connection may be silent. Half of giveUp leaves time for another try; a busy broker may
// well take some seconds, none takes half a minute.
func (c *kafkaClient) silence() time.Duration { return min(c.giveUp/2, 30*time.Second) + waitForRows }

// SetDeadline sets both deadlines.
func (p *patientConn) SetDeadline(t time.Time) error {
	return errors.Join(p.SetReadDeadline(t), p.SetWriteDeadline(t))
}

// SetReadDeadline ends a read under way too.
func (p *patientConn) SetReadDeadline(t time.Time) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.read = t
	return p.Conn.SetReadDeadline(t)
}

// SetWriteDeadline ends a write under way too.
func (p *patientConn) SetWriteDeadline(t time.Time) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.write = t
	return p.Conn.SetWriteDeadline(t)
}

func (p *patientConn) Read(b []byte) (int, error) {
	p.mu.Lock()
	err := p.Conn.SetReadDeadline(p.earliest(p.read))
	p.mu.Unlock()
	if err != nil {
		return 0, err
	}
	n, err := p.Conn.Read(b)
	if err != nil {
		return n, p.explain(err)
	}
	p.mu.Lock()
	want := p.id
	p.mu.Unlock()
	for rest := b[:n]; len(rest) > 0; {
		var head *[8]byte
		if head, rest = p.answered.next(rest); head == nil {
			break
		}
		if id := binary.BigEndian.Uint32(head[4:]); id != want {
			return 0, fmt.Errorf("%s does not answer as a Kafka broker: want an answer with correlation id %d, got bytes %x", p.RemoteAddr(), want, *head)
		}
	}
	return n, nil
}

func (p *patientConn) Write(b []byte) (int, error) {
	p.mu.Lock()
	for rest := b; len(rest) > 0; {
		var head *[8]byte
		if head, rest = p.asked.next(rest); head == nil {
			break
		}
		p.id = binary.BigEndian.Uint32(head[4:])
	}
	err := p.Conn.SetWriteDeadline(p.earliest(p.write))
	p.mu.Unlock()
	if err != nil {
		return 0, err
	}
	n, err := p.Conn.Write(b)
	return n, p.explain(err)
}

func (p *patientConn) earliest(set time.Time) time.Time {
	if quiet := time.Now().Add(p.most); set.IsZero() || quiet.Before(set) {
		return quiet
	}
	return set
}

func (p *patientConn) explain(err error) error {
	if !errors.Is(err, os.ErrDeadlineExceeded) {
		return err
	}
	return fmt.Errorf("%s was silent for too long, up to %s: %w", p.RemoteAddr(), p.most, err)
}

// framing finds the heads of messages in a stream of them: the length, and the correlation id, which stands skip
// bytes behind it.
type framing struct {
	skip int
	head [8]byte
	have int // bytes of the head, those that are skipped included
	left int // bytes of the message behind its head
}

// next returns the head that b completes, nil for none, and the rest of b behind it.
func (f *framing) next(b []byte) (*[8]byte, []byte) {
	for len(b) > 0 {
		if f.left > 0 {
			n := min(f.left, len(b))
			f.left, b = f.left-n, b[n:]
			continue
		}
		if at := f.have; at < 4 {
			f.head[at] = b[0]
		} else if at >= 4+f.skip {
			f.head[at-f.skip] = b[0]
		}
		b = b[1:]
		if f.have++; f.have == 8+f.skip {
			f.have = 0
			f.left = max(int(binary.BigEndian.Uint32(f.head[:]))-4-f.skip, 0)
			return &f.head, b
		}
	}
	return nil, nil
}

// roundTrip makes a call. When ctx ends, so does the connection that it waits on: an answer that nobody wants
// would take the link from those that are wanted.
func (c *kafkaClient) roundTrip(ctx context.Context, call *kafkaCall) (*kafkaAnswer, error) {
	call.c, call.ctx = c, ctx
	m, err := c.tr.RoundTrip(ctx, c.addr, call)
	if err != nil {
		return nil, err
	}
	return m.(*kafkaAnswer), nil
}

// until runs f; when ctx ends first, what f reads or writes on conn fails.
func until(ctx context.Context, conn net.Conn, f func() error) error {
	stop := context.AfterFunc(ctx, func() { conn.SetDeadline(time.Unix(1, 0)) })
	err := f()
	if !stop() && err == nil {
		return ctx.Err() // the deadline in the past stays: the connection is of no more use
	}
	return err
}
