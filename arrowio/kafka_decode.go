package arrowio

import (
	"bytes"
	"errors"

	"github.com/apache/arrow/go/v17/arrow"
	"github.com/apache/arrow/go/v17/arrow/array"
	"github.com/apache/arrow/go/v17/arrow/ipc"
	"github.com/apache/arrow/go/v17/arrow/memory"

	"github.com/sluice-stream/sluice/flow"
)

// payloads turns the values of messages into columns.
type payloads interface {
	// add takes at most most rows of r's value, from row from on; whole says that none is left. An ErrData error
	// takes nothing.
	add(p int32, r *krecord, from int64, most int) (rows int, whole bool, err error)
	full() bool                      // columns is due, whatever the number of rows
	columns() ([]arrow.Array, error) // the rows since the last call, owned by the caller
	release()
}

// jsonPayloads decodes messages that are one JSON object each.
type jsonPayloads struct{ dec *jsonDecoder }

func (j jsonPayloads) add(_ int32, r *krecord, _ int64, _ int) (int, bool, error) {
	if err := j.dec.Append(r.value); err != nil {
		return 0, true, err
	}
	return 1, true, nil
}

func (j jsonPayloads) full() bool { return j.dec.Full() }

func (j jsonPayloads) columns() ([]arrow.Array, error) {
	rec := j.dec.Record()
	defer rec.Release()
	for _, c := range rec.Columns() {
		c.Retain()
	}
	return rec.Columns(), nil
}

func (j jsonPayloads) release() { j.dec.Release() }

func newPayloads(alloc memory.Allocator, format string, schema *arrow.Schema) payloads {
	if format == formatArrow {
		return &arrowPayloads{alloc: alloc, schema: schema}
	}
	return jsonPayloads{newJSONDecoder(alloc, schema)}
}

// rowMaker collects rows and rejects what cannot be one.
type rowMaker struct {
	topic  string
	schema *arrow.Schema // of the records
	data   payloads
	meta   *metaColumns
	reject func(flow.Rejection)
}

// take adds rows of p's head and moves p. An error is not that of a row.
func (m *rowMaker) take(p *partition, most int) (rows int, whole bool, err error) {
	if p.head.value == nil {
		m.refuse(p, "tombstone: the message has no value")
		p.took(0, true)
		return 0, true, nil
	}
	rows, whole, err = m.data.add(p.id, &p.head, p.row, most)
	if err != nil {
		if !errors.Is(err, flow.ErrData) {
			return 0, false, err
		}
		m.refuse(p, err.Error())
		p.took(0, true)
		return 0, true, nil
	}
	m.meta.append(p.id, &p.head, rows)
	p.took(rows, whole)
	return rows, whole, nil
}

func (m *rowMaker) refuse(p *partition, reason string) {
	m.reject(flow.Rejection{
		Reason: reason, Stage: "kafka", Topic: m.topic, Partition: p.id, Offset: p.head.offset,
		Raw: bytes.Clone(p.head.value),
	})
}

// record returns the rows since the last call.
func (m *rowMaker) record(rows int) (arrow.Record, error) {
	cols, err := m.data.columns()
	if err != nil {
		return nil, err
	}
	cols = append(cols, m.meta.arrays()...)
	for _, c := range cols {
		defer c.Release()
	}
	return array.NewRecord(m.schema, cols, int64(rows)), nil
}

func (m *rowMaker) release() {
	m.data.release()
	m.meta.release()
}

// packSchema and unpackSchema keep a schema as the bytes of an IPC stream without rows.
func packSchema(s *arrow.Schema) ([]byte, error) {
	if s == nil {
		return nil, nil
	}
	var b bytes.Buffer
	w := ipc.NewWriter(&b, ipc.WithSchema(s))
	err := w.Close()
	return b.Bytes(), err
}

func unpackSchema(b []byte) (*arrow.Schema, error) {
	if len(b) == 0 {
		return nil, nil
	}
	rd, err := ipc.NewReader(bytes.NewReader(b))
	if err != nil {
		return nil, flow.Corruptf("kafka: the saved schema cannot be read: %w; start over with --fresh", err)
	}
	defer rd.Release()
	return rd.Schema(), nil
}
