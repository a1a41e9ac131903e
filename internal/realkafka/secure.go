package realkafka

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
)

// Names of the listeners of a secured broker. SASLTLS and Short also encrypt; Plain takes the mechanism PLAIN only;
// on Short a login lasts for two seconds.
const (
	Plaintext = "PLAINTEXT"
	TLS       = "TLS"
	MutualTLS = "MUTUAL" // wants a certificate of the client
	SASL      = "SASL"
	SASLTLS   = "SASLTLS"
	PlainOnly = "PLAINONLY"
	Short     = "SHORT"
)

// User may log in by each mechanism with Password, whose letters change under the normalisation of Unicode.
const (
	User     = "ann"
	Password = "pass-w¹rd-ﬁve"
)

// Secured is a broker with a listener for each way to connect.
type Secured struct {
	Certificates
	Addr map[string]string // by the name of the listener
}

var secured struct {
	sync.Mutex
	made *Secured
	node *node
	err  error
}

// Secure returns the secured broker that the tests of a binary share, and starts it at the first call. It skips as
// Start does.
func Secure(t testing.TB) *Secured {
	t.Helper()
	secured.Lock()
	defer secured.Unlock()
	s := &secured
	if s.made == nil && s.err == nil {
		s.made = &Secured{}
		s.err = s.made.start()
	}
	s.node.need(t, s.err)
	return s.made
}

func (s *Secured) start() error {
	n, err := newNode()
	if err != nil {
		return err
	}
	secured.node = n
	folder := filepath.Join(n.dir, "certificates")
	if err := os.Mkdir(folder, 0o700); err != nil {
		return err
	}
	if s.Certificates, err = MakeCertificates(folder); err != nil {
		return err
	}
	n.options = s.options()
	if err := n.up(); err != nil || n.skip != "" {
		return err
	}
	s.Addr, err = n.listeners()
	return err
}

// options are those of the script, then settings of the broker.
func (s *Secured) options() []string {
	out := []string{
		"--heap", "256m",
		"--listener", TLS + "=SSL", "--listener", MutualTLS + "=SSL", "--listener", SASL + "=SASL_PLAINTEXT",
		"--listener", SASLTLS + "=SASL_SSL", "--listener", PlainOnly + "=SASL_PLAINTEXT", "--listener", Short + "=SASL_SSL",
	}
	for _, hash := range []string{"256", "512"} {
		out = append(out, "--scram", fmt.Sprintf("SCRAM-SHA-%s=[name=%s,password=%s]", hash, User, Password))
	}
	out = append(out, settings...)
	out = append(out,
		"ssl.keystore.type=PEM", "ssl.keystore.location="+s.Server, "ssl.truststore.type=PEM", "ssl.truststore.location="+s.CA,
		"sasl.enabled.mechanisms=PLAIN,SCRAM-SHA-256,SCRAM-SHA-512",
		"listener.name.mutual.ssl.client.auth=required", "listener.name.plainonly.sasl.enabled.mechanisms=PLAIN",
		"listener.name.short.connections.max.reauth.ms=2000",
	)
	for _, l := range []string{SASL, SASLTLS, PlainOnly, Short} {
		at := "listener.name." + strings.ToLower(l) + "."
		out = append(out, at+"plain.sasl.jaas.config=org.apache.kafka.common.security.plain.PlainLoginModule required user_"+User+`="`+escaped(Password)+`";`)
		for _, m := range []string{"scram-sha-256", "scram-sha-512"} {
			out = append(out, at+m+".sasl.jaas.config=org.apache.kafka.common.security.scram.ScramLoginModule required;")
		}
	}
	return out
}

// escaped writes s for a file of properties, which is not UTF-8.
func escaped(s string) string {
	var b strings.Builder
	for _, r := range s {
		if r < 128 {
			b.WriteRune(r)
		} else {
			fmt.Fprintf(&b, "\\u%04x", r)
		}
	}
	return b.String()
}
