package kafkaconn

import (
	"encoding/binary"
	"errors"
	"io"
	"net"
	"strings"
	"testing"

	"github.com/twmb/franz-go/pkg/kbin"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/sluice-stream/sluice/check"
)

// scripted is a broker that answers each request with what answer returns for it; nil ends the connection.
func scripted(t *testing.T, answer func(key int16) kmsg.Response) (addr string) {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			converse(c, answer)
			c.Close()
		}
	}()
	return l.Addr().String()
}

func converse(c net.Conn, answer func(key int16) kmsg.Response) {
	for {
		var size [4]byte
		if _, err := io.ReadFull(c, size[:]); err != nil {
			return
		}
		n := binary.BigEndian.Uint32(size[:])
		if n > 1<<20 { // a real broker refuses it too
			return
		}
		body := make([]byte, n)
		if _, err := io.ReadFull(c, body); err != nil {
			return
		}
		r := kbin.Reader{Src: body}
		key, version, id := r.Int16(), r.Int16(), r.Int32()
		res := answer(key)
		if res == nil {
			return
		}
		res.SetVersion(version)
		out := res.AppendTo(binary.BigEndian.AppendUint32(make([]byte, 4), uint32(id)))
		binary.BigEndian.PutUint32(out, uint32(len(out)-4))
		if _, err := c.Write(out); err != nil {
			return
		}
	}
}

// answers of a broker that lets everybody in, changed by f.
func willing(f func(kmsg.Response)) func(int16) kmsg.Response {
	return func(key int16) kmsg.Response {
		res := kmsg.ResponseForKey(key)
		f(res)
		return res
	}
}

func TestBrokerThatIsNoneOfOurs(t *testing.T) {
	text := "no, not " + secret
	for name, c := range map[string]struct {
		mechanism string
		answer    func(kmsg.Response)
		key, says string // key "": may pass
	}{
		"repeats the password": {"plain", func(r kmsg.Response) {
			if r, ok := r.(*kmsg.SASLAuthenticateResponse); ok {
				r.ErrorCode, r.ErrorMessage = 58, &text
			}
		}, "sasl", "no, not (secret)"},
		"knows no proof": {"scram-sha-256", func(r kmsg.Response) {
			if r, ok := r.(*kmsg.SASLAuthenticateResponse); ok {
				r.SASLAuthBytes = []byte("r=x,s=eA==,i=4096")
			}
		}, "sasl", "a wrong proof from"},
		"takes no mechanism": {"scram-sha-256", func(r kmsg.Response) {
			if r, ok := r.(*kmsg.SASLHandshakeResponse); ok {
				r.ErrorCode, r.SupportedMechanisms = 33, []string{"GSSAPI", "OAUTHBEARER"}
			}
		}, "sasl.mechanism", "gssapi, oauthbearer"},
		"takes no login": {"plain", func(r kmsg.Response) {
			if r, ok := r.(*kmsg.SASLHandshakeResponse); ok {
				r.ErrorCode = 34
			}
		}, "sasl", "remove sasl"},
		"is not ready": {"plain", func(r kmsg.Response) {
			if r, ok := r.(*kmsg.SASLHandshakeResponse); ok {
				r.ErrorCode = 15
			}
		}, "", "COORDINATOR_NOT_AVAILABLE"},
		"is not ready to log in": {"plain", func(r kmsg.Response) {
			if r, ok := r.(*kmsg.SASLAuthenticateResponse); ok {
				r.ErrorCode = -1
			}
		}, "", "UNKNOWN_SERVER_ERROR"},
	} {
		t.Run(name, func(t *testing.T) {
			addr := scripted(t, willing(c.answer))
			err := dialer(t, Security{SASL: as(c.mechanism)}).Check(t.Context(), []string{addr})
			var v check.Violation
			if err == nil || errors.As(err, &v) != (c.key != "") || v.Key != c.key || !strings.Contains(err.Error(), c.says) {
				t.Errorf("want %q at key %q, got %v", c.says, c.key, err)
			}
			if err != nil && strings.Contains(err.Error(), secret) {
				t.Errorf("the password shows: %v", err)
			}
		})
	}
}

// TestNotKafka is a server of another protocol.
func TestNotKafka(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			io.WriteString(c, "HTTP/1.1 400 Bad Request\r\n\r\n")
			c.Close()
		}
	}()
	for name, s := range map[string]Security{"open": {}, "tls": {TLS: &TLS{}}} {
		if err := dialer(t, s).Check(t.Context(), []string{l.Addr().String()}); err == nil {
			t.Errorf("%s: want an error", name)
		} else {
			t.Log(err)
		}
	}
}

func TestClosesAtOnce(t *testing.T) {
	addr := scripted(t, func(int16) kmsg.Response { return nil })
	err := Dialer{}.Check(t.Context(), []string{addr})
	var v check.Violation
	if err == nil || errors.As(err, &v) {
		t.Errorf("want an error that may pass, got %v", err)
	}
}
