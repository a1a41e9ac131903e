package operators

import (
	"context"
	"testing"

	"github.com/apache/arrow/go/v17/arrow"
	"github.com/apache/arrow/go/v17/arrow/array"
	"github.com/apache/arrow/go/v17/arrow/memory"

	"github.com/sluice-stream/sluice/check"
)

func TestDerive(t *testing.T) {
	alloc := memory.NewCheckedAllocator(memory.NewGoAllocator())
	defer alloc.AssertSize(t, 0)
	for _, rows := range []int{0, 1, 2100} {
		rec := clicks(alloc, rows)
		op := build(t, "derive", renameOf( // later ones see earlier ones, replaced columns keep their place
			"hour", "hour(at)", "price", "coalesce(price, -1)", "cheap", "price < 3", "copy", "item", "label", "cheap ? 1 : hour"))
		out := through(t, alloc, op, rec)
		if len(out) != 1 || out[0].NumRows() != int64(rows) {
			t.Fatalf("want one record of %d rows, got %v", rows, out)
		}
		if got, want := namesOf(out[0].Schema()), "user item city price at click hour cheap copy label"; got != want {
			t.Fatalf("want %s, got %s", want, got)
		}
		for i := range rows {
			checkDerived(t, rec, out[0], i)
		}
		out[0].Release()
		rec.Release()
	}
}

func checkDerived(t *testing.T, in, out arrow.Record, i int) {
	t.Helper()
	hour := int64(in.Column(4).(*array.Timestamp).Value(i).ToTime(arrow.Millisecond).Hour())
	price := -1.0
	if p := in.Column(3).(*array.Float64); p.IsValid(i) {
		price = p.Value(i)
	}
	label := hour
	if price < 3 {
		label = 1
	}
	if got := out.Column(6).(*array.Int64).Value(i); got != hour {
		t.Errorf("row %d: want hour %d, got %d", i, hour, got)
	}
	if got := out.Column(3).(*array.Float64).Value(i); got != price {
		t.Errorf("row %d: want price %g, got %g", i, price, got)
	}
	if got := out.Column(7).(*array.Boolean).Value(i); got != (price < 3) {
		t.Errorf("row %d: want cheap %v, got %v", i, price < 3, got)
	}
	if got := out.Column(8).(*array.String).Value(i); got != in.Column(1).(*array.String).Value(i) {
		t.Errorf("row %d: want the item, got %s", i, got)
	}
	if got := out.Column(9).(*array.Int64).Value(i); got != label {
		t.Errorf("row %d: want label %d, got %d", i, label, got)
	}
}

func TestDeriveErrors(t *testing.T) {
	rec := clicks(memory.DefaultAllocator, 0)
	defer rec.Release()
	_, err := tryBuild("derive", renameOf())
	wantViolation(t, err, "", "at least one name: expression")
	_, err = tryBuild("derive", renameOf("a", "hour(", "b", "1 +", "a", "1"))
	wantViolation(t, err, "a", "at character")
	wantViolation(t, err, "b", "at character")
	wantViolation(t, err, "a", `"a" twice`)
	_, err = build(t, "derive", renameOf("a", "huor(at)", "b", "hour(city)", "c", "a + 1", "d", "nil")).Bind(rec.Schema())
	wantViolation(t, err, "a", `got huor at character 1; did you mean "hour"?`)
	wantViolation(t, err, "b", "timestamp as argument 1 of hour, got string at character 6; parse it with ts(x)")
	wantViolation(t, err, "d", "a value of a known type")
	for _, v := range check.Of(err) {
		if v.Key == "c" { // its only fault is that of a
			t.Errorf("want no error that follows from another, got %v", v)
		}
	}
}

func BenchmarkDerive(b *testing.B) {
	rec := clicks(memory.DefaultAllocator, 8192)
	defer rec.Release()
	d := build(b, "derive", renameOf("hour", "hour(at)", "bucket", "log2floor(price)", "cross", "concat(city, '_', item)"))
	if _, err := d.Bind(rec.Schema()); err != nil {
		b.Fatal(err)
	}
	b.ReportAllocs()
	for b.Loop() {
		if err := d.Process(context.Background(), rec, func(arrow.Record) error { return nil }); err != nil {
			b.Fatal(err)
		}
	}
	b.ReportMetric(float64(rec.NumRows())*float64(b.N)/b.Elapsed().Seconds()/1e6, "Mrows/s")
}
