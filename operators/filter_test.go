package operators

import (
	"context"
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/apache/arrow/go/v17/arrow"
	"github.com/apache/arrow/go/v17/arrow/array"
	"github.com/apache/arrow/go/v17/arrow/compute"
	"github.com/apache/arrow/go/v17/arrow/memory"

	"github.com/sluice-stream/sluice/check"
	"github.com/sluice-stream/sluice/flow"
)

// clicks makes n rows of a click log; every fourth price is null.
func clicks(alloc memory.Allocator, n int) arrow.Record {
	s := arrow.NewSchema([]arrow.Field{
		{Name: "user", Type: arrow.PrimitiveTypes.Int64},
		{Name: "item", Type: arrow.BinaryTypes.String},
		{Name: "city", Type: arrow.BinaryTypes.String},
		{Name: "price", Type: arrow.PrimitiveTypes.Float64, Nullable: true},
		{Name: "at", Type: &arrow.TimestampType{Unit: arrow.Millisecond, TimeZone: "UTC"}},
		{Name: "click", Type: arrow.FixedWidthTypes.Boolean},
	}, nil)
	b := array.NewRecordBuilder(alloc, s)
	defer b.Release()
	r := rand.New(rand.NewPCG(7, 7))
	for i := range n {
		b.Field(0).(*array.Int64Builder).Append(r.Int64N(1000))
		b.Field(1).(*array.StringBuilder).Append(fmt.Sprintf("item-%d", r.IntN(500)))
		b.Field(2).(*array.StringBuilder).Append([]string{"paris", "oslo", "rome", "x"}[r.IntN(4)])
		if i%4 == 3 {
			b.Field(3).AppendNull()
		} else {
			b.Field(3).(*array.Float64Builder).Append(float64(r.IntN(1000)) / 100)
		}
		b.Field(4).(*array.TimestampBuilder).Append(arrow.Timestamp(1.7e12 + int64(i)*60000))
		b.Field(5).(*array.BooleanBuilder).Append(r.IntN(4) == 0)
	}
	return b.NewRecord()
}

// build makes an operator through the registry, as a pipeline does.
func build(t testing.TB, name string, set func(settings any)) flow.Operator {
	t.Helper()
	op, err := tryBuild(name, set)
	if err != nil {
		t.Fatal(err)
	}
	return op
}

func tryBuild(name string, set func(settings any)) (flow.Operator, error) {
	var c flow.Choice[flow.Operator]
	s, ok := c.Select(name)
	if !ok {
		return nil, fmt.Errorf("no operator %q", name)
	}
	set(s)
	return c.Build()
}

func filterOf(where string) func(any) {
	return func(s any) { s.(*FilterConfig).Where = where }
}

