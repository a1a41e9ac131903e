package arrowio

import (
	"bufio"
	"bytes"
	"context"
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"path/filepath"
	"strings"
	"testing"

	"github.com/sluice-stream/sluice/flow"
)

func csvOf(t testing.TB, content string, set func(*CSVConfig)) flow.Source {
	t.Helper()
	c := flow.Choice[flow.Source]{}
	cfg, _ := c.Select("csv")
	j := cfg.(*CSVConfig)
	j.Path = writeFile(t, filepath.Join(t.TempDir(), "x.csv"), []byte(content))
	if set != nil {
		set(j)
	}
	return must(t)(c.Build())
}

func TestCSVInference(t *testing.T) {
	for _, c := range []struct{ column, want string }{
		{"1\n2\nNA", "int64"},
		{"1\n2.5", "float64"},
		{"1e3\n-2", "float64"},
		{"9223372036854775808", "float64"},
		{"01\n02", "utf8"},
		{"0.5\n0", "float64"},
		{"TRUE\nfalse", "bool"},
		{"true\n1", "utf8"},
		{"NULL\n", "utf8"},
		{"2015-07-01\n2015-07-02", "date"},
		{"2015-07-01\n2015-07-02 10:00:00", "timestamp"},
		{"2015-07-01T10:00:00Z", "timestamp"},
		{"2015-07-01 10:00:00.123456", "timestamp[us]"},
		{"2015-07-01\n5", "utf8"},
		{"0x10", "utf8"},
		{"1_000", "utf8"},
		{"x\n1", "utf8"},
	} {
		s := csvOf(t, "other,a\n0,"+strings.ReplaceAll(c.column, "\n", "\n0,"), nil)
		mustOpen(t, s, flow.Env{Alloc: checkedAlloc(t)})
		if got := schemaText(s.Schema()); got != "other int64, a "+c.want {
			t.Errorf("%q: want %s, got %s", c.column, c.want, got)
		}
		var l logged
		s.(*fileSource).env.Reject = l.env(nil).Reject
		if rows := readAll(t, s, 10); len(rows) != strings.Count(c.column, "\n")+1 || len(l.rejected) > 0 {
			t.Errorf("%q: the sample does not fit its own type: %v %v", c.column, rows, l.rejected)
		}
		s.Close()
	}
}

func TestCSVBadRows(t *testing.T) {
	content := "a,b\n" + // row numbers count from the first line behind the header
		"1,x\n" + // 0
		"2\n" + // 1: too few
		"3,y,z\n" + // 2: too many
		"q,w\n" + // 3: no number
		"4,\"open\n" + // 4: never closed properly
		"5,v\n" + // 5
		"\n" + // no row
		"6,\"a\"b\n" + // 6: text behind the quote
		"7,\"two\nlines, \"\"so\"\"\n\nthree\"\n" + // 7
		"8,5\" pipe\r\n" + // 8: a quote inside is text
		"9,\xff\n" + // 9: no UTF-8
		",\"\"\n" // 10: null, and an empty string
	var l logged
	s := csvOf(t, content, func(c *CSVConfig) { c.Schema = declare("a int64, b utf8") })
	mustOpen(t, s, l.env(checkedAlloc(t)))
	defer s.Close()
	want := []string{"1|x", "5|v", "7|two\nlines, \"so\"\n\nthree", "8|5\" pipe", "null|"}
	if got := readAll(t, s, 3); fmt.Sprintf("%q", got) != fmt.Sprintf("%q", want) {
		t.Errorf("want %q\n got %q", want, got)
	}
	rejected := map[int64][2]string{
		1: {"csv: want 2 fields, got 1", "2"}, 2: {"csv: want 2 fields, got 3", "3,y,z"}, 3: {`csv: a: want int64, got "q"`, "q,w"},
		4: {"csv: want a closing quote; the quote that opens in this line is not closed by a proper one", "4,\"open"},
		6: {badQuote, "6,\"a\"b"}, 9: {`csv: b: want utf8, got "\xff"`, "9,\xff"},
	}
	if len(l.rejected) != len(rejected) {
		t.Errorf("want %d rejected, got %+v", len(rejected), l.rejected)
	}
	for _, r := range l.rejected {
		if w := rejected[r.Offset]; r.Reason != w[0] || string(r.Raw) != w[1] || r.Stage != "csv" {
			t.Errorf("row %d: want %q, got %q %q", r.Offset, w, r.Reason, r.Raw)
		}
	}
}

