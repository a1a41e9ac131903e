package features

import (
	"bytes"
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/apache/arrow/go/v17/arrow"
	"github.com/apache/arrow/go/v17/arrow/array"
	"github.com/apache/arrow/go/v17/arrow/memory"
	"github.com/google/go-cmp/cmp"

	"github.com/sluice-stream/sluice/check"
	"github.com/sluice-stream/sluice/internal/state"
	"github.com/sluice-stream/sluice/learn"
)

func pick(name string) learn.Choice[learn.Bucketizer] {
	var c learn.Choice[learn.Bucketizer]
	if _, ok := c.Select(name); !ok {
		panic(name)
	}
	return c
}

// everyType has a field of every kind of column.
func everyType() (FieldsConfig, *arrow.Schema) {
	c := DefaultFields()
	var cols []arrow.Field
	add := func(name string, t arrow.DataType) string {
		cols = append(cols, arrow.Field{Name: name, Type: t, Nullable: true})
		return name
	}
	dict := &arrow.DictionaryType{IndexType: arrow.PrimitiveTypes.Int16, ValueType: arrow.BinaryTypes.String}
	codes := &arrow.DictionaryType{IndexType: arrow.PrimitiveTypes.Uint8, ValueType: arrow.PrimitiveTypes.Int32}
	for _, t := range []arrow.DataType{arrow.BinaryTypes.String, arrow.BinaryTypes.LargeString, dict, codes, arrow.FixedWidthTypes.Boolean,
		arrow.PrimitiveTypes.Int8, arrow.PrimitiveTypes.Uint64, arrow.PrimitiveTypes.Float32, arrow.PrimitiveTypes.Float64, arrow.FixedWidthTypes.Date32,
		arrow.FixedWidthTypes.Timestamp_ms, arrow.Null, arrow.ListOf(arrow.BinaryTypes.String), arrow.LargeListOf(arrow.PrimitiveTypes.Int64),
		arrow.FixedSizeListOf(2, arrow.PrimitiveTypes.Int32)} {
		c.Categorical = append(c.Categorical, add("c "+t.String(), t))
	}
	c.Numeric.Append(add("n float", arrow.PrimitiveTypes.Float64), pick("log2floor"))
	c.Numeric.Append(add("n list", arrow.ListOf(arrow.PrimitiveTypes.Int16)), pick("log2floor"))
	c.Hashed.Append(add("h text", arrow.BinaryTypes.String), 5)
	c.Hashed.Append(add("h int", arrow.PrimitiveTypes.Int64), 7)
	return c, arrow.NewSchema(cols, nil)
}

// cell is one random value as the text that Arrow builders parse, or "null".
func cell(r *rand.Rand, t arrow.DataType) string {
	if r.IntN(6) == 0 {
		return "null"
	}
	n := r.IntN(1+r.IntN(10)) - 2
	switch t := t.(type) {
	case *arrow.DictionaryType:
		return cell(r, t.ValueType)
	case *arrow.StringType, *arrow.LargeStringType:
		return strconv.Quote([]string{"", "a", "null?", "häh", "long text of many bytes", "b"}[max(n, 0)%6])
	case *arrow.BooleanType:
		return strconv.FormatBool(n > 0)
	case *arrow.Uint64Type:
		return strconv.Quote(strconv.FormatUint(uint64(int64(n)), 10)) // a bare number would pass through float64
	case *arrow.Float32Type, *arrow.Float64Type:
		return []string{"-2", "-1.5", "0", "-0", "1e300", `"NaN"`, `"+Inf"`, `"-Inf"`, "3", "1234.5"}[n+2]
	case *arrow.Date32Type:
		return fmt.Sprintf(`"2020-01-%02d"`, n+3)
	case *arrow.TimestampType:
		return fmt.Sprintf(`"2020-01-02T03:04:05.%03dZ"`, n+3)
	case *arrow.NullType:
		return "null"
	case *arrow.FixedSizeListType:
		return "[" + cell(r, t.Elem()) + "," + cell(r, t.Elem()) + "]"
	case arrow.ListLikeType:
		var of []string
		for range max(n, 0) % 4 {
			of = append(of, cell(r, t.Elem()))
		}
		return "[" + strings.Join(of, ",") + "]"
	}
	return strconv.Itoa(n)
}

