package arrowio

import (
	"bytes"
	"encoding/json"
	"errors"
	"math"
	"strconv"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/apache/arrow/go/v17/arrow/array"
	"github.com/apache/arrow/go/v17/arrow/memory"

	"github.com/sluice-stream/sluice/flow"
)

// FuzzJSONDecoder compares with encoding/json: what it refuses is refused, and what it reads comes out equal.
func FuzzJSONDecoder(f *testing.F) {
	for _, s := range []string{
		`{"i":1,"f":2.5,"s":"x","b":true,"g":{"c":"y"},"l":[1,2]}`, `{"i":1e3,"s":"\u00e9\n"}`, `{"g":{"c":1},"g":{}}`,
		`{"i":null,"l":[]}`, `{"l":[null]}`, `{} `, `{"s":"\ud83d\ude00"}`, `{"f":1e308,"f":-0.0}`, `{"i":`, `[]`, "{\"s\":\"\xff\"}",
	} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, payload []byte) {
		d := newJSONDecoder(memory.DefaultAllocator, schemaOf(t, "i int64, f float64, s utf8, b bool, g.c utf8, l list<float64>"))
		defer d.Release()
		err := d.Append(payload)
		if err != nil && !errors.Is(err, flow.ErrData) {
			t.Fatalf("want ErrData, got %v", err)
		}
		var want map[string]any
		dec := json.NewDecoder(bytes.NewReader(bytes.TrimPrefix(payload, []byte("\xef\xbb\xbf"))))
		dec.UseNumber()
		oracle := dec.Decode(&want)
		if !json.Valid(bytes.TrimPrefix(payload, []byte("\xef\xbb\xbf"))) || oracle != nil || want == nil {
			if err == nil {
				t.Fatalf("accepted what encoding/json refuses: %q", payload)
			}
			return
		}
		if strings.ContainsRune(string(payload), '.') && strings.Contains(string(payload), "g.c") || dupKeys(payload) {
			return // the oracle knows no dotted keys and merges objects that come twice
		}
		rec := d.Record()
		defer rec.Release()
		if err != nil {
			if expectRow(want) && utf8.Valid(payload) && !bytes.Contains(payload, []byte(`\u`)) {
				t.Fatalf("refused a good row %q: %v", payload, err)
			}
			return
		}
		g, _ := want["g"].(map[string]any)
		same(t, payload, want["i"], rec.Column(0).(*array.Int64).IsNull(0), func(v any) bool {
			n, err := strconv.ParseFloat(string(v.(json.Number)), 64)
			return err == nil && n == float64(rec.Column(0).(*array.Int64).Value(0))
		})
		same(t, payload, want["f"], rec.Column(1).IsNull(0), func(v any) bool {
			n, err := v.(json.Number).Float64()
			return err == nil && math.Float64bits(n) == math.Float64bits(rec.Column(1).(*array.Float64).Value(0))
		})
		text := func(col int) func(v any) bool {
			return func(v any) bool {
				s, ok := v.(string)
				return !ok || s == rec.Column(col).(*array.String).Value(0)
			}
		}
		same(t, payload, want["s"], rec.Column(2).IsNull(0), text(2))
		same(t, payload, want["b"], rec.Column(3).IsNull(0), func(v any) bool { return v == rec.Column(3).(*array.Boolean).Value(0) })
		same(t, payload, g["c"], rec.Column(4).IsNull(0), text(4))
		same(t, payload, want["l"], rec.Column(5).IsNull(0), func(v any) bool {
			from, to := rec.Column(5).(*array.List).ValueOffsets(0)
			return len(v.([]any)) == int(to-from)
		})
	})
}

func same(t *testing.T, payload []byte, want any, null bool, equal func(any) bool) {
	t.Helper()
	if null != (want == nil) || !null && !equal(want) {
		t.Fatalf("%q: want %v", payload, want)
	}
}

// expectRow says that every value has the type of its column, in the simple cases.
func expectRow(m map[string]any) bool {
	for k, v := range m {
		_, isBool := v.(bool)
		_, isMap := v.(map[string]any)
		list, isList := v.([]any)
		switch {
		case v == nil || k == "s":
		case k == "b" && !isBool, k == "g" && !isMap, k == "i", k == "f", k == "l" && (!isList || len(list) > 0):
			return false
		}
	}
	return true
}

func dupKeys(payload []byte) bool {
	return bytes.Count(payload, []byte(`"g"`)) > 1 || bytes.Contains(payload, []byte(`\u0067`))
}

const clickMessage = `{"user":"u123456","item":"i98765","city":"Amsterdam","price":12.75,"at":"2015-09-12T00:46:58.771Z",` +
	`"device":"ios","pos":3,"click":1,"query":"red shoes","score":0.123456}`

// BenchmarkJSONDecoder decodes one message of ten columns; rows/s is 1e9 / (ns/op).
func BenchmarkJSONDecoder(b *testing.B) {
	d := newJSONDecoder(memory.NewGoAllocator(), schemaOf(b, "user utf8, item utf8, city utf8, price float64, at timestamp, device utf8, pos int64, click int64, query utf8, score float64"))
	defer d.Release()
	msg := []byte(clickMessage)
	b.SetBytes(int64(len(msg)))
	b.ReportAllocs()
	for b.Loop() {
		if err := d.Append(msg); err != nil {
			b.Fatal(err)
		}
		if d.Len() == 8192 {
			d.Record().Release()
		}
	}
}
