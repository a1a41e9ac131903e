package main

import (
	"context"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"slices"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/sluice-stream/sluice/flow"
	"github.com/sluice-stream/sluice/internal/kafkaconn"
)

// cluster is where a topic is, and how to log in there.
type cluster struct {
	brokers  []string
	security kafkaconn.Security
}

// clusterOf is where a Kafka source or sink is connected to.
func clusterOf(settings any) cluster {
	return cluster{
		brokers:  getSetting[[]string](settings, "brokers"),
		security: kafkaconn.Security{TLS: getSetting[*kafkaconn.TLS](settings, "tls"), SASL: getSetting[*kafkaconn.SASL](settings, "sasl")},
	}
}

// partitionsOf is how many partitions a topic has; 1 where nobody can tell, as it may have to be made first.
func partitionsOf(ctx context.Context, c cluster, topic string) int {
	if slices.Contains(c.brokers, flow.EmbeddedBroker) {
		return 1
	}
	cl, err := c.client()
	if err != nil {
		return 1
	}
	defer cl.Close()
	topics, err := kadm.NewClient(cl).ListTopics(ctx, topic)
	if err != nil {
		return 1
	}
	return max(len(topics[topic].Partitions), 1)
}

// client connects, with what else it needs to know.
func (c cluster) client(opts ...kgo.Opt) (*kgo.Client, error) {
	dialer, err := c.security.Dialer(slog.New(slog.DiscardHandler))
	if err != nil {
		return nil, err
	}
	opts = append(opts, kgo.SeedBrokers(c.brokers...), kgo.RetryTimeout(10*time.Second))
	return kgo.NewClient(append(opts, dialer.Options()...)...)
}

// where finds the cluster of the drill's own topics; without brokers of the user it is one that the drill starts.
func (d *drill) where() error {
	if d.own.brokers != nil {
		return nil
	}
	if d.own.brokers = d.options.brokers; len(d.own.brokers) > 0 {
		return nil
	}
	b, err := startDrillBroker()
	if err != nil {
		return err
	}
	d.broker, d.own.brokers = b, []string{b.addr}
	return nil
}

// fill makes a topic and writes the messages to it; it returns the topic and how many bytes it holds.
func (d *drill) fill(ctx context.Context, name string, partitions int, messages []*kgo.Record) (topic string, size int, err error) {
	topic, err = d.makeTopic(ctx, name, max(partitions, 1))
	if err != nil {
		return "", 0, err
	}
	cl, err := d.own.client(kgo.RecordPartitioner(kgo.ManualPartitioner()), kgo.DefaultProduceTopic(topic),
		kgo.ProducerBatchMaxBytes(largestMessage/2), kgo.ProducerBatchCompression(kgo.NoCompression()), kgo.MaxBufferedRecords(2*messagesOfABatch))
	if err != nil {
		return "", 0, err
	}
	defer cl.Close()
	for batch := range slices.Chunk(messages, messagesOfABatch) {
		own := make([]*kgo.Record, len(batch))
		for i, m := range batch {
			size += len(m.Key) + len(m.Value) + 16
			own[i] = &kgo.Record{Partition: m.Partition, Key: m.Key, Value: m.Value, Headers: m.Headers, Timestamp: m.Timestamp}
		}
		if err := cl.ProduceSync(ctx, own...).FirstErr(); err != nil {
			return "", 0, flow.Transientf("drill: cannot write to topic %q on %v: %w", topic, d.own.brokers, err)
		}
	}
	d.bytes += size
	return topic, size, nil
}

// largestMessage is what a topic of the drill takes, bytes.
const largestMessage = 32 << 20

// makeTopic makes a topic that keeps everything. On a broker of the drill it has the given name where that is free,
// on others one that no topic of the user's has; it goes when the drill ends.
func (d *drill) makeTopic(ctx context.Context, name string, partitions int) (string, error) {
	own := d.own
	cl, err := own.client()
	if err != nil {
		return "", err
	}
	defer cl.Close()
	topic := name
	if d.broker == nil || d.topics[name] {
		topic = fmt.Sprintf("sluice-drill-%08x-%s", rand.Uint32(), name)
	}
	d.topics[topic] = true
	forever, size := "-1", fmt.Sprint(largestMessage)
	configs := map[string]*string{"retention.ms": &forever, "retention.bytes": &forever, "max.message.bytes": &size}
	if _, err := kadm.NewClient(cl).CreateTopic(ctx, int32(partitions), 1, configs, topic); err != nil {
		return "", flow.Transientf("drill: cannot make topic %q on %v: %w", topic, own.brokers, err)
	}
	if d.broker == nil {
		d.cleanup = append(d.cleanup, func() { dropTopic(own, topic) })
	}
	return topic, nil
}

// dropTopic removes a topic that the drill made on brokers that are not its own, also when the drill was stopped.
func dropTopic(own cluster, topic string) {
	cl, err := own.client()
	if err != nil {
		return
	}
	defer cl.Close()
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	kadm.NewClient(cl).DeleteTopics(ctx, topic)
}
