package arrowio

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/apache/arrow/go/v17/arrow"
	"github.com/apache/arrow/go/v17/arrow/array"
	"github.com/apache/arrow/go/v17/arrow/memory"

	"github.com/sluice-stream/sluice/flow"
)

// schemaOf declares a schema as "name type, name type".
func schemaOf(t testing.TB, decl string) *arrow.Schema {
	t.Helper()
	var cols flow.Ordered[string]
	for _, c := range strings.Split(decl, ",") {
		name, typ, _ := strings.Cut(strings.TrimSpace(c), " ")
		cols.Append(name, typ)
	}
	s, err := declaredSchema("schema", cols)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// checkedAlloc returns an allocator and checks at the end of the test that everything was released.
func checkedAlloc(t testing.TB) *memory.CheckedAllocator {
	alloc := memory.NewCheckedAllocator(memory.NewGoAllocator())
	t.Cleanup(func() {
		if n := alloc.CurrentAlloc(); n != 0 {
			t.Errorf("%d bytes were not released", n)
		}
	})
	return alloc
}

// cells renders a record, one string a row.
func cells(rec arrow.Record) []string {
	out := make([]string, rec.NumRows())
	for i := range out {
		var parts []string
		for _, col := range rec.Columns() {
			parts = append(parts, cell(col, i))
		}
		out[i] = strings.Join(parts, "|")
	}
	return out
}

func cell(col arrow.Array, i int) string {
	if col.IsNull(i) {
		return "null"
	}
	if l, ok := col.(*array.List); ok {
		from, to := l.ValueOffsets(i)
		var parts []string
		for j := from; j < to; j++ {
			parts = append(parts, cell(l.ListValues(), int(j)))
		}
		return "[" + strings.Join(parts, " ") + "]"
	}
	return col.ValueStr(i)
}

func TestJSONDecoderValues(t *testing.T) {
	for _, c := range []struct{ schema, payload, want string }{
		{"a int64, b utf8", `{"a":1,"b":"x"}`, "1|x"},
		{"a int64, b utf8", ` { "b" : "x" , "zz": {"a":[1,{}]}, "a" : -1 } ` + "\n", "-1|x"},
		{"a int64, b utf8", `{}`, "null|null"},
		{"a int64, b utf8", `{"a":null,"b":null}`, "null|null"},
		{"a int64", "\xef\xbb\xbf" + `{"a":1}`, "1"},
		{"a int64", `{"a":1,"a":2}`, "2"},
		{"a int64", `{"a":"wrong, but not the last","a":2}`, "2"},
		{"a int64", `{"a":1,"a":null}`, "null"},
		{"a int64", `{"a":3.0}`, "3"},
		{"a int64", `{"a":3e2}`, "300"},
		{"a int64", `{"a":-9223372036854775808}`, "-9223372036854775808"},
		{"a uint64", `{"a":18446744073709551615}`, "18446744073709551615"},
		{"a int8, b uint8, c int16, d uint16, e int32, f uint32", `{"a":-128,"b":255,"c":-32768,"d":65535,"e":-2147483648,"f":4294967295}`, "-128|255|-32768|65535|-2147483648|4294967295"},
		{"a float64, b float32", `{"a":0.1,"b":2}`, "0.1|2"},
		{"a float64", `{"a":-0}`, "-0"},
		{"a bool, b bool", `{"a":true,"b":false}`, "true|false"},
		{"a utf8", `{"a":"tab\t quote\" é é 😀"}`, "tab\t quote\" é é 😀"},
		{"\\u0061 utf8, a utf8", `{"\u0061":"x"}`, "null|x"},
		{"a utf8", `{"a":12.50}`, "12.50"},
		{"a utf8", `{"a":true}`, "true"},
		{"a utf8", `{"a":{"b": [1, 2]}}`, `{"b": [1, 2]}`},
		{"a binary", `{"a":"AQID"}`, "AQID"},
		{"a date, b date", `{"a":"2015-09-12","b":1}`, "2015-09-12|1970-01-02"},
		{"a timestamp", `{"a":"2015-09-12T00:46:58.771Z"}`, "2015-09-12 00:46:58.771Z"},
		{"a timestamp", `{"a":"2015-09-12T02:46:58.771999+02:00"}`, "2015-09-12 00:46:58.771Z"},
		{"a timestamp", `{"a":"2015-09-12 00:46:58"}`, "2015-09-12 00:46:58Z"},
		{"a timestamp", `{"a":1442018818771}`, "2015-09-12 00:46:58.771Z"},
		{"a timestamp[s]", `{"a":1442018818}`, "2015-09-12 00:46:58Z"},
		{"a timestamp[us]", `{"a":"1969-12-31T23:59:59.999999Z"}`, "1969-12-31 23:59:59.999999Z"},
		{"a list<utf8>", `{"a":["x",null,"y\n"]}`, "[x null y\n]"},
		{"a list<int64>, b int64", `{"a":[],"b":1}`, "[]|1"},
		{"a list<float64>", `{"a":[1,2.5]}`, "[1 2.5]"},
		{"a list<int64>", `{"a":null}`, "null"},
		{"geo.city utf8, geo.at.lat float64", `{"geo":{"city":"x","at":{"lat":1.5}}}`, "x|1.5"},
		{"geo.city utf8, geo.lat float64", `{"geo":{"lat":1},"geo":{"city":"x"}}`, "x|null"},
		{"geo.city utf8", `{"geo.city":"x"}`, "x"},
		{"geo.city utf8", `{"geo":null}`, "null"},
		{"geo utf8, geo.city utf8", `{"geo": {"city":"x"} }`, `{"city":"x"}|x`},
		{"geo utf8, geo.city utf8", `{"geo": "y"}`, `y|null`},
		{"a.b.c int64", `{"a.b":{"c":1}}`, "1"},
		{"a.b.c int64", `{"a":{"b.c":1}}`, "1"},
		{"z utf8", `{"z":` + strings.Repeat("[", 9000) + strings.Repeat("]", 9000) + `}`, strings.Repeat("[", 9000) + strings.Repeat("]", 9000)},
	} {
		alloc := checkedAlloc(t)
		d := newJSONDecoder(alloc, schemaOf(t, c.schema))
		if err := d.Append([]byte(c.payload)); err != nil {
			t.Errorf("%s: %v", c.payload, err)
		} else {
			rec := d.Record()
			if got := cells(rec); len(got) != 1 || got[0] != c.want {
				t.Errorf("%s: want %q, got %q", c.payload, c.want, got)
			}
			rec.Release()
		}
		d.Release()
	}
}

func TestJSONDecoderRejects(t *testing.T) {
	for _, c := range []struct{ schema, payload, want string }{
		{"a int64", ``, "json: want an object, got nothing"},
		{"a int64", `   `, "json: want an object, got nothing"},
		{"a int64", `null`, "json: want an object, got null"},
		{"a int64", `[{"a":1}]`, "json: want an object, got array"},
		{"a int64", `{"a":1`, "json: the text ends early (cut off?)"},
		{"a int64", `{"a":1} x`, "json: want one object, got more behind it at byte 7"},
		{"a int64", `{"a":1}{"a":2}`, "json: want one object, got more behind it at byte 7"},
		{"a int64", `{"a":1,}`, "json: "},
		{"a int64", `{'a':1}`, "json: "},
		{"a float64", `{"a":NaN}`, "json: "},
		{"a float64", `{"a":"NaN"}`, `json: a: want float64, got string "NaN"`},
		{"a float64", `{"a":1e999}`, "json: a: want a number that fits float64, got number 1e999"},
		{"a float32", `{"a":1e39}`, "json: a: want a number that fits float32, got number 1e39"},
		{"a int64", `{"a":"1"}`, `json: a: want int64, got string "1"`},
		{"a int64", `{"a":3.5}`, "json: a: want int64, got number 3.5"},
		{"a int64", `{"a":true}`, "json: a: want int64, got bool true"},
		{"a int8", `{"a":128}`, "json: a: want a number that fits int8, got number 128"},
		{"a int64", `{"a":9223372036854775808}`, "json: a: want a number that fits int64, got number 9223372036854775808"},
		{"a uint8", `{"a":-1}`, "json: a: want a number that fits uint8, got number -1"},
		{"a bool", `{"a":1}`, "json: a: want bool, got number 1"},
		{"a timestamp", `{"a":"yesterday"}`, `json: a: want timestamp, got string "yesterday"`},
		{"a timestamp", `{"a":1.5}`, `json: a: want timestamp, got number 1.5`},
		{"a timestamp[ns]", `{"a":"3000-01-01T00:00:00Z"}`, `json: a: want timestamp[ns], got string "3000-01-01T00:00:00Z"`},
		{"a date", `{"a":"12.9.2015"}`, `json: a: want date, got string "12.9.2015"`},
		{"a binary", `{"a":"***"}`, `json: a: want binary, got string "***"`},
		{"a list<int64>", `{"a":1}`, "json: a: want list<int64>, got number 1"},
		{"a list<int64>", `{"a":[1,"x"]}`, `json: a: want int64, got string "x"`},
		{"geo.city utf8", `{"geo":"x"}`, `json: geo: want an object, got string "x"`},
		{"geo.city int64", `{"geo":{"city":"x"}}`, `json: geo.city: want int64, got string "x"`},
		{"a utf8", "{\"a\":\"\xff\"}", "json: "},
		{"a utf8", "{\"b\":\"\xff\"}", "json: "},
		{"a utf8", `{"a":"\ud800"}`, "json: "},
		{"a utf8", "{\"a\":\"\x01\"}", "json: "},
		{"a utf8", `{"a":` + strings.Repeat("[", 10001) + strings.Repeat("]", 10001) + `}`, "json: "},
		{"a int64", `{"a":"` + strings.Repeat("x", 100) + `"}`, `json: a: want int64, got string "` + strings.Repeat("x", 47) + "..."},
	} {
		alloc := checkedAlloc(t)
		d := newJSONDecoder(alloc, schemaOf(t, "first int64, "+c.schema))
		if err := d.Append([]byte(`{"first":1}`)); err != nil {
			t.Fatal(err)
		}
		err := d.Append([]byte(c.payload))
		if !errors.Is(err, flow.ErrData) {
			t.Errorf("%.60s: want ErrData, got %v", c.payload, err)
		} else if !strings.HasPrefix(err.Error(), c.want) {
			t.Errorf("%.60s: want %q, got %q", c.payload, c.want, err)
		}
		if err := d.Append([]byte(`{"first":3}`)); err != nil { // a bad row leaves nothing behind
			t.Fatal(err)
		}
		rec := d.Record()
		if got := fmt.Sprint(cells(rec)); got != "[1|null 3|null]" {
			t.Errorf("%.60s: rows are %s", c.payload, got)
		}
		rec.Release()
		d.Release()
	}
}

func TestJSONDecoderManyRecords(t *testing.T) {
	d := newJSONDecoder(checkedAlloc(t), schemaOf(t, "n int64, s utf8, l list<int32>"))
	defer d.Release()
	n := 0
	for _, size := range []int{0, 1, 1000, 7} {
		for range size {
			if err := d.Append(fmt.Appendf(nil, `{"n":%d,"s":"s%d","l":[%d,%d]}`, n, n, n, n+1)); err != nil {
				t.Fatal(err)
			}
			n++
		}
		if d.Len() != size {
			t.Fatalf("want %d rows, got %d", size, d.Len())
		}
		rec := d.Record()
		for i, row := range cells(rec) {
			k := n - size + i
			if want := fmt.Sprintf("%d|s%d|[%d %d]", k, k, k, k+1); row != want {
				t.Fatalf("want %s, got %s", want, row)
			}
		}
		rec.Release()
	}
}
