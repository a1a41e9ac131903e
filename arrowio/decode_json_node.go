package arrowio

import (
	"bytes"
	"strings"

	"github.com/apache/arrow/go/v17/arrow"
	"github.com/go-json-experiment/json/jsontext"
)

// jsonNode is one level of nesting of a schema: the keys that are wanted there.
type jsonNode struct {
	fields []*jsonField
	byName map[string]*jsonField
	next   int   // the key expected next: messages of one topic mostly have one order
	leaves []int // columns of this level and below
	text   []byte
}

// jsonField is one wanted key.
type jsonField struct {
	name []byte // as it stands between the quotes
	path string
	at   int       // index in its node
	col  int       // column that takes the value, -1 for none
	sub  *jsonNode // columns inside the value, nil for none
}

// newJSONNode returns the keys of schema. The column "a.b" is fed by {"a": {"b": 1}} and by {"a.b": 1}.
func newJSONNode(schema *arrow.Schema) *jsonNode {
	root := &jsonNode{byName: map[string]*jsonField{}}
	for i, f := range schema.Fields() {
		root.add("", f.Name, i)
	}
	return root
}

func (n *jsonNode) add(prefix, rest string, col int) {
	n.leaves = append(n.leaves, col)
	n.field(prefix, rest).col = col
	for i := range len(rest) {
		if rest[i] != '.' {
			continue
		}
		f := n.field(prefix, rest[:i])
		if f.sub == nil {
			f.sub = &jsonNode{byName: map[string]*jsonField{}}
		}
		f.sub.add(f.path+".", rest[i+1:], col)
	}
}

func (n *jsonNode) field(prefix, name string) *jsonField {
	if f, ok := n.byName[name]; ok {
		return f
	}
	raw := []byte(name)
	if strings.Contains(name, `\`) {
		raw = []byte{'"'} // stands in no key: such a name arrives escaped
	}
	f := &jsonField{name: raw, path: prefix + name, at: len(n.fields), col: -1}
	n.fields = append(n.fields, f)
	n.byName[name] = f
	return f
}

// find returns the field of a key in quotes, nil for a key that is not wanted.
func (n *jsonNode) find(quoted jsontext.Value) *jsonField {
	key := []byte(quoted[1 : len(quoted)-1])
	if n.next < len(n.fields) && bytes.Equal(n.fields[n.next].name, key) {
		n.next++
		return n.fields[n.next-1]
	}
	if bytes.IndexByte(key, '\\') >= 0 {
		n.text, _ = jsontext.AppendUnquote(n.text[:0], quoted)
		key = n.text
	}
	f := n.byName[string(key)]
	if f != nil {
		n.next = f.at + 1
	}
	return f
}

// kindName names a kind of JSON value as its users do.
func kindName(k jsontext.Kind) string {
	switch k {
	case '{':
		return "object"
	case '[':
		return "array"
	case '"':
		return "string"
	case '0':
		return "number"
	case 't', 'f':
		return "bool"
	case 'n':
		return "null"
	}
	return "nothing"
}

// gotValue describes a value in an error: its kind and its text, cut where it is long.
func gotValue(k jsontext.Kind, raw []byte) string {
	const most = 48
	text := string(raw)
	if len(text) > most {
		text = strings.ToValidUTF8(text[:most], "") + "..."
	}
	return kindName(k) + " " + text
}
