package sinks

import (
	"context"
	"errors"
	"slices"
	"time"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/sluice-stream/sluice/flow"
)

// takeOver ends what a run before left open, and delivers what checkpoints up to last had prepared.
func (k *Kafka) takeOver(ctx context.Context, last flow.CheckpointID) error {
	files, err := k.spool.files()
	if err != nil {
		return err
	}
	if k.send.gone { // with the topic that these were for
		return k.spool.removeFiles(files)
	}
	if err := k.send.start(ctx); err != nil {
		return err
	}
	if err := k.sameTopic(ctx, last); err != nil {
		return err
	}
	if err := k.nothingMissing(last, files); err != nil {
		return err
	}
	for len(files) > 0 {
		id := files[0].id
		n := slices.IndexFunc(files, func(f spoolFile) bool { return f.id != id })
		if n < 0 {
			n = len(files)
		}
		if err := k.deliver(ctx, id, files[:n]); err != nil {
			return err
		}
		files = files[n:]
	}
	return nil
}

// sameTopic refuses a topic that holds rows beyond last: they would be written again.
func (k *Kafka) sameTopic(ctx context.Context, last flow.CheckpointID) error {
	s := k.send
	switch {
	case s.seen.Checkpoint <= last:
		return nil
	case k.fresh:
		return s.patiently(ctx, func() error { return s.forgetWitness(ctx) })
	}
	return flow.Configf("kafka: topic %q holds the rows up to checkpoint %d of pipeline %q, and this run goes on from checkpoint %d: what lies between would be there twice; restore the checkpoints, or start over with --fresh, which leaves the old rows in the topic and writes all rows anew",
		s.cfg.Topic, s.seen.Checkpoint, s.seen.Pipeline, last)
}

// nothingMissing wants the spool of the checkpoint that the run goes on from to be here, or in the topic.
func (k *Kafka) nothingMissing(last flow.CheckpointID, files []spoolFile) error {
	token := k.spool.sealed
	if token == "" || token == k.send.seen.Spool {
		return nil
	}
	for _, f := range files {
		if f.id != last {
			continue
		}
		if here, err := k.spool.read(f, nil); err != nil || here == token {
			return err
		}
	}
	if sent, err := k.spool.marked(token); err != nil || sent {
		return err
	}
	return flow.Corruptf("kafka: rows of checkpoint %d were spooled in %s, and are neither there nor, as far as the brokers remember, in topic %q; restore the folder, or start over with --fresh",
		last, k.cfg.Spool, k.cfg.Topic)
}

// deliver sends the files of one checkpoint, unless they were sent, and removes them.
func (k *Kafka) deliver(ctx context.Context, id flow.CheckpointID, files []spoolFile) error {
	s := k.send
	if s.broken != nil {
		return s.broken
	}
	token, err := k.tokenOf(id, files)
	if err != nil {
		return err
	}
	sent, err := k.spool.marked(token)
	if err != nil {
		return err
	}
	b := &bundle{id: id, token: token, files: files, spool: &k.spool}
	switch {
	case sent, s.cfg.ExactlyOnce && s.seen.Spool == token:
	case s.cfg.ExactlyOnce:
		err = s.commit(ctx, b)
	default:
		files, err = s.commitPlain(ctx, b)
	}
	if err != nil {
		return err
	}
	if err := k.spool.mark(id, token); err != nil {
		return err
	}
	return k.spool.removeFiles(files)
}

func (k *Kafka) tokenOf(id flow.CheckpointID, files []spoolFile) (string, error) {
	if k.ready && id+1 == k.next && k.spool.sealed != "" {
		return k.spool.sealed, nil
	}
	return k.spool.read(files[0], nil)
}