// through runs rec through op and returns what it emits, retained.
func through(t testing.TB, alloc memory.Allocator, op flow.Operator, rec arrow.Record) []arrow.Record {
	t.Helper()
	if o, ok := op.(flow.Opener); ok {
		if err := o.Open(context.Background(), flow.Env{Alloc: alloc}); err != nil {
			t.Fatal(err)
		}
	}
	schema, err := op.Bind(rec.Schema())
	if err != nil {
		t.Fatal(err)
	}
	var out []arrow.Record
	err = op.Process(context.Background(), rec, func(r arrow.Record) error {
		if !r.Schema().Equal(schema) {
			t.Errorf("want schema %s, got %s", schema, r.Schema())
		}
		r.Retain()
		out = append(out, r)
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return out
}

func wantViolation(t *testing.T, err error, key, part string) {
	t.Helper()
	for _, v := range check.Of(err) {
		if v.Key == key && strings.Contains(v.Error(), part) {
			return
		}
	}
	t.Errorf("want a violation of %q with %q, got %v", key, part, err)
}

func TestFilterAgainstCompute(t *testing.T) {
	alloc := memory.NewCheckedAllocator(memory.NewGoAllocator())
	defer alloc.AssertSize(t, 0)
	for _, n := range []int{1, 2, 64, 65, 1500} {
		rec := clicks(alloc, n)
		prices := rec.Column(3).(*array.Float64)
		cities := rec.Column(2).(*array.String)
		mask := array.NewBooleanBuilder(alloc)
		for i := range n {
			mask.Append(prices.IsValid(i) && prices.Value(i) > 3 && cities.Value(i) != "x")
		}
		keep := mask.NewArray()
		want, err := compute.FilterRecordBatch(compute.WithAllocator(context.Background(), alloc), rec, keep, compute.DefaultFilterOptions())
		if err != nil {
			t.Fatal(err)
		}
		got := through(t, alloc, build(t, "filter", filterOf("price > 3 and city != 'x'")), rec)
		switch {
		case len(got) == 1 && !array.RecordEqual(want, got[0]):
			t.Errorf("%d rows: want %v, got %v", n, want, got[0])
		case len(got) == 0 && want.NumRows() > 0 || len(got) > 1:
			t.Errorf("%d rows: want one record, got %d", n, len(got))
		}
		for _, r := range append(got, want) {
			r.Release()
		}
		keep.Release()
		mask.Release()
		rec.Release()
	}
}

func TestFilterEmitsWhatIsLeft(t *testing.T) {
	alloc := memory.NewCheckedAllocator(memory.NewGoAllocator())
	defer alloc.AssertSize(t, 0)
	rec := clicks(alloc, 100)
	defer rec.Release()
	empty := rec.NewSlice(5, 5)
	defer empty.Release()
	for _, c := range []struct {
		where string
		rec   arrow.Record
		rows  []int64
	}{
		{"true", rec, []int64{100}},
		{"false", rec, nil},
		{"price == price", rec, []int64{75}},
		{"is_null(price)", rec, []int64{25}},
		{"not (price == price)", rec, nil}, // null is not true
		{"at >= ts('2023-11-14T23:13:20Z')", rec, []int64{40}},
		{"true", empty, nil},
	} {
		var rows []int64
		for _, r := range through(t, alloc, build(t, "filter", filterOf(c.where)), c.rec) {
			rows = append(rows, r.NumRows())
			r.Release()
		}
		if fmt.Sprint(rows) != fmt.Sprint(c.rows) {
			t.Errorf("%s: want records of %v rows, got %v", c.where, c.rows, rows)
		}
	}
}

func TestFilterErrors(t *testing.T) {
	rec := clicks(memory.DefaultAllocator, 1)
	defer rec.Release()
	_, err := tryBuild("filter", filterOf("price >"))
	wantViolation(t, err, "where", "at character")
	wantViolation(t, FilterConfig{}.Validate(), "where", "an expression")
	_, err = build(t, "filter", filterOf("prise > 3 and itm == 'x'")).Bind(rec.Schema())
	wantViolation(t, err, "where", `"prise" at character 1; did you mean "price"?`)
	wantViolation(t, err, "where", `"itm" at character 15; did you mean "item"?`)
	_, err = build(t, "filter", filterOf("price + 1")).Bind(rec.Schema())
	wantViolation(t, err, "where", "a bool expression, got float")
}

func BenchmarkFilter(b *testing.B) {
	rec := clicks(memory.DefaultAllocator, 8192)
	defer rec.Release()
	f := build(b, "filter", filterOf("price > 3 and city != 'x'"))
	if _, err := f.Bind(rec.Schema()); err != nil {
		b.Fatal(err)
	}
	b.ReportAllocs()
	for b.Loop() {
		if err := f.Process(context.Background(), rec, func(arrow.Record) error { return nil }); err != nil {
			b.Fatal(err)
		}
	}
	b.ReportMetric(float64(rec.NumRows())*float64(b.N)/b.Elapsed().Seconds()/1e6, "Mrows/s")
}
