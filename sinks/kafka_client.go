package sinks

import (
	"context"
	"log/slog"
	"slices"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kversion"

	"github.com/sluice-stream/sluice/check"
	"github.com/sluice-stream/sluice/flow"
)

// Limits of what is on its way to the brokers.
const (
	kafkaBufferedRecords = 1 << 16
	kafkaBufferedBytes   = 64 << 20
)

// Keys of requests whose versions matter: with transactions of version 2 (KIP-890) the newer ones add partitions
// and groups to a transaction by themselves; beyond those of the offsets a topic goes by its id instead of its name.
const (
	keyProduce         = 0
	keyOffsetCommit    = 8
	keyOffsetFetch     = 9
	keyEndTxn          = 26
	keyTxnOffsetCommit = 28
)

// sender brings spooled messages to the brokers.
type sender struct {
	cfg      KafkaConfig
	log      *slog.Logger
	name     string // transactional id, and group of the witness
	pipeline string
	dial     flow.Dial
	gone     bool // the embedded broker of a run that has ended
	topic    topicLimits
	version2 bool      // of transactions
	extra    []kgo.Opt // of tests that meddle with connections

	ask *kgo.Client // for all but producing
	out *kgo.Client // produces; nil before Recover

	seen   witness   // the newest that is known
	doubt  bool      // a transaction was begun whose end is not known
	opened time.Time // when it was begun
	broken error     // nothing more can be sent: another run has taken over, or the transaction is lost
}

func (s *sender) patience() time.Duration { return time.Duration(s.cfg.RetrySeconds) * time.Second }

// open connects, and looks at the topic.
func (s *sender) open(ctx context.Context, env flow.Env) error {
	s.log, s.dial, s.pipeline, s.name = env.Log, env.Dial, env.Pipeline, s.cfg.identity(env.Pipeline)
	brokers := slices.Clone(s.cfg.Brokers)
	for i, b := range brokers {
		if b == flow.EmbeddedBroker {
			brokers[i] = env.Embedded
			s.gone = env.Embedded == ""
		}
	}
	if s.gone {
		return nil
	}
	dialer, err := s.cfg.Security.Dialer(env.Log)
	if err != nil {
		return refusedSettings(err)
	}
	dialer = dialer.Through(env.Dial)
	s.cfg.Brokers = brokers
	if err := s.patiently(ctx, func() error { return refusedSettings(dialer.Check(ctx, brokers)) }); err != nil {
		return err
	}
	if s.ask, err = kgo.NewClient(append(s.options(), dialer.Options()...)...); err != nil {
		return flow.Configf("kafka: %w", err)
	}
	if err := s.patiently(ctx, func() error { return s.look(ctx) }); err != nil {
		return err
	}
	if !s.cfg.ExactlyOnce {
		return nil
	}
	if err := s.patiently(ctx, func() error { return s.learnVersion(ctx) }); err != nil {
		return err
	}
	if s.version2 { // the first client is held to older requests, so that the two ways never mix
		s.ask.Close()
		s.ask, err = kgo.NewClient(append(s.options(), dialer.Options()...)...)
	}
	return flow.Classify(flow.ErrConfig, err)
}

// online reports a broker inside the process that is not there.
func (s *sender) online() error {
	if s.gone {
		return check.Violation{Key: "brokers", Want: "a feed that fills the embedded broker, or a broker's address", Got: flow.EmbeddedBroker}
	}
	return nil
}

// learnVersion asks which way of transactions the cluster goes.
func (s *sender) learnVersion(ctx context.Context) error {
	all, err := kadm.NewClient(s.ask).ApiVersions(ctx)
	if err != nil {
		return err
	}
	s.version2 = false
	for _, b := range all.Sorted() {
		if b.Err != nil {
			err = b.Err
			continue
		}
		for _, f := range b.Raw().FinalizedFeatures {
			s.version2 = s.version2 || f.Name == "transaction.version" && f.MaxVersionLevel >= 2
		}
		return nil
	}
	return err
}

func (s *sender) options() []kgo.Opt {
	v := kversion.Stable()
	v.SetMaxKeyVersion(keyOffsetCommit, 9)
	v.SetMaxKeyVersion(keyOffsetFetch, 9)
	v.SetMaxKeyVersion(keyTxnOffsetCommit, 5)
	if !s.version2 {
		v.SetMaxKeyVersion(keyProduce, 11)
		v.SetMaxKeyVersion(keyEndTxn, 4)
		v.SetMaxKeyVersion(keyTxnOffsetCommit, 4)
	}
	return []kgo.Opt{
		kgo.SeedBrokers(s.cfg.Brokers...), kgo.ClientID("sluice"), kgo.MaxVersions(v), kgo.DisableClientMetrics(),
		kgo.MetadataMinAge(min(s.patience()/10, 500*time.Millisecond)), // after a lost connection nothing is sent before it
		kgo.RetryTimeout(s.patience()), kgo.DialTimeout(min(s.patience(), 5*time.Second)),
		kgo.RetryBackoffFn(func(tries int) time.Duration { return min(time.Second, 50*time.Millisecond<<min(tries, 5)) }),
	}
}

// connect makes the client that produces. It is kept as long as the sink: only it knows the epoch by which a later
// run that took over is told from this one.
func (s *sender) connect() error {
	dialer, err := s.cfg.Security.Dialer(slog.New(slog.DiscardHandler)) // open has warned
	if err != nil {
		return refusedSettings(err)
	}
	opts := append(s.options(), dialer.Through(s.dial).Options()...)
	opts = append(opts, kgo.DefaultProduceTopic(s.cfg.Topic), kgo.RecordPartitioner(kgo.ManualPartitioner()),
		kgo.ProducerBatchCompression(kafkaCodecs[s.cfg.Compression]), kgo.ProducerBatchMaxBytes(int32(s.topic.bytes)),
		kgo.MaxBufferedRecords(kafkaBufferedRecords), kgo.MaxBufferedBytes(max(kafkaBufferedBytes, 2*s.topic.bytes)),
		kgo.BrokerMaxWriteBytes(int32(max(100<<20, min(1<<30, s.topic.bytes+1<<20)))))
	if s.cfg.ExactlyOnce {
		opts = append(opts, kgo.TransactionalID(s.name), kgo.TransactionTimeout(s.cfg.TransactionTimeout))
	}
	s.out, err = kgo.NewClient(append(opts, s.extra...)...)
	return flow.Classify(flow.ErrConfig, err)
}

// close ends the connections. A transaction that is open is aborted, so that readers of committed rows need not
// wait until it times out.
func (s *sender) close() {
	if s.out != nil {
		if s.doubt && s.broken == nil {
			ctx, cancel := context.WithTimeout(context.Background(), 2*time.Second)
			if s.out.AbortBufferedRecords(ctx) == nil {
				_ = s.out.EndTransaction(ctx, kgo.TryAbort) // the next run does the same
			}
			cancel()
		}
		s.out.Close()
		s.out = nil
	}
	if s.ask != nil {
		s.ask.Close()
		s.ask = nil
	}
}
