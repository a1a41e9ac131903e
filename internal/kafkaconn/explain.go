package kafkaconn

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net"
	"strings"
	"time"

	"github.com/twmb/franz-go/pkg/kerr"

	"github.com/sluice-stream/sluice/check"
)

// explainTLS finds out why the handshake with address failed.
func (d Dialer) explainTLS(ctx context.Context, network, address string, asked bool, err error) error {
	var name x509.HostnameError
	var unknown x509.UnknownAuthorityError
	var bad *tls.CertificateVerificationError
	var foreign tls.RecordHeaderError
	switch {
	case errors.As(err, &name):
		return check.Violation{Key: "tls.server_name", Want: "a name that the certificate of " + address + " holds", Got: err.Error()}
	case errors.As(err, &unknown):
		return check.Violation{Key: "tls.ca", Want: "an authority that vouches for the certificate of " + address, Got: err.Error(),
			Hint: "give the file with the authority that signed the certificates of the brokers"}
	case errors.As(err, &bad):
		return check.Violation{Key: "tls", Want: "a certificate of " + address + " that can be trusted", Got: err.Error()}
	case alert(err) != "":
		return d.explainAlert(address, asked, err)
	case errors.As(err, &foreign), closed(err), timedOut(err), errors.Is(err, context.DeadlineExceeded):
		if d.speaksPlain(ctx, network, address) {
			return check.Violation{Key: "tls", Want: "a listener of the broker that speaks TLS", Got: address + ", which speaks plaintext",
				Hint: "remove tls, or give the port of the TLS listener"}
		}
	}
	return fmt.Errorf("TLS handshake with %s: %w", address, err)
}

// alert returns the reason that the other side of a TLS connection gave, "" where err is none.
func alert(err error) string {
	var op *net.OpError
	if !errors.As(err, &op) || op.Op != "remote error" {
		return ""
	}
	return strings.TrimPrefix(op.Err.Error(), "tls: ")
}

// explainAlert blames the settings for what the broker said, unless it may pass.
func (d Dialer) explainAlert(address string, asked bool, err error) error {
	said := alert(err)
	switch said {
	case "internal error", "user canceled", "bad record MAC", "unexpected message":
		return fmt.Errorf("TLS with %s: %w", address, err)
	case "bad certificate", "unsupported certificate", "revoked certificate", "expired certificate", "unknown certificate",
		"unknown certificate authority", "access denied", "error decrypting message", "certificate required":
		return d.wantsCertificate(address, "its refusal: "+said)
	}
	if asked { // before TLS 1.3 the want of a certificate is just a failure
		return d.wantsCertificate(address, "its refusal: "+said)
	}
	return check.Violation{Key: "tls", Want: "what " + address + " can agree to", Got: "its refusal: " + said,
		Hint: "compare the TLS versions and names that it takes"}
}

func (d Dialer) wantsCertificate(address, got string) error {
	v := check.Violation{Key: "tls.cert", Want: "a client certificate that " + address + " accepts", Got: got}
	if d.s.TLS.Cert == "" {
		v.Key, v.Hint = "tls", "give cert and key: the broker asks for a client certificate"
	}
	return v
}

// explainFirst finds out why the first request on conn has no answer.
func (d Dialer) explainFirst(ctx context.Context, conn net.Conn, address string, err error) error {
	shielded, ok := conn.(*shieldedConn)
	switch {
	case ok && alert(err) != "": // in TLS 1.3 the broker looks at the client's certificate after the handshake
		return d.explainAlert(address, shielded.asked, err)
	case ok && shielded.asked && closed(err):
		return d.wantsCertificate(address, "none")
	case !ok && (closed(err) || errors.Is(err, errForeign)) && d.speaksTLS(ctx, address):
		return check.Violation{Key: "tls", Want: "tls, because " + address + " speaks TLS", Got: "none", Hint: "add tls: {}, with ca where its authority is your own"}
	}
	return fmt.Errorf("first request to %s: %w", address, err)
}

// explainSilence finds out why a broker closes the connection of a client that does not log in.
func (d Dialer) explainSilence(ctx context.Context, address string, why error) error {
	c, err := d.Dial(ctx, "tcp", address)
	if err != nil {
		return why
	}
	defer c.Close()
	err = within(ctx, c, func() error {
		res, err := askHandshake(c, "none")
		if err == nil && errors.Is(kerr.ErrorForCode(res.ErrorCode), kerr.UnsupportedSaslMechanism) {
			err = check.Violation{Key: "sasl", Want: fmt.Sprintf("a login, because %s asks for one by %s", address, mechanismNames(res.SupportedMechanisms)), Got: "none"}
		}
		return err
	})
	if err == nil {
		return why
	}
	return err
}

// patience is how long a broker may take to show which protocol it speaks.
const patience = 2 * time.Second

// speaksTLS says whether address answers a TLS handshake. Whose certificate it has does not matter here: nothing
// is sent.
func (d Dialer) speaksTLS(ctx context.Context, address string) bool {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), patience)
	defer cancel()
	raw, err := (&net.Dialer{}).DialContext(ctx, "tcp", address)
	if err != nil {
		return false
	}
	defer raw.Close()
	err = tls.Client(raw, &tls.Config{InsecureSkipVerify: true}).HandshakeContext(ctx)
	return err == nil || alert(err) != ""
}

// speaksPlain says whether address answers a request of Kafka in the open.
func (d Dialer) speaksPlain(ctx context.Context, network, address string) bool {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), patience)
	defer cancel()
	raw, err := (&net.Dialer{}).DialContext(ctx, network, address)
	if err != nil {
		return false
	}
	defer raw.Close()
	return within(ctx, raw, func() error {
		_, err := askVersions(raw)
		return err
	}) == nil
}
