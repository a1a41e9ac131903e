package kafkaconn

import (
	"bytes"
	"encoding/json"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/sluice-stream/sluice/check"
	"github.com/sluice-stream/sluice/internal/config"
)

const secret = "hunter2-w0rd"

func TestValidate(t *testing.T) {
	for key, s := range map[string]Security{
		"":               {},
		"tls.key":        {TLS: &TLS{Cert: "c"}},
		"tls.cert":       {TLS: &TLS{Key: "k"}},
		"sasl.mechanism": {SASL: &SASL{Mechanism: "scram-sha-265", User: "u", Password: secret}},
		"sasl.user":      {SASL: &SASL{Mechanism: "plain", Password: secret}},
		"sasl.password":  {SASL: &SASL{Mechanism: "PLAIN", User: "u"}},
	} {
		vs := check.Of(s.Validate())
		if key == "" && len(vs) != 0 || key != "" && (len(vs) != 1 || vs[0].Key != key) {
			t.Errorf("want one violation of %q, got %v", key, vs)
		}
		if strings.Contains(fmt.Sprint(vs), secret) {
			t.Errorf("the password shows: %v", vs)
		}
	}
}

// component has Security among its settings, as the source and the sink do.
type component struct {
	Topic    string `yaml:"topic"`
	Security `yaml:",inline"`
}

func (c component) Validate() error { return c.Security.Validate() }

func decode(t *testing.T, text string) (component, error) {
	t.Helper()
	f, err := config.Parse("p.yaml", []byte(text), func(name string) (string, bool) { return secret, name == "WORD" })
	if err != nil {
		t.Fatal(err)
	}
	var c component
	return c, f.Decode(&c)
}

func TestDecode(t *testing.T) {
	c, err := decode(t, "topic: x\ntls: {}\nsasl: {mechanism: plain, user: ann, password: '${WORD}'}\n")
	if err != nil {
		t.Fatal(err)
	}
	if c.TLS == nil || c.SASL == nil || string(c.SASL.Password) != secret {
		t.Fatalf("want tls and sasl, got %v %v", c.TLS, c.SASL)
	}
	whole, err := config.Canonical(&c)
	if err != nil || !strings.Contains(string(whole), `"password": "(secret)"`) {
		t.Errorf("want the whole settings with a hidden password, got %s, %v", whole, err)
	}
	own, err := config.Identity(&c)
	if err != nil || string(own) != `{"topic": "x"}` {
		t.Errorf("want an identity without tls and sasl, got %s, %v", own, err)
	}
}

func TestDecodeRefuses(t *testing.T) {
	for text, want := range map[string]string{
		"sasl: {mechanism: plain, user: ann, password: hunter2-w0rd}":  "p.yaml:1:47: sasl.password: want a secret as ${NAME} or file:/path, got it in the open",
		"sasl: {mechanism: plian, user: ann, password: '${WORD}'}":     `p.yaml:1:8: sasl.mechanism: want one of plain, scram-sha-256, scram-sha-512, got "plian"; did you mean "plain"?`,
		"topic: x\ntls:\n  cert: c.pem":                                "p.yaml:2:1: tls.key: want the private key of cert, got nothing",
		"sasl: {mechanism: plain, user: ann, pasword: '${WORD}'}":      `p.yaml:1:37: sasl.pasword: unknown key; did you mean "password"?`,
		"sasl: {mechanism: plain, user: '', password: '${WORD}'}":      "p.yaml:1:26: sasl.user: want a value, got nothing",
		"sasl: {mechanism: '${WORD}', user: ann, password: '${WORD}'}": "p.yaml:1:8: sasl.mechanism: want one of plain, scram-sha-256, scram-sha-512, got the value of an environment variable",
		"tls: {ca: [a]}": "p.yaml:1:11: tls.ca: want text, got a list",
	} {
		_, err := decode(t, text)
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s:\nwant %s\ngot  %v", text, want, err)
		}
		if strings.Contains(fmt.Sprint(err), secret) {
			t.Errorf("the password shows: %v", err)
		}
	}
}

func TestPasswordNeverShows(t *testing.T) {
	s := Security{SASL: &SASL{Mechanism: "plain", User: "ann", Password: secret}}
	var log bytes.Buffer
	d, err := s.Dialer(slog.New(slog.NewJSONHandler(&log, nil)))
	if err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(log.String(), "in the open") || !strings.Contains(log.String(), "ann") {
		t.Errorf("want a warning that names the user, got %q", log.String())
	}
	slog.New(slog.NewTextHandler(&log, nil)).Info("x", "s", s, "sasl", s.SASL, "d", d)
	whole, err := json.Marshal(s)
	if err != nil {
		t.Fatal(err)
	}
	c := struct {
		hidden component
		d      Dialer
	}{component{Security: s}, d}
	for _, text := range []string{
		log.String(), string(whole), fmt.Sprintf("%v %+v %#v", s, s, s), fmt.Sprintf("%v %+v %#v", c, c, c),
		fmt.Sprintf("%v %+v %#v %s %q", *s.SASL, *s.SASL, *s.SASL, *s.SASL, *s.SASL), fmt.Sprintf("%+v", d.Options()),
	} {
		if strings.Contains(text, secret) {
			t.Errorf("the password shows: %s", text)
		}
	}
	quiet := bytes.Buffer{}
	for _, s := range []Security{{}, {TLS: &TLS{}, SASL: s.SASL}, {SASL: &SASL{Mechanism: mechanism256, User: "ann", Password: secret}}} {
		if _, err := s.Dialer(slog.New(slog.NewTextHandler(&quiet, nil))); err != nil || quiet.Len() > 0 {
			t.Errorf("want no warning, got %q, %v", quiet.String(), err)
		}
	}
}

func TestFilesAreCheckedFirst(t *testing.T) {
	dir := t.TempDir()
	empty := filepath.Join(dir, "empty")
	if err := os.WriteFile(empty, []byte("\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		s    Security
		want string
	}{
		{Security{TLS: &TLS{CA: dir + "/none"}}, "tls.ca: want a file that can be read"},
		{Security{TLS: &TLS{CA: empty}}, "tls.ca: want certificates in PEM form, got none in " + empty},
		{Security{TLS: &TLS{Cert: empty, Key: empty}}, "tls.cert: want a certificate and its private key"},
		{Security{SASL: &SASL{Mechanism: "plain", User: "ann", Password: "file:" + "/none"}}, "sasl.password: want a file that can be read"},
		{Security{SASL: &SASL{Mechanism: "plain", User: "ann", Password: "file:"}}, "sasl.password: want a file that can be read"},
		{Security{SASL: &SASL{Mechanism: "scram-sha-256", User: "ann"}}, "sasl.password: want a password"},
	} {
		if _, err := c.s.Dialer(slog.Default()); err == nil || !strings.HasPrefix(err.Error(), c.want) {
			t.Errorf("want %s, got %v", c.want, err)
		}
	}
}