// rows makes random rows and the record that holds them.
func rows(t *testing.T, alloc memory.Allocator, seed uint64, schema *arrow.Schema, n int) (arrow.Record, [][]string) {
	r := rand.New(rand.NewPCG(seed, 1))
	var cols []arrow.Array
	cells := make([][]string, n)
	for _, f := range schema.Fields() {
		b := array.NewBuilder(alloc, f.Type)
		var json []string
		for i := range n {
			c := cell(r, f.Type)
			if strings.HasPrefix(f.Name, "c float32") && c == "1e300" {
				c = "1e30"
			}
			cells[i], json = append(cells[i], c), append(json, c)
		}
		if err := b.UnmarshalJSON([]byte("[" + strings.Join(json, ",") + "]")); err != nil {
			t.Fatal(f.Name, err)
		}
		cols = append(cols, b.NewArray())
		b.Release()
	}
	rec := array.NewRecord(schema, cols, int64(n))
	for _, c := range cols {
		c.Release()
	}
	return rec, cells
}

// twin encodes row by row with a map, from the cells as text.
type twin struct {
	minCount int
	ids      map[string]int32
	counts   map[string]int
	next     int32
}

func (w *twin) value(f int, c string) int32 {
	key := fmt.Sprint(f, " ", c)
	w.counts[key]++
	if _, ok := w.ids[key]; !ok && w.counts[key] >= w.minCount {
		w.ids[key], w.next = w.next, w.next+1
	}
	if id, ok := w.ids[key]; ok {
		return id
	}
	return int32(f)
}

// canon is the category of a cell in words.
func canon(f *field, c string, t arrow.DataType) string {
	if d, ok := t.(*arrow.DictionaryType); ok {
		t = d.ValueType
	}
	if c == "null" {
		return c
	}
	text := strings.Trim(c, `"`)
	if f.hash > 0 {
		if t.ID() == arrow.STRING {
			return fmt.Sprint(binOfText([]byte(text), f.hash))
		}
		v, _ := strconv.ParseInt(c, 10, 64)
		return fmt.Sprint(binOfKey(v, 0, f.hash))
	}
	if t.ID() == arrow.FLOAT32 || t.ID() == arrow.FLOAT64 || f.binner != nil {
		v, _ := strconv.ParseFloat(text, 64)
		if t.ID() == arrow.FLOAT32 {
			v = float64(float32(v))
		}
		if f.binner != nil && !math.IsInf(v, 0) && v == v {
			if v > 2 {
				v = math.Floor(math.Pow(math.Log(v), 2))
			}
			v = math.Trunc(v)
		}
		if v == math.Trunc(v) && math.Abs(v) < 1e15 {
			return fmt.Sprint(int64(v))
		}
		return strconv.FormatFloat(v, 'g', -1, 64)
	}
	if at, err := time.Parse(time.RFC3339, text); err == nil {
		return at.Format(time.RFC3339Nano)
	}
	return text
}

func (w *twin) row(e *Encoder, schema *arrow.Schema, cells []string) (ids []int32, lens []int) {
	for j, f := range e.fields {
		t, c := schema.Field(f.column).Type, cells[f.column]
		elem, list := isList(t)
		if !list || c == "null" {
			ids, lens = append(ids, w.value(j, canon(f, c, elem))), append(lens, 1)
			continue
		}
		parts := strings.FieldsFunc(strings.Trim(c, "[]"), func(r rune) bool { return r == ',' })
		for _, p := range parts {
			ids = append(ids, w.value(j, canon(f, p, elem)))
		}
		lens = append(lens, len(parts))
	}
	return ids, lens
}

func TestEncodeEqualsTheMapTwin(t *testing.T) {
	for _, minCount := range []int{1, 3} {
		for seed := range uint64(4) {
			checkAgainstTwin(t, minCount, seed)
		}
	}
}

