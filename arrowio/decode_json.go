package arrowio

import (
	"bytes"
	"errors"
	"io"
	"strings"

	"github.com/apache/arrow/go/v17/arrow"
	"github.com/apache/arrow/go/v17/arrow/array"
	"github.com/apache/arrow/go/v17/arrow/memory"
	"github.com/go-json-experiment/json/jsontext"

	"github.com/sluice-stream/sluice/flow"
)

// recordBytes is how much payload one record may hold: well below the 2 GiB that a utf8 column can address.
const recordBytes = 64 << 20

// jsonDecoder turns JSON objects into rows of one schema. Not safe for concurrent use.
//
// A payload is scanned once: the raw text of every wanted value is noted, then all of them are converted, and
// only then is anything appended, so that a bad row leaves no trace. Outcomes:
//
//	unknown key          ignored
//	missing key, null    null
//	duplicate key        the last one wins, also for whole objects
//	wrong type           ErrData naming path, wanted and got; utf8 takes any value and keeps its JSON text
//	integer column       3, 3.0 and 3e2 are integers; 3.5 and what overflows are ErrData
//	float column         numbers only: 1e999, NaN and "NaN" are ErrData
//	timestamp            RFC 3339 text (a space for the T, no zone = UTC), or an integer in the column's unit
//	date                 2006-01-02, or an integer of days since 1970
//	binary               base64 text (standard alphabet)
//	invalid UTF-8, lone surrogate escapes, trailing text, nesting beyond 10,000   ErrData
//	byte order mark      skipped
type jsonDecoder struct {
	schema *arrow.Schema
	tok    jsontext.Decoder
	rd     bytes.Buffer
	opt    jsontext.Options
	list   jsontext.Decoder // elements of a list
	listRd bytes.Buffer
	root   *jsonNode
	cols   []jsonColumn
	slots  []jsonSlot
	gen    uint64 // number of the row; a slot of another row is empty
	bytes  int    // payload since the last Record
	rows   int
	text   []byte // unescaped strings of the row
}

// jsonSlot is what the row holds for one column: the raw text of the value.
type jsonSlot struct {
	gen  uint64
	kind jsontext.Kind
	raw  []byte
}

// newJSONDecoder returns a decoder whose records have the schema; dots in a column's name are nesting. Types are
// those of parseType.
func newJSONDecoder(alloc memory.Allocator, schema *arrow.Schema) *jsonDecoder {
	d := &jsonDecoder{
		schema: schema,
		opt:    jsontext.AllowDuplicateNames(true),
		root:   newJSONNode(schema),
		slots:  make([]jsonSlot, schema.NumFields()),
	}
	for _, f := range schema.Fields() {
		d.cols = append(d.cols, newJSONColumn(alloc, f))
	}
	return d
}

// Append adds one row from payload, which may be reused afterwards. An ErrData error leaves the rows as they were.
func (d *jsonDecoder) Append(payload []byte) error {
	d.gen++
	d.text = d.text[:0]
	payload = bytes.TrimPrefix(payload, []byte("\xef\xbb\xbf"))
	if err := d.scan(payload); err != nil {
		return err
	}
	for i := range d.cols {
		s := &d.slots[i]
		if s.gen != d.gen || s.kind == 'n' {
			d.cols[i].null = true
			continue
		}
		if err := d.convert(&d.cols[i], s); err != nil {
			return err
		}
	}
	for i := range d.cols {
		d.cols[i].append()
	}
	d.rows++
	d.bytes += len(payload)
	return nil
}

// Len returns the number of rows since the last Record.
func (d *jsonDecoder) Len() int { return d.rows }

// Full says that Record is due, whatever the number of rows: a utf8 column has an end.
func (d *jsonDecoder) Full() bool { return d.bytes >= recordBytes }

