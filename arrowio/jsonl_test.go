package arrowio

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/sluice-stream/sluice/flow"
)

func jsonlOf(t testing.TB, path, schema string, inferRows int) flow.Source {
	t.Helper()
	c := flow.Choice[flow.Source]{}
	cfg, _ := c.Select("jsonl")
	j := cfg.(*JSONLConfig)
	j.Path = path
	if schema != "" {
		j.Schema = declare(schema)
	}
	if inferRows > 0 {
		j.InferRows = inferRows
	}
	return must(t)(c.Build())
}

// mixedLines has a bad line at every third place, and blank lines that count for nothing.
func mixedLines(n int) (text string, good []string, bad []int) {
	var b strings.Builder
	for i := range n {
		if i%3 == 1 {
			fmt.Fprintf(&b, "{\"id\": %d,\r\n\n", i)
			bad = append(bad, i)
			continue
		}
		fmt.Fprintf(&b, "{\"id\": %d}\r\n  \n", i)
		good = append(good, fmt.Sprint(i))
	}
	return b.String(), good, bad
}

func TestJSONLRejectsOnceAndInPlace(t *testing.T) {
	text, good, bad := mixedLines(3000)
	path := writeFile(t, filepath.Join(t.TempDir(), "x.jsonl"), []byte(text))
	for _, max := range []int{1, 2, 7, 1000, 5000} {
		for _, stop := range []int{0, 1, 2, 5, 100, 1500, 2000} { // restart after so many rows
			var l logged
			s := jsonlOf(t, path, "id int64", 0)
			mustOpen(t, s, l.env(checkedAlloc(t)))
			var got []string
			for len(got) < stop {
				rec, err := s.Next(context.Background(), min(max, stop-len(got)))
				if err != nil {
					t.Fatal(err)
				}
				got = append(got, cells(rec)...)
				rec.Release()
			}
			saved := saveState(s)
			s.Close()
			again := jsonlOf(t, path, "id int64", 0)
			restoreState(t, again, saved)
			mustOpen(t, again, l.env(checkedAlloc(t)))
			got = append(got, readAll(t, again, max)...)
			again.Close()
			if fmt.Sprint(got) != fmt.Sprint(good) {
				t.Fatalf("max %d, restart at %d: want %d rows, got %d", max, stop, len(good), len(got))
			}
			if len(l.rejected) != len(bad) {
				t.Fatalf("max %d, restart at %d: want %d rejected, got %d", max, stop, len(bad), len(l.rejected))
			}
			for i, r := range l.rejected {
				if r.Offset != int64(bad[i]) || r.Topic != path || r.Stage != "jsonl" || string(r.Raw) != fmt.Sprintf(`{"id": %d,`, bad[i]) || r.Partition != -1 {
					t.Fatalf("rejection %d: want row %d, got %+v", i, bad[i], r)
				}
			}
		}
	}
}

func TestJSONLNoNewlineAtEnd(t *testing.T) {
	path := writeFile(t, filepath.Join(t.TempDir(), "x.jsonl"), []byte("\xef\xbb\xbf{\"a\":1}\n{\"a\":2}"))
	s := jsonlOf(t, path, "", 0)
	mustOpen(t, s, flow.Env{Alloc: checkedAlloc(t)})
	defer s.Close()
	if got := fmt.Sprint(readAll(t, s, 10)); got != "[1 2]" {
		t.Fatal(got)
	}
}

func TestJSONLOpenErrors(t *testing.T) {
	for content, want := range map[string]string{
		"":                          "declare it with schema",
		"[\n{\"a\":1},\n{\"b\":2}]": "want one object a line, got one array",
		"x\n":                       "declare it with schema",
	} {
		path := writeFile(t, filepath.Join(t.TempDir(), "x.jsonl"), []byte(content))
		s := jsonlOf(t, path, "", 0)
		if err := s.(flow.Opener).Open(context.Background(), flow.Env{}); !errors.Is(err, flow.ErrConfig) || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: want %q, got %v", content, want, err)
		}
		s.Close()
	}
	_, err := func() (flow.Source, error) {
		c := flow.Choice[flow.Source]{}
		cfg, _ := c.Select("jsonl")
		*cfg.(*JSONLConfig) = JSONLConfig{Path: "x", Schema: declare("a string"), InferRows: 0}
		return c.Build()
	}()
	if err == nil || !strings.Contains(err.Error(), `schema.a: `) || !strings.Contains(err.Error(), "infer_rows: want > 0") || !strings.Contains(err.Error(), `did you mean "utf8"?`) {
		t.Errorf("got %v", err)
	}
}

