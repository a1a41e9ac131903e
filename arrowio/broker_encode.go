package arrowio

import (
	"fmt"
	"time"

	"github.com/apache/arrow/go/v17/arrow"
	"github.com/apache/arrow/go/v17/arrow/array"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/zeebo/xxh3"

	"github.com/sluice-stream/sluice/flow"
	"github.com/sluice-stream/sluice/internal/payload"
)

// feedEpoch is the time of the first row of a feed without a time column.
var feedEpoch = time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)

// feedMessageRows is how many rows one Arrow message holds at most.
const feedMessageRows = 1024

// feedEncoder turns records into messages.
type feedEncoder struct {
	feed      flow.Feed
	key, time int // columns, -1 for none
	row       int64
	message   int64 // of Arrow messages
}

func newFeedEncoder(feed flow.Feed, schema *arrow.Schema) (*feedEncoder, error) {
	if err := checkFeed(feed, schema); err != nil {
		return nil, err
	}
	e := &feedEncoder{feed: feed, key: -1, time: -1}
	if feed.Key != "" {
		e.key = schema.FieldIndices(feed.Key)[0]
	}
	if feed.Time != "" {
		e.time = schema.FieldIndices(feed.Time)[0]
	}
	return e, nil
}

func (e *feedEncoder) encode(rec arrow.Record, produce func(*kgo.Record)) error {
	if e.feed.Format == formatArrow {
		return e.encodeArrow(rec, produce)
	}
	return e.encodeJSON(rec, produce)
}

func (e *feedEncoder) encodeJSON(rec arrow.Record, produce func(*kgo.Record)) error {
	w, err := payload.NewJSON(rec)
	if err != nil {
		return flow.Configf("feed: %w", err)
	}
	key := payload.Cell(nil)
	if e.key >= 0 {
		if key, err = payload.TextCell(rec.Column(e.key)); err != nil {
			return flow.Configf("feed: key: %w", err)
		}
	}
	n := int(rec.NumRows())
	messages := make([]kgo.Record, n) // they live until they are produced
	buf := make([]byte, 0, 64*n*rec.Schema().NumFields()/2)
	for i := range n {
		m := &messages[i]
		m.Timestamp = e.timeOf(rec, i)
		m.Partition = int32(e.row % int64(e.feed.Partitions))
		if key != nil && rec.Column(e.key).IsValid(i) {
			m.Key = key(nil, i)
			m.Partition = int32(xxh3.Hash(m.Key) % uint64(e.feed.Partitions))
		}
		at := len(buf)
		buf = w.Append(buf, i)
		m.Value = buf[at:len(buf):len(buf)]
		e.row++
		produce(m)
	}
	return nil
}

func (e *feedEncoder) encodeArrow(rec arrow.Record, produce func(*kgo.Record)) error {
	for from := int64(0); from < rec.NumRows(); from += feedMessageRows {
		to := min(from+feedMessageRows, rec.NumRows())
		value, err := payload.Pack(rec, from, to)
		if err != nil {
			return fmt.Errorf("feed: %w", err)
		}
		produce(&kgo.Record{
			Value: value, Timestamp: e.timeOf(rec, int(from)),
			Partition: int32(e.message % int64(e.feed.Partitions)),
		})
		e.message++
		e.row += to - from
	}
	return nil
}

func (e *feedEncoder) timeOf(rec arrow.Record, i int) time.Time {
	if e.time >= 0 && rec.Column(e.time).IsValid(i) {
		col := rec.Column(e.time).(*array.Timestamp)
		return col.Value(i).ToTime(col.DataType().(*arrow.TimestampType).Unit)
	}
	return feedEpoch.Add(time.Duration(e.row) * time.Millisecond)
}
