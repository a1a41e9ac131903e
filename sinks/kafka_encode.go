package sinks

import (
	"context"
	"fmt"
	"time"

	"github.com/apache/arrow/go/v17/arrow"
	"github.com/apache/arrow/go/v17/arrow/array"
	"github.com/apache/arrow/go/v17/arrow/memory"

	"github.com/sluice-stream/sluice/check"
	"github.com/sluice-stream/sluice/flow"
	"github.com/sluice-stream/sluice/internal/payload"
)

// newEncoder returns the encoder of the format.
func (k *Kafka) newEncoder(env flow.Env) encodeRows {
	if k.cfg.Format == formatArrow {
		return &kafkaArrow{k: k, reject: env.Reject, wait: pending{mem: env.Alloc}}
	}
	return &kafkaJSON{k: k, reject: env.Reject}
}

// kafkaJSON writes a message a row.
type kafkaJSON struct {
	k      *Kafka
	reject func(flow.Rejection)
	turn   int64 // of messages without a key, within a checkpoint
	buf    []byte
}

// rowCells are the writers of one record's rows.
type rowCells struct {
	value     *payload.JSON
	key       payload.Cell
	keyed     func(i int) bool
	partition func(i int) (int64, bool)
	time      func(i int) (int64, bool)
	headers   []payload.Cell
	columns   []arrow.Array // of the headers
}

func (e *kafkaJSON) write(_ context.Context, rec arrow.Record) error {
	cells, err := e.k.cells(rec)
	if err != nil {
		return err
	}
	m := spooled{headers: make([][]byte, len(cells.headers))}
	limits, now := &e.k.send.topic, time.Now().UnixMilli()
	for i := range int(rec.NumRows()) {
		reason := e.encode(&m, cells, i, now)
		if reason == "" {
			reason = limits.refuse(&m, now)
		}
		if reason != "" {
			e.reject(flow.RejectRow(rec, i, "", reason))
			continue
		}
		if err := e.k.spool.add(&m); err != nil {
			return err
		}
	}
	return nil
}

// encode fills m from row i; its bytes are valid until the next call. It returns why the row cannot be sent, or "".
func (e *kafkaJSON) encode(m *spooled, c *rowCells, i int, now int64) (reason string) {
	buf := c.value.Append(e.buf[:0], i)
	ends := len(buf)
	if m.key = nil; c.keyed(i) {
		buf = c.key(buf, i)
		m.key = buf[ends:len(buf):len(buf)]
	}
	for h, cell := range c.headers {
		m.headers[h] = nil
		if at := len(buf); c.columns[h].IsValid(i) {
			buf = cell(buf, i)
			m.headers[h] = buf[at:len(buf):len(buf)]
		}
	}
	e.buf, m.value = buf, buf[:ends:ends]
	m.ms = now
	if ms, ok := c.time(i); ok {
		m.ms = ms
	}
	partitions := int64(e.k.send.topic.partitions)
	p, ok := c.partition(i)
	switch {
	case !ok && e.k.cfg.Partition != "":
		return fmt.Sprintf("kafka: %s is null, so there is no partition to write to", e.k.cfg.Partition)
	case !ok && m.key != nil:
		p = int64(murmur2(m.key)&0x7fffffff) % partitions
	case !ok:
		p = e.turn % partitions
		e.turn++
	case p < 0 || p >= partitions:
		return fmt.Sprintf("kafka: want a partition from 0 to %d in %s, got %d", partitions-1, e.k.cfg.Partition, p)
	}
	m.partition = int32(p)
	return ""
}

func (e *kafkaJSON) flush() error {
	e.turn = 0
	return nil
}

func (e *kafkaJSON) reset() { e.turn = 0 }

// cells makes the writers of rec. What bind has let through has one.
func (k *Kafka) cells(rec arrow.Record) (*rowCells, error) {
	none := func(int) (int64, bool) { return 0, false }
	c := &rowCells{keyed: func(int) bool { return false }, partition: none, time: none}
	var err error
	if c.value, err = payload.NewJSON(rec); err != nil {
		return nil, err
	}
	switch len(k.cfg.Key) {
	case 0:
	case 1:
		col := column(rec, k.cfg.Key[0])
		c.keyed = col.IsValid
		if c.key, err = payload.TextCell(col); err != nil {
			return nil, err
		}
	default:
		if c.key, err = keyObject(rec, k.cfg.Key); err != nil {
			return nil, err
		}
		c.keyed = func(int) bool { return true }
	}
	if k.cfg.Partition != "" {
		c.partition = integerAt(column(rec, k.cfg.Partition))
	}
	if k.cfg.Timestamp != "" {
		c.time = millisAt(column(rec, k.cfg.Timestamp).(*array.Timestamp))
	}
	for _, h := range k.cfg.Headers {
		col := column(rec, h.Value)
		cell, err := payload.TextCell(col)
		if err != nil {
			return nil, err
		}
		c.headers, c.columns = append(c.headers, cell), append(c.columns, col)
	}
	return c, nil
}

