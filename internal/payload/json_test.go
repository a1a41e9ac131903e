package payload

import (
	"encoding/json"
	"math"
	"reflect"
	"strings"
	"testing"

	"github.com/apache/arrow/go/v17/arrow"
	"github.com/apache/arrow/go/v17/arrow/array"
	"github.com/apache/arrow/go/v17/arrow/memory"
)

// TestJSONEqualsItsInput builds records from JSON text with the Arrow library and writes them back, whole and from
// the middle.
func TestJSONEqualsItsInput(t *testing.T) {
	mem := memory.NewCheckedAllocator(memory.NewGoAllocator())
	defer mem.AssertSize(t, 0)
	inner := arrow.StructOf(arrow.Field{Name: "a", Type: arrow.PrimitiveTypes.Int32, Nullable: true}, arrow.Field{Name: "b\"", Type: arrow.BinaryTypes.String, Nullable: true})
	types := map[string]arrow.DataType{
		"bool": arrow.FixedWidthTypes.Boolean, "i8": arrow.PrimitiveTypes.Int8, "u32": arrow.PrimitiveTypes.Uint32, "f32": arrow.PrimitiveTypes.Float32,
		"text": arrow.BinaryTypes.LargeString, "list": arrow.ListOf(arrow.PrimitiveTypes.Int64), "vector": arrow.FixedSizeListOf(2, arrow.PrimitiveTypes.Float32),
		"large": arrow.LargeListOf(arrow.BinaryTypes.String), "struct": inner, "structs": arrow.ListOf(inner), "null": arrow.Null,
	}
	values := map[string]string{
		"bool": `[true,null,false]`, "i8": `[-8,null,127]`, "u32": `[4294967295,null,0]`, "f32": `[0.5,null,-2]`, "text": `["\u00e9\n",null,""]`,
		"list": `[[1,null],null,[]]`, "vector": `[[1,2.5],null,[3,4]]`, "large": `[["x"],null,["y",null]]`,
		"struct": `[{"a":1,"b\"":"x"},null,{"a":null,"b\"":"y"}]`, "structs": `[[{"a":1,"b\"":null}],null,[]]`, "null": `[null,null,null]`,
	}
	for name, dt := range types {
		col, _, err := array.FromJSON(mem, dt, strings.NewReader(values[name]))
		if err != nil {
			t.Fatal(name, err)
		}
		var want []any
		if err := json.Unmarshal([]byte(values[name]), &want); err != nil {
			t.Fatal(err)
		}
		for from := range int64(3) {
			part := array.NewSlice(col, from, 3)
			cell, err := NewCell(part)
			if err != nil {
				t.Fatal(name, err)
			}
			for i := range part.Len() {
				var got any
				if err := json.Unmarshal(cell(nil, i), &got); err != nil {
					t.Fatalf("%s: %s: %v", name, cell(nil, i), err)
				}
				if !reflect.DeepEqual(got, want[int(from)+i]) {
					t.Errorf("%s: row %d from %d: want %v, got %v", name, i, from, want[int(from)+i], got)
				}
			}
			part.Release()
		}
		col.Release()
	}
}

func TestJSONNotANumber(t *testing.T) {
	b := array.NewFloat64Builder(memory.DefaultAllocator)
	b.AppendValues([]float64{math.NaN(), math.Inf(-1), 1e300}, nil)
	cell, err := NewCell(b.NewArray())
	if err != nil {
		t.Fatal(err)
	}
	for i, want := range []string{"null", "null", "1e+300"} {
		if got := string(cell(nil, i)); got != want {
			t.Errorf("want %s, got %s", want, got)
		}
	}
}

func TestTextCell(t *testing.T) {
	for in, want := range map[string]string{`["a\"b"]`: `a"b`} {
		for _, dt := range []arrow.DataType{arrow.BinaryTypes.String, arrow.BinaryTypes.LargeString} {
			col, _, err := array.FromJSON(memory.DefaultAllocator, dt, strings.NewReader(in))
			if err != nil {
				t.Fatal(err)
			}
			cell, err := TextCell(col)
			if err != nil || string(cell(nil, 0)) != want {
				t.Errorf("%s: want %s, got %v", dt, want, err)
			}
		}
	}
	for _, dt := range []arrow.DataType{arrow.BinaryTypes.Binary, arrow.BinaryTypes.LargeBinary, &arrow.FixedSizeBinaryType{ByteWidth: 2}} {
		col, _, err := array.FromJSON(memory.DefaultAllocator, dt, strings.NewReader(`["AQI="]`))
		if err != nil {
			t.Fatal(err)
		}
		key, err := TextCell(col)
		if err != nil || string(key(nil, 0)) != "\x01\x02" {
			t.Errorf("%s: want the bytes themselves, got %v", dt, err)
		}
		cell, err := NewCell(col)
		if err != nil || string(cell(nil, 0)) != `"AQI="` {
			t.Errorf("%s: want base64, got %v", dt, err)
		}
	}
}

func TestTypesWithoutJSON(t *testing.T) {
	for _, dt := range []arrow.DataType{arrow.FixedWidthTypes.Duration_s, arrow.MapOf(arrow.BinaryTypes.String, arrow.PrimitiveTypes.Int8), arrow.ListOf(arrow.FixedWidthTypes.Duration_s)} {
		b := array.NewBuilder(memory.DefaultAllocator, dt)
		if _, err := NewCell(b.NewArray()); err == nil || !strings.Contains(err.Error(), "want a type that JSON has") {
			t.Errorf("%s: want an error that says so, got %v", dt, err)
		}
	}
}