func checkAgainstTwin(t *testing.T, minCount int, seed uint64) {
	alloc := memory.NewCheckedAllocator(memory.DefaultAllocator)
	defer alloc.AssertSize(t, 0)
	cfg, schema := everyType()
	cfg.MinCount = minCount
	rec, cells := rows(t, alloc, seed, schema, 200)
	defer rec.Release()
	e, err := NewEncoder(cfg)
	if err != nil {
		t.Fatal(err)
	}
	if err := e.Bind(schema); err != nil {
		t.Fatal(err)
	}
	w := &twin{minCount: minCount, ids: map[string]int32{}, counts: map[string]int{}, next: int32(e.Fields())}
	r := rand.New(rand.NewPCG(seed, 2))
	var got learn.Batch
	for at := 0; at < 200; {
		to := min(at+r.IntN(40), 200)
		cut := rec.NewSlice(int64(max(at-3, 0)), int64(min(to+3, 200))) // a slice, so that offsets count
		if err := e.Encode(cut, at-max(at-3, 0), to-max(at-3, 0), &got, true); err != nil {
			t.Fatal(err)
		}
		cut.Release()
		at = to
	}
	var want []int32
	offsets := []int32{0}
	for _, c := range cells {
		ids, lens := w.row(e, schema, c)
		want = append(want, ids...)
		for _, n := range lens {
			offsets = append(offsets, offsets[len(offsets)-1]+int32(n))
		}
	}
	if d := cmp.Diff(offsets, got.Offsets); d != "" {
		t.Fatal("offsets:", d)
	}
	if d := cmp.Diff(want, got.IDs); d != "" {
		t.Fatal("ids:", d)
	}
	if got.Rows != 200 || e.Rows() != int(w.next) {
		t.Errorf("want 200 rows and %d table rows, got %d and %d", w.next, got.Rows, e.Rows())
	}
	checkFeatures(t, e, w)
	var frozen learn.Batch
	before := e.Rows()
	if err := e.Encode(rec, 0, 200, &frozen, false); err != nil {
		t.Fatal(err)
	}
	if minCount == 1 && !slices.Equal(frozen.IDs, got.IDs) || e.Rows() != before {
		t.Error("scoring what was learned: want the same ids and no growth")
	}
}

func checkFeatures(t *testing.T, e *Encoder, w *twin) {
	t.Helper()
	names := map[string]int{}
	for j, f := range e.fields {
		names[f.name] = j
	}
	for key, id := range w.ids {
		f := e.Feature(id)
		value := f.Value
		if f.Null {
			value = "null"
		}
		mine := fmt.Sprint(names[f.Field], " ", value)
		if f.OOV || mine != key && !f.Null || int(f.Count) < 1 {
			t.Errorf("row %d: want %q, got %q (%+v)", id, key, mine, f)
		}
	}
	for j := range int32(e.Fields()) {
		if f := e.Feature(j); !f.OOV || f.Null || f.Value != "" || e.FieldOf(j) != j {
			t.Errorf("row %d: want the oov row of field %d, got %+v", j, j, f)
		}
	}
}

func TestEncoderSurvivesARestart(t *testing.T) {
	cfg, schema := everyType()
	cfg.MinCount = 2
	cfg.Numeric.Append("q", pick("quantile"))
	schema = arrow.NewSchema(append(schema.Fields(), arrow.Field{Name: "q", Type: arrow.PrimitiveTypes.Int64, Nullable: true}), nil)
	rec, _ := rows(t, memory.DefaultAllocator, 9, schema, 3000)
	defer rec.Release()
	encode := func(e *Encoder, from, to int) []int32 {
		var b learn.Batch
		if err := e.Encode(rec, from, to, &b, true); err != nil {
			t.Fatal(err)
		}
		return b.IDs
	}
	fresh := func() *Encoder {
		e, err := NewEncoder(cfg)
		if err != nil {
			t.Fatal(err)
		}
		if err := e.Bind(schema); err != nil {
			t.Fatal(err)
		}
		return e
	}
	whole, first, second := fresh(), fresh(), fresh()
	encode(whole, 0, 701)
	want := encode(whole, 701, 3000)
	encode(first, 0, 701)
	encode(second, 0, 5) // what stood there before must go
	if err := state.ReadPart(part(t, first), second); err != nil {
		t.Fatal(err)
	}
	if got := encode(second, 701, 3000); !slices.Equal(want, got) {
		t.Error("ids after a restart differ")
	}
	if !bytes.Equal(part(t, whole), part(t, second)) {
		t.Error("state after a restart differs")
	}
	other, _ := NewEncoder(FieldsConfig{Categorical: []string{"x"}, MinCount: 1, Pool: "sum"})
	if err := state.ReadPart(part(t, first), other); err == nil {
		t.Error("state of other fields: want an error")
	}
}