func column(rec arrow.Record, name string) arrow.Array {
	return rec.Column(rec.Schema().FieldIndices(name)[0])
}

// keyObject writes several columns as one JSON object.
func keyObject(rec arrow.Record, names []string) (payload.Cell, error) {
	fields, cols := make([]arrow.Field, len(names)), make([]arrow.Array, len(names))
	for i, n := range names {
		cols[i] = column(rec, n)
		fields[i] = arrow.Field{Name: n, Type: cols[i].DataType(), Nullable: true}
	}
	key := array.NewRecord(arrow.NewSchema(fields, nil), cols, rec.NumRows())
	defer key.Release() // the columns live as long as rec
	w, err := payload.NewJSON(key)
	if err != nil {
		return nil, err
	}
	return w.Append, nil
}

func millisAt(col *array.Timestamp) func(int) (int64, bool) {
	unit := col.DataType().(*arrow.TimestampType).Unit
	return func(i int) (int64, bool) {
		if col.IsNull(i) {
			return 0, false
		}
		return col.Value(i).ToTime(unit).UnixMilli(), true
	}
}

// integerAt returns nil for a column of another kind.
func integerAt(col arrow.Array) func(int) (int64, bool) {
	switch c := col.(type) {
	case *array.Int8:
		return integersOf(c, c.Int8Values())
	case *array.Int16:
		return integersOf(c, c.Int16Values())
	case *array.Int32:
		return integersOf(c, c.Int32Values())
	case *array.Int64:
		return integersOf(c, c.Int64Values())
	case *array.Uint8:
		return integersOf(c, c.Uint8Values())
	case *array.Uint16:
		return integersOf(c, c.Uint16Values())
	case *array.Uint32:
		return integersOf(c, c.Uint32Values())
	}
	return nil
}

func integersOf[T int8 | int16 | int32 | int64 | uint8 | uint16 | uint32](col arrow.Array, v []T) func(int) (int64, bool) {
	return func(i int) (int64, bool) { return int64(v[i]), col.IsValid(i) }
}

// bind checks the columns against the settings and returns the schema with dictionaries as values.
func (k *Kafka) bind(in *arrow.Schema) (*arrow.Schema, error) {
	accepts := func(f arrow.Field) error { return canHold(f.Type) }
	if k.cfg.Format == formatJSON {
		accepts = hasJSON
	}
	out, err := plainSchema(in, accepts)
	bad := []error{err}
	names := make([]string, in.NumFields())
	for i, f := range in.Fields() {
		names[i] = f.Name
	}
	want := func(key, name, kind string, ok func(arrow.DataType) bool) {
		if name == "" {
			return
		}
		err := check.OneOf(key, name, names...)
		if err == nil {
			if t := in.Field(in.FieldIndices(name)[0]).Type; !ok(t) {
				err = check.Violation{Key: key, Want: kind, Got: fmt.Sprintf("%q of type %s", name, t), Hint: "use derive to make one"}
			}
		}
		bad = append(bad, err)
	}
	anyType := func(arrow.DataType) bool { return true } // it has a JSON form, or was refused above
	for _, n := range k.cfg.Key {
		want("key", n, "", anyType)
	}
	for _, h := range k.cfg.Headers {
		want("headers."+h.Key, h.Value, "", anyType)
	}
	want("partition", k.cfg.Partition, "an integer column", isType(arrow.INT8, arrow.INT16, arrow.INT32, arrow.INT64, arrow.UINT8, arrow.UINT16, arrow.UINT32))
	want("timestamp", k.cfg.Timestamp, "a timestamp column", isType(arrow.TIMESTAMP))
	bad = append(bad, check.That(!k.send.topic.compacted || len(k.cfg.Key) > 0, "key", "a column: topic "+k.cfg.Topic+" is compacted, so each message needs a key", "none"))
	if err := check.All(bad...); err != nil {
		return nil, err
	}
	return out, nil
}

// hasJSON asks the writer itself.
func hasJSON(f arrow.Field) (err error) {
	defer func() {
		if r := recover(); r != nil { // no builder for the type
			err = fmt.Errorf("%v", r)
		}
	}()
	b := array.NewBuilder(memory.NewGoAllocator(), f.Type)
	defer b.Release()
	arr := b.NewArray()
	defer arr.Release()
	_, err = payload.NewCell(arr)
	return err
}
