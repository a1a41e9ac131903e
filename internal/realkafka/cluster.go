package realkafka

import (
	"fmt"
	"strconv"
	"syscall"
	"testing"

	"golang.org/x/sync/errgroup"
)

// Brokers are the nodes of one cluster, numbered from 1. Node 1 is also the only controller: it must stay up.
type Brokers struct{ nodes []*node }

// clusterSettings keep what is written on every broker but one, and tell soon that a broker is gone.
var clusterSettings = []string{
	"broker.session.timeout.ms=5000", "broker.heartbeat.interval.ms=500", "default.replication.factor=3", "min.insync.replicas=2",
	"replica.lag.time.max.ms=3000", "leader.imbalance.check.interval.seconds=100000",
}

// Cluster starts a cluster of so many brokers for one test. It skips as Start does.
func Cluster(t testing.TB, brokers int) *Brokers {
	t.Helper()
	c := &Brokers{}
	for id := range brokers {
		n, err := newNode()
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(n.remove)
		c.nodes = append(c.nodes, n)
		n.options = []string{"--heap", "256m"}
		if id > 0 {
			n.options = append(n.options, "--join", c.nodes[0].dir, "--node", strconv.Itoa(id+1))
		}
		n.options = append(append(n.options, settings...), clusterSettings...)
		for _, topic := range []string{"offsets.topic", "transaction.state.log"} {
			n.options = append(n.options, fmt.Sprintf("%s.replication.factor=%d", topic, brokers))
		}
	}
	c.nodes[0].need(t, c.nodes[0].up()) // the others ask it who the controller is
	var g errgroup.Group
	for _, n := range c.nodes[1:] {
		g.Go(n.up)
	}
	c.nodes[0].need(t, g.Wait())
	return c
}

// Addrs are the addresses of all brokers.
func (c *Brokers) Addrs() []string {
	out := make([]string, len(c.nodes))
	for i, n := range c.nodes {
		out[i] = n.addr
	}
	return out
}

// Kill ends a broker by SIGKILL.
func (c *Brokers) Kill(t testing.TB, id int32) { must(t, c.nodes[id-1].kill()) }

// Restart starts a broker again that was killed.
func (c *Brokers) Restart(t testing.TB, id int32) { must(t, c.nodes[id-1].up()) }

// Freeze stops a broker in the middle of what it does: its connections stay open, and nothing comes.
func (c *Brokers) Freeze(t testing.TB, id int32) {
	_, err := c.nodes[id-1].signal(syscall.SIGSTOP)
	must(t, err)
}

// Thaw lets a frozen broker go on.
func (c *Brokers) Thaw(t testing.TB, id int32) {
	_, err := c.nodes[id-1].signal(syscall.SIGCONT)
	must(t, err)
}

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Error(err)
	}
}
