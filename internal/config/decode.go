package config

import (
	"encoding"
	"fmt"
	"reflect"
	"slices"
	"strings"

	"github.com/goccy/go-yaml/ast"

	"github.com/sluice-stream/sluice/check"
	"github.com/sluice-stream/sluice/internal/registry"
)

type decoder struct {
	file     *File
	problems Problems
	where    map[string]ast.Node // absolute path -> key or value, for the violations of Validate and Bind
	hidden   map[string]bool     // absolute paths whose value came from the environment: it is not printed

	unchecked bool // Validate is not asked
	depth     int
}

type validator interface{ Validate() error }

// defaulter is an optional section of the settings: Defaults fills it when the section is there.
type defaulter interface{ Defaults() }

// ordered is what a *registry.Ordered[V] is to the decoder.
type ordered interface{ Keys() []string }

var (
	secretType  = reflect.TypeFor[registry.Secret]()
	textType    = reflect.TypeFor[encoding.TextUnmarshaler]()
	choiceType  = reflect.TypeFor[registry.AnyChoice]()
	orderedType = reflect.TypeFor[ordered]()
)

func (d *decoder) decodeRoot(into any) {
	d.where[""] = d.file.root
	d.decode(d.file.root, reflect.ValueOf(into).Elem(), "")
}

func (d *decoder) fail(n ast.Node, path, format string, a ...any) {
	d.problems = append(d.problems, d.file.at(n, path, fmt.Sprintf(format, a...)))
}

const mostDepth = 60

// decode fills v from n. Pointers are made, defaults that stand in v stay where n says nothing.
func (d *decoder) decode(n ast.Node, v reflect.Value, path string) {
	if d.depth++; d.depth > mostDepth {
		d.fail(n, path, "want settings at most %d levels deep; an alias that stands within its own anchor has no end", mostDepth)
		d.depth--
		return
	}
	defer func() { d.depth-- }()
	n = d.file.bare(n)
	if _, null := n.(*ast.NullNode); null && v.Kind() != reflect.Pointer {
		if v.Kind() == reflect.Struct && !v.Addr().Type().Implements(choiceType) {
			d.validate(n, v, path) // `key:` with nothing behind it: the defaults
			return
		}
		d.fail(n, path, "want %s, got nothing", wanted(v))
		return
	}
	switch {
	case v.Kind() == reflect.Pointer:
		if v.IsNil() {
			v.Set(reflect.New(v.Type().Elem()))
			if def, ok := v.Interface().(defaulter); ok {
				def.Defaults()
			}
		}
		d.decode(n, v.Elem(), path)
	case v.Addr().Type().Implements(choiceType):
		d.choice(n, v.Addr().Interface().(registry.AnyChoice), path)
	case v.Type().Implements(orderedType):
		d.ordered(n, v, path)
	case v.Type() == secretType || v.Addr().Type().Implements(textType):
		d.scalar(n, v, path)
	case v.Kind() == reflect.Struct:
		d.mapping(n, v, path)
	case v.Kind() == reflect.Slice:
		d.sequence(n, v, path)
	case v.Kind() == reflect.Map:
		d.dict(n, v, path)
	default:
		d.scalar(n, v, path)
	}
}

// bare removes tags, which mean nothing here, and follows anchors. An alias within itself is cut off.
func (f *File) bare(n ast.Node) ast.Node {
	for range 100 {
		switch m := n.(type) {
		case *ast.AliasNode:
			target, ok := f.anchors[m.Value.GetToken().Value]
			if !ok {
				return n
			}
			n = target
		case *ast.TagNode:
			n = m.Value
		case *ast.AnchorNode:
			n = m.Value
		default:
			return n
		}
	}
	return n
}

// anchors is a visitor that finds &name.
type anchors map[string]ast.Node

func (a anchors) Visit(n ast.Node) ast.Visitor {
	if m, ok := n.(*ast.AnchorNode); ok {
		a[m.Name.GetToken().Value] = m.Value
	}
	return a
}

// pairs returns the key-value pairs of a mapping.
func pairs(n ast.Node) ([]*ast.MappingValueNode, bool) {
	switch m := n.(type) {
	case *ast.MappingNode:
		return m.Values, true
	case *ast.MappingValueNode:
		return []*ast.MappingValueNode{m}, true
	}
	return nil, false
}

func join(path, key string) string {
	if path == "" {
		return key
	}
	return path + "." + key
}

func (d *decoder) mapping(n ast.Node, v reflect.Value, path string) {
	kvs, ok := pairs(n)
	if !ok {
		d.fail(n, path, "want %s, got %s", wanted(v), d.got(n))
		return
	}
	fields := fieldsOf(v)
	before := len(d.problems)
	for _, kv := range kvs {
		key, _ := d.text(kv.Key, path)
		at := join(path, key)
		d.where[at] = kv.Key
		f, known := fields[key]
		if !known {
			names := make([]string, 0, len(fields))
			for k := range fields {
				names = append(names, k)
			}
			slices.Sort(names)
			hint := check.DidYouMean(key, names)
			if hint == "" {
				hint = "known: " + strings.Join(names, ", ")
			}
			d.fail(kv.Key, at, "unknown key; %s", hint)
			continue
		}
		d.decode(kv.Value, f, at)
	}
	if len(d.problems) == before || len(kvs) == 0 {
		d.validate(n, v, path)
		return
	}
	seen := len(d.problems)
	d.validate(n, v, path)
	d.dropKnown(before, seen)
}

// dropKnown removes violations of Validate at places where decoding has already complained.
func (d *decoder) dropKnown(before, seen int) {
	kept := d.problems[:seen]
	for _, p := range d.problems[seen:] {
		dup := slices.ContainsFunc(d.problems[before:seen], func(q Problem) bool { return q.Path == p.Path })
		if !dup {
			kept = append(kept, p)
		}
	}
	d.problems = kept
}

