package kafkaconn

import (
	"strings"

	"github.com/sluice-stream/sluice/check"
	"github.com/sluice-stream/sluice/internal/registry"
)

// Security says how connections are protected. The zero value is plaintext without a login. A component has it
// inline among its settings, and calls Validate from its own.
type Security struct {
	TLS  *TLS  `yaml:"tls" resume:"free" doc:"encrypts connections; tls: {} trusts the authorities of the system; none: plaintext; the embedded broker does without"`
	SASL *SASL `yaml:"sasl" resume:"free" doc:"logs in at each connection; none: no login; the embedded broker does without"`
}

// TLS are files in PEM form. They are read again at each connection, so that a renewed certificate needs no restart.
type TLS struct {
	CA         string `yaml:"ca" doc:"file with the certificates of the authorities to trust; none: those of the system"`
	Cert       string `yaml:"cert" doc:"file with the certificate of this client, for brokers that ask for one"`
	Key        string `yaml:"key" doc:"file with the private key of cert"`
	ServerName string `yaml:"server_name" doc:"name that the certificate of the broker must hold; none: the host of its address"`
}

// SASL is a login by name and password.
type SASL struct {
	Mechanism string          `yaml:"mechanism" doc:"plain, scram-sha-256 or scram-sha-512"`
	User      string          `yaml:"user" doc:"name to log in with"`
	Password  registry.Secret `yaml:"password" doc:"as ${NAME} or file:/path; a file is read again at each connection"`
}

// Values of mechanism: the names of the protocol in lower case.
const (
	mechanismPlain = "plain"
	mechanism256   = "scram-sha-256"
	mechanism512   = "scram-sha-512"
)

// Validate checks what can be known without files and brokers.
func (s Security) Validate() error {
	var checks []error
	if s.TLS != nil {
		checks = append(checks, check.Under("tls", s.TLS.Validate()))
	}
	if s.SASL != nil {
		checks = append(checks, check.Under("sasl", s.SASL.Validate()))
	}
	return check.All(checks...)
}

// Validate wants cert and key together.
func (t TLS) Validate() error {
	return check.All(
		check.That(t.Cert == "" || t.Key != "", "key", "the private key of cert", "nothing"),
		check.That(t.Key == "" || t.Cert != "", "cert", "the certificate of key", "nothing"),
	)
}

// Validate wants a known mechanism, a name and a password.
func (s SASL) Validate() error {
	return check.All(
		check.OneOf("mechanism", strings.ToLower(s.Mechanism), mechanismPlain, mechanism256, mechanism512),
		check.Required("user", s.User),
		check.Required("password", string(s.Password)),
	)
}
