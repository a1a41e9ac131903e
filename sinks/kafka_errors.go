package sinks

import (
	"context"
	"errors"
	"strings"
	"time"

	"github.com/twmb/franz-go/pkg/kerr"

	"github.com/sluice-stream/sluice/check"
	"github.com/sluice-stream/sluice/flow"
)

// refusedSettings gives an error of a connection its class: where the settings are to blame, repeating does not help.
func refusedSettings(err error) error {
	var v check.Violation
	if errors.As(err, &v) {
		return flow.Classify(flow.ErrConfig, v)
	}
	return err
}

// isFinal says that repeating does not help.
func isFinal(err error) bool {
	return errors.Is(err, flow.ErrConfig) || errors.Is(err, flow.ErrCorrupt) || errors.Is(err, errRestart)
}

// errRestart marks what only a new run can mend; its class is transient.
var errRestart = errors.New("start again")

// patiently repeats f while its error may pass, for as long as a broker may be silent.
func (s *sender) patiently(ctx context.Context, f func() error) error {
	began, pause := time.Now(), 50*time.Millisecond
	for {
		err := s.explain(f())
		if err == nil || isFinal(err) {
			return err
		}
		if ctx.Err() != nil {
			return ctx.Err()
		}
		if time.Since(began)+pause > s.patience() {
			return s.silent(err)
		}
		if err := sleepFor(ctx, pause); err != nil {
			return err
		}
		pause = min(2*pause, time.Second)
	}
}

// silent is the error for brokers that failed for longer than they may.
func (s *sender) silent(err error) error {
	return flow.Transientf("kafka: topic %q: brokers %s gave no usable answer for %s: %w; check that they run and that the address is right",
		s.cfg.Topic, strings.Join(s.cfg.Brokers, ", "), s.patience(), err)
}

func sleepFor(ctx context.Context, d time.Duration) error {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// explain gives an error of the protocol its class, and says what to do.
func (s *sender) explain(err error) error {
	is := func(targets ...error) bool {
		for _, t := range targets {
			if errors.Is(err, t) {
				return true
			}
		}
		return false
	}
	violation := func(key, want, got, hint string) error {
		return flow.Classify(flow.ErrConfig, check.Violation{Key: key, Want: want, Got: got, Hint: hint})
	}
	switch {
	case err == nil, isFinal(err):
		return err
	case is(kerr.InvalidTransactionTimeout):
		return violation("transaction_timeout", "at most transaction.max.timeout.ms of the brokers", s.cfg.TransactionTimeout.String(), "lower it, or raise the brokers' limit")
	case isFenced(err):
		return flow.Configf("kafka: another run has taken over the transactional id %q, so this one must not write any more: %w; let one of them run at a time; members of a consumer group, and pipelines of one name, need a transactional_id each", s.name, err)
	case is(kerr.TransactionalIDAuthorizationFailed, kerr.GroupAuthorizationFailed):
		return flow.Configf("kafka: want the rights to write to the transactional id %q, to read the group of that name, and to read topic %q: %w", s.name, s.cfg.Topic, err)
	case is(kerr.TopicAuthorizationFailed, kerr.ClusterAuthorizationFailed):
		return flow.Configf("kafka: want the right to write to topic %q: %w", s.cfg.Topic, err)
	case is(kerr.InvalidTopicException):
		return violation("topic", "a name that Kafka allows", s.cfg.Topic, "letters, digits, dots, hyphens and underscores")
	case is(kerr.UnsupportedVersion):
		return violation("exactly_once", "brokers of Kafka 2.5 or later, with transactions", err.Error(), "exactly_once: false does without")
	case is(kerr.MessageTooLarge, kerr.RecordListTooLarge, kerr.InvalidTimestamp, kerr.InvalidRecord):
		return flow.Configf("kafka: topic %q refuses a message that it took when it was written: %w; its configuration has changed: restore it", s.cfg.Topic, err)
	case is(kerr.UnknownTopicID):
		return flow.Configf("kafka: topic %q was deleted and made anew while this run wrote to it: %w; start over with --fresh", s.cfg.Topic, err)
	case is(kerr.InvalidTxnState):
		return restart("kafka: the brokers have ended a transaction of %q by themselves: %w; start again: the run goes on from its checkpoint", s.name, err)
	case is(kerr.InvalidProducerIDMapping, kerr.UnknownProducerID):
		return restart("kafka: the brokers have forgotten the transactional id %q, as after transactional.id.expiration.ms without a row: %w; start again: the run goes on from its checkpoint", s.name, err)
	}
	return err
}

// isFenced says that the epoch of this run is not the newest.
func isFenced(err error) bool {
	return errors.Is(err, kerr.ProducerFenced) || errors.Is(err, kerr.InvalidProducerEpoch)
}

// restart makes an error that only a new run can mend.
func restart(format string, a ...any) error {
	err := flow.Transientf(format, a...)
	return flow.Classify(errRestart, err)
}