// start connects the producing client and takes over the transactional id. What another run had open is aborted,
// or completed where its commit had been decided, when start returns.
func (s *sender) start(ctx context.Context) error {
	if s.out != nil {
		s.out.Close()
	}
	s.doubt, s.broken, s.seen = false, nil, witness{}
	if err := s.connect(); err != nil || !s.cfg.ExactlyOnce {
		return err
	}
	err := s.patiently(ctx, func() error {
		ctx, cancel := context.WithTimeout(ctx, s.patience())
		defer cancel()
		_, _, err := s.out.ProducerID(ctx)
		return err
	})
	if err != nil {
		return err
	}
	return s.patiently(ctx, func() (err error) { s.seen, err = s.readWitness(ctx); return err })
}

// commit sends b in a transaction, and repeats it until it is known to be there.
func (s *sender) commit(ctx context.Context, b *bundle) error {
	began, pause := time.Now(), 50*time.Millisecond
	for try := 1; ; try++ {
		moved, err := s.attempt(ctx, b)
		err = s.explain(err)
		switch {
		case err == nil:
			return nil
		case isFinal(err):
			s.broken = err
			return err
		case ctx.Err() != nil:
			return ctx.Err()
		}
		s.log.Warn("kafka: a commit failed and is tried again", "checkpoint", b.id, "try", try, "error", err)
		if moved { // the brokers are there, so it is worth while
			began = time.Now()
		}
		if try == mostTries || time.Since(began)+pause > s.patience() {
			return s.silent(err)
		}
		if err := sleepFor(ctx, pause); err != nil {
			return err
		}
		pause = min(2*pause, time.Second)
	}
}

// mostTries bounds the commits that begin well and fail all the same.
const mostTries = 20

// attempt sends b once. Where the end of an earlier attempt is not known, it finds out first.
func (s *sender) attempt(ctx context.Context, b *bundle) (moved bool, err error) {
	if s.doubt {
		if err := s.resolve(ctx); err != nil || s.seen.Spool == b.token {
			return false, s.timedOut(err)
		}
	}
	s.doubt = true
	d, err := s.transact(ctx, b)
	if err == nil {
		s.doubt = false
		s.seen = witness{Pipeline: s.pipeline, Checkpoint: b.id, Spool: b.token}
	}
	return d.acked.Load() > 0, s.timedOut(err)
}

// timedOut tells a transaction that the brokers have ended, as after the process stood still for a while, from one
// that another run has ended.
func (s *sender) timedOut(err error) error {
	open := time.Since(s.opened)
	if !isFenced(err) && !errors.Is(err, kerr.InvalidTxnState) || open < s.cfg.TransactionTimeout {
		return err
	}
	return restart("kafka: a transaction was open for %s, longer than transaction_timeout, so the brokers have ended it: %w; start again: the run goes on from its checkpoint", open.Round(time.Millisecond), err)
}

// resolve ends a transaction whose end is not known, and reads what became of it. The client asks for a new epoch
// by giving the one it has: that aborts what is open, waits for what is being committed, and fails where another
// run has taken over.
func (s *sender) resolve(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, s.patience())
	defer cancel()
	// records that wait must not slip into the next transaction
	if err := s.out.AbortBufferedRecords(ctx); err != nil {
		return err
	}
	if err := s.out.EndTransaction(ctx, kgo.TryAbort); err != nil {
		return err
	}
	w, err := s.readWitness(ctx)
	if err == nil {
		s.seen, s.doubt = w, false
	}
	return err
}

// transact sends b and its witness in one transaction.
func (s *sender) transact(ctx context.Context, b *bundle) (*delivery, error) {
	d := &delivery{}
	if err := s.out.BeginTransaction(); err != nil {
		return d, err
	}
	s.opened = time.Now()
	work, stop := s.watch(ctx, d, s.cfg.TransactionTimeout)
	defer stop()
	err := s.sendAll(work, d, b)
	if err == nil {
		err = s.putWitness(work, witness{Pipeline: s.pipeline, Checkpoint: b.id, Spool: b.token})
	}
	if cause := context.Cause(work); cause != nil {
		err = cause
	}
	if err != nil {
		return d, err
	}
	// from here on the answer counts more than the wish to stop
	end, cancel := context.WithTimeout(context.WithoutCancel(ctx), s.patience())
	defer cancel()
	return d, s.out.EndTransaction(end, kgo.TryCommit)
}
