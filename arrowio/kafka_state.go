package arrowio

import (
	"slices"

	"github.com/sluice-stream/sluice/flow"
)

// kafkaState is the part of a checkpoint that a restored source keeps until it is opened.
type kafkaState struct {
	restored              bool
	topic                 string
	id                    string // of the topic, hexadecimal; empty where it is not known, or is of the embedded broker
	parts                 []int32
	first, next, row, end []int64
	turn, left            int     // of the partitions' turns
	epoch                 []int32 // of the leader that took the last message returned, -1 for none
	gaps                  []gapCount
	schema                []byte

	self, member string  // of a group: see note, and what the broker calls us
	tenure       []int64 // of the shares in parts
	leaving      []bool  // those that are being given up
}

// Walk saves and restores the topic and its id; for each partition, where it first started, the next offset, the rows of the message
// there that were returned, the leader epoch before it, and where it ends; then whose turn it is, the schema of the
// messages, and what was missing in the topic.
func (k *Kafka) Walk(v flow.Visitor) {
	s := &k.saved
	if !v.Restoring() {
		k.collect()
	}
	v.Visit("topic", &s.topic)
	v.Visit("topic_id", &s.id)
	v.Visit("partition", &s.parts)
	v.Visit("first", &s.first)
	v.Visit("next", &s.next)
	v.Visit("row", &s.row)
	v.Visit("end", &s.end)
	v.Visit("epoch", &s.epoch)
	v.Visit("turn", &s.turn)
	v.Visit("left", &s.left)
	v.Visit("schema", &s.schema)
	s.gaps = walkGaps(v, s.gaps)
	if k.cfg.shared() {
		s.walkGroup(v)
	}
	if !v.Restoring() {
		return
	}
	n := len(s.parts)
	if n == 0 && !k.cfg.shared() || len(s.first) != n || len(s.next) != n || len(s.row) != n || len(s.end) != n || len(s.epoch) != n {
		v.Fail(flow.Corruptf("kafka: the state of %d partitions has lists of other lengths; use an older checkpoint, or start over with --fresh", n))
		return
	}
	s.restored = true
}

func (k *Kafka) collect() {
	k.saved = kafkaState{topic: k.cfg.Topic, schema: k.saved.schema, self: k.saved.self}
	s := &k.saved
	s.gaps = k.gaps.counts()
	if !k.embedded() {
		s.id = k.client.identity().String()
	}
	for _, p := range slices.Concat(k.parts, k.leaving) {
		s.parts = append(s.parts, p.id)
		s.first, s.next = append(s.first, p.first), append(s.next, p.next)
		s.row, s.end, s.epoch = append(s.row, p.row), append(s.end, p.end), append(s.epoch, p.epoch)
	}
	if k.group != nil {
		k.collectGroup()
	}
	if t, ok := k.order.(*turns); ok {
		s.turn, s.left = t.at, t.left
	}
}
