package main

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/json"
	"slices"

	"github.com/apache/arrow/go/v17/arrow/ipc"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/zeebo/xxh3"
)

// published is the hash of all committed messages of sink i, in whatever order their partitions hold them.
func (o *output) published(ctx context.Context, i int) (map[string][32]byte, error) {
	messages, err := o.messages(ctx, i)
	if err != nil {
		return nil, err
	}
	all := make([][]byte, len(messages))
	for j, m := range messages {
		o.bytes += int64(len(m.Value))
		all[j] = content(m)
	}
	slices.SortFunc(all, bytes.Compare)
	return map[string][32]byte{"topic": sha256.Sum256(bytes.Join(all, []byte{0}))}, nil
}

func (o *output) messages(ctx context.Context, i int) ([]*kgo.Record, error) {
	s, _, err := fetchFirst(ctx, o.own, o.outTopics[i], o.sinks[i].format, 1<<40)
	if err != nil {
		return nil, err
	}
	return s.messages, nil
}

// content is what a message says; where it stands, and when it was written, may differ.
func content(m *kgo.Record) []byte {
	b := append(bytes.Clone(m.Key), 0)
	for _, h := range m.Headers {
		b = append(append(append(b, h.Key...), 0), h.Value...)
	}
	return append(append(b, 0), m.Value...)
}

// topicRows adds every row in the messages of sink i.
func (o *output) topicRows(ctx context.Context, i int, key []string, sets rowSets) error {
	messages, err := o.messages(ctx, i)
	if err != nil {
		return err
	}
	for _, m := range messages {
		if o.sinks[i].format != "arrow_ipc" {
			sets.addMessage(m, key)
			continue
		}
		r, err := ipc.NewReader(bytes.NewReader(m.Value))
		if err != nil {
			return err
		}
		for r.Next() {
			sets.add(r.Record(), key)
		}
		r.Release()
		if err := r.Err(); err != nil {
			return err
		}
	}
	return nil
}

// addMessage adds a row of JSON.
func (s rowSets) addMessage(m *kgo.Record, columns []string) {
	var row map[string]json.RawMessage
	var b []byte
	if json.Unmarshal(m.Value, &row) == nil {
		for _, c := range columns {
			if v, ok := row[c]; ok {
				b = append(append(b, v...), 0)
			}
		}
	}
	if b == nil {
		b = content(m)
	}
	s.key[xxh3.Hash128(b).Bytes()]++
	s.whole[xxh3.Hash128(content(m)).Bytes()]++
}
