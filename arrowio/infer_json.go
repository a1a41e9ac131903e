package arrowio

import (
	"bytes"
	"math"
	"strconv"
	"strings"
	"time"

	"github.com/apache/arrow/go/v17/arrow"
	"github.com/go-json-experiment/json/jsontext"

	"github.com/sluice-stream/sluice/flow"
)

// inferJSON returns a schema for objects like samples. Samples that are no JSON object are passed over. Columns
// stand in the order in which they are first seen. The rules, for one key over all samples:
//
//	objects only            no column of its own: its keys become dotted columns, "geo.city"
//	integers                int64; with any other number, or beyond int64, float64
//	true and false          bool
//	text                    utf8; when every text is RFC 3339, timestamp in ms (us, ns where one is as fine as that)
//	arrays                  list<T> of the elements' common type; of objects or arrays: utf8 with the JSON text
//	null everywhere         utf8, where a later number is kept as its text
//	anything mixed          utf8 with the JSON text
func inferJSON(samples [][]byte) (*arrow.Schema, error) {
	root := &jsonSeen{}
	found := false
	for _, s := range samples {
		s = bytes.TrimSpace(bytes.TrimPrefix(s, []byte("\xef\xbb\xbf")))
		v := jsontext.Value(s)
		if len(s) > 0 && s[0] == '{' && v.IsValid(jsontext.AllowDuplicateNames(true)) {
			found = true
			root.object(s, 0)
		}
	}
	if !found {
		return nil, flow.Configf("json: want at least one JSON object to infer the schema from, got none in %d samples; declare it with schema: {name: type}", len(samples))
	}
	var fields []arrow.Field
	root.columns("", &fields)
	return arrow.NewSchema(uniqueFields(fields), nil), nil
}

// inferDepth is how deep objects are taken apart; what lies deeper is kept as JSON text.
const inferDepth = 32

// jsonSeen is what the samples hold under one key.
type jsonSeen struct {
	names  []string
	keys   map[string]*jsonSeen
	typ    seenType
	elems  *jsonSeen // of the arrays
	arrays bool
	plain  bool // something that is neither null, object nor array
}

func (n *jsonSeen) object(raw []byte, depth int) {
	if n.keys == nil {
		n.keys = map[string]*jsonSeen{}
	}
	d := jsontext.NewDecoder(bytes.NewBuffer(raw), jsontext.AllowDuplicateNames(true))
	for _, err := d.ReadToken(); err == nil && d.PeekKind() == '"'; {
		name, _ := d.ReadToken()
		key := name.String()
		kind := d.PeekKind()
		var val jsontext.Value
		val, err = d.ReadValue()
		k, ok := n.keys[key]
		if !ok {
			k = &jsonSeen{}
			n.keys[key] = k
			n.names = append(n.names, key)
		}
		k.value(kind, valueIn(raw, d, val), depth)
	}
}

func (n *jsonSeen) value(kind jsontext.Kind, raw []byte, depth int) {
	switch {
	case kind == 'n':
	case depth > inferDepth:
		n.plain, n.typ.texts = true, true
	case kind == '{':
		n.object(raw, depth+1)
	case kind == '[':
		n.array(raw, depth+1)
	default:
		n.plain = true
		n.typ.add(kind, raw)
	}
}

func (n *jsonSeen) array(raw []byte, depth int) {
	n.arrays = true
	if n.elems == nil {
		n.elems = &jsonSeen{}
	}
	d := jsontext.NewDecoder(bytes.NewBuffer(raw), jsontext.AllowDuplicateNames(true))
	for _, err := d.ReadToken(); err == nil && d.PeekKind() != ']'; {
		kind := d.PeekKind()
		var val jsontext.Value
		val, err = d.ReadValue()
		n.elems.value(kind, valueIn(raw, d, val), depth)
	}
}

// valueIn returns val, just read by d, as a part of the input.
func valueIn(input []byte, d *jsontext.Decoder, val jsontext.Value) []byte {
	end := int(d.InputOffset())
	return input[end-len(val) : end]
}

// columns appends the columns of an object.
func (n *jsonSeen) columns(prefix string, out *[]arrow.Field) {
	for _, name := range n.names {
		k := n.keys[name]
		if len(k.names) > 0 && !k.plain && !k.arrays {
			k.columns(prefix+name+".", out)
			continue
		}
		*out = append(*out, arrow.Field{Name: prefix + name, Type: k.dataType(), Nullable: true})
	}
}

func (n *jsonSeen) dataType() arrow.DataType {
	switch {
	case n.keys != nil || n.arrays && n.plain:
		return arrow.BinaryTypes.String
	case n.arrays && (n.elems.keys != nil || n.elems.arrays):
		return arrow.BinaryTypes.String
	case n.arrays:
		return arrow.ListOf(n.elems.typ.dataType())
	}
	return n.typ.dataType()
}

// uniqueFields drops a column that two spellings share ({"a": {"b": 1}} and {"a.b": 1}): it becomes utf8 unless
// they agree.
func uniqueFields(fields []arrow.Field) []arrow.Field {
	at := map[string]int{}
	out := fields[:0]
	for _, f := range fields {
		i, dup := at[f.Name]
		if !dup {
			at[f.Name] = len(out)
			out = append(out, f)
		} else if !arrow.TypeEqual(out[i].Type, f.Type) {
			out[i].Type = arrow.BinaryTypes.String
		}
	}
	return out
}

// seenType is the narrowest type of the scalars seen so far.
type seenType struct {
	ints, floats, bools, times, texts bool
	digits                            int // most digits of a fraction of a second
}

func (t *seenType) add(kind jsontext.Kind, raw []byte) {
	switch kind {
	case 't', 'f':
		t.bools = true
	case '0':
		if _, err := strconv.ParseInt(string(raw), 10, 64); err == nil {
			t.ints = true
		} else if f, err := strconv.ParseFloat(string(raw), 64); err == nil && !math.IsInf(f, 0) {
			t.floats = true
		} else {
			t.texts = true
		}
	case '"':
		text, _ := jsontext.AppendUnquote(nil, raw)
		t.text(string(text))
	}
}

// text adds a string: a time when it is RFC 3339.
func (t *seenType) text(s string) {
	if _, err := time.Parse(time.RFC3339Nano, s); err != nil {
		t.texts = true
		return
	}
	t.times = true
	if _, frac, ok := strings.Cut(s, "."); ok {
		n := len(frac) - len(strings.TrimLeft(frac, "0123456789"))
		t.digits = max(t.digits, n)
	}
}

func (t *seenType) dataType() arrow.DataType {
	numbers := t.ints || t.floats
	switch {
	case t.texts, numbers && t.bools, numbers && t.times, t.bools && t.times:
		return arrow.BinaryTypes.String
	case t.times:
		return timestampFor(t.digits)
	case t.floats:
		return arrow.PrimitiveTypes.Float64
	case t.ints:
		return arrow.PrimitiveTypes.Int64
	case t.bools:
		return arrow.FixedWidthTypes.Boolean
	}
	return arrow.BinaryTypes.String
}

// timestampFor returns the timestamp type that keeps that many digits of a second: never coarser than ms.
func timestampFor(digits int) arrow.DataType {
	switch {
	case digits <= 3:
		return arrow.FixedWidthTypes.Timestamp_ms
	case digits <= 6:
		return arrow.FixedWidthTypes.Timestamp_us
	}
	return arrow.FixedWidthTypes.Timestamp_ns
}
