package neighbours_test

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"math"
	"math/rand/v2"
	"os"
	"path/filepath"
	"reflect"
	"sort"
	"strings"
	"testing"

	"github.com/apache/arrow/go/v17/arrow"
	"github.com/apache/arrow/go/v17/arrow/array"
	"github.com/apache/arrow/go/v17/arrow/memory"
	"github.com/google/go-cmp/cmp"

	"github.com/sluice-stream/sluice/check"
	"github.com/sluice-stream/sluice/flow"
	"github.com/sluice-stream/sluice/internal/neighbours"
	"github.com/sluice-stream/sluice/internal/vfs"
	_ "github.com/sluice-stream/sluice/sinks"
)

// row is a feature as the test knows it.
type row struct {
	field, value string
	null         bool
	vector       []float32
}

// publish writes rows through the embeddings sink, as version id.
func publish(t *testing.T, dir string, id flow.CheckpointID, rows []row) {
	t.Helper()
	ctx, mem := context.Background(), memory.DefaultAllocator
	var c flow.Choice[flow.Sink]
	settings, ok := c.Select("embeddings")
	if !ok {
		t.Fatal("no sink embeddings")
	}
	reflect.ValueOf(settings).Elem().FieldByName("Path").SetString(dir)
	reflect.ValueOf(settings).Elem().FieldByName("Keep").SetInt(2)
	s, err := c.Build()
	if err != nil {
		t.Fatal(err)
	}
	rec := record(mem, id, rows)
	defer rec.Release()
	env := flow.Env{Alloc: mem, FS: vfs.OS{}, Log: slog.New(slog.NewTextHandler(io.Discard, nil))}
	for _, step := range []func() error{
		func() error { return s.(flow.Opener).Open(ctx, env) },
		func() error { return s.Bind(rec.Schema()) },
		func() error { return s.Recover(ctx, id-1) },
		func() error { return s.Write(ctx, rec) },
		func() error { return s.Prepare(ctx, id) },
		func() error { return s.Commit(ctx, id) },
		s.Close,
	} {
		if err := step(); err != nil {
			t.Fatal(err)
		}
	}
}

func record(mem memory.Allocator, id flow.CheckpointID, rows []row) arrow.Record {
	dim := int32(len(rows[0].vector))
	schema := arrow.NewSchema([]arrow.Field{
		{Name: "field", Type: arrow.BinaryTypes.String},
		{Name: "value", Type: arrow.BinaryTypes.String, Nullable: true},
		{Name: "count", Type: arrow.PrimitiveTypes.Int64},
		{Name: "gate", Type: arrow.PrimitiveTypes.Float32},
		{Name: "kept", Type: arrow.FixedWidthTypes.Boolean},
		{Name: "vector", Type: arrow.FixedSizeListOfNonNullable(dim, arrow.PrimitiveTypes.Float32)},
		{Name: "checkpoint", Type: arrow.PrimitiveTypes.Uint64},
	}, nil)
	b := array.NewRecordBuilder(mem, schema)
	defer b.Release()
	for i, r := range rows {
		b.Field(0).(*array.StringBuilder).Append(r.field)
		if r.null {
			b.Field(1).AppendNull()
		} else {
			b.Field(1).(*array.StringBuilder).Append(r.value)
		}
		b.Field(2).(*array.Int64Builder).Append(int64(i))
		b.Field(3).(*array.Float32Builder).Append(float32(i) / 2)
		b.Field(4).(*array.BooleanBuilder).Append(i%3 == 0)
		list := b.Field(5).(*array.FixedSizeListBuilder)
		list.Append(true)
		list.ValueBuilder().(*array.Float32Builder).AppendValues(r.vector, nil)
		b.Field(6).(*array.Uint64Builder).Append(uint64(id))
	}
	return b.NewRecord()
}

