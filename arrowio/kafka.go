package arrowio

import (
	"context"
	"errors"
	"io"
	"slices"
	"time"

	"github.com/apache/arrow/go/v17/arrow"

	"github.com/sluice-stream/sluice/check"
	"github.com/sluice-stream/sluice/flow"
	"github.com/sluice-stream/sluice/internal/kafkaconn"
)

func init() {
	flow.Register(flow.Sources, flow.Entry[KafkaConfig, flow.Source]{
		Name:    "kafka",
		Summary: "Reads a Kafka topic: committed rows only, exactly from where the checkpoint stands.",
		Example: "{brokers: [localhost:9092], topic: clicks, format: json, until: end}",
		Default: KafkaConfig{
			Format: formatJSON, InferRows: 1000, Start: startEarliest, Merge: mergeNone,
			Meta: []string{"partition", "offset"}, MaxBytes: 8 << 20, RetrySeconds: 30, OnGap: onGapStop,
			Assign: assignAll, SessionSeconds: 45,
		},
		Build: func(c KafkaConfig) (flow.Source, error) { return NewKafka(c) },
	})
}

// KafkaConfig are the settings of the source kafka.
type KafkaConfig struct {
	Brokers        []string             `yaml:"brokers" resume:"free" doc:"addresses host:port; embedded means the broker inside the process"`
	Topic          string               `yaml:"topic" doc:"topic to read"`
	Format         string               `yaml:"format" doc:"of a message: json (one object) or arrow_ipc (one stream, every batch of it)"`
	Schema         flow.Ordered[string] `yaml:"schema" doc:"columns and types, {user: utf8, price: float64, at: timestamp}; none: inferred"`
	InferRows      int                  `yaml:"infer_rows" doc:"first messages that the columns are inferred from, all partitions together, >= 1"`
	Start          string               `yaml:"start" resume:"free" doc:"earliest, latest, committed (by group) or an RFC 3339 time; only for the first start, later ones go on from the checkpoint"`
	Assign         string               `yaml:"assign" doc:"all partitions, those that group shares out to this member, or static: those of partitions"`
	Partitions     []int                `yaml:"partitions" doc:"partitions to read, for assign: static"`
	Group          string               `yaml:"group" resume:"free" doc:"consumer group: for assign: group its members share the partitions; else each checkpoint tells it the offsets, for tools that show the lag, and start: committed begins at its offsets, or at the earliest where it has none"`
	Member         string               `yaml:"member" resume:"free" doc:"for assign: group, a name that stays with this process (static membership): a restart within session_seconds keeps its partitions; none: they go to others at once"`
	SessionSeconds int                  `yaml:"session_seconds" resume:"free" doc:"for assign: group, how long a member may be silent before others get its partitions, 1 to 1800; a broker's defaults allow 6 to 1800"`
	Until          string               `yaml:"until" doc:"end: stop at the end as it is at the first start; empty: never"`
	Merge          string               `yaml:"merge" doc:"timestamp: rows of all partitions in the order of message time, needs until: end; none: partitions in turn"`
	Meta           []string             `yaml:"meta" doc:"columns to add: topic, partition, offset, timestamp, key, headers; each named with a leading _"`
	MaxBytes       int                  `yaml:"max_bytes" resume:"free" doc:"bytes of one fetch from one broker; a larger message is read all the same"`
	RetrySeconds   int                  `yaml:"retry_seconds" resume:"free" doc:"how long a broker may be silent before the source gives up, seconds, >= 1"`
	OnGap          string               `yaml:"on_gap" resume:"free" doc:"when the topic no longer has the rows that are next: stop, or skip, which goes on at the next ones there are and counts what is missing"`

	kafkaconn.Security `yaml:",inline"`
}

// Values of the settings.
const (
	formatJSON     = "json"
	formatArrow    = "arrow_ipc"
	startEarliest  = "earliest"
	startLatest    = "latest"
	startCommitted = "committed"
	untilEnd       = "end"
	mergeTimestamp = "timestamp"
	mergeNone      = "none"
	onGapStop      = "stop"
	onGapSkip      = "skip"
)

// Validate checks what can be known without a broker.
func (c KafkaConfig) Validate() error {
	checks := []error{
		check.That(len(c.Brokers) > 0, "brokers", "at least one address", "none"),
		check.Required("topic", c.Topic),
		check.OneOf("format", c.Format, formatJSON, formatArrow),
		check.AtLeast("infer_rows", c.InferRows, 1),
		check.OneOf("until", c.Until, "", untilEnd),
		check.OneOf("merge", c.Merge, mergeTimestamp, mergeNone),
		check.That(c.Merge != mergeTimestamp || c.Until == untilEnd, "merge", "until: end beside timestamp, because a live partition may always bring an older row", c.Merge),
		check.Between("max_bytes", c.MaxBytes, 1<<10, 1<<30),
		check.Between("retry_seconds", c.RetrySeconds, 1, 86400),
		check.OneOf("on_gap", c.OnGap, onGapStop, onGapSkip),
		c.checkStart(),
		c.checkAssign(),
		c.Security.Validate(),
	}
	for i, m := range c.Meta {
		checks = append(checks, check.OneOf("meta", m, messageMetaNames...))
		checks = append(checks, check.That(!slices.Contains(c.Meta[:i], m), "meta", "each column once", m))
	}
	_, err := declaredSchema("schema", c.Schema)
	return check.All(append(checks, err)...)
}

