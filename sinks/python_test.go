package sinks

import (
	"cmp"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"github.com/apache/arrow/go/v17/arrow/memory"

	"github.com/sluice-stream/sluice/internal/vfs"
)

// script reads both folders with pyarrow and compares them: the Arrow files, which need no conversion, are the
// oracle for the Parquet files.
const script = `
import sys, glob, pyarrow as pa, pyarrow.parquet as pq, pyarrow.ipc as ipc, pyarrow.dataset as ds
parquet, arrow, rows = sys.argv[1], sys.argv[2], int(sys.argv[3])
b = pa.concat_tables([ipc.open_file(f).read_all() for f in sorted(glob.glob(arrow + '/*.arrow'))])
a = pa.concat_tables([pq.read_table(f) for f in sorted(glob.glob(parquet + '/*.parquet'))])
a.validate(full=True); b.validate(full=True)
assert a.num_rows == b.num_rows == rows, (a.num_rows, b.num_rows)
assert ds.dataset(parquet).to_table().num_rows == rows, 'stages are seen'
assert ds.dataset(arrow, format='ipc').to_table().num_rows == rows, 'stages are seen'
assert a.column_names == b.column_names
for c in a.column_names:
    assert a[c].to_pylist() == b[c].to_pylist(), c
    assert str(a[c].type).replace('element', 'item').split('<')[0] == str(b[c].type).split('<')[0], (c, a[c].type, b[c].type)
assert a['row'].to_pylist() == list(range(rows))
assert pa.types.is_fixed_size_list(a.schema.field('c19_fixed_size_list').type)
assert a.schema.metadata[b'origin'] == b'test'
`

// TestPyArrowReadsTheFiles needs an interpreter with pyarrow; SLUICE_PYTHON names it.
func TestPyArrowReadsTheFiles(t *testing.T) {
	python := cmp.Or(os.Getenv("SLUICE_PYTHON"), "python3")
	if err := exec.Command(python, "-c", "import pyarrow").Run(); err != nil {
		t.Skipf("%s has no pyarrow (%v); SLUICE_PYTHON names an interpreter that has", python, err)
	}
	dir := t.TempDir()
	p, err := newParquet(ParquetConfig{Path: filepath.Join(dir, "p"), Compression: "zstd", RowGroup: 64, Rotate: Rotate{Rows: 150}})
	if err != nil {
		t.Fatal(err)
	}
	a, err := newArrow(ArrowConfig{Path: filepath.Join(dir, "a"), Compression: "lz4", RowGroup: 64, Rotate: Rotate{Rows: 150}})
	if err != nil {
		t.Fatal(err)
	}
	schema, mem := allTypes(true), memory.DefaultAllocator
	for _, s := range []fileSink{p, a} {
		start(t, s, vfs.OS{}, mem, schema, 0)
		writeCut(t, s, mem, schema, 0, 400, rand.New(rand.NewPCG(1, 1)), true)
		checkpoint(t, s, 1)
		writeCut(t, s, mem, schema, 400, 500, rand.New(rand.NewPCG(1, 1)), true)
		if err := s.Prepare(t.Context(), 2); err != nil { // stages that no reader may see
			t.Fatal(err)
		}
	}
	out, err := exec.Command(python, "-c", script, filepath.Join(dir, "p"), filepath.Join(dir, "a"), "400").CombinedOutput()
	if err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
}
