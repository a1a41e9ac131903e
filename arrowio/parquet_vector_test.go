package arrowio

import (
	"bytes"
	"errors"
	"fmt"
	"path/filepath"
	"strings"
	"testing"

	"github.com/apache/arrow/go/v17/arrow"
	"github.com/apache/arrow/go/v17/arrow/array"
	"github.com/apache/arrow/go/v17/arrow/memory"
	"github.com/apache/arrow/go/v17/parquet"
	"github.com/apache/arrow/go/v17/parquet/pqarrow"

	"github.com/sluice-stream/sluice/flow"
)

// vectors builds rows from number first on.
func vectors(schema *arrow.Schema, first, n int) arrow.Record {
	b := array.NewRecordBuilder(memory.DefaultAllocator, schema)
	defer b.Release()
	for i := first; i < first+n; i++ {
		b.Field(0).(*array.Int64Builder).Append(int64(i))
		l := b.Field(1).(*array.FixedSizeListBuilder)
		l.Append(true)
		for j := range 4 {
			l.ValueBuilder().(*array.Float32Builder).Append(float32(4*i + j))
		}
	}
	return b.NewRecord()
}

// TestParquetVectors reads embeddings back over several batches and row groups. They are written with care: the
// writer of arrow-go v17 loses the values of a fixed-size list that is not nullable, and writes those of the first
// rows again for a list that is a slice, its own slices for a row group among them.
func TestParquetVectors(t *testing.T) {
	schema := arrow.NewSchema([]arrow.Field{
		{Name: "id", Type: arrow.PrimitiveTypes.Int64},
		{Name: "v", Type: arrow.FixedSizeListOf(4, arrow.PrimitiveTypes.Float32), Nullable: true},
	}, nil)
	const rows = 20000
	var buf bytes.Buffer
	w, err := pqarrow.NewFileWriter(schema, &buf, parquet.NewWriterProperties(), pqarrow.NewArrowWriterProperties(pqarrow.WithStoreSchema()))
	if err != nil {
		t.Fatal(err)
	}
	for from := 0; from < rows; from += 10000 {
		if err := w.Write(vectors(schema, from, 10000)); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	path := writeFile(t, filepath.Join(t.TempDir(), "x.parquet"), buf.Bytes())
	s := must(t)(newParquet(path, nil, nil))
	mustOpen(t, s, flow.Env{Alloc: checkedAlloc(t)})
	defer s.Close()
	got := readAll(t, s, 5000)
	for i, row := range got {
		if want := fmt.Sprintf("%d|[%d,%d,%d,%d]", i, 4*i, 4*i+1, 4*i+2, 4*i+3); row != want {
			t.Fatalf("want %s, got %s", want, row)
		}
	}
	if len(got) != rows {
		t.Fatalf("want %d rows, got %d", rows, len(got))
	}
}

// TestParquetUnknownEncoding: arrow-go v17 would read the column as empty.
func TestParquetUnknownEncoding(t *testing.T) {
	path := dataFile(t, "frozen-text-embeddings", "product_types_glove100.parquet")
	s := must(t)(newParquet(path, nil, nil))
	mustOpen(t, s, flow.Env{Alloc: checkedAlloc(t)})
	if err := lastError(s); !errors.Is(err, flow.ErrConfig) || !strings.Contains(err.Error(), "BYTE_STREAM_SPLIT") {
		t.Errorf("want ErrConfig that names the encoding, got %v", err)
	}
	s.Close()
	s = must(t)(newParquet(path, []string{"department", "product_type"}, nil))
	mustOpen(t, s, flow.Env{Alloc: checkedAlloc(t)})
	if n, _ := drain(t, s, 1000); n != 3895 {
		t.Errorf("want the other columns, got %d rows", n)
	}
	s.Close()
}
