package config

import (
	"encoding"
	"fmt"
	"math"
	"reflect"
	"strconv"
	"strings"
	"time"

	"github.com/goccy/go-yaml/ast"
)

var durationType = reflect.TypeFor[time.Duration]()

// text returns a scalar's text with the environment put in; used says that some of it came from there.
func (d *decoder) text(n ast.Node, path string) (s string, used bool) {
	switch m := n.(type) {
	case *ast.StringNode:
		s = m.Value
	case *ast.LiteralNode:
		s = m.Value.Value
	default:
		if t := n.GetToken(); t != nil {
			s = t.Value
		}
	}
	s, used, missing := d.file.showEnv(s)
	for _, name := range missing {
		d.fail(n, path, "environment variable %s is not set; set it, or write ${%s:-default}", name, name)
	}
	return s, used
}

func (d *decoder) scalar(n ast.Node, v reflect.Value, path string) {
	if whole, ok := address(n); ok {
		n = whole
	}
	if alias, ok := n.(*ast.AliasNode); ok {
		d.fail(n, path, "want an anchor &%s in this file, got none", alias.Value.GetToken().Value)
		return
	}
	if _, isMap := pairs(n); isMap {
		d.fail(n, path, "want %s, got a map", wanted(v))
		return
	}
	if _, isList := n.(*ast.SequenceNode); isList {
		d.fail(n, path, "want %s, got a list", wanted(v))
		return
	}
	before := len(d.problems)
	s, used := d.text(n, path)
	if len(d.problems) > before {
		return
	}
	d.hidden[path] = used
	if v.Type() == secretType {
		if !used && s != "" && !strings.HasPrefix(s, "file:") {
			d.fail(n, path, "want a secret as ${NAME} or file:/path, got it in the open")
			return
		}
		v.SetString(s)
		return
	}
	if u, ok := v.Addr().Interface().(encoding.TextUnmarshaler); ok {
		if err := u.UnmarshalText([]byte(s)); err != nil {
			d.fail(n, path, "%v", err)
		}
		return
	}
	_, quoted := n.(*ast.StringNode)
	if !setScalar(v, s, quoted && !used) {
		if used {
			d.fail(n, path, "want %s, got %s", wanted(v), fromEnv)
			return
		}
		d.fail(n, path, "want %s, got %q", wanted(v), s)
	}
}

// fromEnv stands for a value that may be a secret in the wrong place.
const fromEnv = "the value of an environment variable"

// address mends what the parser makes of localhost:9092 inside [...] inside {...}: a pair, although YAML wants a
// space after the colon of a pair.
func address(n ast.Node) (ast.Node, bool) {
	kvs, ok := pairs(n)
	if !ok || len(kvs) != 1 {
		return nil, false
	}
	key, value := kvs[0].Key.GetToken(), kvs[0].Value.GetToken()
	if key == nil || value == nil || value.Position.Line != key.Position.Line ||
		value.Position.Column != key.Position.Column+len([]rune(key.Value))+1 {
		return nil, false
	}
	t := *key
	t.Value = key.Value + ":" + value.Value
	return ast.String(&t), true
}

// setScalar parses s for v. A YAML string is not taken for a number or a boolean.
func setScalar(v reflect.Value, s string, isString bool) bool {
	if v.Type() == durationType {
		t, err := time.ParseDuration(s)
		v.SetInt(int64(t))
		return err == nil
	}
	plain := strings.ReplaceAll(s, "_", "")
	switch v.Kind() {
	case reflect.String:
		v.SetString(s)
		return true
	case reflect.Bool:
		b, err := strconv.ParseBool(s)
		v.SetBool(b)
		return err == nil && !isString && s != "0" && s != "1"
	case reflect.Int, reflect.Int64, reflect.Int32:
		i, err := strconv.ParseInt(plain, 0, v.Type().Bits())
		if err != nil { // 1e6 is a whole number too
			f, ferr := strconv.ParseFloat(plain, 64)
			if ferr != nil || f != math.Trunc(f) || math.Abs(f) > 1<<53 {
				return false
			}
			i, err = int64(f), nil
		}
		v.SetInt(i)
		return err == nil && !isYAMLString(s, isString)
	case reflect.Uint64, reflect.Uint32, reflect.Uint:
		u, err := strconv.ParseUint(plain, 0, v.Type().Bits())
		v.SetUint(u)
		return err == nil && !isString
	case reflect.Float64, reflect.Float32:
		f, err := strconv.ParseFloat(plain, v.Type().Bits())
		v.SetFloat(f)
		return err == nil && !math.IsNaN(f) && !isYAMLString(s, isString)
	}
	return false
}

// isYAMLString says that the text was written as a string. 1e-4 has no dot and is a string to some YAML readers.
func isYAMLString(s string, isString bool) bool {
	return isString && !strings.ContainsAny(s, "eE")
}

// wanted names what a setting accepts.
func wanted(v reflect.Value) string {
	if v.Type() == durationType {
		return "a duration such as 30s"
	}
	switch v.Kind() {
	case reflect.Bool:
		return "true or false"
	case reflect.Int, reflect.Int64, reflect.Int32, reflect.Uint64, reflect.Uint32, reflect.Uint:
		return "a whole number"
	case reflect.Float64, reflect.Float32:
		return "a number"
	case reflect.Slice:
		return "a list"
	case reflect.Struct, reflect.Map:
		return "a map"
	}
	return "text"
}

// got names what stands in the file.
func (d *decoder) got(n ast.Node) string {
	switch n.(type) {
	case *ast.MappingNode, *ast.MappingValueNode:
		return "a map"
	case *ast.SequenceNode:
		return "a list"
	case *ast.NullNode:
		return "nothing"
	}
	s, used, _ := d.file.showEnv(n.String())
	if used {
		return fromEnv
	}
	return fmt.Sprintf("%q", s)
}