// Record returns the rows since the last call, owned by the caller, and starts over.
func (d *jsonDecoder) Record() arrow.Record {
	arrs := make([]arrow.Array, len(d.cols))
	for i := range d.cols {
		arrs[i] = d.cols[i].b.NewArray()
		defer arrs[i].Release()
	}
	rec := array.NewRecord(d.schema, arrs, int64(d.rows))
	d.rows, d.bytes = 0, 0
	return rec
}

// Release frees the rows that Record has not taken.
func (d *jsonDecoder) Release() {
	for i := range d.cols {
		d.cols[i].b.Release()
	}
}

// scan notes the raw text of every wanted value of the object that payload is.
func (d *jsonDecoder) scan(payload []byte) error {
	d.rd = *bytes.NewBuffer(payload)
	d.tok.Reset(&d.rd, d.opt)
	switch k := d.tok.PeekKind(); k {
	case '{':
	case 0:
		_, err := d.tok.ReadToken()
		if errors.Is(err, io.EOF) && !errors.Is(err, io.ErrUnexpectedEOF) {
			return flow.Dataf("json: want an object, got nothing")
		}
		return jsonSyntax(err)
	default:
		return flow.Dataf("json: want an object, got %s", kindName(k))
	}
	if _, err := d.scanObject(payload, d.root); err != nil {
		return err
	}
	end := d.tok.InputOffset()
	if _, err := d.tok.ReadToken(); err != io.EOF {
		return flow.Dataf("json: want one object, got more behind it at byte %d", end)
	}
	return nil
}

// scanObject reads the object that comes next and returns where it starts.
func (d *jsonDecoder) scanObject(payload []byte, n *jsonNode) (start int, err error) {
	if _, err := d.tok.ReadToken(); err != nil {
		return 0, jsonSyntax(err)
	}
	start = int(d.tok.InputOffset()) - 1
	n.next = 0
	for {
		switch d.tok.PeekKind() {
		case '}', 0: // 0 is malformed or cut off: reading says which
			if _, err := d.tok.ReadToken(); err != nil {
				return 0, jsonSyntax(err)
			}
			return start, nil
		}
		key, err := d.tok.ReadValue()
		if err != nil {
			return 0, jsonSyntax(err)
		}
		if f := n.find(key); f != nil {
			err = d.scanField(payload, f)
		} else if err = d.tok.SkipValue(); err != nil {
			err = jsonSyntax(err)
		}
		if err != nil {
			return 0, err
		}
	}
}

// scanField notes the value that comes next as that of f.
func (d *jsonDecoder) scanField(payload []byte, f *jsonField) error {
	kind := d.tok.PeekKind()
	if f.sub == nil {
		raw, err := d.tok.ReadValue()
		if err != nil {
			return jsonSyntax(err)
		}
		d.slots[f.col] = jsonSlot{d.gen, kind, valueIn(payload, &d.tok, raw)}
		return nil
	}
	for _, leaf := range f.sub.leaves {
		d.slots[leaf].gen = 0 // an object that comes again replaces the earlier one whole
	}
	if kind != '{' {
		raw, err := d.tok.ReadValue()
		switch {
		case err != nil:
			return jsonSyntax(err)
		case f.col >= 0:
			d.slots[f.col] = jsonSlot{d.gen, kind, valueIn(payload, &d.tok, raw)}
		case kind != 'n':
			return flow.Dataf("json: %s: want an object, got %s", f.path, gotValue(kind, raw))
		}
		return nil
	}
	start, err := d.scanObject(payload, f.sub)
	if err == nil && f.col >= 0 {
		d.slots[f.col] = jsonSlot{d.gen, kind, payload[start:d.tok.InputOffset()]}
	}
	return err
}

func jsonSyntax(err error) error {
	if errors.Is(err, io.ErrUnexpectedEOF) {
		return flow.Dataf("json: the text ends early (cut off?)")
	}
	return flow.Dataf("json: %s", strings.TrimPrefix(err.Error(), "jsontext: "))
}
