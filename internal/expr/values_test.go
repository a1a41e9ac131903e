package expr

import (
	"math"
	"math/rand/v2"
	"testing"

	"github.com/apache/arrow/go/v17/arrow"
	"github.com/apache/arrow/go/v17/arrow/array"
	"github.com/apache/arrow/go/v17/arrow/memory"
)

var goAlloc = memory.NewGoAllocator()

// floatRecord has one row and one column i, a float.
func floatRecord(t *testing.T) arrow.Record {
	t.Helper()
	b := array.NewRecordBuilder(goAlloc, arrow.NewSchema([]arrow.Field{{Name: "a", Type: arrow.Null}, {Name: "b", Type: arrow.Null}, {Name: "i", Type: arrow.PrimitiveTypes.Float64}}, nil))
	defer b.Release()
	b.Field(0).AppendNull()
	b.Field(1).AppendNull()
	b.Field(2).(*array.Float64Builder).Append(1)
	return b.NewRecord()
}

var noColumns = arrow.NewSchema(nil, nil)

// constant evaluates an expression without columns.
func constant(t *testing.T, src string) any {
	t.Helper()
	p, err := Compile(src, noColumns)
	if err != nil {
		t.Errorf("%s: %v", src, err)
		return nil
	}
	out, err := p.Eval(goAlloc, nil, 1)
	if err != nil {
		t.Errorf("%s: %v", src, err)
		return nil
	}
	defer out.Release()
	return cell(out, 0)
}

// TestValues holds what is decided by hand: outcomes that are not errors, rounding, counting, stable hashes.
func TestValues(t *testing.T) {
	for _, c := range []struct {
		src  string
		want any
	}{
		{"7 / 2", 3.5}, {"1 / 0", nil}, {"1.0 / 0", math.Inf(1)}, {"-7 % 3", int64(-1)}, {"7 % 0", nil}, {"7.5 % 2", 1.5}, {"2 ** 10", 1024.0},
		{"9223372036854775807 + 1", nil}, {"-9223372036854775807 - 2", nil}, {"4294967296 * 4294967296", nil}, {"3037000499 * 3037000499", int64(9223372030926249001)},
		{"1 + 2.5", 3.5}, {"-2 ** 2", -4.0}, {"1 < 2 and 2 < 3", true}, {"1 < 2 < 3", true}, {"0.0/0 == 0.0/0", false}, {"0.0/0 != 0.0/0", true}, {"is_nan(0.0/0)", true},
		{"(float(nil) == 1.0 ? true : false) ?? true", false}, {"coalesce(nil, 3)", int64(3)}, {"is_null(1/0)", true},
		{"false and int('x') == 1", false}, {"true or int('x') == 1", true}, {"true and int('x') == 1", nil}, {"int('x') == 1 ? 1 : 2", int64(2)},
		{"log(0)", math.Inf(-1)}, {"is_nan(log(-1))", true}, {"log1p(0)", 0.0}, {"round(2.5)", 3.0}, {"round(-2.5)", -3.0}, {"floor(-0.5)", -1.0}, {"floor(3)", int64(3)},
		{"log2floor(3)", int64(1)}, {"log2floor(10)", int64(5)}, {"log2floor(100)", int64(21)}, {"log2floor(1000)", int64(47)}, {"log2floor(65535)", int64(122)},
		{"log2floor(2)", int64(2)}, {"log2floor(-1.9)", int64(-1)}, {"log2floor(0.0/0)", nil}, {"bucket(25, 10)", int64(2)}, {"bucket(-1, 10)", int64(-1)}, {"bucket(0.25, 0.1)", int64(2)},
		{"clip(15, 0, 10)", int64(10)}, {"clip(-1.5, 0, 10)", 0.0}, {"min(3, 1, 2)", int64(1)}, {"max(1, 2.5)", 2.5}, {"abs(-3)", int64(3)},
		{"int(-2.9)", int64(-2)}, {"int(1e30)", nil}, {"int('-9223372036854775808')", int64(math.MinInt64)}, {"int('9223372036854775808')", nil}, {"int(' 1')", nil}, {"int(true)", int64(1)},
		{"float('1e3')", 1000.0}, {"float('x')", nil}, {"float('0x10')", nil}, {"string(1.0)", "1"}, {"string(1e21)", "1e+21"}, {"string(0.1)", "0.1"}, {"string(false)", "false"},
		{"string(ts('2026-01-31'))", "2026-01-31T00:00:00Z"}, {"string(ts(1500, 'ms'))", "1970-01-01T00:00:01.5Z"}, {"string(ts('2026-01-31T01:00:00.25+02:00'))", "2026-01-30T23:00:00.25Z"},
		{"epoch(ts('1969-12-31T23:59:59.5Z'))", int64(-1)}, {"weekday(ts('2026-08-02'))", int64(0)}, {"year(ts('1900-03-01'))", int64(1900)}, {"day(ts('2000-02-29'))", int64(29)},
		{"ts('2024-03-01') - ts('2024-02-29')", 86400.0}, {"ts('2026-01-31 12:00') == ts('2026-01-31T12:00:00Z')", true},
		{"min(ts(9223372036854775807, 's'), ts(1, 'ns'))", nil}, {"max(ts(-9223372036854775807, 's'), ts(1, 'ns'))", nil}, {"ts(5, 's') in [ts(5000, 'ms')]", true},
		{"len('Zürich')", int64(6)}, {"upper('Straße é')", "STRAßE É"}, {"lower('ÀB')", "àb"}, {"trim('\\t x ')", "x"}, {"substr('Zürich', 1, 3)", "üri"}, {"substr('abc', -2)", "bc"}, {"substr('abc', -5)", "abc"},
		{"substr('abc', 5)", ""}, {"substr('abc', 0, -1)", ""}, {"split_part('a-b-c', '-', 0)", "a"}, {"split_part('a-b-c', '-', -1)", "c"}, {"split_part('a-b-c', '-', 3)", nil}, {"split_part('abc', '', 0)", nil},
		{"replace('banana', 'an', 'AN')", "bANANa"}, {"replace('abc', '', 'x')", "abc"}, {"concat('a', 'b', 'c')", "abc"}, {"concat('a', nil)", nil},
		{"'foobar' matches '^fo+b'", true}, {"'x' not in ['a', 'b']", true}, {"'a' | concat('b')", "ab"}, {"1 in []", false},
		{"hash('paris', 1000000)", int64(758828)}, {"hash(42, 1000000)", int64(915720)}, {"hash(-0.0, 9999) == hash(0.0, 9999)", true},
	} {
		if got := constant(t, c.src); !alike(c.want, got) {
			t.Errorf("%s: want %v (%T), got %v (%T)", c.src, c.want, c.want, got, got)
		}
	}
}