func randomRows(n, dim int) []row {
	r := rand.New(rand.NewPCG(2, 2))
	var rows []row
	for i := range n {
		x := row{field: []string{"item", "city", "user"}[i%3], value: fmt.Sprintf("v%d", i)}
		if i < 3 {
			x.null, x.value = true, ""
		}
		for range dim {
			x.vector = append(x.vector, float32(r.NormFloat64()))
		}
		rows = append(rows, x)
	}
	copy(rows[30].vector, rows[33].vector) // a tie
	clear(rows[36].vector)                 // a zero vector
	rows[39].vector[0] = float32(math.NaN())
	return rows
}

// bruteForce is the oracle: the definition, over the rows as they were made.
func bruteForce(rows []row, q neighbours.Query) []string {
	of := q.Of
	if of == "" {
		of = q.Field
	}
	var self int
	for i, r := range rows {
		if r.field == q.Field && r.null == q.Null && (q.Null || r.value == q.Value) {
			self = i
		}
	}
	type scored struct {
		name  string
		score float64
	}
	var all []scored
	for i, r := range rows {
		var ab, aa, bb float64
		for d := range r.vector {
			a, b := float64(rows[self].vector[d]), float64(r.vector[d])
			ab, aa, bb = ab+a*b, aa+a*a, bb+b*b
		}
		score := ab
		if q.By == "cosine" {
			if score = ab / (math.Sqrt(aa) * math.Sqrt(bb)); aa*bb == 0 { // not where one is NaN
				score = 0
			}
		}
		if i != self && r.field == of && !math.IsNaN(score) {
			all = append(all, scored{fmt.Sprintf("%s %q %v", r.field, r.value, r.null), score})
		}
	}
	sort.SliceStable(all, func(i, j int) bool {
		if all[i].score != all[j].score {
			return all[i].score > all[j].score
		}
		return all[i].name < all[j].name
	})
	var out []string
	for _, s := range all[:min(q.K, len(all))] {
		out = append(out, fmt.Sprintf("%s %.9f", s.name, s.score))
	}
	return out
}

func TestNearestEqualsBruteForce(t *testing.T) {
	dir := t.TempDir()
	rows := randomRows(120, 5)
	publish(t, dir, 3, rows)
	mem := memory.NewCheckedAllocator(memory.NewGoAllocator())
	table, err := neighbours.Open(context.Background(), mem, dir)
	if err != nil {
		t.Fatal(err)
	}
	mem.AssertSize(t, 0)
	if table.Rows() != 120 || table.Dim != 5 || table.Checkpoint != 3 {
		t.Fatalf("got %d rows of %d at checkpoint %d", table.Rows(), table.Dim, table.Checkpoint)
	}
	for _, by := range []string{"cosine", "dot"} {
		for _, of := range []string{"", "city"} {
			for i, r := range rows {
				q := neighbours.Query{Field: r.field, Value: r.value, Null: r.null, Of: of, K: 1 + i%50, By: by}
				self, near, err := table.Nearest(q)
				if err != nil {
					t.Fatal(err)
				}
				if self.Value != r.value || self.Null != r.null || self.Count != int64(i) || self.Gate != float32(i)/2 || self.Kept != (i%3 == 0) {
					t.Fatalf("row %d: got %+v", i, self)
				}
				var got []string
				for _, n := range near {
					got = append(got, fmt.Sprintf("%s %q %v %.9f", n.Field, n.Value, n.Null, n.Score))
				}
				if d := cmp.Diff(bruteForce(rows, q), got); d != "" {
					t.Fatalf("%+v: %s", q, d)
				}
			}
		}
	}
}

