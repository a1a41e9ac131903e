package main

import (
	"fmt"
	"math"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/apache/arrow/go/v17/arrow"
	"github.com/apache/arrow/go/v17/arrow/array"
	"github.com/apache/arrow/go/v17/arrow/ipc"
	"github.com/apache/arrow/go/v17/arrow/memory"

	"github.com/sluice-stream/sluice/flow"
)

var numberedSchema = arrow.NewSchema([]arrow.Field{
	{Name: "n", Type: arrow.PrimitiveTypes.Int64, Nullable: true},
	{Name: "c", Type: arrow.BinaryTypes.String, Nullable: true},
	{Name: "x", Type: arrow.PrimitiveTypes.Float64, Nullable: true},
	{Name: "y", Type: arrow.PrimitiveTypes.Float64, Nullable: true},
}, nil)

// numberedRows are rows [from, to) as a JSON array.
func numberedRows(from, to int) string {
	var rows []string
	for n := from; n < to; n++ {
		rows = append(rows, numbered(n))
	}
	return "[" + strings.Join(rows, ",") + "]"
}

func numberedRecord(t testing.TB, from, to int) arrow.Record {
	return record(t, numberedSchema, numberedRows(from, to))
}

// TestNotANumber has NaN and the infinities in a feature, where each is a value of its own, and in the label, where
// the row is rejected.
func TestNotANumber(t *testing.T) {
	b := newTrial(t)
	odd := []float64{math.NaN(), math.Inf(1), math.Inf(-1), math.MaxFloat64, -math.MaxFloat64, math.SmallestNonzeroFloat64, math.Copysign(0, -1)}
	rb := array.NewRecordBuilder(memory.DefaultAllocator, numberedSchema)
	for n := range 40 {
		rb.Field(0).(*array.Int64Builder).Append(int64(n))
		rb.Field(1).(*array.StringBuilder).Append("k")
		rb.Field(2).(*array.Float64Builder).Append(odd[n%len(odd)])
		y := float64(n % 2)
		if n%10 == 9 {
			y = odd[n/10] // NaN, +Inf, -Inf, a large number
		}
		rb.Field(3).(*array.Float64Builder).Append(y)
	}
	path := b.parquetFile("in/a.parquet", rb.NewRecord())
	text := learning("{parquet: {path: " + path + ", meta: [file, row]}}")
	b.accounts(b.mustRun(text), 40, []int{9, 19, 29, 39}, 0)
	for i, want := range []string{`"NaN"`, `"+Inf"`, `"-Inf"`, "1.797"} {
		d := b.dead()[i]
		if d.Topic != path || !strings.Contains(d.Reason, "want 0 or 1, got") || !strings.Contains(string(d.Raw), want) {
			t.Errorf("want %s among the bytes of a row of %s, got %q of %+v", want, path, d.Raw, d)
		}
	}
	values := map[string]bool{}
	for _, r := range b.rows("embeddings") {
		if r["field"] == "x" {
			values[r["value"].(string)] = true
		}
	}
	for _, v := range []string{"nan", "inf", "-inf"} {
		if !slices.ContainsFunc(slices.Collect(mapsKeys(values)), func(s string) bool { return strings.EqualFold(strings.Trim(s, "<>+"), v) }) {
			t.Errorf("want a value %s of its own among %v", v, values)
		}
	}
	quantile := newTrial(t)
	quantile.accounts(quantile.mustRun(strings.Replace(text, "log2floor", "{quantile: {bins: 4, sample: 20}}", 1)), 40, []int{9, 19, 29, 39}, 0)
}

func mapsKeys(m map[string]bool) func(func(string) bool) {
	return func(yield func(string) bool) {
		for k := range m {
			if !yield(k) {
				return
			}
		}
	}
}

// TestTextThatIsNoRow does for files of lines what TestBadMessages does for messages.
func TestTextThatIsNoRow(t *testing.T) {
	lines := map[string]struct {
		source, head string
		line         func(int) string
		bad          map[int]string
	}{
		"csv": {"csv: {schema: {n: int64, c: utf8, x: float64, y: int64}, ", "n,c,x,y\n",
			func(n int) string { return fmt.Sprintf("%d,k%d,%d.5,%d", n, n%3, n, n%2) },
			map[int]string{2: "2,k,1", 3: "3,k,one,0", 5: "5,k,1,0,9", 7: "seven,k,1,0", 9: "9,k,1,7"}},
		"jsonl": {"jsonl: {schema: {n: int64, c: utf8, x: float64, y: int64}, ", "", numbered,
			map[int]string{2: `{"n":2,`, 3: `{"n":3,"c":"k","x":"one","y":0}`, 5: `5`, 7: `{"n":"seven"}`, 9: `{"n":9,"c":"k","x":1,"y":7}`}},
	}
	for name, c := range lines {
		t.Run(name, func(t *testing.T) {
			b := newTrial(t)
			text := c.head
			for n := range 12 {
				line, odd := c.bad[n]
				if !odd {
					line = c.line(n)
				}
				text += line + "\n"
			}
			path := b.write("in/a."+name, []byte(text))
			b.accounts(b.mustRun(learning("{"+c.source+"path: "+path+", meta: [file, row]}}")), 12, keysOf(c.bad), 0)
			for _, d := range b.dead() {
				if d.Topic != path || d.Partition != -1 || d.Reason == "" || d.Stage == name && string(d.Raw) != c.bad[int(d.Offset)] {
					t.Errorf("want the bytes %q of %s, got %+v", c.bad[int(d.Offset)], path, d)
				}
			}
		})
	}
}

