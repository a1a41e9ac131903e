package main

import (
	"context"
	"fmt"
	"io"
	"strings"

	"github.com/apache/arrow/go/v17/arrow/memory"

	"github.com/sluice-stream/sluice/arrowio"
)

// inspectRows bounds what statistics look at; the number of rows is exact where the format tells it.
const inspectRows = 1_000_000

// dataFound is what stands in data files.
type dataFound struct {
	Kind     string        `json:"kind"` // data
	Path     string        `json:"path"`
	Format   string        `json:"format"`
	Files    int           `json:"files"`
	Bytes    int64         `json:"bytes"`
	Rows     int64         `json:"rows"`    // -1: more than were looked at
	Sampled  int64         `json:"sampled"` // rows that the statistics are over, from the start
	Rejected int64         `json:"rejected"`
	Reason   string        `json:"reason,omitempty"` // of the first rejected row
	Columns  []columnFound `json:"columns"`
}

type columnFound struct {
	Name     string   `json:"name"`
	Type     string   `json:"type"`
	Nulls    int64    `json:"nulls"`
	Distinct int64    `json:"distinct"`
	AtLeast  bool     `json:"at_least,omitempty"` // counting stopped at Distinct
	Min      string   `json:"min,omitempty"`
	Max      string   `json:"max,omitempty"`
	Examples []string `json:"examples"`
}

func inspectData(ctx context.Context, path string) (inspection, error) {
	s, err := arrowio.Describe(ctx, memory.DefaultAllocator, path, inspectRows)
	if err != nil {
		return nil, err
	}
	f := &dataFound{
		Kind: "data", Path: path, Format: s.Format, Files: s.Files, Bytes: s.Bytes, Rows: s.Rows, Sampled: s.Sampled,
		Rejected: s.Rejected, Reason: s.Reason, Columns: []columnFound{},
	}
	for _, c := range s.Columns {
		f.Columns = append(f.Columns, columnFound{
			Name: c.Name, Type: c.Type, Nulls: c.Nulls, Distinct: c.Distinct, AtLeast: c.Distinct >= arrowio.DistinctLimit,
			Min: c.Min, Max: c.Max, Examples: c.Examples,
		})
	}
	return f, nil
}

func (f *dataFound) show(w io.Writer) error {
	rows := fmt.Sprintf("%d rows", f.Rows)
	if f.Rows < 0 {
		rows = fmt.Sprintf("more than %d rows", f.Sampled)
	}
	fmt.Fprintf(w, "%s: %s in %d %s of %s, %d bytes\n", f.Path, rows, f.Files, plural("file", f.Files), f.Format, f.Bytes)
	if f.Rejected > 0 {
		fmt.Fprintf(w, "%d rows cannot be read; the first: %s\n", f.Rejected, f.Reason)
	}
	if f.Rows != f.Sampled {
		fmt.Fprintf(w, "statistics of the first %d rows\n", f.Sampled)
	}
	fmt.Fprintln(w)
	t := newTable(w, "column", "type", "nulls", "distinct", "min", "max", "examples")
	t.SetColumnConfigs(append(right(3, 4), wrap(7, 48)))
	for _, c := range f.Columns {
		distinct := fmt.Sprint(c.Distinct)
		if c.AtLeast {
			distinct = ">= " + distinct
		}
		t.AppendRow([]any{c.Name, c.Type, c.Nulls, distinct, short(c.Min), short(c.Max), strings.Join(c.Examples, ", ")})
	}
	t.Render()
	return nil
}

func plural(word string, n int) string {
	if n == 1 {
		return word
	}
	return word + "s"
}

// short cuts a value to what fits a table, on one line.
func short(s string) string {
	s = oneLine(s)
	const most = 24
	if r := []rune(s); len(r) > most {
		return string(r[:most-3]) + "..."
	}
	return s
}
