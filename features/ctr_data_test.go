package features

import (
	"context"
	"math"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"github.com/apache/arrow/go/v17/arrow"
	"github.com/apache/arrow/go/v17/arrow/array"
	"github.com/apache/arrow/go/v17/arrow/memory"
	"github.com/apache/arrow/go/v17/parquet/file"
	"github.com/apache/arrow/go/v17/parquet/pqarrow"
)

// realRows are the rows of a prepared file, encoded as the peers' scripts do: the fields' unknown slots are rows
// 0 .. F-1, values follow in order of first appearance.
type realRows struct {
	fields, rows, table int
	ids                 []int32
	labels              []float32
}

var (
	notFeatures = []string{"event_time", "label_time", "outcome_time", "arrival", "label"}
	idLike      = []string{"agent", "company", "arrival_date_year", "arrival_date_week_number", "arrival_date_day_of_month",
		"Month", "DayofMonth", "DayOfWeek", "FlightNum", "sched_hour", "is_repeated_guest"}
)

func loadReal(t testing.TB, name string) *realRows {
	dir := os.Getenv("SLUICE_DATA")
	if dir == "" {
		dir = "../../shared/data"
	}
	f, err := os.Open(filepath.Join(dir, "prepared", name))
	if err != nil {
		t.Skipf("no data: %v; set SLUICE_DATA", err)
	}
	defer f.Close()
	pf, err := file.NewParquetReader(f)
	if err != nil {
		t.Fatal(err)
	}
	r, err := pqarrow.NewFileReader(pf, pqarrow.ArrowReadProperties{BatchSize: 1 << 16}, memory.DefaultAllocator)
	if err != nil {
		t.Fatal(err)
	}
	table, err := r.ReadTable(context.Background())
	if err != nil {
		t.Fatal(err)
	}
	defer table.Release()
	return encodeReal(table)
}

func encodeReal(table arrow.Table) *realRows {
	out := &realRows{rows: int(table.NumRows())}
	var cols [][]any
	for i, f := range table.Schema().Fields() {
		values := columnValues(table.Column(i), slices.Contains(idLike, f.Name))
		switch {
		case f.Name == "label":
			for _, v := range values {
				out.labels = append(out.labels, float32(v.(float64)))
			}
		case !slices.Contains(notFeatures, f.Name):
			cols = append(cols, values)
		}
	}
	out.fields = len(cols)
	out.table = out.fields
	seen := make([]map[any]int32, out.fields)
	for row := range out.rows {
		for k := range cols {
			if seen[k] == nil {
				seen[k] = map[any]int32{}
			}
			id, ok := seen[k][cols[k][row]]
			if !ok {
				id = int32(out.table)
				seen[k][cols[k][row]] = id
				out.table++
			}
			out.ids = append(out.ids, id)
		}
	}
	return out
}

// columnValues gives text as it is, numbers in the peers' buckets unless they are ids, labels as float64.
func columnValues(c *arrow.Column, id bool) []any {
	var out []any
	for _, chunk := range c.Data().Chunks() {
		for i := range chunk.Len() {
			var v any
			switch a := chunk.(type) {
			case *array.Int64:
				v = bucketReal(float64(a.Value(i)), id)
			case *array.Int8:
				v = float64(a.Value(i))
			case *array.Float64:
				v = bucketReal(a.Value(i), id)
			default:
				v = a.ValueStr(i)
			}
			if chunk.IsNull(i) {
				v = nil
			}
			out = append(out, v)
		}
	}
	return out
}

func bucketReal(v float64, id bool) float64 {
	if !id && v > 2 {
		return math.Floor(math.Log(v) * math.Log(v))
	}
	if !id {
		return math.Trunc(v)
	}
	return v
}
