package arrowio

import (
	"bytes"
	"encoding/base64"
	"unsafe"

	"github.com/apache/arrow/go/v17/arrow"
	"github.com/apache/arrow/go/v17/arrow/array"
	"github.com/apache/arrow/go/v17/arrow/memory"
	"github.com/go-json-experiment/json/jsontext"

	"github.com/sluice-stream/sluice/flow"
)

// scalar is one converted value; which part counts follows from the type of its column.
type scalar struct {
	null bool
	i    int64 // integers, dates, timestamps, and 0 or 1 of a bool; the bits of a uint64
	f    float64
	s    []byte
}

// jsonColumn is one column under construction.
type jsonColumn struct {
	path  string
	typ   arrow.DataType
	b     array.Builder
	elemT arrow.DataType // of a list
	elemB array.Builder

	null bool // the value of the row at hand
	val  scalar
	list []scalar
}

func newJSONColumn(alloc memory.Allocator, f arrow.Field) jsonColumn {
	c := jsonColumn{path: f.Name, typ: f.Type, b: array.NewBuilder(alloc, f.Type)}
	if l, ok := f.Type.(*arrow.ListType); ok {
		c.elemT, c.elemB = l.Elem(), c.b.(*array.ListBuilder).ValueBuilder()
	}
	return c
}

func (c *jsonColumn) append() {
	switch {
	case c.null:
		c.b.AppendNull()
	case c.elemB != nil:
		c.b.(*array.ListBuilder).Append(true)
		for i := range c.list {
			appendScalar(c.elemB, &c.list[i])
		}
	default:
		appendScalar(c.b, &c.val)
	}
}

// convert turns the raw text of a slot, not null, into the value of the row for column c.
func (d *jsonDecoder) convert(c *jsonColumn, s *jsonSlot) error {
	c.null = false
	if c.elemB == nil {
		return d.convertScalar(&c.val, c.typ, s.kind, s.raw, c.path)
	}
	if s.kind != '[' {
		return wrongType(c.path, c.typ, s.kind, s.raw)
	}
	c.list = c.list[:0]
	d.listRd = *bytes.NewBuffer(s.raw)
	d.list.Reset(&d.listRd, d.opt)
	if _, err := d.list.ReadToken(); err != nil {
		return jsonSyntax(err)
	}
	for d.list.PeekKind() != ']' {
		kind := d.list.PeekKind()
		raw, err := d.list.ReadValue()
		if err != nil {
			return jsonSyntax(err)
		}
		c.list = append(c.list, scalar{null: kind == 'n'})
		if kind == 'n' {
			continue
		}
		if err := d.convertScalar(&c.list[len(c.list)-1], c.elemT, kind, valueIn(s.raw, &d.list, raw), c.path); err != nil {
			return err
		}
	}
	return nil
}

func (d *jsonDecoder) convertScalar(v *scalar, t arrow.DataType, kind jsontext.Kind, raw []byte, path string) error {
	ok := false
	switch id := t.ID(); id {
	case arrow.STRING:
		ok = true
		v.s = raw
		if kind == '"' {
			v.s = d.unquote(raw)
		}
	case arrow.BOOL:
		ok = kind == 't' || kind == 'f'
		v.i = 0
		if kind == 't' {
			v.i = 1
		}
	case arrow.FLOAT32, arrow.FLOAT64:
		ok = kind == '0'
		if ok {
			var fits bool
			if v.f, fits = parseFloat(view(raw), id == arrow.FLOAT32); !fits {
				return outOfRange(path, t, raw)
			}
		}
	case arrow.BINARY:
		if kind == '"' {
			dst := make([]byte, 0, base64.StdEncoding.DecodedLen(len(raw)))
			var err error
			v.s, err = base64.StdEncoding.AppendDecode(dst, d.unquote(raw))
			ok = err == nil
		}
	case arrow.DATE32, arrow.TIMESTAMP:
		if kind == '"' {
			v.i, ok = parseTimeAs(t, view(d.unquote(raw)))
		} else if kind == '0' {
			v.i, ok = parseInteger(view(raw), t)
		}
	default:
		if kind == '0' {
			var fits bool
			if v.i, fits = parseInteger(view(raw), t); !fits && isWhole(view(raw)) {
				return outOfRange(path, t, raw)
			}
			ok = fits
		}
	}
	if !ok {
		return wrongType(path, t, kind, raw)
	}
	return nil
}

// unquote returns the text of a JSON string: the input itself where nothing is escaped.
func (d *jsonDecoder) unquote(raw []byte) []byte {
	if bytes.IndexByte(raw, '\\') < 0 {
		return raw[1 : len(raw)-1]
	}
	at := len(d.text)
	d.text, _ = jsontext.AppendUnquote(d.text, raw) // the tokenizer has accepted it
	return d.text[at:]
}

func wrongType(path string, t arrow.DataType, kind jsontext.Kind, raw []byte) error {
	return flow.Dataf("json: %s: want %s, got %s", path, typeName(t), gotValue(kind, raw))
}

func outOfRange(path string, t arrow.DataType, raw []byte) error {
	return flow.Dataf("json: %s: want a number that fits %s, got %s", path, typeName(t), gotValue('0', raw))
}

// view returns b as a string without a copy, for parsers that do not keep it.
func view(b []byte) string { return unsafe.String(unsafe.SliceData(b), len(b)) }