// TestEmptyFiles tells a file without rows from one that was never written whole.
func TestEmptyFiles(t *testing.T) {
	b := newTrial(t)
	none := numberedRecord(t, 0, 0)
	source := "{parquet: {path: " + b.parquetFile("in/a.parquet", none) + "}}"
	b.accounts(b.mustRun(learning(source)), 0, nil, 0)
	fit := newTrial(t)
	_, err := fit.run(strings.Replace(learning(source), "batch: 4", "batch: 4, epochs: {max: 2}", 1))
	fit.refuses(err, flow.ErrData, "train", "row")
	for name, c := range map[string]struct {
		class error
		parts []string
	}{
		"parquet": {flow.ErrCorrupt, []string{"pipeline.yaml:2:10: source.parquet: ", "DIR/zero.parquet: want a whole Parquet file", "was it cut off?"}},
		"arrow":   {flow.ErrCorrupt, []string{"pipeline.yaml:2:10: source.arrow: ", "DIR/zero.arrow: want"}},
		"csv":     {flow.ErrConfig, []string{"pipeline.yaml:2:10: source.csv: ", "want a row to infer the schema from", "declare it with schema"}},
		"jsonl":   {flow.ErrConfig, []string{"pipeline.yaml:2:10: source.jsonl: ", "want at least one JSON object", "declare it with schema"}},
	} {
		z := newTrial(t)
		source := fmt.Sprintf("{%s: {path: %s}}", name, z.write("zero."+name, nil))
		_, err := z.run(learning(source))
		z.refuses(err, c.class, c.parts...)
		if name == "csv" || name == "jsonl" {
			source = strings.Replace(source, "{path", "{schema: {n: int64, c: utf8, x: float64, y: int64}, path", 1)
			z.accounts(z.mustRun(learning(source)), 0, nil, 0)
		}
	}
}

// TestZeroAndOneRow has row groups, record batches and whole inputs of no row and of one.
func TestZeroAndOneRow(t *testing.T) {
	recs := []arrow.Record{numberedRecord(t, 0, 0), numberedRecord(t, 0, 1), numberedRecord(t, 1, 1), numberedRecord(t, 1, 9), numberedRecord(t, 9, 9)}
	b := newTrial(t)
	b.accounts(b.mustRun(learning("{parquet: {path: "+b.parquetFile("in/a.parquet", recs...)+"}}")), 9, nil, 0)
	b = newTrial(t)
	b.accounts(b.mustRun(learning("{arrow: {path: "+b.arrowFile("in/a.arrow", recs...)+"}}")), 9, nil, 0)
	b = newTrial(t)
	var stream [][]byte
	for i := range recs {
		b, _ := os.ReadFile(b.arrowFile(fmt.Sprint(i), recs[i:i+1]...))
		stream = append(stream, b)
	}
	b.accounts(b.mustRun(learning("{kafka: {"+b.topic(stream...)+", format: arrow_ipc}}")), 9, nil, 0)
	for _, settings := range []string{"batch: 4", "batch: 1", "batch: 4, update: row, model: lr"} {
		one := newTrial(t)
		text := learning("{parquet: {path: " + one.parquetFile("in/a.parquet", recs[1]) + "}}")
		if strings.Contains(settings, "model") {
			text = strings.Replace(text, "model: {fm: {dim: 2}}, ", "", 1)
		}
		one.accounts(one.mustRun(strings.Replace(text, "batch: 4", settings, 1)), 1, nil, 0)
	}
	fit := newTrial(t)
	_, err := fit.run(strings.Replace(learning("{parquet: {path: "+fit.parquetFile("in/a.parquet", recs[1])+"}}"), "batch: 4", "batch: 4, epochs: {max: 2}", 1))
	fit.refuses(err, flow.ErrData, "train")
}

// arrowFile writes records as the batches of one IPC stream.
func (b trial) arrowFile(name string, recs ...arrow.Record) string {
	b.Helper()
	path := b.write(name, nil)
	f, err := os.Create(path)
	if err != nil {
		b.Fatal(err)
	}
	defer f.Close()
	w := ipc.NewWriter(f, ipc.WithSchema(recs[0].Schema()))
	defer w.Close()
	for _, r := range recs {
		if err := w.Write(r); err != nil {
			b.Fatal(err)
		}
	}
	return path
}

// TestSchemaChangesBetweenFiles stops before any data flows where a type differs; a missing column is null, one
// that the first file lacks is passed over.
func TestSchemaChangesBetweenFiles(t *testing.T) {
	b := newTrial(t)
	b.parquetFile("in/a.parquet", numberedRecord(t, 0, 3))
	less := arrow.NewSchema(append(slices.Clone(numberedSchema.Fields()[:2]), arrow.Field{Name: "new", Type: arrow.PrimitiveTypes.Int64}), nil)
	b.parquetFile("in/b.parquet", record(t, less, `[{"n":3,"c":"k","new":1},{"n":4,"c":"k","new":2}]`))
	b.parquetFile("in/c.parquet", numberedRecord(t, 5, 9))
	text := learning("{parquet: {path: DIR/in}}")
	b.accounts(b.mustRun(text), 9, nil, 2)
	bad := newTrial(t)
	bad.parquetFile("in/a.parquet", numberedRecord(t, 0, 3))
	fields := slices.Clone(numberedSchema.Fields())
	fields[2].Type = arrow.BinaryTypes.String
	bad.parquetFile("in/b.parquet", record(t, arrow.NewSchema(fields, nil), `[{"n":3,"c":"k","x":"1","y":1}]`))
	_, err := bad.run(text)
	bad.refuses(err, flow.ErrConfig, "pipeline.yaml:2:10: source.parquet: ", "DIR/in/b.parquet: column x: want float64 as in the other files, got utf8", "leave the column out")
	if rows := bad.rows("rows"); len(rows) > 0 {
		t.Errorf("want no row before the refusal, got %v", rows)
	}
}