// TestJSONLLateColumn: a column that is null in every sampled row and then is not keeps the later values as text.
func TestJSONLLateColumn(t *testing.T) {
	var b strings.Builder
	for i := range 50 {
		fmt.Fprintf(&b, "{\"a\":%d,\"b\":null}\n", i)
	}
	b.WriteString(`{"a":50,"b":7}` + "\n" + `{"a":51,"b":"x","c":1}` + "\n" + `{"a":5.5}`)
	path := writeFile(t, filepath.Join(t.TempDir(), "x.jsonl"), []byte(b.String()))
	var l logged
	s := jsonlOf(t, path, "", 50)
	mustOpen(t, s, l.env(checkedAlloc(t)))
	defer s.Close()
	got := readAll(t, s, 1000)
	if schemaText(s.Schema()) != "a int64, b utf8" || fmt.Sprint(got[50:]) != "[50|7 51|x]" {
		t.Fatalf("got %s %v", schemaText(s.Schema()), got[50:])
	}
	if len(l.rejected) != 1 || l.rejected[0].Reason != "json: a: want int64, got number 5.5" {
		t.Fatalf("got %+v", l.rejected)
	}
}

func TestTextCutOffGzip(t *testing.T) {
	whole := gzipped([]byte(strings.Repeat("{\"a\":1}\n", 100000)))
	path := writeFile(t, filepath.Join(t.TempDir(), "x.jsonl.gz"), whole[:len(whole)/2])
	s := jsonlOf(t, path, "a int64", 0)
	mustOpen(t, s, flow.Env{Alloc: checkedAlloc(t)})
	defer s.Close()
	if err := lastError(s); !errors.Is(err, flow.ErrCorrupt) || !strings.Contains(err.Error(), path) {
		t.Fatalf("want ErrCorrupt naming the file, got %v", err)
	}
}

// lastError reads until an error.
func lastError(s flow.Source) error {
	for {
		rec, err := s.Next(context.Background(), 1000)
		if err != nil {
			return err
		}
		rec.Release()
	}
}

// TestJSONLLongLine: a line beyond the limit is rejected with its start, and reading goes on behind it.
func TestJSONLLongLine(t *testing.T) {
	if testing.Short() {
		t.Skip("writes 64 MB")
	}
	long := []byte(`{"a":"` + strings.Repeat("x", textLine) + "\"}\n{\"a\":\"y\"}\n")
	path := writeFile(t, filepath.Join(t.TempDir(), "x.jsonl"), long)
	var l logged
	s := jsonlOf(t, path, "a utf8", 0)
	mustOpen(t, s, l.env(checkedAlloc(t)))
	defer s.Close()
	if got := fmt.Sprint(readAll(t, s, 10)); got != "[y]" {
		t.Fatal(got)
	}
	if len(l.rejected) != 1 || len(l.rejected[0].Raw) != textRaw || !strings.Contains(l.rejected[0].Reason, "want a line of at most") {
		t.Fatalf("got %d rejected", len(l.rejected))
	}
}

// dataFile returns the path of a file of the data sets, or skips the test.
func dataFile(t testing.TB, parts ...string) string {
	t.Helper()
	root := os.Getenv("SLUICE_DATA")
	if root == "" {
		root = filepath.Join("..", "..", "shared", "data")
	}
	path := filepath.Join(append([]string{root}, parts...)...)
	if _, err := os.Stat(path); err != nil {
		t.Skipf("needs %s; set SLUICE_DATA to the folder of the data sets", filepath.Join(parts...))
	}
	return path
}

func TestJSONLWikiticker(t *testing.T) {
	s := jsonlOf(t, dataFile(t, "wikiticker", "wikiticker-2015-09-12-sampled.json.gz"), "", 0)
	var l logged
	mustOpen(t, s, l.env(checkedAlloc(t)))
	defer s.Close()
	got := readAll(t, s, 1000)
	if len(got) != 39244 || len(l.rejected) != 0 {
		t.Fatalf("want 39244 rows, got %d and %d rejected: %+v", len(got), len(l.rejected), l.rejected)
	}
	if f := s.Schema().Field(0); f.Name != "time" || typeName(f.Type) != "timestamp" {
		t.Errorf("got %v", f)
	}
	if want := "2015-09-12 00:46:58.771Z|#en.wikipedia|null|added project|"; !strings.HasPrefix(got[0], want) {
		t.Errorf("got %s", got[0])
	}
	t.Log(schemaText(s.Schema()))
}
