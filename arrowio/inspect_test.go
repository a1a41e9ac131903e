package arrowio

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"strings"
	"testing"

	"github.com/sluice-stream/sluice/flow"
)

func TestDescribeFormats(t *testing.T) {
	for _, f := range formats {
		glob, want := sampleFiles(t, f.name, f.bytes)
		got, err := Describe(context.Background(), checkedAlloc(t), glob, 0)
		if err != nil {
			t.Errorf("%s: %v", f.name, err)
			continue
		}
		types := sampleTypes
		if got.Format == "jsonl" { // JSON text is a time only with a clock
			types = strings.Replace(types, "day date", "day utf8", 1)
		}
		if got.Files != 3 || got.Rows != int64(len(want)) || got.Sampled != got.Rows || schemaText(got.Schema) != types || got.Bytes == 0 {
			t.Errorf("%s: got %+v", f.name, got)
		}
		id, user, price := got.Columns[0], got.Columns[1], got.Columns[2]
		if id.Min != "0" || id.Max != "72" || id.Distinct != 73 || id.Nulls != 0 || fmt.Sprint(id.Examples) != "[0 1 2 3 4]" {
			t.Errorf("%s: got %+v", f.name, id)
		}
		if user.Nulls != 19 || user.Distinct != 7 || user.Min != `u0, "q"` || user.Max != `u6, "q"` {
			t.Errorf("%s: got %+v", f.name, user)
		}
		if price.Min != "0.125" || price.Max != "9" || price.Type != "float64" {
			t.Errorf("%s: got %+v", f.name, price)
		}
		part, err := Describe(context.Background(), checkedAlloc(t), glob, 10)
		if err != nil || part.Sampled != 10 || part.Columns[0].Max != "9" {
			t.Errorf("%s: got %+v, %v", f.name, part, err)
		}
		if whole := part.Rows == 73; whole != (f.name == "a.parquet") || !whole && part.Rows != -1 {
			t.Errorf("%s: rows of a sample are %d", f.name, part.Rows)
		}
	}
}

func TestDescribeByContent(t *testing.T) {
	rec := sampleRecord(checkedAlloc(t), 0, 5)
	defer rec.Release()
	for want, content := range map[string][]byte{
		"parquet": parquetBytes(t, rec, 5, 0), "arrow": arrowBytes(t, rec, 5, true), "jsonl": jsonLines(t, rec), "csv": csvLines(t, rec),
	} {
		got, err := Describe(context.Background(), checkedAlloc(t), writeFile(t, filepath.Join(t.TempDir(), "data"), content), 0)
		if err != nil || got.Format != want || got.Rows != 5 {
			t.Errorf("want %s, got %+v, %v", want, got, err)
		}
	}
	got, err := Describe(context.Background(), checkedAlloc(t), writeFile(t, filepath.Join(t.TempDir(), "x.csv"), []byte("a;b\n1;x,y\n2\n")), 0)
	if err != nil || got.Separator != ";" || got.Rejected != 1 || !strings.Contains(got.Reason, "want 2 fields") {
		t.Errorf("got %+v, %v", got, err)
	}
}

func TestDescribeErrors(t *testing.T) {
	dir := t.TempDir()
	for _, c := range []struct {
		path  string
		class error
	}{
		{filepath.Join(dir, "none"), flow.ErrConfig},
		{writeFile(t, filepath.Join(dir, "x.bin"), []byte{0, 1, 2}), flow.ErrConfig},
		{writeFile(t, filepath.Join(dir, "x.parquet"), []byte("PAR1")), flow.ErrCorrupt},
	} {
		if _, err := Describe(context.Background(), checkedAlloc(t), c.path, 0); !errors.Is(err, c.class) {
			t.Errorf("%s: want %v, got %v", filepath.Base(c.path), c.class, err)
		}
	}
}

func TestDescribeDistinctLimit(t *testing.T) {
	var b strings.Builder
	b.WriteString("a\n")
	for i := range DistinctLimit + 10 {
		fmt.Fprintln(&b, i)
	}
	got, err := Describe(context.Background(), checkedAlloc(t), writeFile(t, filepath.Join(t.TempDir(), "x.csv"), []byte(b.String())), 0)
	if err != nil || got.Columns[0].Distinct != DistinctLimit || got.Columns[0].Max != fmt.Sprint(DistinctLimit+9) {
		t.Errorf("got %+v, %v", got.Columns, err)
	}
}
