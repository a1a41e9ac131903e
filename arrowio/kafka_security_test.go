package arrowio

import (
	"crypto/tls"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/sluice-stream/sluice/check"
	"github.com/sluice-stream/sluice/flow"
	"github.com/sluice-stream/sluice/internal/kafkaconn"
	"github.com/sluice-stream/sluice/internal/realkafka"
)

const fakePassword = "hunter2-w0rd"

// guarded starts a cluster behind TLS and a login, with 300 numbered rows in the topic x.
func guarded(t *testing.T) (addrs []string, c realkafka.Certificates) {
	t.Helper()
	c, err := realkafka.MakeCertificates(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	pair, err := tls.LoadX509KeyPair(c.Server, c.Server)
	if err != nil {
		t.Fatal(err)
	}
	opts := []kfake.Opt{kfake.SeedTopics(1, "x"), kfake.EnableSASL(), kfake.TLS(&tls.Config{Certificates: []tls.Certificate{pair}})}
	for _, m := range []string{"PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512"} {
		opts = append(opts, kfake.Superuser(m, "ann", fakePassword))
	}
	_, addrs = fakeKafka(t, opts...)
	sendAll(t, addrs, securedClient(t, guardedBy(c, "plain")), numberedUpTo("x", 300)...)
	return addrs, c
}

func guardedBy(c realkafka.Certificates, mechanism string) kafkaconn.Security {
	return kafkaconn.Security{
		TLS:  &kafkaconn.TLS{CA: c.CA},
		SASL: &kafkaconn.SASL{Mechanism: mechanism, User: "ann", Password: fakePassword},
	}
}

// securedClient returns options of a franz-go client.
func securedClient(t *testing.T, s kafkaconn.Security) []kgo.Opt {
	t.Helper()
	d, err := s.Dialer(kafkaEnv(t, nil).Log)
	if err != nil {
		t.Fatal(err)
	}
	return d.Options()
}

func TestKafkaReadsBehindTLSAndLogin(t *testing.T) {
	addrs, c := guarded(t)
	for _, m := range []string{"plain", "scram-sha-256", "scram-sha-512"} {
		cfg := kafkaConfig(addrs, "x")
		cfg.Security = guardedBy(c, m)
		equalRows(t, pollAll(t, openKafka(t, kafkaEnv(t, nil), cfg, nil), 64), numbers(0, 300))
	}
}

func TestKafkaRefusedConnections(t *testing.T) {
	addrs, c := guarded(t)
	good := guardedBy(c, "scram-sha-512")
	for name, w := range map[string]struct {
		s     kafkaconn.Security
		class error
		says  string
	}{
		"authority":  {kafkaconn.Security{TLS: &kafkaconn.TLS{CA: c.ForeignCA}, SASL: good.SASL}, flow.ErrConfig, "tls.ca: want"},
		"plaintext":  {kafkaconn.Security{SASL: good.SASL}, flow.ErrConfig, "tls: want tls"},
		"no login":   {kafkaconn.Security{TLS: good.TLS}, flow.ErrConfig, "sasl: want a login, because " + addrs[0]},
		"no file":    {kafkaconn.Security{TLS: &kafkaconn.TLS{CA: "none.pem"}}, flow.ErrConfig, "tls.ca: want a file"},
		"wrong user": {kafkaconn.Security{TLS: good.TLS, SASL: &kafkaconn.SASL{Mechanism: "plain", User: "bob", Password: fakePassword}}, flow.ErrTransient, `user "bob" by plain`},
	} {
		t.Run(name, func(t *testing.T) {
			cfg := kafkaConfig(addrs, "x")
			cfg.Security, cfg.RetrySeconds = w.s, 30
			if w.class == flow.ErrTransient { // this broker does not say why it refuses a login
				cfg.RetrySeconds = 1
			}
			k, err := NewKafka(cfg)
			if err != nil {
				t.Fatal(err)
			}
			began := time.Now()
			err = k.Open(t.Context(), kafkaEnv(t, nil))
			if !errors.Is(err, w.class) || !strings.Contains(err.Error(), w.says) {
				t.Errorf("want %v that says %q, got %v", w.class, w.says, err)
			}
			if took := time.Since(began); took > 5*time.Second {
				t.Errorf("it took %s", took)
			}
			if all := fmt.Sprintf("%v %+v %+v", err, k, cfg); strings.Contains(all, fakePassword) {
				t.Errorf("the password shows: %s", all)
			}
		})
	}
}

func TestKafkaValidatesSecurity(t *testing.T) {
	c := kafkaConfig([]string{"127.0.0.1:1"}, "x")
	c.Security = kafkaconn.Security{TLS: &kafkaconn.TLS{Key: "k"}, SASL: &kafkaconn.SASL{Mechanism: "plain", User: "ann"}}
	vs := check.Of(c.Validate())
	if len(vs) != 2 || vs[0].Key != "tls.cert" || vs[1].Key != "sasl.password" {
		t.Errorf("want violations of tls.cert and sasl.password, got %v", vs)
	}
}

// TestKafkaEmbeddedBrokerIsOpen tries the settings of a guarded broker on the one inside the process.
func TestKafkaEmbeddedBrokerIsOpen(t *testing.T) {
	_, addrs := fakeKafka(t, kfake.SeedTopics(1, "x"))
	sendAll(t, addrs, nil, numberedUpTo("x", 5)...)
	cfg := kafkaConfig([]string{flow.EmbeddedBroker}, "x")
	cfg.Security = kafkaconn.Security{TLS: &kafkaconn.TLS{CA: "none.pem"}}
	env := kafkaEnv(t, nil)
	env.Embedded = addrs[0]
	equalRows(t, pollAll(t, openKafka(t, env, cfg, nil), 5), numbers(0, 5))
}