func TestBareColumnIsShared(t *testing.T) {
	rec := floatRecord(t)
	defer rec.Release()
	p, err := Compile("i", rec.Schema())
	if err != nil {
		t.Fatal(err)
	}
	out, err := p.Eval(goAlloc, rec.Columns(), 1)
	if err != nil {
		t.Fatal(err)
	}
	defer out.Release()
	if out != rec.Column(2) || p.Field("x").Name != "x" || p.Field("x").Nullable {
		t.Errorf("want the column itself with its own type, got %v as %v", out, p.Field("x"))
	}
}

// TestFirstNullIsLate has its first null behind the first block.
func TestFirstNullIsLate(t *testing.T) {
	alloc := memory.NewCheckedAllocator(memory.NewGoAllocator())
	defer alloc.AssertSize(t, 0)
	b := array.NewRecordBuilder(alloc, arrow.NewSchema([]arrow.Field{{Name: "x", Type: arrow.PrimitiveTypes.Int64, Nullable: true}}, nil))
	defer b.Release()
	const n = 3 * block
	for i := range n {
		if i == block+7 {
			b.Field(0).AppendNull()
		} else {
			b.Field(0).(*array.Int64Builder).Append(int64(i))
		}
	}
	rec := b.NewRecord()
	defer rec.Release()
	p, err := Compile("x + 1", rec.Schema())
	if err != nil {
		t.Fatal(err)
	}
	out, err := p.Eval(alloc, rec.Columns(), n)
	if err != nil {
		t.Fatal(err)
	}
	defer out.Release()
	for i := range n {
		if out.IsNull(i) != (i == block+7) || !out.IsNull(i) && cell(out, i) != int64(i+1) {
			t.Fatalf("row %d: want %d, got %v", i, i+1, cell(out, i))
		}
	}
	if out.NullN() != 1 {
		t.Errorf("want 1 null, got %d", out.NullN())
	}
}

// TestSharedParts wants time that grows with the length of an expression: 1 < x < 2 holds x twice.
func TestSharedParts(t *testing.T) {
	src := "i"
	for range 60 {
		src = "1 < " + src + " < 2 ? 1 : 2"
		src = "(" + src + ")"
	}
	p, err := Compile(src, testSchema)
	if err != nil {
		t.Fatal(err)
	}
	if len(p.steps) > 60*8 {
		t.Errorf("want few kernels, got %d", len(p.steps))
	}
}

func TestNoAllocationPerRow(t *testing.T) {
	b := array.NewRecordBuilder(goAlloc, testSchema)
	defer b.Release()
	const n = 20 * block
	for _, c := range b.Fields() {
		c.Reserve(n)
	}
	for range n {
		for _, c := range b.Fields() {
			c.AppendEmptyValue()
		}
	}
	rec := b.NewRecord()
	defer rec.Release()
	p, err := Compile(`len(lower(s) + replace(d, "a", "b") + string(i) + string(at)) + hash(s, 9) + hour(ts(st.name)) + int(s) + (s matches "^a+$" ? 1 : 0) > 3`, testSchema)
	if err != nil {
		t.Fatal(err)
	}
	var keep []uint64
	got := testing.AllocsPerRun(5, func() {
		if keep, _, err = p.True(rec.Columns(), n, keep); err != nil {
			t.Fatal(err)
		}
	})
	if got > 20*16 { // a few a block
		t.Errorf("want at most 16 allocations a block, got %g in 20 blocks", got)
	}
}

func FuzzCompile(f *testing.F) {
	for kind, list := range shapes {
		for _, s := range list {
			f.Add(kind + s)
			f.Add(s)
		}
	}
	for _, s := range []string{"f > 3 and s != 'x'", "let a = 1; a", "s?.x[1:2]", "if b { 1 } else { f }", "map(tags, #)", "{a: 1}", "1 ?? 2 | min(3)", `b"x"`, "not in", "1..3", "::abs(-1)"} {
		f.Add(s)
	}
	rec := randomRecord(f, goAlloc, rand.New(rand.NewPCG(5, 5)), 70)
	f.Fuzz(func(t *testing.T, src string) {
		p, err := Compile(src, testSchema)
		if err != nil {
			return
		}
		out, err := p.Eval(goAlloc, rec.Columns(), int(rec.NumRows()))
		if err != nil {
			t.Fatalf("%s: %v", src, err)
		}
		if out.Len() != int(rec.NumRows()) {
			t.Fatalf("%s: want %d rows, got %d", src, rec.NumRows(), out.Len())
		}
		out.Release()
	})
}
