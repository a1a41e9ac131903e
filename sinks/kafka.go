package sinks

import (
	"context"
	"fmt"
	"time"

	"github.com/apache/arrow/go/v17/arrow"
	"github.com/apache/arrow/go/v17/arrow/compute"

	"github.com/sluice-stream/sluice/flow"
)

func init() {
	flow.Register(flow.Sinks, flow.Entry[KafkaConfig, flow.Sink]{
		Name:    "kafka",
		Summary: "Messages in a Kafka topic: a checkpoint's rows appear together, in one transaction, and once.",
		Example: "{brokers: [localhost:9092], topic: scored, spool: out/spool}",
		Default: KafkaConfig{
			Format: formatJSON, ExactlyOnce: true, TransactionTimeout: time.Minute, Compression: "zstd", RetrySeconds: 30,
		},
		Build: func(c KafkaConfig) (flow.Sink, error) { return newKafka(c) },
	})
}

// Kafka writes rows, or a table of an operator, as messages to one topic.
//
// # Exactly once
//
// Rows since the last barrier are encoded and spooled to files that no reader sees. Prepare(n) makes the spool of n
// durable; the manifest of checkpoint n then decides that these rows are to appear. Commit(n) sends the spool in
// one transaction, together with a witness: an offset commit for the consumer group <transactional_id>, whose
// metadata is the token of the spool, a random number that stands in its files. The broker makes both visible or
// neither. After that a mark with the token is left in the folder and the spool is removed.
//
// Recover, and a commit whose answer was lost, first take over the transactional id, which ends whatever was open,
// and then read the witness with require_stable. It names the token of the spool: the spool was sent, and goes. It
// names another: the spool is sent. So a commit is resolved and never guessed, a transaction is open only while it
// is being sent, and how far checkpoints are apart has nothing to do with transaction_timeout.
//
// The usual way is another: a transaction stays open from barrier to barrier and is committed, or after a crash
// resumed by its saved producer id, when the checkpoint is complete. There, a transaction that the broker timed out
// while the checkpoint was being written, or while the process was down, is lost after the checkpoint has decided
// that it counts; readers of committed rows wait for each transaction as long as a checkpoint is apart; and to
// resume a producer id is not in the protocol but taken from its insides. What it saves is the spool: here each row
// is written to the local disk and read back once.
//
// A row whose message is too large for the topic, whose time the topic refuses, whose partition does not exist, or
// that has no key where the topic is compacted, is rejected at Write: once a checkpoint has decided that a message
// is to appear, the broker must not be able to refuse it.
type Kafka struct {
	cfg   KafkaConfig
	spool spool
	send  *sender

	in, out *arrow.Schema // bound, and with dictionaries as values
	enc     encodeRows
	fresh   bool
	next    flow.CheckpointID
	ready   bool  // Recover has been called
	broken  error // a write failed: rows are lost until Recover starts over
}

// encodeRows turns rows into messages for the spool.
type encodeRows interface {
	write(ctx context.Context, rec arrow.Record) error
	flush() error // encodes what waits, at a barrier
	reset()       // forgets what waits
}

func newKafka(c KafkaConfig) (*Kafka, error) {
	if err := c.Validate(); err != nil {
		return nil, err
	}
	return &Kafka{cfg: c, spool: newSpool(c.Spool, c.Headers.Keys()), send: &sender{cfg: c}}, nil
}

// From is the name of the operator's table, "" for the rows of the stream.
func (k *Kafka) From() string { return k.cfg.From }

// Due says that a table is written every so many checkpoints, and at the end.
func (k *Kafka) Due(id flow.CheckpointID, final bool) bool {
	return final || k.cfg.Every > 0 && uint64(id)%uint64(k.cfg.Every) == 0
}

// Place is the folder that the sink has for itself.
func (k *Kafka) Place() string { return k.cfg.Spool }

// Channel is what it writes.
func (k *Kafka) Channel() ([]string, string) { return k.cfg.Brokers, k.cfg.Topic }

// Open checks the folder of the spool, connects to the brokers and looks at the topic.
func (k *Kafka) Open(ctx context.Context, env flow.Env) error {
	k.fresh = env.Fresh
	k.spool.fs, k.spool.mem = env.FS, env.Alloc
	if err := k.spool.probe(); err != nil {
		return err
	}
	if err := k.send.open(ctx, env); err != nil {
		return err
	}
	k.enc = k.newEncoder(env)
	return nil
}

// Bind reports the columns that messages cannot hold, and the settings that name none.
func (k *Kafka) Bind(in *arrow.Schema) error {
	if err := k.send.online(); err != nil {
		return err
	}
	out, err := k.bind(in)
	if err != nil {
		return err
	}
	k.in, k.out = in, out
	return nil
}

// Write encodes rec's rows. After an error the sink takes no more rows until it was recovered.
func (k *Kafka) Write(ctx context.Context, rec arrow.Record) error {
	if k.broken != nil {
		return k.broken
	}
	if !k.ready {
		return fmt.Errorf("kafka: want Recover before the first Write")
	}
	if err := k.write(ctx, rec); err != nil {
		return k.breakDown(err)
	}
	return nil
}

func (k *Kafka) write(ctx context.Context, rec arrow.Record) error {
	if err := sameColumns(k.in, rec.Schema()); err != nil {
		return err
	}
	ctx = compute.WithAllocator(ctx, k.spool.mem)
	rec, err := plainRecord(ctx, rec, k.out)
	if err != nil {
		return err
	}
	defer rec.Release()
	return k.enc.write(ctx, rec)
}

// Prepare makes the messages since the last Prepare durable in the spool.
func (k *Kafka) Prepare(_ context.Context, id flow.CheckpointID) error {
	if k.broken != nil {
		return k.broken
	}
	if id != k.next {
		return fmt.Errorf("kafka: want checkpoint %d to be prepared next, got %d", k.next, id)
	}
	err := k.enc.flush()
	if err == nil {
		err = k.spool.seal()
	}
	if err != nil {
		return k.breakDown(err)
	}
	k.next = id + 1
	k.spool.begin(k.next)
	return nil
}

// Commit sends the spool of id, if that has not been done. It may be repeated.
func (k *Kafka) Commit(ctx context.Context, id flow.CheckpointID) error {
	files, err := k.spool.of(id)
	if err != nil || len(files) == 0 {
		return err
	}
	return k.deliver(ctx, id, files)
}

// Recover removes what was spooled beyond last, takes over from whatever ran before, and sends what last had
// prepared and was not sent.
func (k *Kafka) Recover(ctx context.Context, last flow.CheckpointID) error {
	k.spool.abandon()
	if k.enc != nil {
		k.enc.reset()
	}
	if err := k.spool.removeBeyond(last); err != nil {
		return err
	}
	if err := k.takeOver(ctx, last); err != nil {
		return err
	}
	k.next, k.ready, k.broken = last+1, true, nil
	k.spool.begin(k.next)
	return nil
}

// Walk keeps the token of the newest spool: a checkpoint whose spool is neither on the disk nor in the topic must
// not pass for one without rows.
func (k *Kafka) Walk(v flow.Visitor) { v.Visit("spool", &k.spool.sealed) }

// Close drops rows that were not prepared, and ends the connections.
func (k *Kafka) Close() error {
	k.spool.abandon()
	if k.enc != nil {
		k.enc.reset()
	}
	k.send.close()
	if k.spool.fs != nil {
		k.spool.tidy()
	}
	return nil
}

func (k *Kafka) breakDown(err error) error {
	k.spool.abandon()
	k.enc.reset()
	k.broken = fmt.Errorf("kafka: %w", err)
	return k.broken
}
