package kafkaconn

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kgo"
	"go.uber.org/goleak"

	"github.com/sluice-stream/sluice/check"
	"github.com/sluice-stream/sluice/internal/realkafka"
	"github.com/sluice-stream/sluice/internal/registry"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func certificates(t *testing.T) realkafka.Certificates {
	t.Helper()
	c, err := realkafka.MakeCertificates(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// serverTLS is the configuration of a broker, whose certificate and key stand in file.
func serverTLS(t *testing.T, file string) *tls.Config {
	t.Helper()
	pair, err := tls.LoadX509KeyPair(file, file)
	if err != nil {
		t.Fatal(err)
	}
	return &tls.Config{Certificates: []tls.Certificate{pair}}
}

// mutualTLS wants a certificate of the client that the authority in c signed.
func mutualTLS(t *testing.T, c realkafka.Certificates, newest uint16) *tls.Config {
	t.Helper()
	roots, err := TLS{CA: c.CA}.Config("")
	if err != nil {
		t.Fatal(err)
	}
	s := serverTLS(t, c.Server)
	s.ClientAuth, s.ClientCAs, s.MaxVersion = tls.RequireAndVerifyClientCert, roots.RootCAs, newest
	return s
}

func fake(t *testing.T, opts ...kfake.Opt) (addrs []string) {
	t.Helper()
	c, err := kfake.NewCluster(append([]kfake.Opt{kfake.NumBrokers(1)}, opts...)...)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(c.Close)
	return c.ListenAddrs()
}

func login(opts ...kfake.Opt) []kfake.Opt {
	opts = append(opts, kfake.EnableSASL())
	for _, m := range []string{"PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512"} {
		opts = append(opts, kfake.Superuser(m, "ann", secret))
	}
	return opts
}

func as(mechanism string) *SASL { return &SASL{Mechanism: mechanism, User: "ann", Password: secret} }

func dialer(t *testing.T, s Security) Dialer {
	t.Helper()
	d, err := s.Dialer(slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	return d
}

func TestEveryWayIn(t *testing.T) {
	c := certificates(t)
	shielded := kfake.TLS(serverTLS(t, c.Server))
	for name, w := range map[string]struct {
		broker []kfake.Opt
		s      Security
	}{
		"open":          {nil, Security{}},
		"tls":           {[]kfake.Opt{shielded}, Security{TLS: &TLS{CA: c.CA}}},
		"name":          {[]kfake.Opt{shielded}, Security{TLS: &TLS{CA: c.CA, ServerName: "broker.test"}}},
		"mutual 1.2":    {[]kfake.Opt{kfake.TLS(mutualTLS(t, c, tls.VersionTLS12))}, Security{TLS: &TLS{CA: c.CA, Cert: c.Cert, Key: c.Key}}},
		"mutual 1.3":    {[]kfake.Opt{kfake.TLS(mutualTLS(t, c, tls.VersionTLS13))}, Security{TLS: &TLS{CA: c.CA, Cert: c.Cert, Key: c.Key}}},
		"plain":         {login(), Security{SASL: as("plain")}},
		"scram-sha-256": {login(), Security{SASL: as("scram-sha-256")}},
		"scram-sha-512": {login(), Security{SASL: as("scram-sha-512")}},
		"scram on tls":  {login(shielded), Security{TLS: &TLS{CA: c.CA}, SASL: as("scram-sha-512")}},
	} {
		t.Run(name, func(t *testing.T) {
			addrs, d := fake(t, w.broker...), dialer(t, w.s)
			if err := d.Check(t.Context(), addrs); err != nil {
				t.Error(err)
			}
			cl, err := kgo.NewClient(append(d.Options(), kgo.SeedBrokers(addrs...))...)
			if err != nil {
				t.Fatal(err)
			}
			defer cl.Close()
			if err := cl.Ping(t.Context()); err != nil {
				t.Error(err)
			}
		})
	}
}

func TestRefusals(t *testing.T) {
	c := certificates(t)
	ca := &TLS{CA: c.CA}
	good, late := fake(t, kfake.TLS(serverTLS(t, c.Server))), fake(t, kfake.TLS(serverTLS(t, c.Expired)))
	old, mutual := fake(t, kfake.TLS(mutualTLS(t, c, tls.VersionTLS12))), fake(t, kfake.TLS(mutualTLS(t, c, tls.VersionTLS13)))
	plain, named := fake(t), fake(t, login()...)
	foreign := &TLS{CA: c.CA, Cert: c.ForeignCrt, Key: c.ForeignKey}
	modern := serverTLS(t, c.Server)
	modern.MaxVersion, modern.MinVersion = tls.VersionTLS11, tls.VersionTLS10
	ancient := fake(t, kfake.TLS(modern))
	for name, w := range map[string]struct {
		addrs []string
		s     Security
		key   string
		says  string
	}{
		"authority":            {good, Security{TLS: &TLS{CA: c.ForeignCA}}, "tls.ca", "unknown authority"},
		"name":                 {good, Security{TLS: &TLS{CA: c.CA, ServerName: "x.test"}}, "tls.server_name", "x.test"},
		"expired":              {late, Security{TLS: ca}, "tls", "expired"},
		"version":              {ancient, Security{TLS: ca}, "tls", "protocol version not supported"},
		"no certificate, 1.2":  {old, Security{TLS: ca}, "tls", "give cert and key"},
		"no certificate, 1.3":  {mutual, Security{TLS: ca}, "tls", "give cert and key"},
		"other authority, 1.2": {old, Security{TLS: foreign}, "tls.cert", "refusal"},
		"other authority, 1.3": {mutual, Security{TLS: foreign}, "tls.cert", "refusal"},
		"plaintext to tls":     {good, Security{}, "tls", "add tls: {}"},
		"login in the open":    {good, Security{SASL: as("plain")}, "tls", "add tls: {}"},
		"tls to plaintext":     {plain, Security{TLS: ca}, "tls", "remove tls"},
		"tls to an open login": {named, Security{TLS: ca, SASL: as("plain")}, "tls", "remove tls"},
		"no login":             {named, Security{}, "sasl", "plain, scram-sha-256, scram-sha-512"},
	} {
		t.Run(name, func(t *testing.T) {
			ctx, cancel := context.WithTimeout(t.Context(), 1500*time.Millisecond) // this broker takes TLS for the start of a long request
			defer cancel()
			err := dialer(t, w.s).Check(ctx, w.addrs)
			var v check.Violation
			if !errors.As(err, &v) || v.Key != w.key || !strings.Contains(err.Error(), w.says) || !strings.Contains(err.Error(), w.addrs[0]) {
				t.Errorf("want a violation of %s that says %q and names %s, got %v", w.key, w.says, w.addrs[0], err)
			}
		})
	}
}

// TestWrongLoginWithoutReason is a broker that closes the connection instead of saying why: it may also have ended.
func TestWrongLoginWithoutReason(t *testing.T) {
	addrs := fake(t, login()...)
	for _, m := range []string{"plain", "scram-sha-256", "scram-sha-512"} {
		s := as(m)
		s.Password = "guess-w0rd"
		err := dialer(t, Security{SASL: s}).Check(t.Context(), addrs)
		var v check.Violation
		if err == nil || errors.As(err, &v) || !strings.Contains(err.Error(), fmt.Sprintf(`user "ann" by %s; are the name and the password right?`, m)) {
			t.Errorf("want an error that names the user and may pass, got %v", err)
		}
		if strings.Contains(fmt.Sprint(err), "guess-w0rd") {
			t.Errorf("the password shows: %v", err)
		}
	}
}

// TestFilesAreReadAgain renews the certificates and the password between two connections.
func TestFilesAreReadAgain(t *testing.T) {
	old, c := certificates(t), certificates(t)
	addrs := fake(t, login(kfake.TLS(mutualTLS(t, c, 0)))...)
	word := filepath.Join(t.TempDir(), "word")
	write := func(text string) {
		if err := os.WriteFile(word, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	write("old\n")
	sasl := as("scram-sha-256")
	sasl.Password = registry.Secret("file:" + word)
	d := dialer(t, Security{TLS: &TLS{CA: old.CA, Cert: old.Cert, Key: old.Key}, SASL: sasl})
	if err := d.Check(t.Context(), addrs); err == nil || !strings.Contains(err.Error(), "tls.ca") {
		t.Fatalf("want the old authority refused, got %v", err)
	}
	for from, to := range map[string]string{c.CA: old.CA, c.Cert: old.Cert, c.Key: old.Key} {
		if err := os.Rename(from, to); err != nil {
			t.Fatal(err)
		}
	}
	if err := d.Check(t.Context(), addrs); err == nil || !strings.Contains(err.Error(), "password") {
		t.Fatalf("want the old password refused, got %v", err)
	}
	write(secret + "\n")
	if err := d.Check(t.Context(), addrs); err != nil {
		t.Fatal(err)
	}
}

// TestSilence is a peer that accepts connections and never answers.
func TestSilence(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	for name, s := range map[string]Security{"open": {}, "tls": {TLS: &TLS{}}} {
		ctx, cancel := context.WithTimeout(t.Context(), 300*time.Millisecond)
		began := time.Now()
		_, err := dialer(t, s).Dial(ctx, "tcp", l.Addr().String())
		cancel()
		var v check.Violation
		if err == nil || errors.As(err, &v) {
			t.Errorf("%s: want an error that may pass, got %v", name, err)
		}
		if took := time.Since(began); took > patience+time.Second {
			t.Errorf("%s: it took %s", name, took)
		}
	}
}

func TestNobodyThere(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	dead := l.Addr().String()
	l.Close()
	err = Dialer{}.Check(t.Context(), []string{dead})
	if err == nil || !strings.Contains(err.Error(), dead) {
		t.Errorf("want an error that names %s, got %v", dead, err)
	}
	if err := (Dialer{}).Check(t.Context(), []string{dead, fake(t)[0]}); err != nil {
		t.Errorf("want the second broker to do, got %v", err)
	}
}
