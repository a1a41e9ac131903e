package neighbours

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"

	"github.com/apache/arrow/go/v17/arrow"
	"github.com/apache/arrow/go/v17/arrow/array"
	"github.com/apache/arrow/go/v17/arrow/memory"
	"github.com/apache/arrow/go/v17/parquet/file"
	"github.com/apache/arrow/go/v17/parquet/pqarrow"
)

// Table is one version of the embeddings, in memory: a row for each feature.
type Table struct {
	Path       string // the file that was read
	Checkpoint uint64 // whose embeddings these are
	Dim        int    // length of a vector

	fields  []string // names, in order of appearance
	fieldID []int32  // of each row, into fields
	values  []string
	null    []bool // the value is the null value
	count   []int64
	gate    []float32
	kept    []bool
	vectors []float32 // [rows, Dim]
}

// Rows is the number of features.
func (t *Table) Rows() int { return len(t.values) }

// Fields returns the names of the fields, in order of appearance.
func (t *Table) Fields() []string { return t.fields }

var versionName = regexp.MustCompile(`^embeddings-(\d+)\.parquet$`)

// Newest returns the newest version in an embeddings folder; a path of a file is returned as it is.
func Newest(path string) (string, error) {
	info, err := os.Stat(path)
	if err != nil {
		return "", fmt.Errorf("embeddings: %w", err)
	}
	if !info.IsDir() {
		return path, nil
	}
	ents, err := os.ReadDir(path)
	if err != nil {
		return "", fmt.Errorf("embeddings: %w", err)
	}
	best, newest := "", uint64(0)
	for _, e := range ents {
		m := versionName.FindStringSubmatch(e.Name())
		if m == nil || e.IsDir() {
			continue
		}
		if id, err := strconv.ParseUint(m[1], 10, 64); err == nil && (best == "" || id > newest) {
			best, newest = e.Name(), id
		}
	}
	if best == "" {
		return "", fmt.Errorf("embeddings: %s: want a folder with a file embeddings-<checkpoint>.parquet, found none; is this the path of an embeddings sink, and has the run committed one?", path)
	}
	return filepath.Join(path, best), nil
}

// Open reads the newest version of an embeddings folder, or the one file that path names.
func Open(ctx context.Context, mem memory.Allocator, path string) (t *Table, err error) {
	name, err := Newest(path)
	if err != nil {
		return nil, err
	}
	defer func() { // the Parquet reader panics on some broken files
		if p := recover(); p != nil {
			t, err = nil, fmt.Errorf("embeddings: %s: cannot be read: %v", name, p)
		}
	}()
	r, err := file.OpenParquetFile(name, false)
	if err != nil {
		return nil, fmt.Errorf("embeddings: %s: %w", name, err)
	}
	defer r.Close()
	fr, err := pqarrow.NewFileReader(r, pqarrow.ArrowReadProperties{BatchSize: 1 << 16}, mem)
	if err != nil {
		return nil, fmt.Errorf("embeddings: %s: %w", name, err)
	}
	tbl, err := fr.ReadTable(ctx)
	if err != nil {
		return nil, fmt.Errorf("embeddings: %s: %w", name, err)
	}
	defer tbl.Release()
	t = &Table{Path: name, Dim: -1}
	if err := t.read(tbl); err != nil {
		return nil, fmt.Errorf("embeddings: %s: %w", name, err)
	}
	return t, nil
}

func (t *Table) read(tbl arrow.Table) error {
	index := make(map[string]int)
	for _, name := range []string{"field", "value", "count", "gate", "kept", "vector", "checkpoint"} {
		at := tbl.Schema().FieldIndices(name)
		if len(at) != 1 {
			return fmt.Errorf("want one column %q, found %d; is this a file of an embeddings sink?", name, len(at))
		}
		index[name] = at[0]
	}
	rd := array.NewTableReader(tbl, 1<<16)
	defer rd.Release()
	ids := map[string]int32{}
	for rd.Next() {
		rec := rd.Record()
		if err := t.readRecord(rec, index, ids); err != nil {
			return err
		}
	}
	if t.Dim < 0 {
		t.Dim = 0
	}
	return rd.Err()
}

func (t *Table) readRecord(rec arrow.Record, index map[string]int, ids map[string]int32) error {
	field, ok1 := rec.Column(index["field"]).(*array.String)
	value, ok2 := rec.Column(index["value"]).(*array.String)
	count, ok3 := rec.Column(index["count"]).(*array.Int64)
	gate, ok4 := rec.Column(index["gate"]).(*array.Float32)
	kept, ok5 := rec.Column(index["kept"]).(*array.Boolean)
	if !ok1 || !ok2 || !ok3 || !ok4 || !ok5 {
		return fmt.Errorf("want field and value utf8, count int64, gate float32, kept bool, got %v", rec.Schema())
	}
	for i := range int(rec.NumRows()) {
		id, ok := ids[field.Value(i)]
		if !ok {
			id = int32(len(t.fields))
			name := strings.Clone(field.Value(i)) // the buffers are released
			ids[name] = id
			t.fields = append(t.fields, name)
		}
		t.fieldID = append(t.fieldID, id)
		t.null = append(t.null, value.IsNull(i))
		t.values = append(t.values, strings.Clone(value.Value(i)))
		t.kept = append(t.kept, kept.Value(i))
	}
	t.count = append(t.count, count.Int64Values()...)
	t.gate = append(t.gate, gate.Float32Values()...)
	if err := t.readCheckpoint(rec.Column(index["checkpoint"])); err != nil {
		return err
	}
	return t.readVectors(rec.Column(index["vector"]))
}

func (t *Table) readCheckpoint(col arrow.Array) error {
	if col.Len() == 0 {
		return nil
	}
	switch c := col.(type) {
	case *array.Uint64:
		t.Checkpoint = c.Value(0)
	case *array.Int64:
		t.Checkpoint = uint64(c.Value(0))
	default:
		return fmt.Errorf("want checkpoint int64 or uint64, got %s", col.DataType())
	}
	return nil
}

func (t *Table) readVectors(col arrow.Array) error {
	list, ok := col.(array.ListLike)
	if !ok {
		return fmt.Errorf("want vector as a list of float32, got %s", col.DataType())
	}
	elems, ok := list.ListValues().(*array.Float32)
	if !ok {
		return fmt.Errorf("want vector as a list of float32, got %s", col.DataType())
	}
	if col.NullN() > 0 || elems.NullN() > 0 {
		return fmt.Errorf("want vectors without nulls")
	}
	for i := range list.Len() {
		from, to := list.ValueOffsets(i)
		if t.Dim < 0 {
			t.Dim = int(to - from)
		}
		if int(to-from) != t.Dim {
			return fmt.Errorf("want all vectors of length %d, row %d has %d", t.Dim, len(t.vectors)/max(t.Dim, 1), to-from)
		}
		t.vectors = append(t.vectors, elems.Float32Values()[from:to]...)
	}
	return nil
}
