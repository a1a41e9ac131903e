package arrowio

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/apache/arrow/go/v17/arrow"
	"github.com/apache/arrow/go/v17/arrow/array"

	"github.com/sluice-stream/sluice/internal/payload"
)

func TestJSONRowsEveryType(t *testing.T) {
	env := kafkaEnv(t, nil)
	const in = `[
		{"b":true,"i":-5,"u":18446744073709551615,"f":1.5,"s":"a\"\n\u00e9\u2028","y":"AQI=","t":"2026-01-01T00:00:00.001Z","d":"2026-02-03","l":["x",null]},
		{"b":null,"i":null,"u":null,"f":null,"s":null,"y":null,"t":null,"d":null,"l":null}]`
	schema := arrow.NewSchema([]arrow.Field{
		{Name: "b", Type: arrow.FixedWidthTypes.Boolean, Nullable: true}, {Name: "i", Type: arrow.PrimitiveTypes.Int16, Nullable: true},
		{Name: "u", Type: arrow.PrimitiveTypes.Uint64, Nullable: true}, {Name: "f", Type: arrow.PrimitiveTypes.Float32, Nullable: true},
		{Name: "s", Type: arrow.BinaryTypes.String, Nullable: true}, {Name: "y", Type: arrow.BinaryTypes.Binary, Nullable: true},
		{Name: "t", Type: arrow.FixedWidthTypes.Timestamp_us, Nullable: true}, {Name: "d", Type: arrow.FixedWidthTypes.Date32, Nullable: true},
		{Name: "l", Type: arrow.ListOf(arrow.BinaryTypes.String), Nullable: true},
	}, nil)
	rec, _, err := array.RecordFromJSON(env.Alloc, schema, strings.NewReader(in))
	if err != nil {
		t.Fatal(err)
	}
	defer rec.Release()
	w, err := payload.NewJSON(rec)
	if err != nil {
		t.Fatal(err)
	}
	dec := newJSONDecoder(env.Alloc, schema)
	defer dec.Release()
	for i := range 2 {
		line := w.Append(nil, i)
		if !json.Valid(line) {
			t.Fatalf("row %d is no JSON: %s", i, line)
		}
		if err := dec.Append(line); err != nil {
			t.Fatal(err)
		}
	}
	back := dec.Record()
	defer back.Release()
	if !array.RecordEqual(back, rec) {
		t.Fatalf("want %v, got %v", rec, back)
	}
}
