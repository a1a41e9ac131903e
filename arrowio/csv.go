package arrowio

import (
	"context"
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/apache/arrow/go/v17/arrow"

	"github.com/sluice-stream/sluice/check"
	"github.com/sluice-stream/sluice/flow"
)

func init() {
	flow.Register(flow.Sources, flow.Entry[CSVConfig, flow.Source]{
		Name:    "csv",
		Summary: "Reads files of separated values in the order of their names.",
		Source:  "RFC 4180",
		Example: "{path: data/*.csv.gz, schema: {user: utf8, price: float64, at: timestamp}}",
		Default: CSVConfig{
			InferRows: 10000, Header: true, Separator: ",",
			Nulls: defaultNulls,
		},
		Build: func(c CSVConfig) (flow.Source, error) {
			if err := c.Validate(); err != nil {
				return nil, err
			}
			return &fileSource{format: newCSVFormat(c), path: c.Path, columns: c.Columns, meta: c.Meta}, nil
		},
	})
}

// defaultNulls are what common writers put for null.
var defaultNulls = []string{"", "NA", "N/A", "NaN", "nan", "null", "NULL"}

// CSVConfig are the settings of the source csv.
type CSVConfig struct {
	Path      string               `yaml:"path" doc:"a file, a folder or a glob; a local path or the URL of an object store (s3://bucket/path/*); .gz and .zst are decompressed"`
	Columns   []string             `yaml:"columns" doc:"columns to read, in this order; none: all"`
	Meta      []string             `yaml:"meta" doc:"columns that say where a row came from: file (_file), row (_row, from 0 in its file)"`
	Schema    flow.Ordered[string] `yaml:"schema" doc:"columns and types: bool, int8 to int64, uint8 to uint64, float32, float64, utf8, binary, date, timestamp (ms; \"timestamp[us]\" and so on); with a header those to read, without one all, from the left; none: inferred"`
	InferRows int                  `yaml:"infer_rows" doc:"rows that the schema is inferred from, > 0"`
	Header    bool                 `yaml:"header" doc:"whether the first line of each file names its columns; without, and without a schema, they are c0, c1 and so on"`
	Separator string               `yaml:"separator" doc:"one character between fields, such as \",\" or \"\\t\""`
	Nulls     []string             `yaml:"nulls" doc:"texts that mean null; in a utf8 column only where they are not in quotes"`
}

// Validate checks the settings.
func (c CSVConfig) Validate() error {
	declared, err := declaredSchema("schema", c.Schema)
	errs := []error{
		checkFiles(c.Path, c.Columns, c.Meta), err, check.Positive("infer_rows", c.InferRows),
		check.That(len(c.Separator) == 1 && !strings.ContainsAny(c.Separator, "\"\r\n"), "separator", "one character, no quote and no line end", fmt.Sprintf("%q", c.Separator)),
	}
	if declared != nil {
		for _, f := range declared.Fields() {
			errs = append(errs, check.That(f.Type.ID() != arrow.LIST, "schema."+f.Name, "a scalar type, because a CSV field holds one value", typeName(f.Type)))
		}
	}
	return check.All(errs...)
}

type csvFormat struct {
	declared  *arrow.Schema
	inferRows int
	header    bool
	sep       byte
	nulls     csvNulls
}

func newCSVFormat(c CSVConfig) csvFormat {
	declared, _ := declaredSchema("schema", c.Schema) // Validate has reported its errors
	f := csvFormat{declared: declared, inferRows: c.InferRows, header: c.Header, sep: c.Separator[0]}
	for _, n := range c.Nulls {
		f.nulls = append(f.nulls, []byte(n))
	}
	return f
}

func (csvFormat) name() string      { return "csv" }
func (csvFormat) endings() []string { return withCompressed(".csv", ".tsv", ".txt") }

// settle takes names from the first file that has any, and types from the declaration or the first rows.
func (c csvFormat) settle(ctx context.Context, e *fileEnv) (*arrow.Schema, error) {
	if c.declared != nil && !c.header {
		return project(c.declared, fieldsOf(c.declared), e.columns)
	}
	names, seen, err := c.sample(ctx, e)
	if err != nil {
		return nil, err
	}
	schema := c.declared
	if schema == nil {
		if names == nil {
			return nil, flow.Configf("csv: want a row to infer the schema from, got empty files; declare it with schema: {name: type}")
		}
		fields := make([]arrow.Field, len(names))
		for i, n := range names {
			fields[i] = arrow.Field{Name: n, Type: seen[i].dataType(), Nullable: true}
		}
		schema = arrow.NewSchema(fields, nil)
	} else if err := c.declaredIn(names); err != nil {
		return nil, err
	}
	if err := uniqueNames("csv", schema); err != nil {
		return nil, err
	}
	return project(schema, fieldsOf(schema), e.columns)
}

// declaredIn wants every declared column in the header, where there is one at all.
func (c csvFormat) declaredIn(names []string) error {
	var errs []error
	for _, f := range c.declared.Fields() {
		if names != nil && !slices.Contains(names, f.Name) {
			errs = append(errs, check.Violation{Key: "schema." + f.Name, Want: "a column of the header: " + strings.Join(names, ", "), Got: fmt.Sprintf("%q", f.Name), Hint: check.DidYouMean(f.Name, names)})
		}
	}
	return flow.Classify(flow.ErrConfig, check.All(errs...))
}

// sample returns the column names and what the first rows hold; no names when every file is empty.
func (c csvFormat) sample(ctx context.Context, e *fileEnv) (names []string, seen []csvSeen, err error) {
	rows := 0
	for _, f := range e.files {
		lines, err := openLines(ctx, e, f)
		if err != nil {
			return nil, nil, err
		}
		s := &csvSplitter{lines: lines, sep: c.sep}
		own, err := c.names(s, f)
		if names == nil && own != nil {
			names, seen = own, make([]csvSeen, len(own))
		}
		for ; err == nil && rows < c.inferRows && slices.Equal(own, names); rows++ {
			var reason string
			if reason, err = s.next(); err != nil || reason != "" || len(s.fields) != len(names) {
				continue
			}
			for i, field := range s.fields {
				if !c.nulls.has(field.text) {
					seen[i].add(field)
				}
			}
		}
		lines.close()
		if err != nil && err != io.EOF {
			return nil, nil, err
		}
		if rows >= c.inferRows || names != nil && c.declared != nil {
			break
		}
	}
	return names, seen, nil
}

// names returns the column names of a file and leaves the splitter at its first row; io.EOF for an empty file.
func (c csvFormat) names(s *csvSplitter, f inputFile) ([]string, error) {
	reason, err := s.next()
	if err != nil {
		return nil, err
	}
	var names []string
	if !c.header {
		for i := range s.fields {
			names = append(names, fmt.Sprintf("c%d", i))
		}
		s.lines.putBack(append(slices.Clone(s.raw), '\n'))
		return names, nil
	}
	if reason != "" {
		return nil, flow.Configf("%s: want a header, got a malformed first line: %s", f.name, reason)
	}
	for _, field := range s.fields {
		names = append(names, strings.TrimSpace(string(field.text)))
	}
	return names, nil
}
