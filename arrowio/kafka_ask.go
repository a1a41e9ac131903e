package arrowio

import (
	"context"
	"time"

	"github.com/twmb/franz-go/pkg/kmsg"
)

// wantedRows is what a fetch asks of one partition.
type wantedRows struct {
	partition int32
	offset    int64
	epoch     int32 // of the leader, as far as we know; noEpoch for any
	limit     int32 // bytes
}

// fetched is what one partition answered.
type fetched struct {
	partition int32
	code      int16
	stable    int64 // last stable offset: the end for a reader of committed rows
	logStart  int64 // -1 where the version does not tell
	aborted   []abortedRange
	records   []byte        // record batches one behind the other; the last one may be cut
	buf       *answerBuffer // that records alias, nil where they are never to change
}

// abortedRange says that producer's transaction that began at first was aborted.
type abortedRange struct{ producer, first int64 }

// fetch asks the broker leader for rows; it waits up to wait for the first one. Where the topic's id is known and
// the broker speaks ids (Kafka 3.1), it asks by id: a topic made anew under the name never answers.
// A leader of another epoch refuses: it, or we, have not heard of the newest election.
// The caller releases the buffer when it has taken what it wants.
func (c *kafkaClient) fetch(ctx context.Context, leader int32, parts []wantedRows, wait time.Duration, maxBytes int32) ([]fetched, *answerBuffer, error) {
	call := &kafkaCall{req: c.fetchRequest(parts, wait, maxBytes), oldest: 4, newest: 12, leader: leader}
	if c.identity() != (topicID{}) {
		call.newest = 13
	}
	a, err := c.roundTrip(ctx, call)
	if err != nil {
		return nil, nil, err
	}
	res := a.Response.(*kmsg.FetchResponse)
	if moved(res.ErrorCode) {
		return nil, nil, errMoved
	}
	return fetchedOf(res), a.buf, codeError(res.ErrorCode)
}

// fetchRequest has no fetch session: it names every partition each time, so that none can be starved by the
// broker's memory of the last answer. The limit of the whole answer is left to that of the partition where there is
// but one: an answer of kfake that ends at the limit of the whole does not name the aborted transactions.
func (c *kafkaClient) fetchRequest(parts []wantedRows, wait time.Duration, maxBytes int32) *kmsg.FetchRequest {
	req := kmsg.NewPtrFetchRequest()
	req.ReplicaID, req.IsolationLevel = consumer, readCommitted
	req.MaxWaitMillis, req.MinBytes, req.MaxBytes = int32(wait.Milliseconds()), 1, maxBytes
	req.SessionID, req.SessionEpoch = 0, noEpoch
	if len(parts) == 1 {
		req.MaxBytes = unlimited
	}
	topic := kmsg.NewFetchRequestTopic()
	topic.Topic, topic.TopicID = c.topic, c.identity()
	for _, w := range parts {
		p := kmsg.NewFetchRequestTopicPartition()
		p.Partition, p.FetchOffset, p.PartitionMaxBytes = w.partition, w.offset, w.limit
		p.CurrentLeaderEpoch, p.LastFetchedEpoch, p.LogStartOffset = w.epoch, noEpoch, -1
		topic.Partitions = append(topic.Partitions, p)
	}
	req.Topics = []kmsg.FetchRequestTopic{topic}
	return req
}

func fetchedOf(res *kmsg.FetchResponse) (out []fetched) {
	for _, t := range res.Topics {
		for _, p := range t.Partitions {
			f := fetched{partition: p.Partition, code: p.ErrorCode, stable: p.LastStableOffset, logStart: p.LogStartOffset, records: p.RecordBatches}
			for _, a := range p.AbortedTransactions {
				f.aborted = append(f.aborted, abortedRange{producer: a.ProducerID, first: a.FirstOffset})
			}
			out = append(out, f)
		}
	}
	return out
}
