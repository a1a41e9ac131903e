package kafkaconn

import (
	"crypto/tls"
	"crypto/x509"
	"net"
	"os"

	"github.com/sluice-stream/sluice/check"
)

// Config reads the files and returns the configuration for a broker at address, host:port. A file that cannot be
// used is a check.Violation at its key.
func (t TLS) Config(address string) (*tls.Config, error) {
	c := &tls.Config{ServerName: t.ServerName, MinVersion: tls.VersionTLS12}
	if c.ServerName == "" {
		host, _, err := net.SplitHostPort(address)
		if err != nil {
			host = address
		}
		c.ServerName = host
	}
	if t.CA != "" {
		pem, err := os.ReadFile(t.CA)
		if err != nil {
			return nil, check.Violation{Key: "tls.ca", Want: "a file that can be read", Got: err.Error()}
		}
		c.RootCAs = x509.NewCertPool()
		if !c.RootCAs.AppendCertsFromPEM(pem) {
			return nil, check.Violation{Key: "tls.ca", Want: "certificates in PEM form", Got: "none in " + t.CA}
		}
	}
	if t.Cert != "" {
		pair, err := tls.LoadX509KeyPair(t.Cert, t.Key)
		if err != nil {
			return nil, check.Violation{Key: "tls.cert", Want: "a certificate and its private key in PEM form, without a passphrase", Got: err.Error()}
		}
		// always this one: brokers may name only authorities that are above those that signed it
		c.GetClientCertificate = func(*tls.CertificateRequestInfo) (*tls.Certificate, error) { return &pair, nil }
	}
	return c, nil
}
