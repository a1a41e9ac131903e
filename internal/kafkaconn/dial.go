package kafkaconn

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/sluice-stream/sluice/check"
)

// Dialer makes connections. The zero Dialer makes plain ones.
type Dialer struct {
	s    Security
	dial func(ctx context.Context, network, address string) (net.Conn, error) // nil: the real network
}

// Through returns a Dialer whose connections dial makes; nil is the real network.
func (d Dialer) Through(dial func(ctx context.Context, network, address string) (net.Conn, error)) Dialer {
	d.dial = dial
	return d
}

// raw connects, without any protection.
func (d Dialer) raw(ctx context.Context, network, address string) (net.Conn, error) {
	if d.dial != nil {
		return d.dial(ctx, network, address)
	}
	return (&net.Dialer{}).DialContext(ctx, network, address)
}

// Conn is a connection on which requests may follow: it is encrypted and logged in as the settings say.
type Conn struct {
	net.Conn
	Versions map[int16]int16 // newest version of each request that the broker speaks, by key
}

// longest is how long a connection may take to be made where the caller sets no limit.
const longest = 10 * time.Second

// Dialer reads every file once, so that a mistake shows before the first connection, and warns of a password that
// goes over the network in the open.
func (s Security) Dialer(log *slog.Logger) (Dialer, error) {
	if s.TLS != nil {
		if _, err := s.TLS.Config(""); err != nil {
			return Dialer{}, err
		}
	}
	if s.SASL == nil {
		return Dialer{s: s}, nil
	}
	if _, err := s.SASL.password(); err != nil {
		return Dialer{}, err
	}
	if s.TLS == nil && s.SASL.Login().Name() == "PLAIN" {
		log.Warn("sasl plain without tls sends the password in the open; add tls, or use scram-sha-512", "user", s.SASL.User)
	}
	return Dialer{s: s}, nil
}

// Dial connects to a broker, encrypts, and logs in; it ends when ctx does, and after 10 s at the latest.
func (d Dialer) Dial(ctx context.Context, network, address string) (*Conn, error) {
	ctx, cancel := context.WithTimeout(ctx, longest)
	defer cancel()
	raw, err := d.secure(ctx, network, address)
	if err != nil {
		return nil, err
	}
	c := &Conn{Conn: raw}
	if err := within(ctx, raw, func() error { return d.greet(ctx, c, address) }); err != nil {
		raw.Close()
		return nil, err
	}
	return c, nil
}

// Options are for a franz-go client: its connections, and its logins, which it renews before they expire. Call
// Check before, because the client repeats for long what the settings are to blame for.
func (d Dialer) Options() []kgo.Opt {
	opts := []kgo.Opt{kgo.Dialer(func(ctx context.Context, network, address string) (net.Conn, error) {
		ctx, cancel := context.WithTimeout(ctx, longest)
		defer cancel()
		return d.secure(ctx, network, address)
	})}
	if d.s.SASL != nil {
		opts = append(opts, kgo.SASL(d.s.SASL.Login()))
	}
	return opts
}

// secure connects and encrypts.
func (d Dialer) secure(ctx context.Context, network, address string) (net.Conn, error) {
	raw, err := d.raw(ctx, network, address)
	if err != nil || d.s.TLS == nil {
		return raw, err
	}
	cfg, err := d.s.TLS.Config(address)
	if err != nil {
		raw.Close()
		return nil, err
	}
	conn := &shieldedConn{}
	if cfg.GetClientCertificate == nil {
		cfg.GetClientCertificate = func(*tls.CertificateRequestInfo) (*tls.Certificate, error) {
			conn.asked = true
			return &tls.Certificate{}, nil
		}
	}
	conn.Conn = tls.Client(raw, cfg)
	// some time is kept to find out why the other side is silent
	handshake, cancel := context.WithTimeout(ctx, left(ctx)*2/3)
	defer cancel()
	if err := conn.HandshakeContext(handshake); err != nil {
		raw.Close()
		return nil, d.explainTLS(ctx, network, address, conn.asked, err)
	}
	return conn, nil
}

// shieldedConn is a TLS connection that knows whether the broker asked for a certificate in vain.
type shieldedConn struct {
	*tls.Conn
	asked bool
}

// greet learns what the broker speaks, which shows that it speaks Kafka at all, and logs in.
func (d Dialer) greet(ctx context.Context, c *Conn, address string) (err error) {
	if c.Versions, err = askVersions(c); err != nil {
		return d.explainFirst(ctx, c.Conn, address, err)
	}
	if d.s.SASL == nil {
		return nil
	}
	return d.s.SASL.login(ctx, c, address, c.Versions)
}

// within runs f, whose reads and writes on conn end when ctx does.
func within(ctx context.Context, conn net.Conn, f func() error) error {
	past := time.Unix(1, 0)
	stop := context.AfterFunc(ctx, func() { conn.SetDeadline(past) })
	err := f()
	if !stop() && err == nil {
		return context.Cause(ctx) // the deadline in the past stays behind
	}
	return err
}

// left is the time until ctx ends.
func left(ctx context.Context) time.Duration {
	at, ok := ctx.Deadline()
	if !ok {
		return longest
	}
	return time.Until(at)
}

// Check makes a connection to one of the brokers and asks something. It returns a violation where the settings are
// to blame, and another error where none of the brokers answers.
func (d Dialer) Check(ctx context.Context, addresses []string) error {
	var last error
	for _, a := range addresses {
		err := d.checkOne(ctx, a)
		var v check.Violation
		if err == nil || errors.As(err, &v) {
			return err
		}
		last = errors.Join(last, fmt.Errorf("%s: %w", a, err))
	}
	return last
}

func (d Dialer) checkOne(ctx context.Context, address string) error {
	c, err := d.Dial(ctx, "tcp", address)
	if err != nil {
		return err
	}
	defer c.Close()
	ctx, cancel := context.WithTimeout(ctx, longest)
	defer cancel()
	err = within(ctx, c, func() error { return askBrokers(c) })
	if closed(err) && d.s.SASL == nil {
		return d.explainSilence(ctx, address, err)
	}
	return err
}

// Explain returns the violation behind err, a request that failed on a connection of Dial, or err itself. A broker
// that wants a login answers none of the requests of a client without one: it closes the connection.
func (d Dialer) Explain(ctx context.Context, addresses []string, err error) error {
	if d.s.SASL != nil || !closed(err) {
		return err
	}
	var v check.Violation
	if errors.As(d.Check(ctx, addresses), &v) {
		return v
	}
	return err
}
