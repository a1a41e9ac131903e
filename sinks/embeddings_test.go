package sinks

import (
	"maps"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/apache/arrow/go/v17/arrow"
	"github.com/apache/arrow/go/v17/arrow/memory"
	"github.com/google/go-cmp/cmp"

	"github.com/sluice-stream/sluice/check"
	"github.com/sluice-stream/sluice/flow"
	"github.com/sluice-stream/sluice/internal/vfs"
)

func TestEmbeddingVersions(t *testing.T) {
	mem := memory.NewCheckedAllocator(memory.NewGoAllocator())
	defer mem.AssertSize(t, 0)
	s, err := newEmbeddings(EmbeddingsConfig{Path: "out", Every: 2, Keep: 2})
	if err != nil {
		t.Fatal(err)
	}
	if s.From() != "embeddings" {
		t.Fatalf("want the table embeddings, got %q", s.From())
	}
	disk, r := vfs.NewMem(), rand.New(rand.NewPCG(1, 1))
	start(t, s, disk, mem, crashSchema(), 0)
	for id := flow.CheckpointID(1); id <= 7; id++ {
		if s.Due(id, id == 7) {
			writeCut(t, s, mem, crashSchema(), 0, 10*int(id), r, false)
		}
		checkpoint(t, s, id)
		var want []string
		for _, v := range [][2]string{{"2", "00000002"}, {"4", "00000004"}, {"6", "00000006"}, {"7", "00000007"}} {
			if v[0] <= id.String()[7:] {
				want = append(want, "out/embeddings-"+v[1]+".parquet")
			}
		}
		if len(want) > 2 {
			want = want[len(want)-2:]
		}
		if d := cmp.Diff(want, slices.Sorted(maps.Keys(disk.Files()))); d != "" {
			t.Fatalf("after checkpoint %d: %s", id, d)
		}
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	schema, rows := readFile(t, "x.parquet", disk.Files()["out/embeddings-00000007.parquet"])
	vector, ok := schema.Field(6).Type.(*arrow.FixedSizeListType)
	if len(rows) != 70 || !ok || vector.Len() != 3 || vector.Elem().ID() != arrow.FLOAT32 {
		t.Fatalf("want 70 rows with vectors of 3, got %d of %v", len(rows), schema)
	}
}

func TestEmbeddingsOnlyAtTheEnd(t *testing.T) {
	s, err := newEmbeddings(EmbeddingsConfig{Path: "out", Keep: 1})
	if err != nil {
		t.Fatal(err)
	}
	if s.Due(10, false) || !s.Due(11, true) {
		t.Fatal("want one version, at the end")
	}
}

func TestEmbeddingsWantTheirColumns(t *testing.T) {
	s, err := newEmbeddings(EmbeddingsConfig{Path: "out", Keep: 1})
	if err != nil {
		t.Fatal(err)
	}
	fields := crashSchema().Fields()
	fields[3].Type = arrow.BinaryTypes.String                           // count
	fields[6].Type = arrow.FixedSizeListOf(3, arrow.BinaryTypes.String) // vector
	bad := check.Of(s.Bind(arrow.NewSchema(fields[2:7], nil)))          // without field and checkpoint
	var got []string
	for _, v := range bad {
		got = append(got, v.Error())
	}
	text := strings.Join(got, "\n")
	for _, want := range []string{`one column "field" of type utf8`, `column "count" of type int64, got utf8`, `column "vector" of type fixed_size_list<float32>`, `one column "checkpoint"`} {
		if !strings.Contains(text, want) {
			t.Errorf("want %q in:\n%s", want, text)
		}
	}
	if len(bad) != 4 {
		t.Errorf("want 4 violations, got:\n%s", text)
	}
}
