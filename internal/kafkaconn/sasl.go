package kafkaconn

import (
	"context"
	"errors"
	"fmt"
	"net"
	"strings"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kmsg"
	"github.com/twmb/franz-go/pkg/sasl"
	"github.com/twmb/franz-go/pkg/sasl/plain"
	"github.com/twmb/franz-go/pkg/sasl/scram"

	"github.com/sluice-stream/sluice/check"
)

// Login returns the login as franz-go takes it. The password is read when a connection logs in.
func (s SASL) Login() sasl.Mechanism {
	switch strings.ToLower(s.Mechanism) {
	case mechanism256:
		return scram.Sha256(s.scram)
	case mechanism512:
		return scram.Sha512(s.scram)
	}
	return plain.Plain(func(context.Context) (plain.Auth, error) {
		p, err := s.password()
		return plain.Auth{User: s.User, Pass: p}, err
	})
}

func (s SASL) scram(context.Context) (scram.Auth, error) {
	p, err := s.password()
	return scram.Auth{User: s.User, Pass: p}, err
}

func (s SASL) password() (string, error) {
	p, err := s.Password.Reveal()
	if err != nil {
		return "", check.Violation{Key: "sasl.password", Want: "a file that can be read", Got: err.Error()}
	}
	if p == "" {
		return "", check.Violation{Key: "sasl.password", Want: "a password", Got: "an empty file"}
	}
	return p, nil
}

// mechanismNames writes names of the protocol as the settings spell them.
func mechanismNames(names []string) string { return strings.ToLower(strings.Join(names, ", ")) }

// login goes through the exchange on a new connection. versions are those that the broker speaks.
func (s SASL) login(ctx context.Context, conn net.Conn, address string, versions map[int16]int16) error {
	m := s.Login()
	if err := s.handshake(conn, address, m.Name()); err != nil {
		return err
	}
	session, token, err := m.Authenticate(ctx, address)
	if err != nil {
		return err
	}
	for done := false; !done; {
		answer, err := s.authenticate(conn, address, token, versions)
		if err != nil {
			return err
		}
		// its errors hold keys that were derived from the password: they are not shown
		if done, token, err = session.Challenge(answer); err != nil {
			return check.Violation{Key: "sasl", Want: "a broker that proves that it knows the password of " + s.who(), Got: "a wrong proof from " + address,
				Hint: "is it the broker that it should be?"}
		}
	}
	return nil
}

func (s SASL) who() string { return fmt.Sprintf("user %q by %s", s.User, strings.ToLower(s.Mechanism)) }

// handshake agrees on the mechanism.
func (s SASL) handshake(conn net.Conn, address, mechanism string) error {
	res, err := askHandshake(conn, mechanism)
	if err != nil {
		return fmt.Errorf("login of %s at %s: %w", s.who(), address, err)
	}
	switch code := kerr.ErrorForCode(res.ErrorCode); {
	case code == nil:
		return nil
	case errors.Is(code, kerr.UnsupportedSaslMechanism):
		return check.Violation{Key: "sasl.mechanism", Want: fmt.Sprintf("one that %s takes: %s", address, mechanismNames(res.SupportedMechanisms)), Got: s.who()}
	case errors.Is(code, kerr.IllegalSaslState):
		return check.Violation{Key: "sasl", Want: "a listener of the broker that takes logins", Got: address + ", which takes none",
			Hint: "remove sasl, or give the port of the listener that does"}
	default:
		return fmt.Errorf("login of %s at %s: %w", s.who(), address, code)
	}
}

func askHandshake(conn net.Conn, mechanism string) (*kmsg.SASLHandshakeResponse, error) {
	req := kmsg.NewPtrSASLHandshakeRequest()
	req.Version, req.Mechanism = 1, mechanism
	res, err := exchange(conn, req)
	if err != nil {
		return nil, err
	}
	return res.(*kmsg.SASLHandshakeResponse), nil
}

// authenticate sends one token and returns the broker's.
func (s SASL) authenticate(conn net.Conn, address string, token []byte, versions map[int16]int16) ([]byte, error) {
	req := kmsg.NewPtrSASLAuthenticateRequest()
	req.Version, req.SASLAuthBytes = min(versions[req.Key()], 1), token
	m, err := exchange(conn, req)
	if closed(err) { // brokers that do not say why; a broker that ends at this moment does the same
		return nil, fmt.Errorf("%s closed the connection during the login of %s; are the name and the password right? %w", address, s.who(), err)
	}
	if err != nil {
		return nil, fmt.Errorf("login of %s at %s: %w", s.who(), address, err)
	}
	res := m.(*kmsg.SASLAuthenticateResponse)
	code := kerr.ErrorForCode(res.ErrorCode)
	if errors.Is(code, kerr.SaslAuthenticationFailed) {
		return nil, check.Violation{Key: "sasl", Want: fmt.Sprintf("a name and a password that %s takes", address), Got: s.who(), Hint: s.said(res.ErrorMessage)}
	}
	if code != nil {
		return nil, fmt.Errorf("login of %s at %s: %w", s.who(), address, code)
	}
	return res.SASLAuthBytes, nil
}

// said quotes the broker's reason, without the password should it hold it.
func (s SASL) said(message *string) string {
	if message == nil || *message == "" {
		return ""
	}
	m := *message
	if p, err := s.password(); err == nil {
		m = strings.ReplaceAll(m, p, s.Password.String())
	}
	return "the broker says: " + m
}
