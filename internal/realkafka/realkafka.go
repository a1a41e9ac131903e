// Package realkafka runs real Apache Kafka brokers for tests, through scripts/kafka/kafka.sh. They end with the
// test binary, however that ends.
package realkafka

import (
	"sync"
	"testing"
	"time"
)

// settings of a broker beyond those of the script: messages of 32 MiB, timestamps of any year, and transactions
// of dead producers aborted soon.
var settings = []string{
	"message.max.bytes=33554432", "replica.fetch.max.bytes=33554432", "log.message.timestamp.after.max.ms=9223372036854775807",
	"transaction.abort.timed.out.transaction.cleanup.interval.ms=300",
}

// shared is the broker that every test of a binary may use.
var shared struct {
	sync.Mutex
	*node
	err error
}

// Start returns the address of the broker that the tests of a binary share, 127.0.0.1:port, and starts it at the
// first call. Without Java or Maven, or when the jars cannot be fetched, it skips the test and says why.
func Start(t testing.TB) (addr string) {
	t.Helper()
	shared.Lock()
	defer shared.Unlock()
	if shared.node == nil {
		shared.node, shared.err = startNode(settings...)
	}
	shared.need(t, shared.err)
	return shared.addr
}

// Main runs the tests of a binary, and then ends the brokers that were started.
func Main(m *testing.M) (code int) {
	defer Stop()
	return m.Run()
}

// Stop ends every broker and removes its data; the next Start makes a new one.
func Stop() {
	live.Lock()
	defer live.Unlock()
	for _, n := range live.nodes {
		n.remove()
	}
	live.nodes = nil
	shared.Lock()
	shared.node, shared.err = nil, nil
	shared.Unlock()
	secured.Lock()
	secured.made, secured.err = nil, nil
	secured.Unlock()
}

// Bounce ends the shared broker, by SIGKILL where hard is set, leaves it down for a while, and starts it again on
// the same port and data.
func Bounce(t testing.TB, down time.Duration, hard bool) {
	t.Helper()
	Start(t)
	shared.Lock()
	defer shared.Unlock()
	if hard {
		shared.err = shared.kill()
	} else {
		shared.err = shared.stop()
	}
	if shared.err == nil {
		time.Sleep(down)
		shared.err = shared.up()
	}
	if shared.err != nil {
		t.Fatal(shared.err)
	}
}
