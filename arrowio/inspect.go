package arrowio

import (
	"bytes"
	"context"
	"errors"
	"io"
	"strings"

	"github.com/apache/arrow/go/v17/arrow"
	"github.com/apache/arrow/go/v17/arrow/memory"

	"github.com/sluice-stream/sluice/flow"
)

// Summary describes the rows of one or several files of one format.
type Summary struct {
	Format    string // name of the source that reads them: parquet, arrow, csv or jsonl
	Separator string // between the fields of a csv, "" for other formats
	Files     int
	Bytes     int64         // as stored
	Schema    *arrow.Schema // of the source, with its defaults
	Rows      int64         // in all files, -1 where only reading everything could tell
	Sampled   int64         // rows, from the start, that Columns describe
	Rejected  int64         // rows among them that cannot be used
	Reason    string        // why the first of those cannot be used
	Columns   []ColumnSummary
}

// ColumnSummary describes one column over the sampled rows.
type ColumnSummary struct {
	Name     string
	Type     string // as a schema declares it
	Nulls    int64
	Distinct int64    // different values, without null; counted up to DistinctLimit
	Min, Max string   // by the order of the type, "" where it has none or every value is null
	Examples []string // the first different values, at most 5, shortened
}

// DistinctLimit is where counting different values stops: a Distinct of that much means at least that many.
const DistinctLimit = 1 << 16

// allFormats are what Describe can read, with the defaults of their sources.
func allFormats(separator string) []fileFormat {
	csv := newCSVFormat(CSVConfig{InferRows: 10000, Header: true, Separator: separator, Nulls: defaultNulls})
	return []fileFormat{parquetFormat{}, arrowFormat{}, jsonlFormat{inferRows: 10000}, csv}
}

// Describe looks at the files that path names (a file, folder or glob, local or in an object store): their schema,
// and statistics of the first max rows, of all where max is 0 or less. The format is told by the ending, else by
// the first bytes; ErrConfig when there is no file, ErrCorrupt when one cannot be read.
func Describe(ctx context.Context, alloc memory.Allocator, path string, max int) (Summary, error) {
	format, sep, err := detect(ctx, path)
	if err != nil {
		return Summary{}, err
	}
	out := Summary{Format: format.name(), Separator: sep, Rows: -1}
	s := &fileSource{format: format, path: path}
	defer s.Close()
	env := flow.Env{Alloc: alloc, Reject: func(r flow.Rejection) {
		if out.Rejected++; out.Rejected == 1 {
			out.Reason = r.Reason
		}
	}}
	if err := s.Open(ctx, env); err != nil {
		return Summary{}, err
	}
	out.Schema = s.Schema()
	for _, f := range s.e.files {
		out.Files++
		out.Bytes += f.size
	}
	if err := out.sample(ctx, s, int64(max)); err != nil {
		return Summary{}, err
	}
	if p, ok := format.(parquetFormat); ok {
		if out.Rows, err = p.countRows(ctx, &s.e); err != nil {
			return Summary{}, err
		}
	}
	return out, nil
}

// sample fills the statistics.
func (o *Summary) sample(ctx context.Context, s *fileSource, most int64) error {
	cols := make([]*columnStats, o.Schema.NumFields())
	for i, f := range o.Schema.Fields() {
		cols[i] = newColumnStats(f)
	}
	for most <= 0 || o.Sampled < most {
		want := int64(parquetBatch)
		if most > 0 {
			want = min(want, most-o.Sampled)
		}
		rec, err := s.Next(ctx, int(want))
		if err == io.EOF {
			o.Rows = o.Sampled
			break
		}
		if err != nil {
			return err
		}
		for i, c := range rec.Columns() {
			cols[i].add(c)
		}
		o.Sampled += rec.NumRows()
		rec.Release()
	}
	for _, c := range cols {
		o.Columns = append(o.Columns, c.summary())
	}
	return nil
}

// detect returns the format of the files, and the separator of a csv.
func detect(ctx context.Context, path string) (fileFormat, string, error) {
	store, pattern, err := openStore(ctx, path)
	if err != nil {
		return nil, "", err
	}
	defer store.close()
	var endings []string
	for _, f := range allFormats(",") {
		endings = append(endings, f.endings()...)
	}
	files, err := store.list(ctx, pattern, endings)
	if err != nil {
		return nil, "", err
	}
	head, err := readHead(ctx, store, files[0])
	if err != nil {
		return nil, "", err
	}
	sep := likelySeparator(head)
	for _, f := range allFormats(sep) {
		if hasEnding(files[0].name, f.endings()) || looksLike(f, head) {
			if f.name() != "csv" {
				sep = ""
			}
			return f, sep, nil
		}
	}
	return nil, "", flow.Configf("%s: want Parquet, Arrow IPC, CSV or JSON lines, got none of them by ending or content", files[0].name)
}

func readHead(ctx context.Context, store *fileStore, f inputFile) ([]byte, error) {
	r, err := store.openText(ctx, f)
	if err != nil {
		return nil, err
	}
	defer r.Close()
	head := make([]byte, 64<<10)
	n, err := io.ReadFull(r, head)
	if err != nil && !errors.Is(err, io.EOF) && !errors.Is(err, io.ErrUnexpectedEOF) {
		return nil, badFile(f.name, "a readable file", err)
	}
	return head[:n], nil
}

// looksLike tells a format by its first bytes. Any text may be a csv.
func looksLike(f fileFormat, head []byte) bool {
	switch f.name() {
	case "parquet":
		return bytes.HasPrefix(head, []byte("PAR1"))
	case "arrow":
		return bytes.HasPrefix(head, []byte("ARROW1")) || bytes.HasPrefix(head, []byte{0xff, 0xff, 0xff, 0xff})
	case "jsonl":
		return bytes.HasPrefix(bytes.TrimSpace(bytes.TrimPrefix(head, utf8Mark)), []byte("{"))
	}
	return len(head) > 0 && bytes.IndexByte(head, 0) < 0
}

// likelySeparator returns the usual separator that the first line has most of.
func likelySeparator(head []byte) string {
	line, _ := cutLine(head)
	best := ","
	for _, sep := range []string{";", "\t", "|"} {
		if strings.Count(string(line), sep) > strings.Count(string(line), best) {
			best = sep
		}
	}
	return best
}
