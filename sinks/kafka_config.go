package sinks

import (
	"time"

	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/sluice-stream/sluice/check"
	"github.com/sluice-stream/sluice/flow"
	"github.com/sluice-stream/sluice/internal/kafkaconn"
)

// KafkaConfig is what the kafka sink can be told.
type KafkaConfig struct {
	Brokers            []string             `yaml:"brokers" resume:"free" doc:"addresses host:port; embedded means the broker inside the process"`
	Topic              string               `yaml:"topic" doc:"topic to write to; it must be there, unless create is given"`
	Format             string               `yaml:"format" doc:"json: a message is a row; arrow_ipc: a message is a stream of up to 1,024 rows"`
	Key                []string             `yaml:"key" doc:"column that becomes the message key, as text or bytes, and picks the partition as Kafka's own clients do; several columns: a JSON object of them; none: messages in turn"`
	Partition          string               `yaml:"partition" doc:"integer column with the partition of the message; none: by the key"`
	Timestamp          string               `yaml:"timestamp" doc:"timestamp column that becomes the message time; none, or null: the time at which the row was written"`
	Headers            flow.Ordered[string] `yaml:"headers" doc:"message headers and the columns that fill them, {source: city}; null: no such header"`
	From               string               `yaml:"from" doc:"table of an operator, such as embeddings; empty: the rows of the stream"`
	Every              int                  `yaml:"every" doc:"with from: checkpoints from one writing of the table to the next; 0: only one, at the end"`
	Spool              string               `yaml:"spool" doc:"folder of this sink alone, for rows that wait for their checkpoint; on a disk that survives the machine's restart"`
	ExactlyOnce        bool                 `yaml:"exactly_once" doc:"true: one transaction a checkpoint; false: for brokers without transactions, rows may be twice after a crash"`
	TransactionalID    string               `yaml:"transactional_id" doc:"name of the sink at the brokers; empty: sluice.<pipeline>.<topic>, and .<from>; members of a consumer group need one each"`
	TransactionTimeout time.Duration        `yaml:"transaction_timeout" resume:"free" doc:"how long sending a checkpoint may take; at most the brokers' transaction.max.timeout.ms"`
	Compression        string               `yaml:"compression" resume:"free" doc:"zstd, lz4, snappy, gzip or none"`
	MaxMessageBytes    int                  `yaml:"max_message_bytes" resume:"free" doc:"largest message, before compression, in bytes; 0: what the topic allows; a row with a larger one is rejected"`
	RetrySeconds       int                  `yaml:"retry_seconds" resume:"free" doc:"how long a broker may be silent before the sink gives up, seconds, >= 1"`
	Create             *KafkaTopic          `yaml:"create" resume:"free" doc:"creates the topic where it is not there"`

	kafkaconn.Security `yaml:",inline"`
}

// KafkaTopic says how the topic is made.
type KafkaTopic struct {
	Partitions  int `yaml:"partitions" doc:"partitions, >= 1"`
	Replication int `yaml:"replication" doc:"copies of each partition; -1: as the brokers are set"`
}

// Defaults is one partition, replicated as the brokers are set.
func (t *KafkaTopic) Defaults() { t.Partitions, t.Replication = 1, -1 }

// Values of format.
const (
	formatJSON  = "json"
	formatArrow = "arrow_ipc"
)

var kafkaCodecs = map[string]kgo.CompressionCodec{
	"zstd": kgo.ZstdCompression(), "lz4": kgo.Lz4Compression(), "snappy": kgo.SnappyCompression(), "gzip": kgo.GzipCompression(), "none": kgo.NoCompression(),
}

// Validate reports every setting that cannot be used.
func (c KafkaConfig) Validate() error {
	checks := []error{
		check.That(len(c.Brokers) > 0, "brokers", "at least one address", "none"),
		check.Required("topic", c.Topic),
		check.OneOf("format", c.Format, formatJSON, formatArrow),
		check.Required("spool", c.Spool),
		check.NotNegative("every", c.Every),
		check.That(c.Every == 0 || c.From != "", "every", "from beside it: rows of the stream are written at every checkpoint", c.Every),
		check.That(c.TransactionTimeout >= time.Second && c.TransactionTimeout <= 24*time.Hour, "transaction_timeout", "1s to 24h", c.TransactionTimeout),
		check.OneOf("compression", c.Compression, "zstd", "lz4", "snappy", "gzip", "none"),
		check.That(c.MaxMessageBytes == 0 || c.MaxMessageBytes >= 1<<10 && c.MaxMessageBytes <= 1<<30, "max_message_bytes", "0, or 1024 to 1073741824", c.MaxMessageBytes),
		check.Between("retry_seconds", c.RetrySeconds, 1, 86400),
		check.That(c.TransactionalID == "" || c.ExactlyOnce, "transactional_id", "exactly_once: true beside it", c.TransactionalID),
		c.checkArrow(),
		c.Security.Validate(),
	}
	for _, h := range c.Headers {
		checks = append(checks, check.That(len(h.Key) > 0 && len(h.Key) <= headerNameBytes, "headers", "names of 1 to 128 bytes", h.Key))
	}
	if c.Create != nil {
		checks = append(checks, check.Between("create.partitions", c.Create.Partitions, 1, 100_000),
			check.That(c.Create.Replication == -1 || c.Create.Replication > 0 && c.Create.Replication < 1<<15, "create.replication", "-1, or >= 1", c.Create.Replication))
	}
	return check.All(checks...)
}

// checkArrow refuses what belongs to one row where a message holds many.
func (c KafkaConfig) checkArrow() error {
	if c.Format != formatArrow {
		return nil
	}
	const want = "format: json beside it: an Arrow message holds many rows"
	return check.All(
		check.That(len(c.Key) == 0, "key", want, c.Key),
		check.That(c.Partition == "", "partition", want, c.Partition),
		check.That(len(c.Headers) == 0, "headers", want, c.Headers.Keys()),
	)
}

// identity is the name of the sink at the brokers: its transactional id, and the group that holds its witness.
func (c KafkaConfig) identity(pipeline string) string {
	switch {
	case c.TransactionalID != "":
		return c.TransactionalID
	case c.From != "":
		return "sluice." + pipeline + "." + c.Topic + "." + c.From
	}
	return "sluice." + pipeline + "." + c.Topic
}
