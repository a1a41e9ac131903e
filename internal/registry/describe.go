package registry

import (
	"encoding/json"
	"fmt"
	"reflect"
	"strings"
	"time"
)

// Setting describes one key of a settings struct.
type Setting struct {
	Key     string `json:"key"`     // dotted below nested settings, "NAME" where any name may stand
	Type    string `json:"type"`    // bool, integer, number, text, list of ..., map of ..., one of ROLE
	Default string `json:"default"` // as it would stand in YAML, "" for none
	Doc     string `json:"doc"`
}

// Describe lists the settings of a settings value, in the order of the struct. Embedded structs count as their
// own, nested ones by dotted keys. It reads the tags `yaml` and `doc` and calls nothing.
func Describe(settings any) []Setting {
	v := reflect.ValueOf(settings)
	for v.Kind() == reflect.Pointer {
		if v.IsNil() {
			v = reflect.Zero(v.Type().Elem())
			continue
		}
		v = v.Elem()
	}
	if v.Kind() == reflect.Struct {
		return fieldSettings("", v)
	}
	if value, ok := pairType(v.Type()); ok {
		return []Setting{{Key: "NAME", Type: typeOf(value), Doc: "any number of pairs, in the order of the file"}}
	}
	return nil
}

func fieldSettings(prefix string, v reflect.Value) []Setting {
	var out []Setting
	for i := range v.NumField() {
		f := v.Type().Field(i)
		key, opts, _ := strings.Cut(f.Tag.Get("yaml"), ",")
		switch {
		case opts == "inline":
			out = append(out, fieldSettings(prefix, v.Field(i))...)
		case key != "" && key != "-" && f.IsExported():
			out = append(out, settingOf(prefix+key, f.Tag.Get("doc"), v.Field(i))...)
		}
	}
	return out
}

// settingOf describes one field; a nested struct is followed by its own settings.
func settingOf(key, doc string, v reflect.Value) []Setting {
	own := Setting{Key: key, Type: typeOf(v.Type()), Doc: doc, Default: defaultOf(v)}
	inner, suffix := v, "."
	for inner.Kind() == reflect.Pointer {
		if inner.IsNil() {
			inner = reflect.Zero(inner.Type().Elem())
			continue
		}
		inner = inner.Elem()
	}
	if inner.Kind() == reflect.Slice && plainStruct(inner.Type().Elem()) {
		inner, suffix = reflect.Zero(inner.Type().Elem()), "[]."
	}
	if !plainStruct(inner.Type()) {
		return []Setting{own}
	}
	own.Default = ""
	nested := fieldSettings(key+suffix, inner)
	if doc == "" {
		return nested
	}
	return append([]Setting{own}, nested...)
}

var (
	anyChoice = reflect.TypeFor[AnyChoice]()
	secret    = reflect.TypeFor[Secret]()
	duration  = reflect.TypeFor[time.Duration]()
)

// plainStruct says that t is a struct of settings, not a Choice or a value of its own such as a time.
func plainStruct(t reflect.Type) bool {
	if t.Kind() != reflect.Struct || reflect.PointerTo(t).Implements(anyChoice) {
		return false
	}
	for i := range t.NumField() {
		if t.Field(i).Tag.Get("yaml") != "" {
			return true
		}
	}
	return false
}

// pairType returns V of an Ordered[V].
func pairType(t reflect.Type) (reflect.Type, bool) {
	if t.Kind() != reflect.Slice || t.Elem().Kind() != reflect.Struct || t.Elem().NumField() != 2 {
		return nil, false
	}
	if _, ok := t.MethodByName("Keys"); !ok {
		return nil, false
	}
	return t.Elem().Field(1).Type, true
}

func typeOf(t reflect.Type) string {
	if reflect.PointerTo(t).Implements(anyChoice) {
		return "one of " + reflect.New(t).Interface().(AnyChoice).RoleName()
	}
	if v, ok := pairType(t); ok {
		return "map of " + typeOf(v)
	}
	switch {
	case t == secret:
		return "secret"
	case t == duration:
		return "duration"
	}
	switch t.Kind() {
	case reflect.Pointer:
		return typeOf(t.Elem())
	case reflect.Bool:
		return "bool"
	case reflect.String:
		return "text"
	case reflect.Float32, reflect.Float64:
		return "number"
	case reflect.Slice, reflect.Array:
		return "list of " + typeOf(t.Elem())
	case reflect.Map:
		return "map of " + typeOf(t.Elem())
	case reflect.Struct:
		return "settings"
	}
	return "integer"
}

// defaultOf writes v as YAML in flow form; what is not given is "".
func defaultOf(v reflect.Value) string {
	if c, ok := v.Interface().(interface {
		IsZero() bool
		Name() string
	}); ok {
		return c.Name()
	}
	switch v.Kind() {
	case reflect.Pointer:
		if v.IsNil() {
			return ""
		}
		return defaultOf(v.Elem())
	case reflect.String:
		return fmt.Sprint(v.Interface()) // a Secret hides itself
	case reflect.Slice, reflect.Map:
		return listDefault(v)
	case reflect.Struct:
		return ""
	}
	return fmt.Sprint(v.Interface())
}

func listDefault(v reflect.Value) string {
	if v.Len() == 0 {
		return ""
	}
	if _, ok := pairType(v.Type()); ok {
		parts := make([]string, v.Len())
		for i := range parts {
			parts[i] = v.Index(i).Field(0).String() + ": " + defaultOf(v.Index(i).Field(1))
		}
		return "{" + strings.Join(parts, ", ") + "}"
	}
	if v.Kind() == reflect.Map {
		b, err := json.Marshal(v.Interface())
		if err != nil {
			return ""
		}
		return string(b)
	}
	parts := make([]string, v.Len())
	for i := range parts {
		parts[i] = defaultOf(v.Index(i))
	}
	return "[" + strings.Join(parts, ", ") + "]"
}
