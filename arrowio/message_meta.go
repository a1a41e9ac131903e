package arrowio

import (
	"github.com/apache/arrow/go/v17/arrow"
	"github.com/apache/arrow/go/v17/arrow/array"
	"github.com/apache/arrow/go/v17/arrow/memory"

	"github.com/sluice-stream/sluice/flow"
)

// messageMeta are the columns that say where a message came from, by the name of the setting.
var messageMeta = map[string]arrow.Field{
	"topic":     {Name: flow.ColTopic, Type: arrow.BinaryTypes.String},
	"partition": {Name: flow.ColPartition, Type: arrow.PrimitiveTypes.Int32},
	"offset":    {Name: flow.ColOffset, Type: arrow.PrimitiveTypes.Int64},
	"timestamp": {Name: flow.ColTimestamp, Type: arrow.FixedWidthTypes.Timestamp_ms},
	"key":       {Name: flow.ColKey, Type: arrow.BinaryTypes.Binary, Nullable: true},
	"headers":   {Name: flow.ColHeaders, Type: headersType},
}

// messageMetaNames lists the settings in the order of the documentation.
var messageMetaNames = []string{"topic", "partition", "offset", "timestamp", "key", "headers"}

var headersType = arrow.ListOf(arrow.StructOf(
	arrow.Field{Name: "key", Type: arrow.BinaryTypes.String},
	arrow.Field{Name: "value", Type: arrow.BinaryTypes.Binary, Nullable: true},
))

// metaColumns builds those columns beside the decoded ones.
type metaColumns struct {
	fields []arrow.Field
	build  []array.Builder
	add    []func(p int32, r *krecord, rows int)
}

func newMetaColumns(alloc memory.Allocator, names []string, topic string) *metaColumns {
	m := &metaColumns{}
	for _, name := range names {
		f := messageMeta[name]
		b := array.NewBuilder(alloc, f.Type)
		m.fields, m.build = append(m.fields, f), append(m.build, b)
		m.add = append(m.add, metaAppender(name, b, topic))
	}
	return m
}

func metaAppender(name string, b array.Builder, topic string) func(int32, *krecord, int) {
	switch name {
	case "topic":
		return func(_ int32, _ *krecord, rows int) { repeat(b.(*array.StringBuilder).Append, topic, rows) }
	case "partition":
		return func(p int32, _ *krecord, rows int) { repeat(b.(*array.Int32Builder).Append, p, rows) }
	case "offset":
		return func(_ int32, r *krecord, rows int) { repeat(b.(*array.Int64Builder).Append, r.offset, rows) }
	case "timestamp":
		return func(_ int32, r *krecord, rows int) {
			repeat(b.(*array.TimestampBuilder).Append, arrow.Timestamp(r.ms), rows)
		}
	case "key":
		return func(_ int32, r *krecord, rows int) {
			for range rows {
				appendBytes(b.(*array.BinaryBuilder), r.key)
			}
		}
	default:
		return func(_ int32, r *krecord, rows int) {
			for range rows {
				appendHeaders(b.(*array.ListBuilder), r)
			}
		}
	}
}

func repeat[T any](f func(T), v T, n int) {
	for range n {
		f(v)
	}
}

func appendHeaders(b *array.ListBuilder, r *krecord) {
	b.Append(true)
	s := b.ValueBuilder().(*array.StructBuilder)
	r.eachHeader(func(key string, value []byte) {
		s.Append(true)
		s.FieldBuilder(0).(*array.StringBuilder).Append(key)
		appendBytes(s.FieldBuilder(1).(*array.BinaryBuilder), value)
	})
}

// appendBytes appends v, null where it is nil.
func appendBytes(b *array.BinaryBuilder, v []byte) {
	if v == nil {
		b.AppendNull()
		return
	}
	b.Append(v)
}

// append adds rows that came from message r of partition p.
func (m *metaColumns) append(p int32, r *krecord, rows int) {
	for _, f := range m.add {
		f(p, r, rows)
	}
}

// arrays returns the columns, owned by the caller, and starts over.
func (m *metaColumns) arrays() []arrow.Array {
	out := make([]arrow.Array, len(m.build))
	for i, b := range m.build {
		out[i] = b.NewArray()
	}
	return out
}

func (m *metaColumns) release() {
	for _, b := range m.build {
		b.Release()
	}
}
