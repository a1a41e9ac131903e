package realkafka

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"math/big"
	"net"
	"os"
	"path/filepath"
	"time"
)

// Certificates are files in PEM form. The certificate of the server is for 127.0.0.1 and the name broker.test.
type Certificates struct {
	CA         string // the authority that signed server and client
	Server     string // certificate and key in one file
	Cert, Key  string // of a client
	ForeignCA  string // another authority
	ForeignCrt string // of a client that it signed
	ForeignKey string
	Expired    string // server certificate and key of CA, not valid any more
}

// MakeCertificates writes new certificates into dir.
func MakeCertificates(dir string) (c Certificates, err error) {
	w := writer{dir: dir}
	own, foreign := w.authority("ca"), w.authority("foreign-ca")
	c.CA, c.ForeignCA = own.file, foreign.file
	now := time.Now()
	c.Server, _ = w.issue(own, "server", now.Add(24*time.Hour), true)
	c.Expired, _ = w.issue(own, "expired", now.Add(-time.Hour), true)
	c.Cert, c.Key = w.issue(own, "client", now.Add(24*time.Hour), false)
	c.ForeignCrt, c.ForeignKey = w.issue(foreign, "foreign-client", now.Add(24*time.Hour), false)
	return c, w.err
}

// writer keeps the first error.
type writer struct {
	dir string
	err error
	n   int64
}

type authority struct {
	cert *x509.Certificate
	key  *ecdsa.PrivateKey
	file string
}

func (w *writer) authority(name string) authority {
	t := w.template(name, time.Now().Add(24*time.Hour))
	t.IsCA, t.BasicConstraintsValid, t.KeyUsage = true, true, x509.KeyUsageCertSign
	key := w.key()
	der := w.sign(t, t, key, key)
	cert, err := x509.ParseCertificate(der)
	w.note(err)
	return authority{cert: cert, key: key, file: w.write(name+".pem", &pem.Block{Type: "CERTIFICATE", Bytes: der})}
}

// issue writes a certificate that by signed, and its key: into one file where both is set.
func (w *writer) issue(by authority, name string, until time.Time, both bool) (cert, key string) {
	if w.err != nil {
		return "", ""
	}
	t := w.template(name, until)
	t.DNSNames, t.IPAddresses = []string{"broker.test"}, []net.IP{net.IPv4(127, 0, 0, 1)}
	t.ExtKeyUsage = []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth, x509.ExtKeyUsageClientAuth}
	own := w.key()
	crt := &pem.Block{Type: "CERTIFICATE", Bytes: w.sign(t, by.cert, own, by.key)}
	der, err := x509.MarshalPKCS8PrivateKey(own)
	w.note(err)
	private := &pem.Block{Type: "PRIVATE KEY", Bytes: der}
	if both {
		return w.write(name+".pem", private, crt), ""
	}
	return w.write(name+".pem", crt), w.write(name+".key", private)
}

func (w *writer) template(name string, until time.Time) *x509.Certificate {
	w.n++
	return &x509.Certificate{
		SerialNumber: big.NewInt(w.n), Subject: pkix.Name{CommonName: name}, KeyUsage: x509.KeyUsageDigitalSignature,
		NotBefore: time.Now().Add(-48 * time.Hour), NotAfter: until,
	}
}

func (w *writer) key() *ecdsa.PrivateKey {
	k, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	w.note(err)
	return k
}

func (w *writer) sign(t, parent *x509.Certificate, own, by *ecdsa.PrivateKey) []byte {
	der, err := x509.CreateCertificate(rand.Reader, t, parent, &own.PublicKey, by)
	w.note(err)
	return der
}

func (w *writer) write(name string, blocks ...*pem.Block) string {
	var out []byte
	for _, b := range blocks {
		out = append(out, pem.EncodeToMemory(b)...)
	}
	path := filepath.Join(w.dir, name)
	w.note(os.WriteFile(path, out, 0o600))
	return path
}

func (w *writer) note(err error) {
	if w.err == nil {
		w.err = err
	}
}