func part(t *testing.T, s state.Stateful) []byte {
	t.Helper()
	var b bytes.Buffer
	if err := state.WritePart(&b, s); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

func TestBindReportsEverythingAtOnce(t *testing.T) {
	c := DefaultFields()
	c.Categorical = []string{"usr", "blob"}
	c.Numeric.Append("at", pick("log2floor"))
	c.Numeric.Append("user", pick("log2floor"))
	c.Hashed.Append("nested", 10)
	e, err := NewEncoder(c)
	if err != nil {
		t.Fatal(err)
	}
	err = e.Bind(arrow.NewSchema([]arrow.Field{{Name: "user", Type: arrow.BinaryTypes.String}, {Name: "blob", Type: arrow.BinaryTypes.Binary},
		{Name: "at", Type: arrow.FixedWidthTypes.Timestamp_us}, {Name: "nested", Type: arrow.ListOf(arrow.ListOf(arrow.PrimitiveTypes.Int8))}}, nil))
	var vs check.Violations
	if !errors.As(err, &vs) || len(vs) != 5 {
		t.Fatalf("want five violations, got %v", err)
	}
	for i, want := range []string{`categorical[0]: want a column of the input, got usr; did you mean "user"?`, "categorical[1]: want a column of text",
		"numeric.at: want a column of numbers, or lists of them, got timestamp[us, tz=UTC]; derive a number first, such as hour(at)",
		"numeric.user: want a column of numbers, or lists of them, got utf8", "hashed.nested: want a column of text"} {
		if !strings.HasPrefix(vs[i].Error(), want) {
			t.Errorf("want %q, got %q", want, vs[i].Error())
		}
	}
}

func TestFieldsThatCannotBe(t *testing.T) {
	bad := FieldsConfig{Categorical: []string{"a", "a"}, MinCount: 0, Pool: "max"}
	bad.Hashed.Append("b", 0)
	if vs := check.Of(bad.Validate()); len(vs) != 4 {
		t.Errorf("want four violations, got %v", vs)
	}
	if err := DefaultFields().Validate(); err == nil {
		t.Error("no fields: want a violation")
	}
}

func TestEncodeEmptyAndAllNullColumns(t *testing.T) {
	alloc := memory.NewCheckedAllocator(memory.DefaultAllocator)
	defer alloc.AssertSize(t, 0)
	cfg, schema := everyType()
	e, err := NewEncoder(cfg)
	if err != nil {
		t.Fatal(err)
	}
	if err := e.Bind(schema); err != nil {
		t.Fatal(err)
	}
	for _, n := range []int{0, 1, 3} {
		var cols []arrow.Array
		for _, f := range schema.Fields() {
			b := array.NewBuilder(alloc, f.Type)
			b.AppendNulls(n)
			cols = append(cols, b.NewArray())
			b.Release()
		}
		rec := array.NewRecord(schema, cols, int64(n))
		var b learn.Batch
		if err := e.Encode(rec, 0, n, &b, true); err != nil {
			t.Fatal(err)
		}
		if b.Rows != n || e.Rows() != e.Fields()*(1+min(n, 1)) {
			t.Errorf("%d rows of nulls: got %d rows, %d table rows; want one for each field's null", n, b.Rows, e.Rows())
		}
		for i, id := range b.IDs {
			if f := e.Feature(id); !f.Null || f.Value != "" || int(e.FieldOf(id)) != i%e.Fields() {
				t.Errorf("id %d: want the null of field %d, got %+v", id, i%e.Fields(), f)
			}
		}
		rec.Release()
		for _, c := range cols {
			c.Release()
		}
	}
}
