package sinks

import (
	"context"
	"time"

	"github.com/apache/arrow/go/v17/arrow"
	"github.com/apache/arrow/go/v17/arrow/array"

	"github.com/sluice-stream/sluice/flow"
	"github.com/sluice-stream/sluice/internal/payload"
)

// kafkaMessageRows is how many rows an Arrow message holds at most.
const kafkaMessageRows = 1024

// kafkaArrow writes messages of many rows, in turn to each partition. How rows were cut into records does not show:
// they are gathered, in canonical form.
type kafkaArrow struct {
	k      *Kafka
	reject func(flow.Rejection)
	wait   pending
	turn   int64
}

func (e *kafkaArrow) write(_ context.Context, rec arrow.Record) error {
	for from := int64(0); from < rec.NumRows(); {
		to := min(rec.NumRows(), from+kafkaMessageRows-e.wait.rows)
		if err := e.wait.add(rec, from, to); err != nil {
			return err
		}
		from = to
		if e.wait.rows == kafkaMessageRows {
			if err := e.pack(); err != nil {
				return err
			}
		}
	}
	return nil
}

// pack writes what waits as one message, or as several where one would be too large.
func (e *kafkaArrow) pack() error {
	if e.wait.rows == 0 {
		return nil
	}
	rec, err := e.wait.take()
	if err != nil {
		return err
	}
	defer rec.Release()
	return e.cut(rec, 0, rec.NumRows(), time.Now().UnixMilli())
}

func (e *kafkaArrow) cut(rec arrow.Record, from, to, now int64) error {
	value, err := payload.Pack(rec, from, to)
	if err != nil {
		return err
	}
	m := spooled{value: value, ms: now}
	if name := e.k.cfg.Timestamp; name != "" {
		if ms, ok := millisAt(column(rec, name).(*array.Timestamp))(int(from)); ok {
			m.ms = ms
		}
	}
	reason := e.k.send.topic.refuse(&m, now)
	if reason != "" && to-from > 1 { // down to the rows that are to blame
		middle := from + (to-from)/2
		if err := e.cut(rec, from, middle, now); err != nil {
			return err
		}
		return e.cut(rec, middle, to, now)
	}
	if reason != "" {
		e.reject(flow.RejectRow(rec, int(from), "", reason))
		return nil
	}
	m.partition = int32(e.turn % int64(e.k.send.topic.partitions))
	e.turn++
	return e.k.spool.add(&m)
}

func (e *kafkaArrow) flush() error {
	err := e.pack()
	e.turn = 0
	return err
}

func (e *kafkaArrow) reset() {
	e.wait.reset()
	e.turn = 0
}
