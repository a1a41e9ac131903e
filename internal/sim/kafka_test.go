package sim_test

import (
	"context"
	"fmt"
	"net"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/sluice-stream/sluice/flow"
	"github.com/sluice-stream/sluice/internal/sim"
)

// cluster is a Kafka broker in the bubble, whose connections are pipes. It outlives the process.
type cluster struct {
	w     *world
	net   kfake.VirtualNetwork
	fake  *kfake.Cluster
	conns int
	open  map[*sim.Process][]net.Conn
}

// sever ends the connections of a process that has died.
func (c *cluster) sever(p *sim.Process) {
	for _, conn := range c.open[p] {
		conn.Close()
	}
}

const brokerAt = "127.0.0.1:9092"

// newCluster starts a broker and fills topic `in` with the rows of the world, as JSON.
func newCluster(w *world) (*cluster, error) {
	c := &cluster{w: w, open: map[*sim.Process][]net.Conn{}}
	var err error
	c.fake, err = kfake.NewCluster(kfake.NumBrokers(1), kfake.Ports(9092), kfake.ListenFn(c.net.Listen),
		kfake.SeedTopics(int32(w.broker.Partitions()), "in"), kfake.SeedTopics(2, "out"))
	if err != nil {
		return nil, err
	}
	w.dial = c.dial
	return c, c.fill()
}

func (c *cluster) client(opts ...kgo.Opt) (*kgo.Client, error) {
	return kgo.NewClient(append(opts, kgo.SeedBrokers(brokerAt), kgo.Dialer(c.net.DialContext))...)
}

func (c *cluster) fill() error {
	p, err := c.client(kgo.RecordPartitioner(kgo.ManualPartitioner()), kgo.DefaultProduceTopic("in"))
	if err != nil {
		return err
	}
	defer p.Close()
	var all []*kgo.Record
	for id := int64(0); ; id++ {
		at, ok := c.w.broker.At(id)
		if !ok {
			return p.ProduceSync(context.Background(), all...).FirstErr()
		}
		all = append(all, &kgo.Record{Partition: int32(at), Timestamp: time.UnixMilli(1e12 + id), Value: rowAt(c.w.seed, id, c.w.odd).json()})
	}
}

func (r row) json() []byte {
	user, label := "null", fmt.Sprint(r.label)
	if r.user != "" {
		user = fmt.Sprintf("%q", r.user)
	}
	if r.label < 0 {
		label = "null"
	}
	return fmt.Appendf(nil, `{"id": %d, "user": %s, "item": %d, "price": %g, "label": %s}`, r.id, user, r.item, r.price, label)
}

// dial connects the process; the connection, and each request on it, is a step.
func (c *cluster) dial(ctx context.Context, network, address string) (net.Conn, error) {
	return c.dialFor(c.w.proc)(ctx, network, address)
}

// dialFor connects process p.
func (c *cluster) dialFor(p *sim.Process) flow.Dial {
	return func(ctx context.Context, network, address string) (net.Conn, error) {
		if p.Step("dial") != sim.Alive {
			return nil, sim.ErrCrashed
		}
		conn, err := c.net.DialContext(ctx, network, address)
		if err != nil {
			return nil, err
		}
		c.conns++
		c.open[p] = append(c.open[p], conn)
		return &stepConn{Conn: conn, p: p, number: c.conns}, nil
	}
}

// stepConn is a connection of a process: once that has died, nothing more is sent.
type stepConn struct {
	net.Conn
	p      *sim.Process
	number int
}

func (c *stepConn) Write(p []byte) (int, error) {
	switch c.p.Step(fmt.Sprintf("send on connection %d", c.number)) {
	case sim.Dead:
		c.Close()
		return 0, sim.ErrCrashed
	case sim.Dying:
		if c.p.Draw(2) == 0 {
			_, _ = c.Conn.Write(p) // the answer is lost
		}
		c.Close()
		return 0, sim.ErrCrashed
	}
	return c.Conn.Write(p)
}

// committed is what a reader of committed messages sees in topic `out`, by partition and in order.
func (c *cluster) committed() (out []string, err error) {
	cl, err := c.client(kgo.ConsumeTopics("out"), kgo.FetchIsolationLevel(kgo.ReadCommitted()))
	if err != nil {
		return nil, err
	}
	defer cl.Close()
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second) // of the bubble
	defer cancel()
	for {
		f := cl.PollFetches(ctx)
		if ctx.Err() != nil {
			break
		}
		f.EachRecord(func(r *kgo.Record) { out = append(out, fmt.Sprintf("%d %s", r.Partition, r.Value)) })
	}
	slices.SortStableFunc(out, func(a, b string) int { return strings.Compare(a[:1], b[:1]) })
	return out, nil
}

// TestKafkaSeeds is TestSeeds with the Kafka source, and in two of three seeds the Kafka sink, against a broker in the
// bubble: each connection and each request is a step at which the process may die, its answer lost. A tenth of the
// seeds.
func TestKafkaSeeds(t *testing.T) {
	trained(t)
	root := t.TempDir()
	for seed := *first; seed < *first+uint64(*seeds)/10; seed++ {
		w, err := playKafka(t, seed, root)
		if err != nil {
			t.Fatal(report(w, err))
		}
	}
}

func playKafka(t *testing.T, seed uint64, root string) (w *world, err error) {
	s := draw(seed)
	s.shape.Message, s.shape.Bad = 1, 0
	if s.seconds > 0 {
		s.seconds, s.rows = 0, 10
	}
	s.source = "{kafka: {brokers: ['" + brokerAt + "'], topic: in, until: end, merge: " + []string{"timestamp", "none"}[seed%2] +
		", retry_seconds: 30, schema: {id: int64, user: utf8, item: int64, price: float64, label: int8}}}"
	if seed%3 > 0 {
		s.sinks[0] = "kafka: {brokers: ['" + brokerAt + "'], topic: out, spool: ROOT/spool, compression: none, retry_seconds: 30}"
	}
	synctest.Test(t, func(t *testing.T) {
		w = newWorld(s, seed, root, modelDir+"/checkpoint")
		var want []string
		if want, err = w.onKafka(w.undisturbed); err != nil {
			return
		}
		calm := w
		w = newWorld(s, seed, root, modelDir+"/checkpoint")
		w.calm = calm
		var got []string
		if got, err = w.onKafka(w.disturbed); err == nil && !slices.Equal(want, got) {
			err = fmt.Errorf("topic out: want\n%s\ngot\n%s", strings.Join(want, "\n"), strings.Join(got, "\n"))
		}
	})
	return w, err
}

// onKafka gives the world a broker for the time of do, and returns what was committed to it.
func (w *world) onKafka(do func() error) ([]string, error) {
	c, err := newCluster(w)
	if err != nil {
		return nil, err
	}
	defer c.fake.Close()
	if err := do(); err != nil {
		return nil, err
	}
	return c.committed()
}
