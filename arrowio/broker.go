package arrowio

import (
	"context"
	"errors"
	"fmt"
	"io"

	"github.com/apache/arrow/go/v17/arrow"
	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/sluice-stream/sluice/check"
	"github.com/sluice-stream/sluice/flow"
)

func init() {
	flow.Register(flow.Brokers, flow.Entry[EmbeddedConfig, flow.Broker]{
		Name:    flow.EmbeddedBroker,
		Summary: "A Kafka broker inside the process, in memory, on a loopback port; it ends with the process.",
		Example: "{}",
		Build:   func(EmbeddedConfig) (flow.Broker, error) { return &Embedded{}, nil },
	})
}

// EmbeddedConfig are the settings of the embedded broker: there are none.
type EmbeddedConfig struct{}

// Embedded is a broker that speaks the real protocol in the same process, for first runs and tests.
type Embedded struct{ cluster *kfake.Cluster }

// Start listens on a free loopback port.
func (e *Embedded) Start(context.Context) (string, error) {
	c, err := kfake.NewCluster(kfake.NumBrokers(1))
	if err != nil {
		return "", fmt.Errorf("embedded broker: %w", err)
	}
	e.cluster = c
	return c.ListenAddrs()[0], nil
}

// Close ends the broker; its topics are gone.
func (e *Embedded) Close() error {
	if e.cluster != nil {
		e.cluster.Close()
		e.cluster = nil
	}
	return nil
}

// Limits of what Fill writes.
const (
	fillRows     = 8192    // rows asked for at a time
	fillBatch    = 4 << 20 // bytes of one produced batch, so also of one message
	fillBuffered = 1 << 16 // messages on their way
)

// Fill creates the topic and writes every row of src, which is open. The same rows get the same partition,
// offset and time on every run:
//
//	partition  by a fixed hash of the key; without a key, or where it is null, in turn
//	time       the time column; without one, or where it is null, 2026-01-01T00:00:00Z + 1 ms a row
//	arrow_ipc  messages of up to 1,024 rows; partitions in turn, the time of the first row, no key
func (e *Embedded) Fill(ctx context.Context, feed flow.Feed, src flow.Source) (rows int64, err error) {
	if feed.Partitions == 0 {
		feed.Partitions = 1
	}
	if feed.Format == "" {
		feed.Format = formatJSON
	}
	enc, err := newFeedEncoder(feed, src.Schema())
	if err != nil {
		return 0, err
	}
	cl, err := kgo.NewClient(kgo.SeedBrokers(e.cluster.ListenAddrs()...), kgo.RecordPartitioner(kgo.ManualPartitioner()),
		kgo.DefaultProduceTopic(feed.Topic), kgo.ProducerBatchMaxBytes(fillBatch), kgo.MaxBufferedRecords(fillBuffered),
		kgo.ProducerBatchCompression(kgo.NoCompression()))
	if err != nil {
		return 0, fmt.Errorf("feed: %w", err)
	}
	defer cl.Close()
	if err := makeTopic(ctx, cl, feed); err != nil {
		return 0, err
	}
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	failed := func(_ *kgo.Record, err error) {
		if err != nil {
			cancel(fmt.Errorf("feed: topic %q: %w", feed.Topic, err))
		}
	}
	rows, err = pour(ctx, src, enc, func(r *kgo.Record) { cl.Produce(ctx, r, failed) })
	if flushed := cl.Flush(ctx); err == nil {
		err = flushed
	}
	if cause := context.Cause(ctx); cause != nil {
		err = cause
	}
	return rows, err
}

// pour encodes every record of src.
func pour(ctx context.Context, src flow.Source, enc *feedEncoder, produce func(*kgo.Record)) (rows int64, err error) {
	for {
		rec, err := src.Next(ctx, fillRows)
		if errors.Is(err, io.EOF) {
			return rows, nil
		}
		if err != nil {
			return rows, err
		}
		err = enc.encode(rec, produce)
		rows += rec.NumRows()
		rec.Release()
		if err != nil {
			return rows, err
		}
	}
}

// makeTopic creates the topic. It keeps everything: the rows may be older than any retention.
func makeTopic(ctx context.Context, cl *kgo.Client, feed flow.Feed) error {
	keep, size := "-1", fmt.Sprint(2*fillBatch)
	configs := map[string]*string{"retention.ms": &keep, "retention.bytes": &keep, "max.message.bytes": &size}
	_, err := kadm.NewClient(cl).CreateTopic(ctx, int32(feed.Partitions), 1, configs, feed.Topic)
	if err != nil {
		return fmt.Errorf("feed: topic %q: %w", feed.Topic, err)
	}
	return nil
}

// checkFeed reports what the feed's settings and the schema of its rows do not allow.
func checkFeed(feed flow.Feed, schema *arrow.Schema) error {
	checks := []error{
		check.Required("topic", feed.Topic),
		check.Between("partitions", feed.Partitions, 1, 10_000),
		check.OneOf("format", feed.Format, formatJSON, formatArrow),
		check.That(feed.Key == "" || feed.Format != formatArrow, "key", "format: json beside it: an Arrow message holds many rows", feed.Key),
	}
	names := make([]string, schema.NumFields())
	for i, f := range schema.Fields() {
		names[i] = f.Name
	}
	if feed.Key != "" {
		checks = append(checks, check.OneOf("key", feed.Key, names...))
	}
	if feed.Time != "" {
		checks = append(checks, check.OneOf("time", feed.Time, names...))
		if f, ok := schema.FieldsByName(feed.Time); ok && f[0].Type.ID() != arrow.TIMESTAMP {
			checks = append(checks, check.Violation{Key: "time", Want: "a timestamp column", Got: f[0].Type.String()})
		}
	}
	return flow.Classify(flow.ErrConfig, check.All(checks...))
}
