package main

import (
	"bytes"
	"context"
	"slices"

	"github.com/apache/arrow/go/v17/arrow/ipc"
	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/sluice-stream/sluice/flow"
	"github.com/sluice-stream/sluice/internal/kafkaconn"
)

// copyTopic copies the first messages of a topic as they are, byte for byte with partition, key, headers and time,
// into a topic of the drill, and makes that the source. Offsets begin at 0.
func (d *drill) copyTopic(ctx context.Context, c *flow.Choice[flow.Source]) error {
	settings := c.Settings()
	from := clusterOf(settings)
	if slices.Contains(from.brokers, flow.EmbeddedBroker) {
		if d.pipeline.Feed == nil {
			return flow.Configf("%s: want a `feed` that fills the embedded broker, got none", d.options.file)
		}
		addr, done, err := d.feed(ctx)
		if err != nil {
			return err
		}
		defer done()
		from.brokers = []string{addr}
	}
	topic := getSetting[string](settings, "topic")
	first, partitions, err := fetchFirst(ctx, from, topic, getSetting[string](settings, "format"), d.options.rows)
	if err != nil {
		return err
	}
	d.report.Rows += first.rows
	if err := d.where(); err != nil {
		return err
	}
	own, size, err := d.fill(ctx, topic, partitions, first.messages)
	if err != nil {
		return err
	}
	d.readOwn(settings, own, size)
	return nil
}

// readOwn points a Kafka source at a topic of the drill, which it reads to the end.
func (d *drill) readOwn(settings any, topic string, size int) {
	d.onOwn(settings)
	setSetting(settings, "topic", topic)
	setSetting(settings, "start", "earliest")
	setSetting(settings, "until", "end")
	setSetting(settings, "max_bytes", min(getSetting[int](settings, "max_bytes"), max(size/fetchesOfARun, 1<<14)))
	if getSetting[string](settings, "assign") == "group" {
		d.note("assign: group is drilled as one process that reads all partitions to their ends")
		setSetting(settings, "assign", "")
		setSetting(settings, "member", "")
	}
	setSetting(settings, "group", "")
}

// onOwn points a component at the brokers of the drill, where nobody logs in.
func (d *drill) onOwn(settings any) {
	setSetting(settings, "brokers", d.own.brokers)
	setSetting(settings, "tls", (*kafkaconn.TLS)(nil))
	setSetting(settings, "sasl", (*kafkaconn.SASL)(nil))
}

// fetchesOfARun is how many answers of the broker the rows of a run come in, about: a fault must find some of
// them still to be sent.
const fetchesOfARun = 40

// fetchFirst reads the first committed messages of a topic, an equal share of rows from each partition.
func fetchFirst(ctx context.Context, from cluster, topic, format string, rows int64) (*shares, int, error) {
	cl, err := from.client(kgo.FetchIsolationLevel(kgo.ReadCommitted()), kgo.KeepControlRecords())
	if err != nil {
		return nil, 0, err
	}
	defer cl.Close()
	adm := kadm.NewClient(cl)
	starts, err := adm.ListStartOffsets(ctx, topic)
	if err == nil {
		err = starts.Error()
	}
	if err != nil {
		return nil, 0, flow.Transientf("drill: topic %q of %v cannot be read: %w", topic, from.brokers, err)
	}
	ends, err := adm.ListCommittedOffsets(ctx, topic)
	if err != nil {
		return nil, 0, flow.Transientf("drill: topic %q of %v cannot be read: %w", topic, from.brokers, err)
	}
	s := &shares{format: format, left: map[int32]int64{}, ends: map[int32]int64{}}
	at := map[int32]kgo.Offset{}
	share := (rows + int64(len(starts[topic])) - 1) / int64(max(len(starts[topic]), 1))
	for p, o := range starts[topic] {
		end, _ := ends.Lookup(topic, p)
		if end.Offset <= o.Offset {
			continue
		}
		at[p], s.left[p], s.ends[p] = kgo.NewOffset().At(o.Offset), share, end.Offset
	}
	cl.AddConsumePartitions(map[string]map[int32]kgo.Offset{topic: at})
	if err := s.poll(ctx, cl); err != nil {
		return nil, 0, err
	}
	return s, len(starts[topic]), nil
}

// shares collects messages until each partition has given its share or is at its end.
type shares struct {
	format   string
	left     map[int32]int64 // rows wanted, by partition; a partition that is done is absent
	ends     map[int32]int64
	messages []*kgo.Record
	rows     int64
}

func (s *shares) poll(ctx context.Context, cl *kgo.Client) error {
	for len(s.left) > 0 {
		wait, cancel := context.WithTimeout(ctx, quiet)
		got := cl.PollFetches(wait)
		cancel()
		if ctx.Err() != nil {
			return ctx.Err()
		}
		if got.NumRecords() == 0 && wait.Err() != nil {
			return nil // compaction may have removed the last messages
		}
		for _, e := range got.Errors() {
			if wait.Err() == nil {
				return flow.Transientf("drill: topic %q cannot be read: %w", e.Topic, e.Err)
			}
		}
		got.EachRecord(s.take)
	}
	return nil
}

func (s *shares) take(r *kgo.Record) {
	if _, wanted := s.left[r.Partition]; !wanted {
		return
	}
	if !r.Attrs.IsControl() {
		n := rowsOf(r.Value, s.format)
		s.messages = append(s.messages, r)
		s.rows += n
		s.left[r.Partition] -= n
	}
	if s.left[r.Partition] <= 0 || r.Offset+1 >= s.ends[r.Partition] {
		delete(s.left, r.Partition)
	}
}

// rowsOf is how many rows a message holds; a damaged one, on which the reader of Arrow may panic, is a row that will
// be rejected.
func rowsOf(value []byte, format string) (n int64) {
	if format != "arrow_ipc" {
		return 1
	}
	defer func() {
		if recover() != nil {
			n = 1
		}
	}()
	r, err := ipc.NewReader(bytes.NewReader(value))
	if err != nil {
		return 1
	}
	defer r.Release()
	for r.Next() {
		n += r.Record().NumRows()
	}
	return n
}

// messagesOfABatch are few, so that a copy has many batches to be cut between.
const messagesOfABatch = 200
