//go:build kafka

package arrowio

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/sluice-stream/sluice/flow"
	"github.com/sluice-stream/sluice/internal/kafkaconn"
	"github.com/sluice-stream/sluice/internal/realkafka"
)

// secureTopic makes a topic with 500 numbered rows on the secured broker, through its open listener.
func secureTopic(t *testing.T) (s *realkafka.Secured, topic string) {
	t.Helper()
	s = realkafka.Secure(t)
	topic = t.Name()
	addrs := []string{s.Addr[realkafka.Plaintext]}
	createTopic(t, addrs, topic, 1, nil)
	sendAll(t, addrs, nil, numberedUpTo(topic, 500)...)
	return s, topic
}

func saslOf(mechanism string) *kafkaconn.SASL {
	return &kafkaconn.SASL{Mechanism: mechanism, User: realkafka.User, Password: realkafka.Password}
}

func TestRealSecureListeners(t *testing.T) {
	s, topic := secureTopic(t)
	ca := &kafkaconn.TLS{CA: s.CA}
	for name, c := range map[string]struct {
		listener string
		sec      kafkaconn.Security
	}{
		"tls":                {realkafka.TLS, kafkaconn.Security{TLS: ca}},
		"server name":        {realkafka.TLS, kafkaconn.Security{TLS: &kafkaconn.TLS{CA: s.CA, ServerName: "broker.test"}}},
		"mutual":             {realkafka.MutualTLS, kafkaconn.Security{TLS: &kafkaconn.TLS{CA: s.CA, Cert: s.Cert, Key: s.Key}}},
		"plain over tls":     {realkafka.SASLTLS, kafkaconn.Security{TLS: ca, SASL: saslOf("plain")}},
		"scram 256 over tls": {realkafka.SASLTLS, kafkaconn.Security{TLS: ca, SASL: saslOf("scram-sha-256")}},
		"scram 512 over tls": {realkafka.SASLTLS, kafkaconn.Security{TLS: ca, SASL: saslOf("SCRAM-SHA-512")}},
		"plain":              {realkafka.SASL, kafkaconn.Security{SASL: saslOf("plain")}},
		"scram 256":          {realkafka.SASL, kafkaconn.Security{SASL: saslOf("scram-sha-256")}},
		"scram 512":          {realkafka.SASL, kafkaconn.Security{SASL: saslOf("scram-sha-512")}},
	} {
		t.Run(name, func(t *testing.T) {
			cfg := kafkaConfig([]string{s.Addr[c.listener]}, topic)
			cfg.Security = c.sec
			equalRows(t, pollAll(t, openKafka(t, kafkaEnv(t, nil), cfg, nil), 64), numbers(0, 500))
		})
	}
}

// TestRealLoginExpires reads on a listener that ends a connection when its login is two seconds old.
func TestRealLoginExpires(t *testing.T) {
	s, topic := secureTopic(t)
	sec := kafkaconn.Security{TLS: &kafkaconn.TLS{CA: s.CA}, SASL: saslOf("scram-sha-256")}
	cfg := kafkaConfig([]string{s.Addr[realkafka.Short]}, topic)
	cfg.Security, cfg.Until = sec, ""
	k := openKafka(t, kafkaEnv(t, nil), cfg, nil)
	got := pollRows(t, k, 500)
	w := newWriter(t, cfg.Brokers, securedClient(t, sec)...)
	for n := 500; n < 506; n++ {
		time.Sleep(time.Second)
		w.send(t, numbered(topic, 0, n))
		got = append(got, pollRows(t, k, 1)...)
	}
	equalRows(t, got, numbers(0, 506))
}

// TestRealSecureWriter has a franz-go client with the same settings write and read through each listener.
func TestRealSecureWriter(t *testing.T) {
	s, topic := secureTopic(t)
	ca := &kafkaconn.TLS{CA: s.CA}
	n := 500
	for listener, sec := range map[string]kafkaconn.Security{
		realkafka.Plaintext: {},
		realkafka.TLS:       {TLS: ca},
		realkafka.MutualTLS: {TLS: &kafkaconn.TLS{CA: s.CA, Cert: s.Cert, Key: s.Key}},
		realkafka.SASL:      {SASL: saslOf("scram-sha-512")},
		realkafka.SASLTLS:   {TLS: ca, SASL: saslOf("scram-sha-256")},
		realkafka.PlainOnly: {SASL: saslOf("plain")},
	} {
		addrs := []string{s.Addr[listener]}
		d, err := sec.Dialer(kafkaEnv(t, nil).Log)
		if err == nil {
			err = d.Check(t.Context(), addrs)
		}
		if err != nil {
			t.Fatalf("%s: %v", listener, err)
		}
		sendAll(t, addrs, d.Options(), numbered(topic, 0, n))
		n++
	}
	cfg := kafkaConfig([]string{s.Addr[realkafka.Plaintext]}, topic)
	equalRows(t, pollAll(t, openKafka(t, kafkaEnv(t, nil), cfg, nil), 64), numbers(0, n))
}