func (c KafkaConfig) checkStart() error {
	switch c.Start {
	case startEarliest, startLatest:
	case startCommitted:
		return check.That(c.Group != "", "group", "the consumer group whose offsets start: committed means", "nothing")
	default:
		if _, err := time.Parse(time.RFC3339, c.Start); err != nil {
			names := []string{startEarliest, startLatest, startCommitted}
			return check.Violation{Key: "start", Want: "earliest, latest, committed or a time such as 2026-01-31T08:00:00Z", Got: c.Start, Hint: check.DidYouMean(c.Start, names)}
		}
	}
	return nil
}

// Kafka reads one topic through the fetch protocol.
//
// Rows of aborted transactions and the markers of transactions never appear; reading stops at the last stable
// offset. A message that cannot be decoded, and one without a value, is rejected with its place and bytes. The
// order of rows is fixed for one partition, for merge: timestamp, and for any bounded run.
type Kafka struct {
	cfg     KafkaConfig
	client  *kafkaClient
	schema  *arrow.Schema // of the records: the message's columns, then those of meta
	data    *arrow.Schema // of the messages
	saved   kafkaState    // what a checkpoint brought, used by Open
	parts   []*partition
	box     *inbox
	order   order
	rows    *rowMaker
	gaps    *gapLog
	group   *group          // nil but for assign: group
	leaving []*partition    // to be given up once a checkpoint with their last rows is decided
	tenure  map[int32]int64 // of the shares that the reader has or had
	lag     lagTeller
	failed  bool   // Next returned an error that may pass
	halt    func() // stops the fetchers and waits for them
}

// NewKafka checks the settings; Open connects.
func NewKafka(c KafkaConfig) (*Kafka, error) {
	if err := c.Validate(); err != nil {
		return nil, err
	}
	return &Kafka{cfg: c}, nil
}

// Retries says that a passing failure was repeated for retry_seconds before Next returns it.
func (k *Kafka) Retries() bool { return true }

// Origin is the topic.
func (k *Kafka) Origin() string { return k.cfg.Topic }

// Channel is what it reads.
func (k *Kafka) Channel() ([]string, string) { return k.cfg.Brokers, k.cfg.Topic }

// Bounded says whether the run ends at the offsets that the topic had when it first started.
func (k *Kafka) Bounded() bool { return k.cfg.Until == untilEnd }

// Schema returns the columns of the messages, then those of meta.
func (k *Kafka) Schema() *arrow.Schema { return k.schema }

// Rows returns the messages of a bounded run of JSON, each a row; 0 where the end is open or messages hold many.
func (k *Kafka) Rows() int64 {
	if !k.Bounded() { // its partitions may change meanwhile
		return 0
	}
	var n int64
	for _, p := range k.parts {
		if p.end < 0 || k.cfg.Format != "json" {
			return 0
		}
		n += p.end - p.first
	}
	return n
}

// idleAfter is how long Next waits for a row before it returns none, so that its caller can look around.
const idleAfter = 500 * time.Millisecond

// Next returns up to most rows; a record without rows means that none came for a while, or that all of them
// were rejected.
func (k *Kafka) Next(ctx context.Context, most int) (arrow.Record, error) {
	k.again()
	if told, err := k.adopt(ctx); err != nil || told {
		return k.told(err)
	}
	rows, taken := 0, 0
	for rows < most && taken-rows < most && !k.rows.data.full() {
		if err := ctx.Err(); err != nil && rows == 0 {
			return nil, err
		}
		p, state, err := k.order.pick()
		switch {
		case taken > 0 && (err != nil || state != ready):
			return k.rows.record(rows) // the error comes again at the next call
		case err != nil:
			k.failed = errors.Is(err, flow.ErrTransient)
			return nil, err
		case state == finished:
			k.finish()
			return nil, io.EOF
		case state == waiting:
			if idle, err := k.wait(ctx); err != nil {
				return nil, err
			} else if idle {
				return k.rows.record(0)
			}
			if told, err := k.adopt(ctx); err != nil || told {
				return k.told(err)
			}
			continue
		}
		n, whole, err := k.rows.take(p, most-rows)
		if err != nil {
			return nil, err
		}
		if rows += n; whole {
			k.order.took()
		}
		taken += max(n, 1)
	}
	return k.rows.record(rows)
}

// wait returns when something may have changed; idle says that nothing has.
func (k *Kafka) wait(ctx context.Context) (idle bool, err error) {
	t := time.NewTimer(idleAfter)
	defer t.Stop()
	select {
	case <-k.box.arrived:
		return false, nil
	case <-t.C:
		return true, nil
	case <-ctx.Done():
		return false, ctx.Err()
	}
}

// finish moves every partition behind the markers at its end, so that the last state does not depend on time.
func (k *Kafka) finish() {
	for _, p := range k.parts {
		p.next = max(p.next, p.end)
	}
}

// Close stops fetching and frees what was not returned.
func (k *Kafka) Close() error {
	if k.group != nil {
		k.group.close()
		k.group = nil
	}
	if k.client != nil {
		k.client.close()
	}
	if k.halt != nil {
		k.halt()
		k.halt = nil
	}
	if k.rows != nil {
		k.rows.release()
		k.rows = nil
	}
	return nil
}
