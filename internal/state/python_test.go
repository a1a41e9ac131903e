package state

import (
	"cmp"
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"github.com/sluice-stream/sluice/internal/vfs"
)

// script puts a part together from its manifest as docs/checkpoint-format.md says, and prints two lists.
const script = `
import sys, json, pyarrow as pa
def read(name):
    with pa.OSFile(sys.argv[1] + '/' + name) as f:
        table = pa.ipc.open_file(f).read_all()
    table.validate(full=True)
    assert table.num_rows == 1
    return table
part = json.load(open(sys.argv[1] + '/' + sys.argv[2]))['parts'][0]
values = {c: read(part['file'])[c][0].as_py() for c in read(part['file']).column_names}
last = None
for d in part['deltas']:
    table = read(d['file'])
    meta = table.schema.metadata
    assert meta[b'sluice_part'] == b'delta' and (last is None or meta[b'from'] == last)
    last = meta[b'content']
    for name in table.column_names:
        if pa.types.is_null(table.schema.field(name).type):
            continue
        new = table[name][0].as_py()
        if pa.types.is_struct(table.schema.field(name).type):
            old, size, at = values[name], new['block'], 0
            old = (old + [0] * new['length'])[:new['length']]
            for start, count in zip(new['start'], new['count']):
                stop = min((start + count) * size, new['length'])
                n = stop - start * size
                old[start * size:stop] = new['data'][at:at + n]
                at += n
            new = old
        values[name] = new
    values = {name: values[name] for name in table.column_names}
assert last.decode() == part['content']
print([int(x) for x in values['f32']], [int(x) for x in values['bs']], values['i'])
`

// TestPyArrowReadsBaseAndDeltas needs an interpreter with pyarrow; SLUICE_PYTHON names it.
func TestPyArrowReadsBaseAndDeltas(t *testing.T) {
	python := cmp.Or(os.Getenv("SLUICE_PYTHON"), "python3")
	if err := exec.Command(python, "-c", "import pyarrow").Run(); err != nil {
		t.Skipf("%s has no pyarrow (%v); SLUICE_PYTHON names an interpreter that has", python, err)
	}
	dir, th := t.TempDir(), full()
	s := NewStore(vfs.OS{}, dir, 1)
	th.F32, th.Bs, th.I6 = make([]float32, 3000), make([]bool, 3000), make([]int64, 3000)
	put(t, s, 1, th)
	th.F32[100], th.F32[2999], th.Bs[700], th.I = 1, 2, true, 5
	put(t, s, 2, th)
	th.F32, th.Bs, th.I = append(th.F32[:2990], 7), append(th.Bs, true), 6
	put(t, s, 3, th)
	m, err := s.Manifest(3)
	if err != nil || len(m.Parts[0].Deltas) != 2 {
		t.Fatalf("want two deltas, got %+v (%v)", m.Parts[0], err)
	}
	out, err := exec.Command(python, "-c", script, dir, "manifest-00000003.json").CombinedOutput()
	if err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	check := filepath.Join(t.TempDir(), "want.py")
	want := `
f = [0] * 2991; f[100] = 1; f[2990] = 7
b = [0] * 3001; b[700] = 1; b[3000] = 1
print(f, b, 6)`
	if err := os.WriteFile(check, []byte(want), 0o644); err != nil {
		t.Fatal(err)
	}
	expected, err := exec.Command(python, check).CombinedOutput()
	if err != nil || string(expected) != string(out) {
		t.Errorf("want %.200s\ngot %.200s (%v)", expected, out, err)
	}
}