func TestUnknownNames(t *testing.T) {
	dir := t.TempDir()
	rows := []row{
		{"item", "apple", false, []float32{1, 0}}, {"item", "orange", false, []float32{0, 1}}, {"city", "paris", false, []float32{1, 1}},
	}
	publish(t, dir, 1, rows)
	table, err := neighbours.Open(context.Background(), memory.DefaultAllocator, dir)
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		q    neighbours.Query
		want string
	}{
		{neighbours.Query{Field: "itm", Value: "apple", K: 1, By: "cosine"}, `field: want one of item, city, got "itm"; did you mean "item"?`},
		{neighbours.Query{Field: "item", Value: "aple", K: 1, By: "cosine"}, `got "aple"; did you mean "apple"?`},
		{neighbours.Query{Field: "item", Value: "paris", K: 1, By: "cosine"}, `it is a value of field "city"`},
		{neighbours.Query{Field: "item", Null: true, K: 1, By: "cosine"}, `value: want a value of field "item" that the model has seen, got null`},
		{neighbours.Query{Field: "item", Value: "apple", Of: "cty", K: 1, By: "cosine"}, `of: want one of item, city, got "cty"; did you mean "city"?`},
		{neighbours.Query{Field: "item", Value: "apple", K: 0, By: "cos"}, `k: want > 0, got 0`},
		{neighbours.Query{Field: "item", Value: "apple", K: 1, By: "cos"}, `by: want one of cosine, dot, got "cos"`},
	} {
		_, _, err := table.Nearest(c.q)
		if err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%+v: want %q, got %v", c.q, c.want, err)
		}
		if _, ok := err.(check.Violations); !ok {
			t.Errorf("want violations, got %T", err)
		}
	}
	if d := cmp.Diff([]string{"item", "city"}, table.Fields()); d != "" {
		t.Error(d)
	}
}

func TestNewestVersion(t *testing.T) {
	dir := t.TempDir()
	if _, err := neighbours.Newest(filepath.Join(dir, "none")); !os.IsNotExist(err) && !strings.Contains(err.Error(), "no such file") {
		t.Errorf("absent folder: got %v", err)
	}
	if _, err := neighbours.Newest(dir); err == nil || !strings.Contains(err.Error(), "has the run committed one?") {
		t.Errorf("empty folder: got %v", err)
	}
	rows := randomRows(60, 3)
	publish(t, dir, 9, rows)
	publish(t, dir, 10, rows[:50])
	for name, data := range map[string]string{"embeddings-x.parquet": "", "embeddings-00000099.parquet.bak": "", "broken.parquet": "PAR1 nothing"} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(data), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	got, err := neighbours.Newest(dir)
	if err != nil || filepath.Base(got) != "embeddings-00000010.parquet" {
		t.Fatalf("want version 10, got %s, %v", got, err)
	}
	table, err := neighbours.Open(context.Background(), memory.DefaultAllocator, filepath.Join(dir, "embeddings-00000009.parquet"))
	if err != nil || table.Rows() != 60 {
		t.Fatalf("a file by its name: got %v", err)
	}
	if _, err := neighbours.Open(context.Background(), memory.DefaultAllocator, filepath.Join(dir, "broken.parquet")); err == nil {
		t.Fatal("a broken file was read")
	}
	whole, err := os.ReadFile(got)
	if err != nil {
		t.Fatal(err)
	}
	for cut := 1; cut < len(whole); cut += 97 {
		name := filepath.Join(dir, "cut.parquet")
		if err := os.WriteFile(name, whole[:cut], 0o600); err != nil {
			t.Fatal(err)
		}
		if _, err := neighbours.Open(context.Background(), memory.DefaultAllocator, name); err == nil {
			t.Fatalf("a file cut at %d of %d bytes was read", cut, len(whole))
		}
	}
}

// TestManyRowGroups reads a table larger than one row group of the sink.
func TestManyRowGroups(t *testing.T) {
	if testing.Short() {
		t.Skip("large")
	}
	dir := t.TempDir()
	rows := make([]row, 130_000)
	for i := range rows {
		rows[i] = row{"item", fmt.Sprint(i), false, []float32{float32(i), 1, 0, float32(-i % 7)}}
	}
	publish(t, dir, 1, rows)
	table, err := neighbours.Open(context.Background(), memory.DefaultAllocator, dir)
	if err != nil {
		t.Fatal(err)
	}
	_, near, err := table.Nearest(neighbours.Query{Field: "item", Value: "7", K: 1, By: "dot"})
	if err != nil || table.Rows() != len(rows) || near[0].Value != "129999" {
		t.Fatalf("got %d rows, %+v, %v", table.Rows(), near, err)
	}
}
