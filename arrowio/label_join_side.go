package arrowio

import (
	"context"
	"errors"
	"io"
	"time"

	"github.com/apache/arrow/go/v17/arrow"

	"github.com/sluice-stream/sluice/check"
	"github.com/sluice-stream/sluice/flow"
)

const (
	joinFetch = 4096                  // rows that are read ahead from each source
	joinPoll  = 2 * time.Millisecond  // how long an idle source without an end holds up the other
	joinRest  = 20 * time.Millisecond // and how long it is then left alone
)

// joinSide is one of the two sources, with the rows that were read ahead of their turn.
type joinSide struct {
	name  string // rows or labels
	key   string // of its settings
	src   flow.Source
	rec   arrow.Record // owned, nil for none
	at    int          // row of rec that comes next
	ended bool
	idle  time.Time // when nothing came last

	times []int64 // of rec; noTime where there is none
	ids   []joinKey
	bad   []string // what makes a row of rec unusable, "" for nothing; empty when all are usable
}

func (s *joinSide) open(ctx context.Context, env flow.Env) error {
	o, ok := s.src.(flow.Opener)
	if !ok {
		return nil
	}
	reject := env.Reject
	env.Reject = func(r flow.Rejection) { reject(s.named(r)) }
	err := o.Open(ctx, env)
	var vs check.Violations
	var v check.Violation
	switch {
	case errors.As(err, &vs) && vs.Error() == err.Error():
		return flow.Classify(flow.ErrConfig, check.Under(s.key, vs))
	case errors.As(err, &v) && v.Error() == err.Error():
		return flow.Classify(flow.ErrConfig, check.Under(s.key, v))
	}
	return err
}

// named writes into a rejection where this side is read, where the row does not carry it.
func (s *joinSide) named(r flow.Rejection) flow.Rejection {
	if o, ok := s.src.(flow.Originator); ok && r.Topic == "" {
		r.Topic = o.Origin()
	}
	return r
}

// rejection is row i of what was read ahead as a dead letter.
func (s *joinSide) rejection(i int, reason string) flow.Rejection {
	return s.named(flow.RejectRow(s.rec, i, joinStage, reason))
}

func (s *joinSide) bounded() bool {
	b, ok := s.src.(flow.Bounded)
	return !ok || b.Bounded()
}

// has says whether a row was read ahead.
func (s *joinSide) has() bool { return s.rec != nil && s.at < int(s.rec.NumRows()) }

// head is the time of the row that comes next.
func (s *joinSide) head() int64 { return s.times[s.at] }

// fetch reads ahead; it may bring nothing. busy says that the other source has rows that could go on meanwhile.
func (s *joinSide) fetch(ctx context.Context, busy bool) (got bool, err error) {
	s.drop()
	own := ctx
	if busy && !s.bounded() {
		if time.Since(s.idle) < joinRest {
			return false, nil
		}
		var cancel func()
		own, cancel = context.WithTimeout(ctx, joinPoll)
		defer cancel()
	}
	rec, err := s.src.Next(own, joinFetch)
	switch {
	case errors.Is(err, io.EOF):
		s.ended = true
		return false, nil
	case err != nil && own.Err() != nil && ctx.Err() == nil:
		s.idle = time.Now() // nothing came in that time
		return false, nil
	case err != nil:
		return false, err
	}
	if rec.NumRows() == 0 {
		rec.Release()
		return false, nil
	}
	s.rec, s.at = rec, 0
	return true, nil
}

// drop lets go of what was read ahead.
func (s *joinSide) drop() {
	if s.rec != nil {
		s.rec.Release()
	}
	s.rec, s.at, s.ended = nil, 0, false
}