func TestCSVSettings(t *testing.T) {
	open := func(content string, set func(*CSVConfig)) ([]string, string, error) {
		s := csvOf(t, content, set)
		defer s.Close()
		if err := s.(flow.Opener).Open(context.Background(), flow.Env{Alloc: checkedAlloc(t)}); err != nil {
			return nil, "", err
		}
		return readAll(t, s, 100), schemaText(s.Schema()), nil
	}
	for _, c := range []struct {
		content string
		set     func(*CSVConfig)
		rows    string
		schema  string
	}{
		{"1;x\n2;y", func(c *CSVConfig) { c.Header, c.Separator = false, ";" }, "[1|x 2|y]", "c0 int64, c1 utf8"},
		{"1\tx\n2\ty", func(c *CSVConfig) { c.Header, c.Separator, c.Schema = false, "\t", declare("id int32, s utf8") }, "[1|x 2|y]", "id int32, s utf8"},
		{"1,x", func(c *CSVConfig) {
			c.Header, c.Schema, c.Columns = false, declare("id int32, s utf8"), []string{"s"}
		}, "[x]", "s utf8"},
		{"a, b ,c\n1,2,3", func(c *CSVConfig) { c.Schema = declare("c float64, b uint8") }, "[3|2]", "c float64, b uint8"},
		{"a,b\n-,x", func(c *CSVConfig) { c.Nulls = []string{"-"} }, "[null|x]", "a utf8, b utf8"},
		{"a\n", nil, "[]", "a utf8"},
		{"\xef\xbb\xbfa\n1", nil, "[1]", "a int64"},
		{"", func(c *CSVConfig) { c.Schema = declare("a int64") }, "[]", "a int64"},
		{"a,b\n1.5,inf", func(c *CSVConfig) { c.Schema = declare("a float32, b float64") }, "[1.5|+Inf]", "a float32, b float64"},
		{"a\n\" 2015-09-12 00:46:58 \"\n1442018818771", func(c *CSVConfig) { c.Schema = declare("a timestamp") }, "[2015-09-12 00:46:58Z 2015-09-12 00:46:58.771Z]", "a timestamp"},
		{"a,a\n1,2", func(c *CSVConfig) { c.Header = false }, "[a|a 1|2]", "c0 utf8, c1 utf8"},
	} {
		rows, schema, err := open(c.content, c.set)
		if err != nil || fmt.Sprint(rows) != c.rows || schema != c.schema {
			t.Errorf("%q: want %s of %s, got %v of %s, %v", c.content, c.rows, c.schema, rows, schema, err)
		}
	}
	for _, c := range []struct {
		content string
		set     func(*CSVConfig)
		want    string
	}{
		{"", nil, "declare it with schema"},
		{"a,a\n1,2", nil, `got "a" twice`},
		{"a,price\n1,2", func(c *CSVConfig) { c.Schema = declare("prize float64") }, `did you mean "price"?`},
	} {
		if _, _, err := open(c.content, c.set); !errors.Is(err, flow.ErrConfig) || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%q: want ErrConfig with %q, got %v", c.content, c.want, err)
		}
	}
	err := CSVConfig{Path: "x", InferRows: 1, Separator: "::", Schema: declare("a list<utf8>")}.Validate()
	for _, want := range []string{"separator: want one character", "schema.a: want a scalar type"} {
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("want %q in %v", want, err)
		}
	}
}

func TestCSVSchemaChangesBetweenFiles(t *testing.T) {
	dir := t.TempDir()
	writeFile(t, filepath.Join(dir, "0.csv"), nil)
	writeFile(t, filepath.Join(dir, "1.csv"), []byte("a,b\n1,x\n"))
	writeFile(t, filepath.Join(dir, "2.csv"), []byte("c,b,a\n9,y,2\n"))
	writeFile(t, filepath.Join(dir, "3.csv"), []byte("a\n3\n"))
	s := must(t)(newCSV(dir, nil, nil))
	mustOpen(t, s, flow.Env{Alloc: checkedAlloc(t)})
	defer s.Close()
	if got := fmt.Sprint(readAll(t, s, 100)); got != "[1|x 2|y 3|null]" {
		t.Errorf("got %s", got)
	}
}

// FuzzCSVSplit compares with encoding/csv where both have the same rules.
func FuzzCSVSplit(f *testing.F) {
	for _, s := range []string{"a,b\n1,2\n", "\"a\nb\",c\r\n", "\"\"\"\",x", "a,\n,b", "\"a\",\"b,c\"\n\n\nd", "\"\n\n\"", "x,\"", "\"a\"b,c\nd"} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, content []byte) {
		if len(bytes.TrimSpace(content)) == 0 || bytes.HasPrefix(content, utf8Mark) || bytes.ContainsAny(content, "\r \t\v\f\u0085\u00a0\u3000\u2028\u2029\u1680\u202f\u205f") {
			return // line ends inside of quotes and blank lines of spaces are judged differently
		}
		oracle := csv.NewReader(bytes.NewReader(content))
		oracle.FieldsPerRecord = -1
		want, oracleErr := oracle.ReadAll()
		s := &csvSplitter{sep: ',', lines: &lineReader{name: "x", raw: io.NopCloser(nil), r: bufio.NewReader(bytes.NewReader(content))}}
		var got [][]string
		bad := false
		for {
			reason, err := s.next()
			if err == io.EOF {
				break
			}
			if err != nil {
				t.Fatal(err)
			}
			bad = bad || reason != ""
			var row []string
			for _, f := range s.fields {
				row = append(row, string(f.text))
			}
			got = append(got, row)
		}
		if oracleErr == nil && (bad || fmt.Sprintf("%q", got) != fmt.Sprintf("%q", want)) {
			t.Fatalf("%q: want %q, got %q (bad: %v)", content, want, got, bad)
		}
		if !bad && oracleErr != nil && !errors.Is(oracleErr, csv.ErrBareQuote) {
			t.Fatalf("%q: accepted, but %v", content, oracleErr)
		}
	})
}
