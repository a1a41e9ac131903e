package sinks

import (
	"context"
	"sync"
	"sync/atomic"
	"time"

	"github.com/apache/arrow/go/v17/arrow"
	"github.com/apache/arrow/go/v17/arrow/array"
	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/sluice-stream/sluice/flow"
)

// bundle is the spool of one checkpoint.
type bundle struct {
	id    flow.CheckpointID
	token string
	files []spoolFile
	spool *spool
}

// delivery is one attempt to send a bundle.
type delivery struct {
	began  time.Time
	acked  atomic.Int64 // bytes that the brokers have
	sent   atomic.Bool  // they have them all
	cancel context.CancelCauseFunc
}

// done is called for each message, also for one that was given up.
func (d *delivery) done(r *kgo.Record, err error) {
	if err != nil {
		d.cancel(err) // the first one counts; nothing of this attempt may be committed
		return
	}
	d.acked.Add(int64(len(r.Value) + len(r.Key) + 1))
}

// sendAll sends the files one after the other.
func (s *sender) sendAll(ctx context.Context, d *delivery, b *bundle) error {
	for i, f := range b.files {
		if err := s.sendFile(ctx, d, b, f); err != nil {
			return err
		}
		if err := s.fast(d, b.id, i+1, len(b.files)); err != nil {
			return err
		}
	}
	d.sent.Store(true)
	return nil
}

// sendFile returns when the brokers have each message of the file.
func (s *sender) sendFile(ctx context.Context, d *delivery, b *bundle, f spoolFile) error {
	_, err := b.spool.read(f, func(rec arrow.Record) error {
		messages := messagesOf(rec)
		for i := range messages {
			s.out.Produce(ctx, &messages[i], d.done)
		}
		return context.Cause(ctx)
	})
	if ferr := s.out.Flush(ctx); err == nil {
		err = ferr
	}
	if cause := context.Cause(ctx); cause != nil {
		return cause
	}
	return err
}

// messagesOf views the messages of a batch of the spool.
func messagesOf(rec arrow.Record) []kgo.Record {
	n, extra := int(rec.NumRows()), int(rec.NumCols())-spoolHeaders
	out := make([]kgo.Record, n)
	var slab []kgo.RecordHeader
	if extra > 0 {
		slab = make([]kgo.RecordHeader, 0, n*extra)
	}
	partitions, times := rec.Column(spoolPartition).(*array.Int32).Int32Values(), rec.Column(spoolTime).(*array.Int64).Int64Values()
	keys, values := rec.Column(spoolKey).(*array.Binary), rec.Column(spoolValue).(*array.Binary)
	for i := range out {
		m := &out[i]
		m.Partition, m.Timestamp, m.Value = partitions[i], time.UnixMilli(times[i]), values.Value(i)
		if keys.IsValid(i) {
			m.Key = keys.Value(i)
		}
		from := len(slab)
		for c := spoolHeaders; c < spoolHeaders+extra; c++ {
			if col := rec.Column(c).(*array.Binary); col.IsValid(i) {
				slab = append(slab, kgo.RecordHeader{Key: rec.ColumnName(c), Value: col.Value(i)})
			}
		}
		m.Headers = slab[from:len(slab):len(slab)]
	}
	return out
}

// watch ends the attempt when the brokers are silent for too long, or, with a limit, before the brokers give up the
// transaction. The returned context's cause says which.
func (s *sender) watch(ctx context.Context, d *delivery, limit time.Duration) (context.Context, func()) {
	ctx, d.cancel = context.WithCancelCause(ctx)
	d.began = time.Now()
	var wg sync.WaitGroup
	wg.Add(1)
	go func() {
		defer wg.Done()
		tick := time.NewTicker(min(100*time.Millisecond, s.patience()/10))
		defer tick.Stop()
		acked, moved := int64(0), d.began
		for {
			select {
			case <-ctx.Done():
				return
			case <-tick.C:
			}
			if n := d.acked.Load(); n != acked {
				acked, moved = n, time.Now()
			}
			still := time.Since(moved)
			switch open := time.Since(d.began); {
			case still > s.patience():
				d.cancel(flow.Transientf("no message was acknowledged for %s", s.patience()))
			case limit > 0 && open > limit*9/10 && acked > 0 && !d.sent.Load():
				d.cancel(s.tooSlow("was not done after " + open.Round(time.Millisecond).String()))
			case limit > 0 && open > limit*9/10:
				d.cancel(flow.Transientf("the transaction is open for %s, as the brokers did not answer", open.Round(time.Millisecond)))
			}
		}
	}()
	return ctx, func() {
		d.cancel(nil)
		wg.Wait()
	}
}

// fast gives up early on a checkpoint that cannot be sent in time.
func (s *sender) fast(d *delivery, id flow.CheckpointID, done, of int) error {
	open, limit := time.Since(d.began), s.cfg.TransactionTimeout
	whole := open * time.Duration(of) / time.Duration(done)
	if !s.cfg.ExactlyOnce || open < limit/4 || whole < limit*9/10 {
		return nil
	}
	return s.tooSlow("takes about " + whole.Round(time.Second).String())
}

func (s *sender) tooSlow(how string) error {
	return flow.Configf("kafka: sending a checkpoint to topic %q %s, and transaction_timeout is %s: raise transaction_timeout, so that it can be sent, and lower checkpoint.every, so that the next ones are smaller",
		s.cfg.Topic, how, s.cfg.TransactionTimeout)
}

// commitPlain sends b without a transaction; it returns the files that are left to be removed once the bundle is
// marked as sent. A crash in between repeats the messages of at most one file.
func (s *sender) commitPlain(ctx context.Context, b *bundle) (left []spoolFile, err error) {
	for i, f := range b.files {
		err := s.patiently(ctx, func() error { return s.sendPlain(ctx, b, f) })
		if err != nil {
			if isFinal(err) {
				s.broken = err
			}
			return nil, err
		}
		if i == len(b.files)-1 {
			return b.files[i:], nil
		}
		if err := b.spool.remove(f.path); err != nil {
			return nil, err
		}
	}
	return nil, nil
}

func (s *sender) sendPlain(ctx context.Context, b *bundle, f spoolFile) error {
	d := &delivery{}
	work, stop := s.watch(ctx, d, 0)
	defer stop()
	err := s.sendFile(work, d, b, f)
	if err == nil {
		return nil
	}
	wait, cancel := context.WithTimeout(ctx, s.patience())
	defer cancel()
	if aerr := s.out.AbortBufferedRecords(wait); aerr != nil {
		return s.silent(err)
	}
	return err
}