func (d *decoder) validate(n ast.Node, v reflect.Value, path string) {
	val, ok := v.Addr().Interface().(validator)
	if !ok || d.unchecked {
		return
	}
	for _, viol := range check.Of(val.Validate()) {
		at := path
		if viol.Key != "" {
			at = join(path, viol.Key)
		}
		if d.hidden[at] {
			viol.Got = fromEnv
		}
		viol.Key = ""
		line, col := d.find(at, n)
		d.problems = append(d.problems, Problem{File: d.file.name, Line: line, Column: col, Path: display(at), Text: viol.Error()})
	}
}

// find returns the place of the nearest thing in the file that is part of path.
func (d *decoder) find(path string, otherwise ast.Node) (line, col int) {
	for p := path; p != ""; {
		if n, ok := d.where[p]; ok {
			return position(n)
		}
		i := strings.LastIndexAny(p, ".[")
		if i < 0 {
			break
		}
		p = p[:i]
	}
	return position(otherwise)
}

// fieldsOf returns the settings of a struct by key; embedded structs with ",inline" count as their own.
func fieldsOf(v reflect.Value) map[string]reflect.Value {
	out := map[string]reflect.Value{}
	for i := range v.NumField() {
		tag, opts, _ := strings.Cut(v.Type().Field(i).Tag.Get("yaml"), ",")
		switch {
		case opts == "inline":
			for k, f := range fieldsOf(v.Field(i)) {
				out[k] = f
			}
		case tag != "" && tag != "-":
			out[tag] = v.Field(i)
		}
	}
	return out
}

func (d *decoder) choice(n ast.Node, c registry.AnyChoice, path string) {
	name, value := n, ast.Node(nil)
	if kvs, ok := pairs(n); ok {
		if len(kvs) != 1 {
			d.fail(n, path, "want one component {name: settings}, got %d keys", len(kvs))
			return
		}
		name, value = kvs[0].Key, kvs[0].Value
	} else if _, isString := n.(*ast.StringNode); !isString {
		d.fail(n, path, "want one component {name: settings}, got %s", d.got(n))
		return
	}
	key, _ := d.text(name, path)
	settings, ok := c.Select(key)
	if !ok {
		hint := check.DidYouMean(key, c.Names())
		if hint == "" {
			hint = "known: " + strings.Join(c.Names(), ", ")
		}
		d.fail(name, path, "unknown %s %q; %s", strings.TrimSuffix(c.RoleName(), "s"), key, hint)
		return
	}
	at := join(path, key)
	d.where[at] = name
	c.SetLocator(func(key string) string { return d.locate(at, key) })
	v := reflect.ValueOf(settings).Elem()
	if value == nil {
		d.validate(n, v, at)
		return
	}
	d.decode(value, v, at)
}

func (d *decoder) locate(path, key string) string {
	if key != "" {
		path = join(path, key)
	}
	line, col := d.find(path, d.file.root)
	return fmt.Sprintf("%s:%d:%d: %s", d.file.name, line, col, display(path))
}

func (d *decoder) sequence(n ast.Node, v reflect.Value, path string) {
	seq, ok := n.(*ast.SequenceNode)
	if !ok {
		d.scalarList(n, v, path)
		return
	}
	out := reflect.MakeSlice(v.Type(), len(seq.Values), len(seq.Values))
	for i, e := range seq.Values {
		at := fmt.Sprintf("%s[%d]", path, i)
		d.where[at] = e
		d.decode(e, out.Index(i), at)
	}
	v.Set(out)
}

// scalarList lets one scalar stand for a list of one, and ${LIST} for a comma-separated list.
func (d *decoder) scalarList(n ast.Node, v reflect.Value, path string) {
	if v.Type().Elem().Kind() != reflect.String {
		d.fail(n, path, "want a list, got %s", d.got(n))
		return
	}
	s, used := d.text(n, path)
	if _, isMap := pairs(n); isMap {
		d.fail(n, path, "want a list, got %s", d.got(n))
		return
	}
	parts := []string{s}
	if used {
		parts = strings.Split(s, ",")
	}
	out := reflect.MakeSlice(v.Type(), 0, len(parts))
	for _, p := range parts {
		out = reflect.Append(out, reflect.ValueOf(strings.TrimSpace(p)).Convert(v.Type().Elem()))
	}
	v.Set(out)
}

func (d *decoder) dict(n ast.Node, v reflect.Value, path string) {
	kvs, ok := pairs(n)
	if !ok {
		d.fail(n, path, "want %s, got %s", wanted(v), d.got(n))
		return
	}
	out := reflect.MakeMapWithSize(v.Type(), len(kvs))
	for _, kv := range kvs {
		key, _ := d.text(kv.Key, path)
		d.where[join(path, key)] = kv.Key
		e := reflect.New(v.Type().Elem()).Elem()
		d.decode(kv.Value, e, join(path, key))
		out.SetMapIndex(reflect.ValueOf(key).Convert(v.Type().Key()), e)
	}
	v.Set(out)
}

func (d *decoder) ordered(n ast.Node, v reflect.Value, path string) {
	kvs, ok := pairs(n)
	if !ok {
		d.fail(n, path, "want a map, got %s", d.got(n))
		return
	}
	add := v.Addr().MethodByName("Append")
	v.SetLen(0)
	for _, kv := range kvs {
		key, _ := d.text(kv.Key, path)
		d.where[join(path, key)] = kv.Key
		e := reflect.New(add.Type().In(1)).Elem()
		d.decode(kv.Value, e, join(path, key))
		add.Call([]reflect.Value{reflect.ValueOf(key), e})
	}
	d.validate(n, v, path)
}
