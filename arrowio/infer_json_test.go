package arrowio

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/apache/arrow/go/v17/arrow"

	"github.com/sluice-stream/sluice/flow"
)

func schemaText(s *arrow.Schema) string {
	var out []string
	for _, f := range s.Fields() {
		out = append(out, f.Name+" "+typeName(f.Type))
	}
	return strings.Join(out, ", ")
}

func TestInferJSON(t *testing.T) {
	for _, c := range []struct {
		want    string
		samples []string
	}{
		{"b int64, a utf8", []string{`{"b":1}`, `{"a":"x","b":2}`}},
		{"a float64", []string{`{"a":1}`, `{"a":2.5}`, `{"a":null}`}},
		{"a float64", []string{`{"a":9223372036854775808}`, `{"a":1}`}},
		{"a utf8", []string{`{"a":1e999}`}},
		{"a bool", []string{`{"a":true}`, `{"a":false}`}},
		{"a utf8", []string{`{"a":true}`, `{"a":1}`}},
		{"a utf8", []string{`{"a":null}`}},
		{"a utf8", []string{`{"a":"1"}`, `{"a":1}`}},
		{"a timestamp", []string{`{"a":"2015-09-12T00:46:58Z"}`, `{"a":"2015-09-12T00:46:58.771+02:00"}`}},
		{"a timestamp[us]", []string{`{"a":"2015-09-12T00:46:58.7712Z"}`}},
		{"a timestamp[ns]", []string{`{"a":"2015-09-12T00:46:58.7712345Z"}`, `{"a":"2015-09-12T00:46:58Z"}`}},
		{"a utf8", []string{`{"a":"2015-09-12T00:46:58Z"}`, `{"a":"n/a"}`}},
		{"a utf8", []string{`{"a":"2015-09-12T00:46:58Z"}`, `{"a":5}`}},
		{"geo.city utf8, geo.at.lat float64, x int64", []string{`{"geo":{"city":"x","at":{"lat":1.5}},"x":1}`}},
		{"geo.city utf8", []string{`{"geo":null}`, `{"geo":{"city":"x"}}`}},
		{"geo utf8", []string{`{"geo":{"city":"x"}}`, `{"geo":"y"}`}},
		{"geo utf8", []string{`{"geo":{}}`}},
		{"a.b int64", []string{`{"a":{"b":1},"a.b":2}`}},
		{"a.b utf8", []string{`{"a":{"b":1},"a.b":"x"}`}},
		{"a list<int64>", []string{`{"a":[]}`, `{"a":[1,null]}`, `{"a":null}`}},
		{"a list<utf8>", []string{`{"a":[]}`}},
		{"a list<utf8>", []string{`{"a":[1,"x"]}`}},
		{"a utf8", []string{`{"a":[{"b":1}]}`}},
		{"a utf8", []string{`{"a":[[1]]}`}},
		{"a utf8", []string{`{"a":[1]}`, `{"a":1}`}},
		{"a int64", []string{"\xef\xbb\xbf" + `{"a":1}`, `broken`, ``, `[1]`, `{"a":"x"`}},
	} {
		var samples [][]byte
		for _, s := range c.samples {
			samples = append(samples, []byte(s))
		}
		got, err := inferJSON(samples)
		if err != nil {
			t.Errorf("%v: %v", c.samples, err)
			continue
		}
		if schemaText(got) != c.want {
			t.Errorf("%v: want %s, got %s", c.samples, c.want, schemaText(got))
		}
		d := newJSONDecoder(checkedAlloc(t), got) // the samples themselves fit what was inferred from them
		for _, s := range samples {
			if err := d.Append(s); err != nil && len(s) > 0 && s[0] == '{' && s[len(s)-1] == '}' && !strings.Contains(schemaText(got), "geo utf8") {
				t.Errorf("%s: %v", s, err)
			}
		}
		d.Release()
	}
}

func TestInferJSONDeep(t *testing.T) {
	deep := strings.Repeat(`{"a":`, 9000) + "1" + strings.Repeat("}", 9000)
	got, err := inferJSON([][]byte{[]byte(deep)})
	if err != nil || got.NumFields() != 1 || len(got.Field(0).Name) > 2*inferDepth+8 {
		t.Fatalf("want one column of bounded depth, got %v, %v", got, err)
	}
}

func TestInferJSONNothing(t *testing.T) {
	_, err := inferJSON([][]byte{[]byte("x")})
	if !errors.Is(err, flow.ErrConfig) || !strings.Contains(err.Error(), "declare it") {
		t.Fatalf("want ErrConfig with a suggestion, got %v", err)
	}
}

func TestParseType(t *testing.T) {
	for name := range typeNames {
		dt, err := parseType(" list< " + name + " >")
		if err != nil {
			t.Fatal(err)
		}
		if elem := dt.(*arrow.ListType).Elem(); !arrow.TypeEqual(elem, typeNames[name]) {
			t.Errorf("%s: got %s", name, elem)
		}
		again, err := parseType(typeName(typeNames[name]))
		if err != nil || !arrow.TypeEqual(again, typeNames[name]) {
			t.Errorf("%s does not survive its own name %s", name, typeName(typeNames[name]))
		}
	}
	for name, hint := range map[string]string{"string": "utf8", "Int64": "int64", "flaot64": "float64", "list<int>": "int64", "list<list<utf8>>": ""} {
		if _, err := parseType(name); err == nil || !strings.Contains(err.Error(), fmt.Sprintf("%q", hint)) && hint != "" {
			t.Errorf("%s: want the hint %q, got %v", name, hint, err)
		}
	}
}

func TestDeclaredSchemaReportsAll(t *testing.T) {
	_, err := declaredSchema("schema", flow.Ordered[string]{{Key: "a", Value: "utf9"}, {Key: "b", Value: "utf8"}, {Key: "b", Value: "int"}})
	if err == nil || strings.Count(err.Error(), "\n") != 1 || !strings.Contains(err.Error(), "schema.a: ") || !strings.Contains(err.Error(), "schema.b: ") {
		t.Fatalf("want two violations, got %v", err)
	}
}
