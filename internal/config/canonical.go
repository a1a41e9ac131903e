package config

import (
	"bytes"
	"encoding"
	"encoding/json"
	"reflect"
	"slices"
	"strings"
	"time"
)

// Canonical writes settings as JSON that DecodeText reads back: every setting, defaults included, in the order of
// the struct. Secrets are hidden.
func Canonical(v any) ([]byte, error) { return canonical(v, false) }

// Identity is Canonical without the settings that may change when a pipeline is resumed: those tagged
// `resume:"free"`.
func Identity(v any) ([]byte, error) { return canonical(v, true) }

func canonical(v any, identity bool) ([]byte, error) {
	w := writer{identity: identity}
	if err := w.value(reflect.ValueOf(v)); err != nil {
		return nil, err
	}
	return w.buf.Bytes(), nil
}

type writer struct {
	buf      bytes.Buffer
	identity bool
}

type chosen interface {
	Name() string
	Settings() any
	IsZero() bool
}

func (w *writer) value(v reflect.Value) error {
	for v.Kind() == reflect.Pointer {
		if v.IsNil() {
			w.buf.WriteString("null")
			return nil
		}
		v = v.Elem()
	}
	if v.CanInterface() {
		switch x := v.Interface().(type) {
		case chosen:
			return w.choice(x)
		case time.Duration:
			return w.json(x.String())
		case encoding.TextMarshaler:
			b, err := x.MarshalText()
			if err != nil {
				return err
			}
			return w.json(string(b))
		case ordered:
			return w.ordered(v)
		}
	}
	switch v.Kind() {
	case reflect.Struct:
		return w.structure(v)
	case reflect.Slice:
		w.buf.WriteByte('[')
		for i := range v.Len() {
			if i > 0 {
				w.buf.WriteString(", ")
			}
			if err := w.value(v.Index(i)); err != nil {
				return err
			}
		}
		w.buf.WriteByte(']')
		return nil
	case reflect.Map:
		return w.dict(v)
	}
	return w.json(v.Interface())
}

func (w *writer) json(x any) error {
	b, err := json.Marshal(x)
	w.buf.Write(b)
	return err
}

func (w *writer) choice(c chosen) error {
	w.buf.WriteByte('{')
	if err := w.json(c.Name()); err != nil {
		return err
	}
	w.buf.WriteString(": ")
	if err := w.value(reflect.ValueOf(c.Settings())); err != nil {
		return err
	}
	w.buf.WriteByte('}')
	return nil
}

func (w *writer) ordered(v reflect.Value) error {
	w.buf.WriteByte('{')
	for i := range v.Len() {
		if i > 0 {
			w.buf.WriteString(", ")
		}
		if err := w.pair(v.Index(i).Field(0).String(), v.Index(i).Field(1)); err != nil {
			return err
		}
	}
	w.buf.WriteByte('}')
	return nil
}

func (w *writer) dict(v reflect.Value) error {
	keys := v.MapKeys()
	slices.SortFunc(keys, func(a, b reflect.Value) int { return strings.Compare(a.String(), b.String()) })
	w.buf.WriteByte('{')
	for i, k := range keys {
		if i > 0 {
			w.buf.WriteString(", ")
		}
		if err := w.pair(k.String(), v.MapIndex(k)); err != nil {
			return err
		}
	}
	w.buf.WriteByte('}')
	return nil
}

func (w *writer) pair(key string, v reflect.Value) error {
	if err := w.json(key); err != nil {
		return err
	}
	w.buf.WriteString(": ")
	return w.value(v)
}

func (w *writer) structure(v reflect.Value) error {
	w.buf.WriteByte('{')
	first := true
	if err := w.fields(v, &first); err != nil {
		return err
	}
	w.buf.WriteByte('}')
	return nil
}

func (w *writer) fields(v reflect.Value, first *bool) error {
	for i := range v.NumField() {
		f := v.Type().Field(i)
		tag, opts, _ := strings.Cut(f.Tag.Get("yaml"), ",")
		if opts == "inline" {
			if err := w.fields(v.Field(i), first); err != nil {
				return err
			}
			continue
		}
		if tag == "" || tag == "-" || absent(v.Field(i)) || (w.identity && f.Tag.Get("resume") == "free") {
			continue
		}
		if !*first {
			w.buf.WriteString(", ")
		}
		*first = false
		if err := w.pair(tag, v.Field(i)); err != nil {
			return err
		}
	}
	return nil
}

// absent settings are left out: pointers, choices and lists that were not given.
func absent(v reflect.Value) bool {
	if c, ok := v.Interface().(chosen); ok {
		return c.IsZero()
	}
	switch v.Kind() {
	case reflect.Pointer, reflect.Slice, reflect.Map:
		return v.IsNil()
	}
	return false
}
