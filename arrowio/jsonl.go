package arrowio

import (
	"bytes"
	"context"
	"errors"
	"io"

	"github.com/apache/arrow/go/v17/arrow"

	"github.com/sluice-stream/sluice/check"
	"github.com/sluice-stream/sluice/flow"
)

func init() {
	flow.Register(flow.Sources, flow.Entry[JSONLConfig, flow.Source]{
		Name:    "jsonl",
		Summary: "Reads files with one JSON object a line, in the order of their names.",
		Example: "{path: logs/*.json.gz, schema: {user: utf8, at: timestamp, geo.city: utf8}}",
		Default: JSONLConfig{InferRows: 10000},
		Build: func(c JSONLConfig) (flow.Source, error) {
			declared, _ := declaredSchema("schema", c.Schema) // Validate reports its errors
			format := jsonlFormat{declared: declared, inferRows: c.InferRows}
			return &fileSource{format: format, path: c.Path, columns: c.Columns, meta: c.Meta}, c.Validate()
		},
	})
}

// JSONLConfig are the settings of the source jsonl.
type JSONLConfig struct {
	Path      string               `yaml:"path" doc:"a file, a folder or a glob; a local path or the URL of an object store (s3://bucket/path/*); .gz and .zst are decompressed"`
	Columns   []string             `yaml:"columns" doc:"columns to read, in this order; none: all"`
	Meta      []string             `yaml:"meta" doc:"columns that say where a row came from: file (_file), row (_row, from 0 in its file)"`
	Schema    flow.Ordered[string] `yaml:"schema" doc:"columns and types: bool, int8 to int64, uint8 to uint64, float32, float64, utf8, binary, date, timestamp (ms; \"timestamp[us]\" and so on), list<type>; none: inferred"`
	InferRows int                  `yaml:"infer_rows" doc:"rows that the schema is inferred from, > 0"`
}

// Validate checks the settings.
func (c JSONLConfig) Validate() error {
	_, err := declaredSchema("schema", c.Schema)
	return check.All(checkFiles(c.Path, c.Columns, c.Meta), err, check.Positive("infer_rows", c.InferRows))
}

type jsonlFormat struct {
	declared  *arrow.Schema
	inferRows int
}

func (jsonlFormat) name() string { return "jsonl" }
func (jsonlFormat) endings() []string {
	return withCompressed(".jsonl", ".ndjson", ".json")
}

// withCompressed adds the endings of compressed files.
func withCompressed(endings ...string) []string {
	for _, e := range endings {
		endings = append(endings, e+".gz", e+".zst")
	}
	return endings
}

func (j jsonlFormat) settle(ctx context.Context, e *fileEnv) (*arrow.Schema, error) {
	schema := j.declared
	if schema == nil {
		samples, err := sampleLines(ctx, e, j.inferRows)
		if err != nil {
			return nil, err
		}
		if schema, err = inferJSON(samples); err != nil {
			return nil, flow.Classify(flow.ErrConfig, errors.Join(arrayHint(samples), err))
		}
	}
	return project(schema, fieldsOf(schema), e.columns)
}

// arrayHint explains the most common reason for lines that are no objects.
func arrayHint(samples [][]byte) error {
	if len(samples) == 0 || bytes.TrimSpace(samples[0])[0] != '[' {
		return nil
	}
	return errors.New("jsonl: want one object a line, got one array; convert it (jq -c '.[]' in.json > out.jsonl)")
}

func fieldsOf(s *arrow.Schema) map[string]arrow.Field {
	all := map[string]arrow.Field{}
	for _, f := range s.Fields() {
		all[f.Name] = f
	}
	return all
}

// sampleLines returns up to n lines from the start of the files.
func sampleLines(ctx context.Context, e *fileEnv, n int) ([][]byte, error) {
	var out [][]byte
	size := 0
	for _, f := range e.files {
		lines, err := openLines(ctx, e, f)
		if err != nil {
			return nil, err
		}
		for len(out) < n && size < inferBytes {
			line, _, err := lines.line()
			if err == io.EOF {
				break
			}
			if err != nil {
				lines.close()
				return nil, err
			}
			out = append(out, bytes.Clone(line))
			size += len(line)
		}
		lines.close()
		if len(out) == n || size >= inferBytes {
			break
		}
	}
	return out, nil
}

func (j jsonlFormat) open(ctx context.Context, e *fileEnv, f inputFile, row int64) (chunkReader, error) {
	lines, err := openLines(ctx, e, f)
	if err != nil {
		return nil, err
	}
	for range row {
		if _, _, err := lines.line(); err == io.EOF {
			break
		} else if err != nil {
			lines.close()
			return nil, err
		}
	}
	return &jsonlReader{lines: lines, dec: newJSONDecoder(e.alloc, e.schema), row: row}, nil
}

// jsonlReader decodes the lines of one file.
type jsonlReader struct {
	lines *lineReader
	dec   *jsonDecoder
	row   int64
}

func (r *jsonlReader) next(context.Context) (chunk, error) {
	c := chunk{first: r.row}
	for r.dec.Len()+len(c.bad) < textRows && !r.dec.Full() {
		line, size, err := r.lines.line()
		if err == io.EOF {
			break
		}
		if err != nil {
			return chunk{}, err
		}
		reason := ""
		if size > textLine {
			reason = tooLong(size)
		} else if err := r.dec.Append(line); errors.Is(err, flow.ErrData) {
			reason = err.Error()
		} else if err != nil {
			return chunk{}, err
		}
		if reason != "" {
			c.bad = append(c.bad, badRow{r.row, reason, bytes.Clone(bytes.TrimRight(line, "\r\n"))})
		}
		r.row++
	}
	if r.row == c.first {
		return chunk{}, io.EOF
	}
	c.next = r.row
	if r.dec.Len() > 0 {
		c.rec = r.dec.Record()
	}
	return c, nil
}

func (r *jsonlReader) close() {
	r.dec.Release()
	r.lines.close()
}
