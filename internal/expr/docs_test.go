package expr

import (
	"fmt"
	"math"
	"os"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/apache/arrow/go/v17/arrow"
	"github.com/apache/arrow/go/v17/arrow/array"
	"github.com/goccy/go-yaml"
)

const docsFile = "../../docs/expressions.md"

// cellsOf splits a row of a table.
func cellsOf(line string) []string {
	line = strings.ReplaceAll(strings.Trim(line, "|"), `\|`, "\x00")
	cells := strings.Split(line, "|")
	for i, c := range cells {
		cells[i] = strings.ReplaceAll(strings.TrimSpace(c), "\x00", "|")
	}
	return cells
}

// quoted takes the quotes off a cell that is one piece of code.
func quoted(cell string) (string, bool) {
	inner := strings.Trim(cell, "`")
	return inner, len(inner)+2 == len(cell) && !strings.Contains(inner, "`")
}

var docsTypes = map[string]arrow.DataType{
	"`float64`": arrow.PrimitiveTypes.Float64, "`int64`": arrow.PrimitiveTypes.Int64, "`utf8`": arrow.BinaryTypes.String,
	"`bool`": arrow.FixedWidthTypes.Boolean, "`timestamp`": arrow.FixedWidthTypes.Timestamp_us, "`list`": arrow.ListOf(arrow.BinaryTypes.String),
}

// docsRow builds the record of the table of columns.
func docsRow(t *testing.T, lines []string) arrow.Record {
	t.Helper()
	var fields []arrow.Field
	var values []string
	for _, line := range lines {
		c := cellsOf(line)
		if len(c) != 3 || docsTypes[c[1]] == nil {
			continue
		}
		name, _ := quoted(c[0])
		value, _ := quoted(c[2])
		fields = append(fields, arrow.Field{Name: name, Type: docsTypes[c[1]], Nullable: true})
		values = append(values, strconv.Quote(name)+": "+value)
	}
	rec, _, err := array.RecordFromJSON(goAlloc, arrow.NewSchema(fields, nil), strings.NewReader("[{"+strings.Join(values, ", ")+"}]"))
	if err != nil {
		t.Fatal(err)
	}
	return rec
}

func shown(x any) string {
	switch v := x.(type) {
	case nil:
		return "null"
	case float64:
		if math.IsInf(v, 1) {
			return "+Inf"
		}
		return strconv.FormatFloat(v, 'f', -1, 64)
	case time.Time:
		return v.Format(time.RFC3339Nano)
	}
	return fmt.Sprint(x)
}

// TestDocs runs every example of docs/expressions.md, and wants one for every function.
func TestDocs(t *testing.T) {
	text, err := os.ReadFile(docsFile)
	if err != nil {
		t.Fatal(err)
	}
	lines := strings.Split(string(text), "\n")
	rec := docsRow(t, lines)
	defer rec.Release()
	ran := 0
	for _, line := range lines {
		c := cellsOf(line)
		if len(c) != 4 {
			continue
		}
		src, isCode := quoted(c[2])
		want, alsoCode := quoted(c[3])
		if !isCode || !alsoCode {
			continue
		}
		ran++
		if got := docsExample(t, rec, src); got != want {
			t.Errorf("%s: documented as %s, got %s", src, want, got)
		}
	}
	if ran < 60 {
		t.Errorf("want at least 60 examples, found %d", ran)
	}
	for name := range functions {
		if !regexp.MustCompile("(?m)^\\|.*`" + name + "\\(").Match(text) {
			t.Errorf("%s is not documented", name)
		}
	}
	docsPipeline(t, string(text), rec.Schema())
}

func docsExample(t *testing.T, rec arrow.Record, src string) string {
	t.Helper()
	p, err := Compile(src, rec.Schema())
	if err != nil {
		t.Errorf("%s: %v", src, err)
		return ""
	}
	out, err := p.Eval(goAlloc, rec.Columns(), 1)
	if err != nil {
		t.Errorf("%s: %v", src, err)
		return ""
	}
	defer out.Release()
	return shown(cell(out, 0))
}

// docsPipeline compiles the expressions of the YAML example in their order.
func docsPipeline(t *testing.T, text string, schema *arrow.Schema) {
	t.Helper()
	_, rest, _ := strings.Cut(text, "```yaml\n")
	block, _, _ := strings.Cut(rest, "```")
	var ops []map[string]yaml.MapSlice
	if err := yaml.Unmarshal([]byte(block), &ops); err != nil || len(ops) == 0 {
		t.Fatalf("want operators in YAML, got %v %v", ops, err)
	}
	for _, op := range ops {
		for _, list := range op {
			for _, item := range list {
				p, err := Compile(item.Value.(string), schema)
				if err != nil {
					t.Errorf("%v: %v", item.Key, err)
					continue
				}
				if name := item.Key.(string); len(schema.FieldIndices(name)) == 0 {
					schema = arrow.NewSchema(append(schema.Fields(), p.Field(name)), nil)
				}
			}
		}
	}
}