// TestRealSecureRefusals has each way to be turned away be an error of the settings, at once, at its key.
func TestRealSecureRefusals(t *testing.T) {
	s, topic := secureTopic(t)
	ca := &kafkaconn.TLS{CA: s.CA}
	wrong := func(change func(*kafkaconn.SASL)) *kafkaconn.SASL {
		x := saslOf("scram-sha-512")
		change(x)
		return x
	}
	password := func(x *kafkaconn.SASL) { x.Password = "guess-w0rd" }
	user := func(x *kafkaconn.SASL) { x.User = "bob" }
	plain := func(x *kafkaconn.SASL) { x.Mechanism = "plain" }
	cases := map[string]struct {
		listener string
		sec      kafkaconn.Security
		key      string
		says     string
	}{
		"wrong authority":        {realkafka.TLS, kafkaconn.Security{TLS: &kafkaconn.TLS{CA: s.ForeignCA}}, "tls.ca", "unknown authority"},
		"system authorities":     {realkafka.TLS, kafkaconn.Security{TLS: &kafkaconn.TLS{}}, "tls.ca", "unknown authority"},
		"wrong name":             {realkafka.TLS, kafkaconn.Security{TLS: &kafkaconn.TLS{CA: s.CA, ServerName: "other.test"}}, "tls.server_name", "other.test"},
		"no client certificate":  {realkafka.MutualTLS, kafkaconn.Security{TLS: ca}, "tls", "give cert and key"},
		"foreign certificate":    {realkafka.MutualTLS, kafkaconn.Security{TLS: &kafkaconn.TLS{CA: s.CA, Cert: s.ForeignCrt, Key: s.ForeignKey}}, "tls.cert", "certificate"},
		"plaintext to tls":       {realkafka.TLS, kafkaconn.Security{}, "tls", "add tls: {}"},
		"login without tls":      {realkafka.SASLTLS, kafkaconn.Security{SASL: saslOf("plain")}, "tls", "add tls: {}"},
		"tls to plaintext":       {realkafka.Plaintext, kafkaconn.Security{TLS: ca}, "tls", "remove tls"},
		"no login":               {realkafka.SASL, kafkaconn.Security{}, "sasl", "scram-sha-256"},
		"no login over tls":      {realkafka.SASLTLS, kafkaconn.Security{TLS: ca}, "sasl", "scram-sha-512"},
		"login where none is":    {realkafka.TLS, kafkaconn.Security{TLS: ca, SASL: saslOf("plain")}, "sasl", "remove sasl"},
		"wrong mechanism":        {realkafka.PlainOnly, kafkaconn.Security{SASL: saslOf("scram-sha-512")}, "sasl.mechanism", "takes: plain"},
		"scram, wrong password":  {realkafka.SASLTLS, kafkaconn.Security{TLS: ca, SASL: wrong(password)}, "sasl", `user "ann" by scram-sha-512`},
		"scram, unknown user":    {realkafka.SASLTLS, kafkaconn.Security{TLS: ca, SASL: wrong(user)}, "sasl", `user "bob" by scram-sha-512`},
		"plain, wrong password":  {realkafka.SASL, kafkaconn.Security{SASL: wrong(func(x *kafkaconn.SASL) { plain(x); password(x) })}, "sasl", `user "ann" by plain`},
		"plain, unknown user":    {realkafka.SASL, kafkaconn.Security{SASL: wrong(func(x *kafkaconn.SASL) { plain(x); user(x) })}, "sasl", `user "bob" by plain`},
		"certificate is no file": {realkafka.TLS, kafkaconn.Security{TLS: &kafkaconn.TLS{CA: s.CA + ".none"}}, "tls.ca", "no such file"},
	}
	for _, name := range slices.Sorted(maps.Keys(cases)) {
		c := cases[name]
		t.Run(name, func(t *testing.T) {
			cfg := kafkaConfig([]string{s.Addr[c.listener]}, topic)
			cfg.Security, cfg.RetrySeconds = c.sec, 30
			k, err := NewKafka(cfg)
			if err != nil {
				t.Fatal(err)
			}
			began := time.Now()
			err = k.Open(t.Context(), kafkaEnv(t, nil))
			if !errors.Is(err, flow.ErrConfig) || !strings.HasPrefix(err.Error(), c.key+": ") || !strings.Contains(err.Error(), c.says) {
				t.Errorf("want an error of class configuration at %s that says %q, got %v", c.key, c.says, err)
			}
			if took := time.Since(began); took > 5*time.Second {
				t.Errorf("it took %s", took)
			}
			if all := fmt.Sprintf("%v %+v", err, k); strings.Contains(all, realkafka.Password) || strings.Contains(all, "guess-w0rd") {
				t.Errorf("the password shows: %s", all)
			}
			t.Log(err)
		})
	}
}
